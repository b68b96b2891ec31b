from importlib import import_module

from django.db import migrations

from accounts.isolation import AppendOnly, Isolate, TieToWorkspace

KEEP_ORDERS: str = import_module("invoices.migrations.0002_rules_of_orders").KEEP_ORDERS
# The function alone: the trigger stays.
FUNCTION = KEEP_ORDERS[: KEEP_ORDERS.index("CREATE TRIGGER")].replace(
    "CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"
)
KEEP_DUE_DAYS = FUNCTION.replace(
    "NEW.version_id, NEW.created_at)", "NEW.version_id, NEW.created_at, NEW.due_on)"
).replace("OLD.version_id, OLD.created_at)", "OLD.version_id, OLD.created_at, OLD.due_on)")


class Migration(migrations.Migration):
    dependencies = [("invoices", "0003_lines_and_due_days")]

    operations = [
        Isolate("OrderLine", "SELECT, INSERT"),
        AppendOnly("OrderLine"),
        TieToWorkspace("OrderLine", "order_id", "invoices_order"),
        TieToWorkspace("OrderLine", "bot_id", "accounts_bot"),
        migrations.RunSQL(KEEP_DUE_DAYS, FUNCTION),
    ]
