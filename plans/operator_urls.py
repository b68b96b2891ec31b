"""Addresses of the operators' pages of plans, below ``/operator/``."""

from django.urls import URLPattern

app_name = "plans_operator"
urlpatterns: list[URLPattern] = []
