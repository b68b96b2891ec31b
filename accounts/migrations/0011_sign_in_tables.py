from django.db import migrations

from accounts.isolation import WRITE
from accounts.tenancy import APP_ROLE


def grant(table: str, rights: str) -> migrations.RunSQL:
    """Give the application rights on a table of people's sign-in, which operators do not read."""
    return migrations.RunSQL(
        f"GRANT {rights} ON {table} TO {APP_ROLE}", f"REVOKE ALL ON {table} FROM {APP_ROLE}"
    )


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0010_sign_in_settings"),
        ("account", "0009_emailaddress_unique_primary_email"),
        ("mfa", "0003_authenticator_type_uniq"),
        ("socialaccount", "0006_alter_socialaccount_extra_data"),
        ("usersessions", "0001_initial"),
    ]

    operations = [
        grant("account_emailaddress", "SELECT"),
        grant("mfa_authenticator", WRITE),
        grant("socialaccount_socialaccount", "SELECT, INSERT, UPDATE"),
        grant("socialaccount_socialapp", "SELECT"),
        grant("socialaccount_socialtoken", "SELECT"),
        grant("usersessions_usersession", WRITE),
    ]
