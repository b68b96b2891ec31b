from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """Workspaces, people, bots and keys."""

    name = "accounts"
