"""Events that a workspace no longer keeps are refused and, some days later, removed.

Sessions and totals stay. What is counted again near the border must not read less than was read
before; so refusing comes first and removing follows at a distance:

    removed | kept, but no longer counted | kept and counted, refused when new | taken
            ^ events_from at the run before - CONTEXT                          ^ events_from
"""

from datetime import datetime, timedelta

from django.db import connection

from accounts.models import Workspace
from accounts.tenancy import in_workspace
from usage.event_format import EARLIEST

# More than the two days that a count reads around what was touched (usage/stretches.py).
CONTEXT = timedelta(days=3)
EVENTS_AT_ONCE = 50_000

# Index event_by_time. Of an agent who held a seat at the border, what came since then stays. What
# is removed is noted with the batch that it came with, found by index intake_by_time; of several
# chunks of one import with the first.
REMOVE = """
WITH removed AS (
    DELETE FROM usage_event WHERE workspace_id = %(workspace)s AND ctid = ANY(ARRAY(
        SELECT event.ctid FROM usage_event event
        WHERE event.workspace_id = %(workspace)s AND event.at < %(before)s
            AND NOT EXISTS (
                SELECT FROM usage_agent agent
                WHERE agent.workspace_id = %(workspace)s AND agent.stream_id = event.stream_id
                    AND NOT agent.signed_in AND agent.started_at <= event.at
                    AND (agent.ended_at IS NULL OR agent.ended_at > %(before)s))
        LIMIT %(limit)s))
    RETURNING received_at, source_id
), counted AS (
    SELECT received_at, source_id, count(*) AS events FROM removed GROUP BY 1, 2
), noted AS (
    UPDATE usage_intake intake SET removed = intake.removed + counted.events
    FROM counted
    JOIN usage_eventsource named
        ON named.workspace_id = %(workspace)s AND named.id = counted.source_id
    CROSS JOIN LATERAL (
        SELECT min(id) AS id FROM usage_intake
        WHERE workspace_id = %(workspace)s AND received_at = counted.received_at
            AND source = named.name
    ) batch
    WHERE intake.workspace_id = %(workspace)s AND intake.id = batch.id
)
SELECT count(*) FROM removed
"""


def oldest_kept(workspace: Workspace, *, now: datetime) -> datetime:
    """Return the instant before which events are refused, whichever way they come."""
    bounds = (EARLIEST, workspace.events_from, border(workspace, now=now))
    return max(bound for bound in bounds if bound is not None)


def border(workspace: Workspace, *, now: datetime) -> datetime | None:
    """Return the instant as many months before ``now`` as events are kept; None: for ever."""
    if workspace.retention_months is None:
        return None
    month = now.year * 12 + now.month - 1 - workspace.retention_months
    if month // 12 < EARLIEST.year:
        return EARLIEST
    # The 28th is in every month: kept is rather a little more than promised.
    return now.replace(year=month // 12, month=month % 12 + 1, day=min(now.day, 28))


def counted_from(workspace: Workspace) -> datetime | None:
    """Return the instant before which sessions stay as they are, since their events may be gone."""
    return None if workspace.events_from is None else workspace.events_from - CONTEXT


def remove_old_events(*, workspace_id: int, now: datetime) -> int:
    """Refuse from now on what is too old, and remove what was before the last run's border.

    Meant to run daily: no count is that long under way, so none reads what is removed. Returns how
    many events were removed; safe to repeat and to interrupt.
    """
    with in_workspace(workspace_id):
        workspace = Workspace.objects.select_for_update().get(pk=workspace_id)
        before = counted_from(workspace)
        oldest = oldest_kept(workspace, now=now)
        if workspace.retention_months is not None and oldest != workspace.events_from:
            workspace.events_from = oldest
            workspace.save(update_fields=["events_from"])
    removed = 0
    while before is not None:
        with in_workspace(workspace_id), connection.cursor() as cursor:
            cursor.execute(
                REMOVE, {"workspace": workspace_id, "before": before, "limit": EVENTS_AT_ONCE}
            )
            (events,) = cursor.fetchone() or (0,)
            removed += events
            if events < EVENTS_AT_ONCE:
                break
    return removed
