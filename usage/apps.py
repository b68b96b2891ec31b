from django.apps import AppConfig


class UsageConfig(AppConfig):
    """Events, sessions and totals."""

    name = "usage"
