import django.db.models.deletion
from django.db import migrations, models

from accounts.isolation import Isolate

FILL = """
INSERT INTO usage_usagedayinall
    (workspace_id, bot_id, day, usage_sessions, alert_sessions, voice_sessions, conversations,
     notifications)
SELECT workspace_id, bot_id, day, sum(usage_sessions), sum(alert_sessions), sum(voice_sessions),
    sum(conversations), sum(notifications)
FROM usage_usageday
GROUP BY workspace_id, bot_id, day ORDER BY workspace_id, bot_id, day
"""
# As usage/migrations/0003: the planner is to know nothing of workspaces.
SET = "ALTER TABLE usage_usagedayinall ALTER COLUMN workspace_id SET STATISTICS {}"


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0012_owners_of_bots_stay"),
        ("usage", "0008_remove_empty_streams"),
    ]

    operations = [
        migrations.CreateModel(
            name="UsageDayInAll",
            fields=[
                ("usage_sessions", models.IntegerField()),
                ("alert_sessions", models.IntegerField()),
                ("voice_sessions", models.IntegerField()),
                ("conversations", models.IntegerField()),
                ("notifications", models.IntegerField()),
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "workspace_id",
                        "bot_id",
                        "day",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("day", models.DateField()),
                (
                    "bot",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="accounts.bot",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="accounts.workspace",
                    ),
                ),
            ],
            options={"abstract": False},
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        Isolate("UsageDayInAll", "SELECT, INSERT, UPDATE, DELETE"),
        migrations.RunSQL(SET.format(0), SET.format(-1)),
    ]
