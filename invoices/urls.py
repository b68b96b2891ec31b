"""Addresses of orders and payments, below ``/w/<slug>/``."""

from django.urls import path

from invoices.views import (
    billing_details,
    bundles,
    documents,
    funds,
    insight_credits,
    insight_plans,
    insight_sessions,
    order_list,
    orders,
    payment_methods,
    plan_changes,
    reload,
    wire,
)

app_name = "invoices"
urlpatterns = [
    path("settings/billing-details", billing_details.change_details, name="billing_details"),
    path("settings/payment-methods", payment_methods.list_methods, name="payment_methods"),
    path("settings/payment-methods/new", payment_methods.add_method, name="payment_method_new"),
    path(
        "settings/payment-methods/setups/<int:setup_id>",
        payment_methods.open_setup,
        name="payment_method_setup",
    ),
    path(
        "settings/payment-methods/<int:method_id>/default",
        payment_methods.choose_default,
        name="payment_method_default",
    ),
    path(
        "settings/payment-methods/<int:method_id>/remove",
        payment_methods.remove_method,
        name="payment_method_remove",
    ),
    path("settings/documents", documents.document_list, name="document_list"),
    path("invoices/<slug:document_number>/", documents.show_document, name="document"),
    path("invoices/<slug:document_number>.pdf", documents.document_pdf, name="document_pdf"),
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
    path("insight/", insight_plans.show_plans, name="insight_plans"),
    path("insight/sessions/", insight_sessions.show_sessions, name="insight_sessions"),
    path("insight/sessions.csv", insight_sessions.export_sessions, name="insight_export"),
    path("insight/credits/", insight_credits.show_credits, name="insight_credits"),
    path("orders/", order_list.order_list, name="order_list"),
    path("orders/orders.csv", order_list.order_export, {"format": "csv"}, name="order_export"),
    path("orders/orders.xlsx", order_list.order_export, {"format": "xlsx"}, name="order_export"),
    path("orders/zips/", bundles.bundle_list, name="bundle_list"),
    path("orders/zips/<int:bundle_id>/download", bundles.bundle_download, name="bundle_download"),
    path("orders/zips/<int:bundle_id>/cancel", bundles.bundle_cancel, name="bundle_cancel"),
    path("orders/zips/<int:bundle_id>/retry", bundles.bundle_retry, name="bundle_retry"),
    path("orders/<int:order_number>/", orders.show_order, name="order"),
    path("orders/<int:order_number>/pay", orders.pay_order, name="order_pay"),
    path("orders/<int:order_number>/payment", orders.open_payment, name="order_payment"),
    path("orders/<int:order_number>/cancel", orders.cancel_order, name="order_cancel"),
    path("orders/<int:order_number>/wire", wire.show_wire, name="wire"),
]
