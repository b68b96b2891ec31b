"""The database roles that the application runs as; deploy/roles.sql makes them with passwords."""

from django.db import DatabaseError
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.transaction import atomic

from accounts.tenancy import APP_ROLE, OPERATOR_ROLE

LOCK = 7_206_531  # any number: two that migrate at once wait for each other here

MISSING = "SELECT name FROM unnest(%s::text[]) AS wanted (name) WHERE to_regrole(name) IS NULL"

NO_USAGE = """
SELECT name FROM unnest(%s::text[]) AS wanted (name)
WHERE NOT has_schema_privilege(name, 'public', 'USAGE')
"""


class NotPermitted(Exception):
    """The owner may not make the roles; the message has the SQL for whoever may."""


def ensure(connection: BaseDatabaseWrapper) -> None:
    """Make the roles that are missing, and let the owner act as them.

    The latter serves installations with one address for all (`SET ROLE`). Safe to repeat.

    Raises:
        NotPermitted: a role is missing and the owner may not make it.
    """
    wanted = [APP_ROLE, OPERATOR_ROLE]
    with atomic(using=connection.alias), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        cursor.execute(MISSING, [wanted])
        missing = [name for (name,) in cursor.fetchall()]
        statements = [f"CREATE ROLE {name}" for name in missing]
        try:
            for statement in statements:
                cursor.execute(statement)
        except DatabaseError:
            sql = "; ".join(statements)
            raise NotPermitted(
                f"The database lacks roles. Run as a superuser: {sql};, then migrate again."
            ) from None
    for name in missing:
        let_act_as(connection, name)
    with connection.cursor() as cursor:
        cursor.execute(NO_USAGE, [wanted])
        for (name,) in cursor.fetchall():
            cursor.execute(f"GRANT USAGE ON SCHEMA public TO {name}")


def let_act_as(connection: BaseDatabaseWrapper, name: str) -> None:
    """Grant a role that was just made to the owner who made it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user")
        if cursor.fetchone()[0]:
            return
        cursor.execute(f"GRANT {name} TO CURRENT_USER")
