from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("usage", "0016_changed_from"),
    ]

    operations = [
        migrations.AddConstraint(
            model_name="rolledbot",
            constraint=models.UniqueConstraint("workspace", "bot", name="rolled_bot_of_workspace"),
        ),
    ]
