"""The workspace of a transaction: what row-level security lets the application see.

The policies (accounts/isolation.py) read settings that hold for one transaction only: the workspace
and, before one is known, the slug asked for, the signed-in user or the hash of the API key.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from django.db import connection, transaction

APP_ROLE = "console_app"
OPERATOR_ROLE = "console_operator"

WORKSPACE = "app.workspace_id"
WORKSPACE_SLUG = "app.workspace_slug"
USER = "app.user_id"
API_KEY = "app.api_key_hash"


def admit(setting: str, value: object) -> None:
    """Set one of the settings above to the end of the transaction.

    Raises:
        RuntimeError: there is no transaction, so that the setting would be gone at once.
    """
    if not connection.in_atomic_block:
        raise RuntimeError(f"{setting} is set for a transaction, and there is none")
    with connection.cursor() as cursor:
        # SET LOCAL rather than set_config(): sharding extensions hand only the former on.
        cursor.execute(f"SET LOCAL {setting} = %s", [str(value)])


@contextmanager
def admitted(setting: str, value: object) -> Iterator[None]:
    """Run the block in a transaction with one of the settings.

    It is taken back at the end, so that a block inside a longer transaction (a test, a command)
    leaves nothing visible behind it.
    """
    with transaction.atomic():
        admit(setting, value)
        yield
        admit(setting, "")


def in_workspace(workspace_id: int) -> AbstractContextManager[None]:
    """Run the block in a transaction that sees the rows of one workspace."""
    return admitted(WORKSPACE, workspace_id)
