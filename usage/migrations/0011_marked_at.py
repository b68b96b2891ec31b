import django.db.models.functions.datetime
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("usage", "0010_changed_bot")]

    operations = [
        migrations.AddField(
            marks,
            "marked_at",
            models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
        )
        for marks in ("changedbot", "dirtystream")
    ]
