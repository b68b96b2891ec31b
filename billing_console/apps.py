"""The project itself as an application, for its commands."""

from django.apps import AppConfig
from django.conf import settings


class BillingConsoleConfig(AppConfig):
    """Commands of the whole installation, and its front-end files."""

    name = "billing_console"

    def ready(self) -> None:
        """Have errors reported, where an address for that is set."""
        if settings.SENTRY_DSN:
            from billing_console import reporting  # takes long to import

            reporting.start(settings.SENTRY_DSN, environment=settings.SENTRY_ENVIRONMENT)
