from django.db import migrations

from accounts.isolation import WRITE, grant


class Migration(migrations.Migration):
    dependencies = [("invoices", "0018_month_packs")]

    operations = [grant("invoices_monthpack", WRITE)]
