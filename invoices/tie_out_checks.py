"""Each workspace's numbers are compared at night, and the result is kept for operators."""

import logging
from datetime import datetime, timedelta
from typing import NamedTuple

from accounts.models import Workspace
from accounts.tenancy import in_workspace, read_as_operator
from invoices import tie_out
from invoices.tied import TieOutCheck

CHECKED_FOR = timedelta(hours=20)  # so long a check holds; the next night it is due again

# Primary key of the checks.
FIND_DUE = """
SELECT id FROM accounts_workspace workspace
WHERE NOT EXISTS (
    SELECT FROM invoices_tieoutcheck
    WHERE workspace_id = workspace.id AND checked_at > %(since)s)
ORDER BY id
"""
SUMMARIZE = """
SELECT count(*), count(checked.workspace_id), count(*) FILTER (WHERE differences > 0),
    coalesce(sum(differences), 0), min(checked_at)
FROM accounts_workspace workspace
LEFT JOIN invoices_tieoutcheck checked ON checked.workspace_id = workspace.id
"""

logger = logging.getLogger(__name__)


class Summary(NamedTuple):
    """How the workspaces of the installation tie; ``since``: the oldest of their checks."""

    workspaces: int
    checked: int
    differing: int
    differences: int
    since: datetime | None


def find_due(*, now: datetime) -> list[int]:
    """Return the workspaces that were not checked this night, as the operator sees them."""
    rows = read_as_operator(FIND_DUE, {"since": now - CHECKED_FOR})
    return [workspace_id for (workspace_id,) in rows]


def run(*, workspace_id: int, now: datetime) -> int:
    """Check a workspace and keep the result; return how many equations do not hold.

    Safe to repeat: the later result replaces the earlier one.
    """
    with in_workspace(workspace_id):
        workspace = Workspace.objects.get(pk=workspace_id)
    board = tie_out.check(workspace, now=now)
    differences = board.count_gaps()
    with in_workspace(workspace_id):
        TieOutCheck.objects.bulk_create(
            [
                TieOutCheck(
                    workspace=workspace,
                    checked_at=now,
                    first_day=board.first,
                    last_day=board.last,
                    differences=differences,
                )
            ],
            update_conflicts=True,
            unique_fields=["workspace"],
            update_fields=["checked_at", "first_day", "last_day", "differences"],
        )
    if differences:
        logger.error("%s differences in the tie-out of workspace %s", differences, workspace_id)
    return differences


def summarize() -> Summary:
    """Return how all workspaces stood at their latest checks, as the operator sees them."""
    ((workspaces, checked, differing, differences, since),) = read_as_operator(SUMMARIZE)
    return Summary(workspaces, checked, differing, int(differences), since)
