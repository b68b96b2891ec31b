"""What came in, as the event log shows it: batches, accepted events and refused ones.

Of each at most the newest ``LOOKED_AT`` in the range asked for are looked at, so that no filter
makes a page read millions of rows.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Generic, NamedTuple, TypeVar

from django.db.models import Q, QuerySet

from accounts.models import Workspace, WorkspaceOwned
from usage.models import Event, EventSource, Intake, RejectedEvent, Stream

LOOKED_AT = 100_000

Row = TypeVar("Row", bound=WorkspaceOwned)


@dataclass(frozen=True)
class Sought:
    """What somebody looks for; empty: anything. ``until`` is exclusive."""

    bot: int | None = None
    bot_key: str = ""
    type: int | None = None
    event_id: str = ""
    source: str = ""
    result: str = ""
    code: str = ""
    since: datetime | None = None
    until: datetime | None = None


class Found(NamedTuple, Generic[Row]):
    """Rows, newest first; ``looked_from``: what came in before was not looked at."""

    rows: QuerySet[Row]
    looked_from: datetime | None


def find_batches(workspace: Workspace, sought: Sought) -> Found[Intake]:
    """Return what became of batches, one row for each of their sources."""
    rows, looked_from = bound(Intake.objects.for_workspace(workspace), sought)
    if sought.source:
        rows = rows.filter(source=sought.source)
    if sought.result:
        rows = rows.filter(**{f"{sought.result}__gt": 0})
    return Found(rows.select_related("api_key").order_by("-received_at", "-id"), looked_from)


def find_rejected(workspace: Workspace, sought: Sought) -> Found[RejectedEvent]:
    """Return refused events."""
    rows, looked_from = bound(RejectedEvent.objects.for_workspace(workspace), sought)
    wanted = {
        "subject": sought.bot_key,
        "event_id": sought.event_id,
        "source": sought.source,
        "code": sought.code,
    }
    rows = rows.filter(**{name: value for name, value in wanted.items() if value})
    return Found(rows.order_by("-received_at", "-id"), looked_from)


def find_events(workspace: Workspace, sought: Sought) -> Found[Event]:
    """Return accepted events; one id is found however long ago it came in."""
    rows: QuerySet[Event] = Event.objects.for_workspace(workspace)
    looked_from = None
    if sought.event_id:
        rows = in_range(rows, sought).filter(event_id=sought.event_id)
        # The primary key begins with the source, of which a workspace has few.
        rows = rows.filter(source__in=find_sources(workspace, sought.source))
    else:
        rows, looked_from = bound(rows, sought)
        if sought.source:
            rows = rows.filter(source__in=find_sources(workspace, sought.source))
    if sought.bot is not None:
        rows = rows.filter(bot=sought.bot)
    if sought.type is not None:
        rows = rows.filter(type=sought.type)
    rows = rows.select_related("bot", "source")
    return Found(rows.order_by("-received_at", "source_id", "event_id"), looked_from)


def find_sources(workspace: Workspace, name: str) -> list[int]:
    """Return the ids of the source of a name; without a name of all."""
    sources = EventSource.objects.for_workspace(workspace)
    return list((sources.filter(name=name) if name else sources).values_list("pk", flat=True))


def in_range(rows: QuerySet[Row], sought: Sought) -> QuerySet[Row]:
    """Keep what came in when it is asked for."""
    if sought.since is not None:
        rows = rows.filter(received_at__gte=sought.since)
    if sought.until is not None:
        rows = rows.filter(received_at__lt=sought.until)
    return rows


def bound(rows: QuerySet[Row], sought: Sought) -> tuple[QuerySet[Row], datetime | None]:
    """Keep the newest rows in the range; also from when on, if there are more."""
    rows = in_range(rows, sought)
    # Indexes event_by_receipt, intake_by_time and rejected_by_time, alone.
    times = rows.order_by("-received_at").values_list("received_at", flat=True)
    oldest = times[LOOKED_AT : LOOKED_AT + 1].first()
    return (rows, None) if oldest is None else (rows.filter(received_at__gte=oldest), oldest)


def find_stream(workspace: Workspace, number: int) -> Stream | None:
    """Return a stream, if the workspace has it."""
    return Stream.objects.for_workspace(workspace).filter(id=number).select_related("bot").first()


def list_stream_events(stream: Stream) -> QuerySet[Event]:
    """Return all events of a stream in order of time, those of developers and tests among them."""
    events = Event.objects.for_workspace(stream.workspace_id).filter(stream_id=stream.id)
    # Two indexes, event_of_stream and event_uncounted, hold one part each.
    uncounted = events.filter(Q(developer=True) | Q(test=True))
    parts = events.filter(developer=False, test=False).union(uncounted, all=True)
    return parts.order_by("at", "type", "source_id", "event_id")
