"""Addresses of the operators' pages of the seller, wires and paybacks, below ``/operator/``."""

from django.urls import path

from invoices.views import operator
from invoices.views import operator_books as books
from invoices.views import operator_refunds as refunds
from invoices.views import operator_wires as wires

app_name = "invoices_operator"
urlpatterns = [
    path("seller/", operator.seller_profile, name="seller"),
    path("workspaces/<slug:slug>/refunds", refunds.refund_list, name="refund_list"),
    path("workspaces/<slug:slug>/refunds/<int:order_number>", refunds.refund, name="refund"),
    path("paybacks/", refunds.payback_list, name="payback_list"),
    path("paybacks/<int:payback_id>", refunds.payback, name="payback"),
    path("seller/logo", operator.seller_logo, name="seller_logo"),
    path("books/", books.show_books, name="books"),
    path("books/journal.csv", books.journal_export, name="journal_export"),
    path("books/roll-forward.csv", books.roll_forward_export, name="roll_forward_export"),
    path("books/receivables/", books.show_receivables, name="receivables"),
    path("books/receivables.csv", books.receivables_export, name="receivables_export"),
    path("books/packs/", books.list_packs, name="pack_list"),
    path("books/packs/new", books.ask_for_pack, name="pack_ask"),
    path("books/packs/<int:pack_id>", books.pack_download, name="pack_download"),
    path("wires/", wires.wire_list, name="wire_list"),
    path("wires/<int:payment_id>/", wires.show_wire, name="wire"),
    path("wires/<int:payment_id>/cancel", wires.cancel_wire, name="wire_cancel"),
]
