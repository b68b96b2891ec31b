from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("usage", "0015_conversations_beyond_a_block"),
    ]

    operations = [
        migrations.AddField(
            model_name="changedbot",
            name="changed_from",
            field=models.DateTimeField(null=True),
        ),
    ]
