from django.apps import AppConfig


class InvoicesConfig(AppConfig):
    """Orders, payments, invoices and statements."""

    name = "invoices"

    def ready(self) -> None:
        """Have completed orders of plan changes change the plan, in every process."""
        from invoices import plan_changes

        plan_changes.register()
