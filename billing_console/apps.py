"""The project itself as an application, for its commands."""

from django.apps import AppConfig


class BillingConsoleConfig(AppConfig):
    """Commands of the whole installation, and its front-end files."""

    name = "billing_console"
