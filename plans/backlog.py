"""What waits to be charged: in the installation, as the operator sees it, or in a workspace."""

from datetime import datetime, timedelta

from accounts.models import Workspace
from accounts.tenancy import read_as_operator
from usage.models import ChangedBot, DirtyStream, Event

# The zone that is ahead of all others. There a last day is over first, and credits lapse on the
# second day after it: where they are not due yet, a run finds nothing.
EARLIEST = timedelta(hours=14)
LATEST = timedelta(hours=12)  # behind UTC, the last of all zones
LAPSES_AFTER_DAYS = timedelta(days=2)

# Primary keys of marks and billings and the index of lots by workspace, of each workspace.
FIND_WORKSPACES_DUE = """
SELECT id FROM accounts_workspace workspace
WHERE EXISTS (SELECT FROM usage_changedbot WHERE workspace_id = workspace.id)
    OR NOT EXISTS (SELECT FROM plans_workspacebilling WHERE workspace_id = workspace.id)
    OR EXISTS (
        SELECT FROM plans_creditlot lot JOIN plans_workspacebilling billing USING (workspace_id)
        WHERE lot.workspace_id = workspace.id AND lapsed_at IS NULL AND last_day <= %(last_day)s
            AND (enterprise_from IS NULL OR enterprise_from > %(today)s))
ORDER BY id
"""
COUNT_WAITING = "SELECT count(DISTINCT (workspace_id, bot_id)) FROM usage_changedbot"


def find_workspaces_due(*, now: datetime) -> list[int]:
    """Return the workspaces with bots to charge, with credits to lapse, or not opened yet."""
    days = {
        "last_day": (now + EARLIEST).date() - LAPSES_AFTER_DAYS,
        "today": (now - LATEST).date(),  # has begun everywhere: no contract of it is to come
    }
    return [workspace_id for (workspace_id,) in read_as_operator(FIND_WORKSPACES_DUE, days)]


def count_waiting() -> int:
    """Return how many bots wait to be charged."""
    ((count,),) = read_as_operator(COUNT_WAITING)
    return int(count)


def is_outstanding(workspace: Workspace, *, end: datetime, now: datetime) -> bool:
    """Tell whether something waits to be counted or charged that may be of before ``end``.

    Also whether such an event came after the clock, as it may be counted already: what is made as
    of ``now`` is to be of what had come by then.
    """
    waiting = DirtyStream.objects.for_workspace(workspace)
    due = waiting.filter(due_at__lte=now, touched_from__lt=end)
    came = Event.objects.for_workspace(workspace).filter(received_at__gt=now, at__lt=end)
    return is_marked(workspace, end=end) or due.exists() or came.exists()


def is_marked(workspace: Workspace, *, end: datetime) -> bool:
    """Tell whether usage of before ``end`` was counted that may not be charged yet.

    What is used later goes on being counted, and is not asked about.
    """
    return ChangedBot.objects.for_workspace(workspace).changed_before(end).exists()
