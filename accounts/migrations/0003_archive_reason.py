from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_isolate_workspaces")]

    operations = [
        migrations.AddField(
            "bot", "archive_reason", models.CharField(blank=True, db_default="", max_length=500)
        ),
    ]
