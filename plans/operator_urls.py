"""Addresses of the operators' pages of plans, below ``/operator/``."""

from django.urls import path

from plans.views import operator_catalog as catalog

app_name = "plans_operator"
urlpatterns = [
    path("plans/", catalog.plan_list, name="plan_list"),
    path("plans/currencies/<slug:currency_code>/", catalog.currency, name="currency"),
    path("plans/<slug:plan_code>/", catalog.plan, name="plan"),
    path("plans/<slug:plan_code>/new", catalog.version_new, name="version_new"),
    path("plans/<slug:plan_code>/withdraw", catalog.plan_withdraw, name="plan_withdraw"),
]
