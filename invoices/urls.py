"""Addresses of orders and payments, below ``/w/<slug>/``."""

from django.urls import URLPattern

app_name = "invoices"
urlpatterns: list[URLPattern] = []
