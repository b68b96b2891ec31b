from django.apps import AppConfig


class InvoicesConfig(AppConfig):
    """Orders, payments, invoices and statements."""

    name = "invoices"

    def ready(self) -> None:
        """Have completed orders of plans do what they are for, in every process.

        The menu knows nothing of contracts: it is told which pages to leave out.
        """
        from accounts import menu
        from invoices import collecting, contracts, plan_changes

        plan_changes.register()
        collecting.register()
        menu.HIDING.append(contracts.list_hidden)
