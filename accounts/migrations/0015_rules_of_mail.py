from django.db import migrations

from accounts.isolation import Isolate, TieToWorkspace


class Migration(migrations.Migration):
    dependencies = [("accounts", "0014_mail")]

    operations = [
        Isolate("Mail", "SELECT, INSERT, UPDATE"),
        TieToWorkspace("Mail", "bot_id", "accounts_bot"),
        Isolate("MutedMail", "SELECT, INSERT, DELETE"),
    ]
