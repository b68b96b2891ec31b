"""The database roles that the application runs as; deploy/roles.sql makes them with passwords."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.transaction import atomic

from accounts.tenancy import APP_ROLE, OPERATOR_ROLE

LOCK = 7_206_531  # any number: two that migrate at once wait for each other here
ACTING = {"default": APP_ROLE, "operator": OPERATOR_ROLE}

MISSING = "SELECT name FROM unnest(%s::text[]) AS wanted (name) WHERE to_regrole(name) IS NULL"

NO_USAGE = """
SELECT name FROM unnest(%s::text[]) AS wanted (name)
WHERE NOT has_schema_privilege(name, 'public', 'USAGE')
"""

# Before version 16 every member may act as the role; since then a maker is a member who may not.
MAY_ACT = """
SELECT pg_has_role(
    %s::regrole, %s::regrole,
    CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END
)
"""


class NotPermitted(Exception):
    """The owner may not prepare the roles; the message has the SQL for whoever may."""


def ensure(connection: BaseDatabaseWrapper) -> None:
    """Make the roles that are missing, and let those act as them who have to.

    The latter serves installations with one address for all (`SET ROLE`). Safe to repeat.

    Raises:
        NotPermitted: something is missing and the owner may not change it.
    """
    with one_at_a_time(connection), atomic(using=connection.alias):
        statements: list[str] = []
        try:
            # Each step looks at what the one before it has made.
            for step in (find_roles, find_memberships, find_rights):
                statements = list(step(connection))
                with atomic(using=connection.alias), connection.cursor() as cursor:
                    for statement in statements:
                        cursor.execute(statement)
        except DatabaseError:
            if not statements:
                raise
            raise NotPermitted(
                "The database is not prepared. Have a superuser run in it: "
                f"{'; '.join(statements)}; and migrate again."
            ) from None


@contextmanager
def one_at_a_time(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Wait for others that migrate this database. May be nested."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
    try:
        yield
    finally:
        # A connection that was lost has lost the lock with it.
        if connection.connection and not connection.connection.closed:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])


def find_roles(connection: BaseDatabaseWrapper) -> Iterator[str]:
    """Yield what makes the roles that are missing."""
    with connection.cursor() as cursor:
        cursor.execute(MISSING, [list(ACTING.values())])
        for (name,) in cursor.fetchall():
            yield f"CREATE ROLE {name}"


def find_memberships(connection: BaseDatabaseWrapper) -> Iterator[str]:
    """Yield what lets the users that the application connects as act as its roles."""
    for alias, role in ACTING.items():
        user = connections[alias].settings_dict["USER"]
        if user in ACTING.values():
            continue  # itself, or to be kept from acting as the other: an address is missing
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_user")
            user = user or cursor.fetchone()[0]
            quoted = connection.ops.quote_name(user)
            cursor.execute(MAY_ACT, [quoted, role])
            if not cursor.fetchone()[0]:
                yield f"GRANT {role} TO {quoted}"


def find_rights(connection: BaseDatabaseWrapper) -> Iterator[str]:
    """Yield what lets the roles see the schema."""
    with connection.cursor() as cursor:
        cursor.execute(NO_USAGE, [list(ACTING.values())])
        for (name,) in cursor.fetchall():
            yield f"GRANT USAGE ON SCHEMA public TO {name}"
