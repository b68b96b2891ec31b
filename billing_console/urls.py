"""All addresses of the console."""

from django.urls import include, path

from billing_console.api import api
from billing_console.health import live, ready
from billing_console.metrics import show_metrics

urlpatterns = [
    path("api/v1/", api.urls),  # first, for those who ask most often
    path("", include("accounts.urls")),
    path("", include("accounts.sign_in_urls")),
    path("w/<slug:slug>/", include("usage.urls")),
    path("w/<slug:slug>/", include("plans.urls")),
    path("w/<slug:slug>/", include("invoices.urls")),
    path("", include("invoices.sandbox_urls")),
    path("", include("invoices.stripe_urls")),
    path("operator/", include("billing_console.operator.urls")),
    path("operator/", include("accounts.operator_urls")),
    path("operator/", include("plans.operator_urls")),
    path("operator/", include("invoices.operator_urls")),
    path("healthz", live, name="live"),
    path("readyz", ready, name="ready"),
    path("metrics", show_metrics, name="metrics"),
]

handler400 = "billing_console.errors.bad_request"
handler403 = "billing_console.errors.permission_denied"
handler404 = "billing_console.errors.page_not_found"
handler429 = "billing_console.errors.too_many_requests"  # django-allauth looks for it
handler500 = "billing_console.errors.server_error"
