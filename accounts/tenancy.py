"""The workspace of a transaction: what row-level security lets the application see.

The policies (accounts/isolation.py) read settings that hold for one transaction only: the workspace
and, before one is known, the slug asked for, the signed-in user, or the hash of the API key or
invitation that was presented.
"""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from django.db import connection, connections, transaction

APP_ROLE = "console_app"
OPERATOR_ROLE = "console_operator"

WORKSPACE = "app.workspace_id"
WORKSPACE_SLUG = "app.workspace_slug"
USER = "app.user_id"
API_KEY = "app.api_key_hash"
INVITATION = "app.invitation_hash"
ALL = (WORKSPACE, WORKSPACE_SLUG, USER, API_KEY, INVITATION)

FIND_ADMITTED = "SELECT " + ", ".join(
    f"coalesce(current_setting('{setting}', true), '')" for setting in ALL
)


def admit(settings: Mapping[str, object]) -> None:
    """Set some of the settings above to the end of the transaction.

    Raises:
        RuntimeError: there is no transaction, so that they would be gone at once.
    """
    if not connection.in_atomic_block:
        raise RuntimeError(f"{', '.join(settings)} is set for a transaction, and there is none")
    with connection.cursor() as cursor:
        # SET LOCAL rather than set_config(): sharding extensions hand only the former on.
        statements = "; ".join(f"SET LOCAL {setting} = %s" for setting in settings)
        cursor.execute(statements, [str(value) for value in settings.values()])


def find_admitted() -> dict[str, str]:
    """Return the settings as they are in this transaction; empty: not set."""
    with connection.cursor() as cursor:
        cursor.execute(FIND_ADMITTED)
        row = cursor.fetchone()
    return dict(zip(ALL, row or (), strict=True))


@contextmanager
def admitted(setting: str, value: object) -> Iterator[None]:
    """Run the block in a transaction with one of the settings.

    A block inside a longer transaction (a page, a test) puts back what was admitted there, where
    that was something else; a transaction of its own takes everything along when it ends.
    """
    before = find_admitted() if connection.in_atomic_block else None
    is_admitted = before is not None and before[setting] == str(value)
    with transaction.atomic():
        if not is_admitted:
            admit({setting: value})
        yield
        if before is not None and not is_admitted:
            admit(before)


def in_workspace(workspace_id: int) -> AbstractContextManager[None]:
    """Run the block in a transaction that sees the rows of one workspace."""
    return admitted(WORKSPACE, workspace_id)


# Whoever writes meanwhile: what is read agrees.
ONE_INSTANT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"


@contextmanager
def in_workspace_at_one_instant(workspace_id: int) -> Iterator[None]:
    """Run the block in a transaction of its own that sees a workspace as it was at one instant."""
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute(ONE_INSTANT)
        admit({WORKSPACE: workspace_id})
        yield


def read_as_operator(
    statement: str, values: Mapping[str, Any] | None = None
) -> list[tuple[Any, ...]]:  # Any: what stands in a column
    """Return the rows of a statement over all workspaces, as the operator's role sees them."""
    with connections["operator"].cursor() as cursor:
        cursor.execute(statement, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


ROWS_AT_ONCE = 2000


@contextmanager
def at_one_instant() -> Iterator[None]:
    """Have all that is read as operator in the block be as it was at one instant.

    A block inside another one is of the same instant.
    """
    operator = connections["operator"]
    if operator.in_atomic_block:
        yield
        return
    with transaction.atomic(using="operator"):
        with operator.cursor() as cursor:
            cursor.execute(ONE_INSTANT)
        yield


def stream_as_operator(
    statement: str, values: Mapping[str, Any] | None = None
) -> Iterator[tuple[Any, ...]]:  # Any: what stands in a column
    """Yield the rows of `read_as_operator`: of millions a few at a time.

    The caller reads `at_one_instant`.
    """
    with connections["operator"].chunked_cursor() as cursor:
        cursor.execute(statement, values)
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            yield from rows
