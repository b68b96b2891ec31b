import django.db.models.deletion
from django.db import migrations, models

import usage.models
from accounts.isolation import Isolate

# All that was rolled up so far is to be looked at.
FILL = """
INSERT INTO usage_changedbot (workspace_id, bot_id)
SELECT workspace_id, bot_id FROM usage_rolledbot ORDER BY workspace_id, bot_id
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0013_month_zone"),
        ("usage", "0009_days_in_all"),
    ]

    operations = [
        migrations.RunSQL(
            "CREATE SEQUENCE usage_changedbot_id", "DROP SEQUENCE usage_changedbot_id"
        ),
        migrations.CreateModel(
            name="ChangedBot",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "workspace_id",
                        "bot_id",
                        "id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "id",
                    models.BigIntegerField(db_default=usage.models.NextId("usage_changedbot_id")),
                ),
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
            options={
                "abstract": False,
            },
        ),
        Isolate("ChangedBot", "SELECT, INSERT, DELETE"),
        migrations.RunSQL(
            "GRANT USAGE ON SEQUENCE usage_changedbot_id TO console_app",
            "REVOKE USAGE ON SEQUENCE usage_changedbot_id FROM console_app",
        ),
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
        # As usage/migrations/0003: the planner is to know nothing of workspaces.
        migrations.RunSQL(
            "ALTER TABLE usage_changedbot ALTER COLUMN workspace_id SET STATISTICS 0",
            "ALTER TABLE usage_changedbot ALTER COLUMN workspace_id SET STATISTICS -1",
        ),
    ]
