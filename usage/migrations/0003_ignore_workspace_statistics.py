from django.db import migrations

# With statistics of the workspace the planner expects a single row of each that is newer than they
# are, and then reads a whole workspace through the wrong index for every stream.
TABLES = [
    "usage_eventsource",
    "usage_stream",
    "usage_event",
    "usage_dirtystream",
    "usage_rolledbot",
    "usage_conversation",
    "usage_billingsession",
    "usage_agent",
    "usage_usagebucket",
    "usage_usageday",
    "usage_usagemonth",
]
SET = "ALTER TABLE {} ALTER COLUMN workspace_id SET STATISTICS {}"


class Migration(migrations.Migration):
    dependencies = [("usage", "0002_isolate_workspaces")]

    operations = [
        migrations.RunSQL(SET.format(table, 0), SET.format(table, -1)) for table in TABLES
    ]
