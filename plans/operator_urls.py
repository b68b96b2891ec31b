"""Addresses of the operators' pages of plans, below ``/operator/``."""

from django.urls import path

from plans.views import operator
from plans.views import operator_catalog as catalog

app_name = "plans_operator"
urlpatterns = [
    path("extensions/", operator.extension_list, name="extension_list"),
    path("extensions/<int:extension_id>/", operator.extension, name="extension"),
    path("workspaces/<slug:slug>/credits", operator.grant, name="grant"),
    path("workspaces/<slug:slug>/enterprise", operator.contract, name="contract"),
    path("plans/", catalog.plan_list, name="plan_list"),
    path("plans/currencies/<slug:currency_code>/", catalog.currency, name="currency"),
    path("plans/<slug:plan_code>/", catalog.plan, name="plan"),
    path("plans/<slug:plan_code>/new", catalog.version_new, name="version_new"),
    path("plans/<slug:plan_code>/withdraw", catalog.plan_withdraw, name="plan_withdraw"),
]
