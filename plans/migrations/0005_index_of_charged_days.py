from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0013_month_zone"),
        ("plans", "0004_first_plans_of_bots"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="chargedday",
            index=models.Index(
                models.F("workspace"), models.F("day"), name="charged_day_of_workspace"
            ),
        ),
    ]
