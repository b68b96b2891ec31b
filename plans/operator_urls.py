"""Addresses of the operators' pages of plans, below ``/operator/``."""

from django.urls import path

from plans.views import operator

app_name = "plans_operator"
urlpatterns = [
    path("extensions/", operator.extension_list, name="extension_list"),
    path("extensions/<int:extension_id>/", operator.extension, name="extension"),
    path("workspaces/<slug:slug>/credits", operator.grant, name="grant"),
    path("workspaces/<slug:slug>/enterprise", operator.contract, name="contract"),
]
