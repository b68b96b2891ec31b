from django.db import migrations

from accounts.isolation import Isolate, TieToWorkspace

APPEND = "SELECT, INSERT, DELETE"  # an event is never changed, and removed when it is too old
REPLACE = "SELECT, INSERT, UPDATE, DELETE"


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_isolate_workspaces"), ("usage", "0001_initial")]

    operations = [
        Isolate("EventSource", "SELECT, INSERT"),
        Isolate("Stream", "SELECT, INSERT, UPDATE"),
        Isolate("Event", APPEND),
        Isolate("Intake", "SELECT, INSERT"),
        Isolate("RejectedEvent", APPEND),
        Isolate("DirtyStream", APPEND),
        Isolate("RolledBot", "SELECT, INSERT, UPDATE"),
        Isolate("Conversation", REPLACE),
        Isolate("BillingSession", REPLACE),
        Isolate("Agent", REPLACE),
        Isolate("UsageBucket", REPLACE),
        Isolate("UsageDay", REPLACE),
        Isolate("UsageMonth", REPLACE),
        TieToWorkspace("Intake", "api_key_id", "accounts_apikey"),
        migrations.RunSQL(
            "GRANT USAGE ON SEQUENCE usage_stream_id, usage_dirtystream_id TO console_app",
            "REVOKE USAGE ON SEQUENCE usage_stream_id, usage_dirtystream_id FROM console_app",
        ),
    ]
