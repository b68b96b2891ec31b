import django.db.models.deletion
from django.db import migrations, models

from accounts.isolation import WRITE, Isolate


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0012_owners_of_bots_stay"),
    ]

    operations = [
        migrations.CreateModel(
            name="MonthZone",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("month", models.DateField()),
                ("zone", models.CharField(max_length=64)),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, to="accounts.workspace"
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        models.F("workspace"), models.F("month"), name="month_zone_unique"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("month__day", 1)), name="month_zone_first_day"
                    ),
                ],
            },
        ),
        Isolate("MonthZone", WRITE),
    ]
