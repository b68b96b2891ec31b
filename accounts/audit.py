"""What was changed, taken out or refused is written down, in the transaction of the change."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from django.db import connection, transaction

from accounts import actors, limits
from accounts.models import Workspace
from accounts.tenancy import WORKSPACE, admit, find_admitted, in_workspace

REFUSALS_NOTED = 10  # of one kind that one address has noted in a minute
LONGEST = 1000  # letters of a name or target; what a stranger typed may be of any length
# The numbers come first, since the application may add an entry of the installation and not read
# it back. The second rows are what accounts/seals.py finds.
ADD = """
WITH numbered AS (
    SELECT nextval('accounts_auditentry_id_seq') AS id, target, before, after
    FROM unnest(%(targets)s::text[], %(before)s::text[], %(after)s::text[])
        AS entry (target, before, after)
), added AS (
    INSERT INTO accounts_auditentry (
        id, workspace_id, action, actor_kind, actor_id, actor_name, target, before, after, address,
        request_id)
    SELECT id, %(workspace)s::bigint, %(action)s, %(actor_kind)s, %(actor_id)s, %(actor_name)s,
        target, before::jsonb, after::jsonb, %(address)s, %(request_id)s
    FROM numbered
)
INSERT INTO accounts_unsealedentry (entry_id) SELECT id FROM numbered
"""


class Act(NamedTuple):
    """What one action did to one target."""

    target: str
    before: Mapping[str, object] | None = None
    after: Mapping[str, object] | None = None


def record(
    action: str,
    *,
    workspace: Workspace | None,
    target: str = "",
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
) -> None:
    """Add an entry to the audit log; who acts is known from accounts/actors.py.

    To be called in the transaction of the change, so that both are there or neither. ``action`` is
    a stable code such as ``bot.renamed``, ``target`` what was acted on, in words. ``before`` and
    ``after`` hold what changed, never a secret or what events say. Without ``workspace`` the entry
    is of the installation, and only operators see it.

    Raises:
        RuntimeError: there is no transaction.
    """
    record_all(action, workspace=workspace, acts=[Act(target, before, after)])


def record_all(action: str, *, workspace: Workspace | None, acts: Sequence[Act]) -> None:
    """Add an entry for each target of an action, in their order, as `record` adds one.

    Raises:
        RuntimeError: there is no transaction.
    """
    if not connection.in_atomic_block:
        raise RuntimeError(f"{action} is to be recorded in the transaction of the change")
    actor = actors.current()
    values = {
        "workspace": workspace.pk if workspace else None,
        "action": action,
        "actor_kind": actor.kind.value,
        "actor_id": actor.id,
        "actor_name": storable(actor.name)[:LONGEST],
        "targets": [storable(act.target)[:LONGEST] for act in acts],
        "before": [encode(act.before) for act in acts],
        "after": [encode(act.after) for act in acts],
        "address": actor.address,
        "request_id": actor.request_id,
    }
    with seen_by(workspace), connection.cursor() as cursor:
        cursor.execute(ADD, values)


def record_refused(action: str, *, workspace_id: int | None, reason: str, target: str = "") -> None:
    """Add an entry for a link, key or cookie that was refused, in a transaction of its own.

    Of the installation where it is of no workspace. Whoever tries many is noted a few times only,
    and nobody while that cannot be counted: strangers must not fill a log that nobody may empty.
    """
    came = limits.count_recent(f"{action}:{actors.current().address}", seconds=limits.MINUTE)
    if came is None or came > REFUSALS_NOTED:
        return
    after = {"reason": reason}
    with transaction.atomic() if workspace_id is None else in_workspace(workspace_id):
        workspace = Workspace.objects.get(pk=workspace_id) if workspace_id else None
        record(action, workspace=workspace, target=target, after=after)


@contextmanager
def seen_by(workspace: Workspace | None) -> Iterator[None]:
    """Run the block so that a row of the workspace may be added; most often it may be anyway."""
    before = workspace and find_admitted()[WORKSPACE]
    if workspace is None or before == str(workspace.pk):
        yield
        return
    admit({WORKSPACE: workspace.pk})
    yield
    admit({WORKSPACE: before})


def encode(values: Mapping[str, object] | None) -> str | None:
    """Return values as JSON: amounts as texts, instants and dates as ISO 8601 has them."""
    if values is None:
        return None
    return json.dumps(storable_values(values), ensure_ascii=False, allow_nan=False)


def storable_values(value: object) -> object:
    """Return a value made of what JSON has, and of texts that the database takes.

    Raises:
        TypeError: it is nothing that an entry may hold.
    """
    if isinstance(value, str):
        return storable(value)
    if value is None or isinstance(value, int | float):
        return value
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {storable(str(name)): storable_values(one) for name, one in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, bytes):
        return [storable_values(one) for one in value]
    raise TypeError(f"an entry of the audit log cannot hold {value!r}")


def storable(text: str) -> str:
    """Return a text without the characters that no database takes."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()
