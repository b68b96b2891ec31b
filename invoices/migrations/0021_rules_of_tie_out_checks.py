from django.db import migrations

from accounts.isolation import Isolate


class Migration(migrations.Migration):
    dependencies = [("invoices", "0020_tie_out_checks")]

    operations = [Isolate("TieOutCheck", "SELECT, INSERT, UPDATE")]
