"""Addresses of orders and payments, below ``/w/<slug>/``."""

from django.urls import path

from invoices.views import billing_details, funds, orders, plan_changes, reload, wire

app_name = "invoices"
urlpatterns = [
    path("settings/billing-details", billing_details.change_details, name="billing_details"),
    path("plan/funds", funds.add_funds, name="add_funds"),
    path("plan/bots/<int:bot_id>/funds", funds.add_funds, name="add_funds"),
    path("plan/reload", reload.change_reload, name="reload"),
    path("plan/reload/stop", reload.stop_reload, name="reload_stop"),
    path("plan/bots/<int:bot_id>/reload", reload.change_reload, name="reload"),
    path("plan/bots/<int:bot_id>/reload/stop", reload.stop_reload, name="reload_stop"),
    path("plan/bots/<int:bot_id>/change", plan_changes.plan_change, name="plan_change"),
    path(
        "plan/bots/<int:bot_id>/change/undo",
        plan_changes.plan_change_undo,
        name="plan_change_undo",
    ),
    path("orders/<int:order_number>/", orders.show_order, name="order"),
    path("orders/<int:order_number>/pay", orders.pay_order, name="order_pay"),
    path("orders/<int:order_number>/cancel", orders.cancel_order, name="order_cancel"),
    path("orders/<int:order_number>/wire", wire.show_wire, name="wire"),
]
