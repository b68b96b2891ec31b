"""What waits to be rolled up in the whole installation, as the operator sees it."""

from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import connections

# A mark of new events has no instant of its own; the event that it begins with says when it came.
# The table is read whole: it holds what a few seconds left, or what is to be found out.
FIND_BACKLOG = """
WITH due AS MATERIALIZED (
    SELECT * FROM usage_dirtystream WHERE due_at <= %(now)s
), oldest AS (
    SELECT * FROM due WHERE due_at = '-infinity' ORDER BY id LIMIT 1
)
SELECT (SELECT count(DISTINCT (workspace_id, stream_id)) FROM due),
    least(
        (SELECT min(due_at) FROM due WHERE due_at <> '-infinity'),
        (SELECT max(received_at)
         FROM oldest JOIN usage_event event
             ON event.workspace_id = oldest.workspace_id AND event.stream_id = oldest.stream_id
             AND event.at = oldest.touched_from AND NOT event.developer AND NOT event.test))
"""


class Backlog(NamedTuple):
    """How many streams are to be counted, and since when the first of them waits."""

    streams: int
    waiting_since: datetime | None

    def lag(self, *, now: datetime) -> timedelta:
        """Return how far the roll-up is behind; nothing waits: not at all."""
        if self.waiting_since is None:
            return timedelta(0)
        return max(now - self.waiting_since, timedelta(0))


def find_backlog(*, now: datetime) -> Backlog:
    """Return what is due in all workspaces together."""
    with connections["operator"].cursor() as cursor:
        cursor.execute(FIND_BACKLOG, {"now": now})
        return Backlog(*cursor.fetchone())
