"""The audit log as its page and its export show it; accounts/audit.py adds to it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import connection

from accounts.actors import ActorKind
from accounts.models import AuditEntry, AuditEntryQuerySet, Workspace

# Index audit_by_action, once for each action rather than for each entry.
ACTIONS = """
WITH RECURSIVE found AS (
    SELECT min(action) AS action FROM accounts_auditentry WHERE workspace_id = %(workspace)s
    UNION ALL
    SELECT (
        SELECT min(action) FROM accounts_auditentry
        WHERE workspace_id = %(workspace)s AND action > found.action)
    FROM found WHERE found.action IS NOT NULL
)
SELECT action FROM found WHERE action IS NOT NULL
"""


@dataclass(frozen=True)
class Sought:
    """What somebody looks for; empty: anything.

    ``who`` and ``target`` are parts of names, in any case; ``until`` is exclusive.
    """

    action: str = ""
    who: str = ""
    target: str = ""
    since: datetime | None = None
    until: datetime | None = None


class Change(NamedTuple):
    """What an entry says of one thing: its name, what it was and what it is; empty: nothing."""

    name: str
    before: str
    after: str

    def __str__(self) -> str:
        """Say it in a line."""
        if self.before and self.after:
            return f"{self.name}: {self.before} → {self.after}"
        return f"{self.name}: {self.after or f'was {self.before}'}"


def list_actions(workspace: Workspace) -> list[str]:
    """Return the actions of which the log of a workspace has entries."""
    with connection.cursor() as cursor:
        cursor.execute(ACTIONS, {"workspace": workspace.pk})
        return [action for (action,) in cursor.fetchall()]


def find_entries(workspace: Workspace, sought: Sought) -> AuditEntryQuerySet:
    """Return entries, newest first."""
    wanted = {
        "action": sought.action,
        "actor_name__icontains": sought.who,
        "target__icontains": sought.target,
        "at__gte": sought.since,
        "at__lt": sought.until,
    }
    entries = AuditEntry.objects.for_workspace(workspace).newest_first()
    return entries.filter(**{name: value for name, value in wanted.items() if value})


def name_action(code: str) -> str:
    """Return an action in words: `api_key.created` is "API key: created"."""
    noun, _, verb = code.replace("_", " ").replace(".", ": ").partition(": ")
    noun = noun.replace("api ", "API ")
    return f"{noun[:1].upper()}{noun[1:]}: {verb}"


def name_actor(entry: AuditEntry) -> str:
    """Return who acted; of what is no person also what it is."""
    match entry.actor_kind:
        case ActorKind.PERSON:
            return entry.actor_name or "somebody who is not signed in"
        case ActorKind.KEY:
            return f"{entry.actor_name} (API key)"
        case ActorKind.COMMAND:
            return f"{entry.actor_name} (command)"
        case _:
            return f"{entry.actor_name} (by itself)"


def list_changes(entry: AuditEntry) -> list[Change]:
    """Return what an entry says of each thing, in the order in which it was recorded."""
    before, after = flatten(entry.before or {}), flatten(entry.after or {})
    return [
        Change(
            name[:1].upper() + name[1:].replace("_", " "),
            before.get(name, ""),
            after.get(name, ""),
        )
        for name in dict.fromkeys([*before, *after])
    ]


def flatten(values: Mapping[str, object]) -> dict[str, str]:
    """Return values in words by their names; those inside another stand by themselves."""
    found: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            found |= flatten(value) or {name: "none"}
        else:
            found[name] = say(value)
    return found


def say(value: object) -> str:
    """Return a value in words."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(say, value)) or "none"
    return str(value)
