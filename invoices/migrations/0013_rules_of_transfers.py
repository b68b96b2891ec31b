from django.db import migrations

from accounts.isolation import AppendOnly, Isolate, TieToWorkspace


class Migration(migrations.Migration):
    dependencies = [("invoices", "0012_transfers")]

    operations = [
        Isolate("Transfer", "SELECT, INSERT"),
        AppendOnly("Transfer"),
        TieToWorkspace("Transfer", "payment_id", "invoices_payment"),
        TieToWorkspace("Transfer", "order_id", "invoices_order"),
        TieToWorkspace("Payback", "transfer_id", "invoices_transfer"),
    ]
