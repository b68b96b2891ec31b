from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("usage", "0013_intake_received_and_removed")]

    operations = [
        migrations.RemoveIndex(model_name="event", name="event_by_receipt"),
        migrations.AddIndex(
            model_name="event",
            index=models.Index(
                models.F("workspace"),
                models.F("received_at"),
                models.F("source"),
                name="event_by_receipt",
            ),
        ),
    ]
