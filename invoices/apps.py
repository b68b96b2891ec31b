from django.apps import AppConfig


class InvoicesConfig(AppConfig):
    """Orders, payments, invoices and statements."""

    name = "invoices"

    def ready(self) -> None:
        """Have completed orders of plans do what they are for, in every process."""
        from invoices import collecting, plan_changes

        plan_changes.register()
        collecting.register()
