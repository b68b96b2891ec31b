"""Addresses of plans, below ``/w/<slug>/``."""

from django.urls import URLPattern

app_name = "plans"
urlpatterns: list[URLPattern] = []
