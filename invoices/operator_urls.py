"""Addresses of the operators' pages of who sells and of wires, below ``/operator/``."""

from django.urls import path

from invoices.views import operator, operator_wires

app_name = "invoices_operator"
urlpatterns = [
    path("seller/", operator.seller_profile, name="seller"),
    path("seller/logo", operator.seller_logo, name="seller_logo"),
    path("wires/", operator_wires.wire_list, name="wire_list"),
    path("wires/<int:payment_id>/", operator_wires.show_wire, name="wire"),
    path("wires/<int:payment_id>/cancel", operator_wires.cancel_wire, name="wire_cancel"),
]
