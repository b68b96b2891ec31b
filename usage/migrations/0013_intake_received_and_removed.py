from django.db import migrations, models

# A column of its own: of what was said when a batch came in, nothing is ever changed.
GRANT = "GRANT UPDATE (removed) ON usage_intake TO console_app"
REVOKE = "REVOKE UPDATE (removed) ON usage_intake FROM console_app"


class Migration(migrations.Migration):
    dependencies = [("usage", "0012_six_hours")]

    operations = [
        migrations.AddField(
            model_name="intake",
            name="received",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.AddField(
            model_name="intake",
            name="removed",
            field=models.PositiveIntegerField(null=True),
        ),
        migrations.RunSQL(GRANT, REVOKE),
    ]
