"""Addresses of plans, below ``/w/<slug>/``."""

from django.urls import path

from plans.views import compare, credits, manage, plan_list, usage_alerts

app_name = "plans"
urlpatterns = [
    path("plan/", plan_list.plan_list, name="plan_list"),
    path("plan/export", plan_list.plan_export, name="plan_export"),
    path("plan/bots/<int:bot_id>/", manage.manage, name="manage"),
    path("plan/bots/<int:bot_id>/low-balance", manage.change_limit, name="change_limit"),
    path("plan/bots/<int:bot_id>/extension", manage.ask_extension, name="extension_ask"),
    path("plan/bots/<int:bot_id>/owner", manage.change_owner, name="change_owner"),
    path("plan/credits/", credits.lot_list, name="lot_list"),
    path("plan/credits/<int:lot_id>/", credits.lot, name="lot"),
    path("plan/compare", compare.compare, name="compare"),
    path("usage-alerts/", usage_alerts.usage_alert_list, name="usage_alert_list"),
    path("usage-alerts/new", usage_alerts.usage_alert_new, name="usage_alert_new"),
    path("usage-alerts/bots", usage_alerts.usage_alert_bots, name="usage_alert_bots"),
    path("usage-alerts/<int:alert_id>/", usage_alerts.usage_alert, name="usage_alert"),
    path(
        "usage-alerts/<int:alert_id>/change",
        usage_alerts.usage_alert_change,
        name="usage_alert_change",
    ),
    path(
        "usage-alerts/<int:alert_id>/remove",
        usage_alerts.usage_alert_remove,
        name="usage_alert_remove",
    ),
]
