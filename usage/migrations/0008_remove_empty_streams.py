from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("usage", "0007_find_streams_by_name")]

    operations = [
        migrations.RunSQL(
            "GRANT DELETE ON usage_stream TO console_app",
            "REVOKE DELETE ON usage_stream FROM console_app",
        ),
    ]
