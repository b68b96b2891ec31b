"""Addresses of the operators' pages of who sells and what is paid back, below ``/operator/``."""

from django.urls import path

from invoices.views import operator
from invoices.views import operator_refunds as refunds

app_name = "invoices_operator"
urlpatterns = [
    path("seller/", operator.seller_profile, name="seller"),
    path("workspaces/<slug:slug>/refunds", refunds.refund_list, name="refund_list"),
    path("workspaces/<slug:slug>/refunds/<int:order_number>", refunds.refund, name="refund"),
    path("paybacks/", refunds.payback_list, name="payback_list"),
    path("paybacks/<int:payback_id>", refunds.payback, name="payback"),
    path("seller/logo", operator.seller_logo, name="seller_logo"),
]
