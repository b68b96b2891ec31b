"""Addresses of plans, below ``/w/<slug>/``."""

from django.urls import path

from plans.views import compare

app_name = "plans"
urlpatterns = [
    path("plan/compare", compare.compare, name="compare"),
]
