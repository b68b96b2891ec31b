import django.db.models.deletion
from django.db import migrations, models

from accounts.isolation import Isolate

FILL = """
INSERT INTO usage_usagesixhours
    (workspace_id, bot_id, starts_at, usage_sessions, alert_sessions, voice_sessions,
     conversations, notifications)
SELECT workspace_id, bot_id, date_bin('6 hours', starts_at, '2000-01-01Z'), sum(usage_sessions),
    sum(alert_sessions), sum(voice_sessions), sum(conversations), sum(notifications)
FROM usage_usagebucket
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
"""
# As usage/migrations/0003: the planner is to know nothing of workspaces.
SET = "ALTER TABLE usage_usagesixhours ALTER COLUMN workspace_id SET STATISTICS {}"


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0012_owners_of_bots_stay"),
        ("usage", "0011_marked_at"),
    ]

    operations = [
        migrations.CreateModel(
            name="UsageSixHours",
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
                        "starts_at",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("starts_at", models.DateTimeField()),
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
        Isolate("UsageSixHours", "SELECT, INSERT, UPDATE, DELETE"),
        migrations.RunSQL(SET.format(0), SET.format(-1)),
    ]
