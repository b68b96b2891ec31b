from django.apps import AppConfig


class PlansConfig(AppConfig):
    """Catalog, credits, the ledger and charging."""

    name = "plans"
