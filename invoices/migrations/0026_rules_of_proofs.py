from django.db import migrations

from accounts.isolation import TieToWorkspace


class Migration(migrations.Migration):
    dependencies = [("invoices", "0025_proofs")]

    operations = [TieToWorkspace("DocumentBundle", "proves_id", "invoices_issueddocument")]
