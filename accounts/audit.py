"""What was changed, taken out or refused is written down, in the transaction of the change."""

import json
from collections.abc import Mapping
from contextlib import nullcontext
from datetime import date
from decimal import Decimal

from django.db import connection

from accounts import actors
from accounts.models import Workspace
from accounts.tenancy import in_workspace

# Without RETURNING: the application may add an entry of the installation and not read it.
ADD = """
INSERT INTO accounts_auditentry (
    workspace_id, action, actor_kind, actor_id, actor_name, target, before, after, address,
    request_id)
VALUES (
    %(workspace)s, %(action)s, %(actor_kind)s, %(actor_id)s, %(actor_name)s, %(target)s,
    %(before)s::jsonb, %(after)s::jsonb, %(address)s, %(request_id)s)
"""


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
    if not connection.in_atomic_block:
        raise RuntimeError(f"{action} is to be recorded in the transaction of the change")
    actor = actors.current()
    values = {
        "workspace": workspace.pk if workspace else None,
        "action": action,
        "actor_kind": actor.kind.value,
        "actor_id": actor.id,
        "actor_name": actor.name,
        "target": target,
        "before": encode(before),
        "after": encode(after),
        "address": actor.address,
        "request_id": actor.request_id,
    }
    with in_workspace(workspace.pk) if workspace else nullcontext(), connection.cursor() as cursor:
        cursor.execute(ADD, values)


def encode(values: Mapping[str, object] | None) -> str | None:
    """Return values as JSON: amounts as texts, instants and dates as ISO 8601 has them."""
    if values is None:
        return None
    return json.dumps(values, ensure_ascii=False, allow_nan=False, default=encode_value)


def encode_value(value: object) -> str:
    """Return what JSON has no form for as text.

    Raises:
        TypeError: it is nothing that an entry may hold.
    """
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"an entry of the audit log cannot hold {value!r}")
