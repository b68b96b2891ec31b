"""What waits to be rolled up in the whole installation, as the operator sees it."""

from datetime import datetime, timedelta
from typing import NamedTuple

from accounts.tenancy import read_as_operator

# The table is read whole: it holds what a few seconds left, or what is to be found out.
FIND_BACKLOG = """
SELECT count(DISTINCT (workspace_id, stream_id)), min(greatest(due_at, marked_at))
FROM usage_dirtystream WHERE due_at <= %(now)s
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
    (row,) = read_as_operator(FIND_BACKLOG, {"now": now})
    return Backlog(*row)
