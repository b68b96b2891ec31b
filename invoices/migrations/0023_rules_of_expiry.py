from django.db import migrations

from accounts.tenancy import APP_ROLE

# A provider may say another last day of a method that is kept.
RIGHT = "UPDATE (expires_on) ON invoices_savedmethod"


class Migration(migrations.Migration):
    dependencies = [("invoices", "0022_expiry_of_saved_methods")]

    operations = [
        migrations.RunSQL([f"GRANT {RIGHT} TO {APP_ROLE}"], [f"REVOKE {RIGHT} FROM {APP_ROLE}"]),
    ]
