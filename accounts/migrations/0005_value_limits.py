from django.core.validators import (
    MaxValueValidator,
    MinValueValidator,
    ProhibitNullCharactersValidator,
)
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_api_key_last_use")]

    operations = [
        migrations.AlterField(
            "bot",
            "key",
            models.CharField(
                db_collation="C", max_length=128, validators=[ProhibitNullCharactersValidator()]
            ),
        ),
        migrations.AlterField(
            "bot",
            "name",
            models.CharField(max_length=200, validators=[ProhibitNullCharactersValidator()]),
        ),
        migrations.AlterField(
            "workspace",
            "lateness_days",
            models.PositiveSmallIntegerField(
                default=35, validators=[MinValueValidator(1), MaxValueValidator(365)]
            ),
        ),
        migrations.AlterField(
            "workspace",
            "retention_months",
            models.PositiveSmallIntegerField(
                blank=True, null=True, validators=[MinValueValidator(1), MaxValueValidator(120)]
            ),
        ),
    ]
