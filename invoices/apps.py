from django.apps import AppConfig


class InvoicesConfig(AppConfig):
    """Orders, payments, invoices and statements."""

    name = "invoices"
