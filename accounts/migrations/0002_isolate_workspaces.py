from django.db import migrations

from accounts.isolation import (
    OF_API_KEY,
    OF_USER,
    OF_WORKSPACE,
    OF_WORKSPACE_ITSELF,
    WRITE,
    Isolate,
    TieToWorkspace,
    grant,
)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("sessions", "0001_initial"),
    ]

    operations = [
        # Without a workspace: people may be in many, and sign in before one is known.
        grant("accounts_user", "SELECT, INSERT, UPDATE"),
        grant("django_session", WRITE),
        grant("django_content_type", "SELECT"),
        grant("auth_permission", "SELECT"),
        grant("django_migrations", "SELECT"),
        Isolate("Membership", WRITE, OF_WORKSPACE, [OF_USER]),
        Isolate("Workspace", "SELECT, INSERT, UPDATE", OF_WORKSPACE_ITSELF),
        Isolate("Bot", "SELECT, INSERT, UPDATE"),
        Isolate("BotShare", WRITE),
        Isolate("ApiKey", "SELECT, INSERT, UPDATE", OF_WORKSPACE, [OF_API_KEY]),
        TieToWorkspace("Bot", "owner_id", "accounts_membership", "user_id"),
        TieToWorkspace("BotShare", "bot_id", "accounts_bot"),
        TieToWorkspace("BotShare", "user_id", "accounts_membership", "user_id"),
    ]
