from django.db import migrations

from accounts.isolation import Isolate


class Migration(migrations.Migration):
    dependencies = [("invoices", "0014_bundles")]

    operations = [Isolate("DocumentBundle", "SELECT, INSERT, UPDATE, DELETE")]
