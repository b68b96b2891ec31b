"""Addresses of the operators' pages of the seller, wires and paybacks, below ``/operator/``."""

from django.urls import path

from invoices.views import operator
from invoices.views import operator_refunds as refunds
from invoices.views import operator_tie_outs as tie_outs
from invoices.views import operator_wires as wires

app_name = "invoices_operator"
urlpatterns = [
    path("seller/", operator.seller_profile, name="seller"),
    path("workspaces/<slug:slug>/refunds", refunds.refund_list, name="refund_list"),
    path("workspaces/<slug:slug>/refunds/<int:order_number>", refunds.refund, name="refund"),
    path("paybacks/", refunds.payback_list, name="payback_list"),
    path("paybacks/<int:payback_id>", refunds.payback, name="payback"),
    path("seller/logo", operator.seller_logo, name="seller_logo"),
    path("tie-outs/", tie_outs.tie_out_list, name="tie_out_list"),
    path("wires/", wires.wire_list, name="wire_list"),
    path("wires/<int:payment_id>/", wires.show_wire, name="wire"),
    path("wires/<int:payment_id>/cancel", wires.cancel_wire, name="wire_cancel"),
]
