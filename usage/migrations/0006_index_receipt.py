from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_isolate_workspaces"),
        ("usage", "0005_rolled_bot_zone"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                models.F("workspace"), models.F("received_at"), name="event_by_receipt"
            ),
        ),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                models.F("workspace"),
                models.F("stream_id"),
                condition=models.Q(("developer", True), ("test", True), _connector="OR"),
                name="event_uncounted",
            ),
        ),
    ]
