"""What came in on which local day, from which source, and whether it is all there.

Two equations: received = accepted + duplicate + rejected, and accepted = stored + removed. The
first two of these numbers are what batches said when they came in (`Intake`), counted apart; stored
are the events themselves.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from accounts.days import DAY, list_days, start_of_day
from accounts.models import Workspace
from usage.gaps import Gap, find_gaps

Row = tuple[date, str, int, int, int, int, int, int, int, bool]

TAKEN = "received = accepted + duplicate + rejected"
STORED = "accepted = stored + removed"

# One statement, so that batches and events are those of one instant. Indexes intake_by_time and
# event_by_receipt, the latter alone.
COUNT_RECEIPTS = """
WITH day AS MATERIALIZED (
    SELECT * FROM unnest(%(days)s::date[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
        AS local (day, starts_at, ends_at)
), batches AS (
    SELECT day, said.*
    FROM day CROSS JOIN LATERAL (
        SELECT source, sum(received) AS received, sum(accepted) AS accepted,
            sum(duplicate) AS duplicate, sum(rejected) AS rejected, sum(removed) AS removed,
            sum(accepted + duplicate + rejected) FILTER (WHERE received IS NULL) AS uncounted,
            bool_or(removed IS NULL) AS removed_unknown
        FROM usage_intake
        WHERE workspace_id = %(workspace)s
            AND received_at >= day.starts_at AND received_at < day.ends_at
        GROUP BY source
    ) said
), stored AS (
    SELECT day, coalesce(source.name, '') AS source, sum(kept.events) AS events
    FROM day CROSS JOIN LATERAL (
        SELECT source_id, count(*) AS events
        FROM usage_event
        WHERE workspace_id = %(workspace)s
            AND received_at >= day.starts_at AND received_at < day.ends_at
        GROUP BY source_id
    ) kept
    LEFT JOIN usage_eventsource source
        ON source.workspace_id = %(workspace)s AND source.id = kept.source_id
    GROUP BY 1, 2
)
SELECT day, source, coalesce(received, 0), coalesce(accepted, 0), coalesce(duplicate, 0),
    coalesce(rejected, 0), coalesce(events, 0), coalesce(removed, 0), coalesce(uncounted, 0),
    coalesce(removed_unknown, false)
FROM batches FULL JOIN stored USING (day, source)
ORDER BY day, source
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Receipt:
    """What came in on a local day from one source; empty: of refused events none could be read.

    ``received`` holds those of ``uncounted`` batches too, which came before it was counted: of
    these it is what became of them. ``removed_unknown``: there are batches of which some events
    were removed, and nobody counted how many.
    """

    day: date
    source: str
    received: int
    accepted: int
    duplicate: int
    rejected: int
    stored: int
    removed: int
    uncounted: int
    removed_unknown: bool

    @property
    def gaps(self) -> list[Gap]:
        """The equations that do not hold."""
        became = self.accepted + self.duplicate + self.rejected
        kept = self.stored + self.removed
        gaps = find_gaps(Gap(TAKEN, self.received, became), Gap(STORED, self.accepted, kept))
        if self.removed_unknown and kept < self.accepted:
            return [gap for gap in gaps if gap.equation != STORED]
        return gaps

    @property
    def is_earlier(self) -> bool:
        """Tell whether some of it came before all was counted, so that less is known."""
        return self.removed_unknown or self.uncounted > 0


def read(workspace: Workspace, *, first: date, last: date) -> list[Receipt]:
    """Return what came in on local days, the last included, by day and source.

    Days are those of the workspace's zone, as in the event log. The caller runs in the workspace.
    """
    days = list_days(first, last)
    zone = ZoneInfo(workspace.timezone)
    starts = [start_of_day(day, zone) for day in [*days, last + DAY]]
    values: dict[str, Any] = {  # psycopg adapts the values
        "workspace": workspace.pk,
        "days": days,
        "starts": starts[:-1],
        "ends": starts[1:],
    }
    with connection.cursor() as cursor:
        cursor.execute(COUNT_RECEIPTS, values)
        return [make_receipt(row, workspace) for row in cursor.fetchall()]


def make_receipt(row: Row, workspace: Workspace) -> Receipt:
    """Return what a row of the statement says; its sums are numerics.

    Where a workspace never removed events, it is known that none were.
    """
    day, source, received, accepted, duplicate, rejected, stored, removed, uncounted, unknown = row
    return Receipt(
        day=day,
        source=source,
        received=int(received + uncounted),
        accepted=int(accepted),
        duplicate=int(duplicate),
        rejected=int(rejected),
        stored=int(stored),
        removed=int(removed),
        uncounted=int(uncounted),
        removed_unknown=unknown and workspace.events_from is not None,
    )
