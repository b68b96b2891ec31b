"""Addresses of the operators' pages of who sells, below ``/operator/``."""

from django.urls import path

from invoices.views import operator

app_name = "invoices_operator"
urlpatterns = [
    path("seller/", operator.seller_profile, name="seller"),
    path("seller/logo", operator.seller_logo, name="seller_logo"),
]
