from django.db import migrations

from accounts.isolation import WRITE, Isolate, TieToWorkspace


class Migration(migrations.Migration):
    dependencies = [("plans", "0008_usage_alerts")]

    operations = [
        Isolate("UsageAlert", WRITE),
        TieToWorkspace("UsageAlert", "bot_id", "accounts_bot"),
        # What fired stays as it was; it goes with its alert only.
        Isolate("UsageAlertFiring", "SELECT, INSERT, DELETE"),
        TieToWorkspace("UsageAlertFiring", "alert_id", "plans_usagealert"),
    ]
