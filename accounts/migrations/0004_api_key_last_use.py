from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_archive_reason")]

    operations = [
        migrations.AddField("apikey", "last_used_at", models.DateTimeField(blank=True, null=True)),
    ]
