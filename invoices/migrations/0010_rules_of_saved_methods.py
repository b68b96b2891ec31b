from django.db import migrations

from accounts.isolation import Isolate, TieToWorkspace
from accounts.tenancy import APP_ROLE

# What was agreed to, by whom and when, stays as it is.
SETUPS = f"UPDATE (ended_at, kept_method_id) ON invoices_methodsetup TO {APP_ROLE}"
METHODS = (
    "UPDATE (is_default, removed_at, removed_by_id, let_go_at) ON invoices_savedmethod"
    f" TO {APP_ROLE}"
)


class Migration(migrations.Migration):
    dependencies = [("invoices", "0009_saved_methods_kept_and_removed")]

    operations = [
        Isolate("MethodSetup", "SELECT, INSERT"),
        TieToWorkspace("MethodSetup", "kept_method_id", "invoices_savedmethod"),
        TieToWorkspace("Payment", "kept_method_id", "invoices_savedmethod"),
        migrations.RunSQL(
            [f"GRANT {SETUPS}", f"GRANT {METHODS}"],
            [f"REVOKE {rights.replace(' TO ', ' FROM ')}" for rights in (METHODS, SETUPS)],
        ),
    ]
