"""What operators read, over all workspaces, as the role `console_operator`."""

from datetime import datetime
from typing import Any, NamedTuple

from django.db import connections
from django.db.models import (
    Count,
    DateField,
    DateTimeField,
    F,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
)
from django.db.models.functions import Cast, Coalesce

from accounts.days import DAY
from accounts.models import (
    ApiKey,
    AuditEntry,
    Bot,
    Membership,
    Role,
    Workspace,
)
from usage.models import Event, UsageMonth

ALIAS = "operator"

# By workspace, so that index rejected_by_time leads to the rows.
COUNT_REJECTED = """
SELECT slug, code, count FROM accounts_workspace workspace
CROSS JOIN LATERAL (
    SELECT code, count(*) FROM usage_rejectedevent
    WHERE workspace_id = workspace.id AND received_at >= %(since)s
    GROUP BY code
) rejected
ORDER BY count DESC, slug, code LIMIT %(limit)s
"""

COUNT_DIRTY = """
SELECT slug, count(DISTINCT stream_id) FROM usage_dirtystream mark
JOIN accounts_workspace workspace ON workspace.id = mark.workspace_id
WHERE due_at <= %(now)s
GROUP BY slug ORDER BY 2 DESC, slug LIMIT %(limit)s
"""

# Indexes and what is stored apart included; rows as the last ANALYZE estimated them.
MEASURE_TABLES = """
SELECT relname, pg_total_relation_size(oid), greatest(reltuples, 0)::bigint FROM pg_class
WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
ORDER BY 2 DESC, relname LIMIT %(limit)s
"""
MOST_ROWS = 20


class Rejected(NamedTuple):
    """How many events of a workspace were refused for one reason."""

    slug: str
    code: str
    events: int


class Dirty(NamedTuple):
    """How many streams of a workspace wait to be rolled up."""

    slug: str
    streams: int


class TableSize(NamedTuple):
    """How large a table is on the disk; ``rows`` is an estimate."""

    name: str
    bytes: int
    rows: int


def list_workspaces(*, text: str = "", now: datetime) -> QuerySet[Workspace]:
    """Return the workspaces with what operators look for, by name.

    Each has ``owner`` (the first one's mail address), ``bots`` in use, ``sessions`` (billing
    sessions of the month that it is there) and ``last_event_at``. ``text`` is part of a slug, a
    name or an owner's mail address.
    """
    owners = Membership.objects.filter(workspace=OuterRef("pk"), role=Role.OWNER).order_by("pk")
    bots = Bot.objects.filter(workspace=OuterRef("pk")).in_use().order_by()
    months = UsageMonth.objects.filter(
        workspace=OuterRef("pk"), month=find_month(now=now, zone=OuterRef("timezone"))
    )
    # Index event_by_receipt.
    events = Event.objects.filter(workspace=OuterRef("pk")).order_by("-received_at")
    billing = Sum(F("usage_sessions") + F("alert_sessions"))
    found = Workspace.objects.using(ALIAS).annotate(
        owner=Subquery(owners.values("user__email")[:1]),
        bots=Coalesce(
            Subquery(bots.values("workspace").annotate(n=Count("pk")).values("n")), Value(0)
        ),
        sessions=Coalesce(
            Subquery(months.values("workspace").annotate(n=billing).values("n")), Value(0)
        ),
        last_event_at=Subquery(events.values("received_at")[:1]),
    )
    if text:
        owned = Membership.objects.filter(role=Role.OWNER, user__email__icontains=text)
        found = found.filter(
            Q(slug__icontains=text) | Q(name__icontains=text) | Q(pk__in=owned.values("workspace"))
        )
    return found.order_by("name", "pk")


def find_month(*, now: datetime, zone: OuterRef) -> Cast:
    """Return the first day of the month that it is at ``now`` in a row's zone."""
    local = Func(zone, Value(now), function="timezone", output_field=DateTimeField())
    first = Func(Value("month"), local, function="date_trunc", output_field=DateTimeField())
    return Cast(first, DateField())


def list_people(workspace: Workspace) -> list[Membership]:
    """Return the people of a workspace, by mail address."""
    people = Membership.objects.using(ALIAS).for_workspace(workspace).select_related("user")
    return list(people.order_by("user__email"))


def list_keys(workspace: Workspace) -> list[ApiKey]:
    """Return the API keys of a workspace, the latest used first."""
    keys = ApiKey.objects.using(ALIAS).for_workspace(workspace)
    return list(keys.order_by(F("last_used_at").desc(nulls_last=True), "name"))


def list_audit(*, slug: str = "", action: str = "", actor: str = "") -> QuerySet[AuditEntry]:
    """Return the entries of the audit log, the newest first.

    ``action`` is its beginning, ``actor`` part of who acted; ``slug`` "-": of no workspace.
    """
    # By id, which rises with the time: the primary key leads over all workspaces.
    entries = AuditEntry.objects.using(ALIAS).select_related("workspace").order_by("-pk")
    if slug == "-":
        entries = entries.filter(workspace=None)
    elif slug:
        entries = entries.filter(workspace__slug=slug)
    if action:
        entries = entries.filter(action__startswith=action)
    if actor:
        entries = entries.filter(actor_name__icontains=actor)
    return entries


def count_rejected(*, now: datetime) -> list[Rejected]:
    """Return what was refused in the last 24 hours, the most frequent first."""
    return [Rejected(*row) for row in ask(COUNT_REJECTED, since=now - DAY)]


def count_dirty(*, now: datetime) -> list[Dirty]:
    """Return the workspaces that wait to be rolled up, the most behind first."""
    return [Dirty(*row) for row in ask(COUNT_DIRTY, now=now)]


def measure_tables() -> list[TableSize]:
    """Return the largest tables."""
    return [TableSize(*row) for row in ask(MEASURE_TABLES)]


def ask(sql: str, **values: datetime) -> list[tuple[Any, ...]]:  # Any: as the driver has it
    """Return the rows of a statement, a page of them at most."""
    with connections[ALIAS].cursor() as cursor:
        cursor.execute(sql, {**values, "limit": MOST_ROWS})
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows
