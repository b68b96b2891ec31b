"""What time brings about for plans with a fee: a close, its renewal, the payment, or the want."""

from datetime import datetime

from accounts.tenancy import read_as_operator
from invoices import close, collecting, dunning
from plans import billing
from plans.backlog import EARLIEST

# Primary key of billings, index order_owed.
FIND_DUE = """
SELECT workspace_id FROM plans_workspacebilling
WHERE open_month + interval '1 month' <= %(ended)s
UNION
SELECT workspace_id FROM invoices_order
WHERE type = 'renewal' AND status IN ('failed', 'in_review', 'pending')
"""


def find_due(*, now: datetime) -> list[int]:
    """Return the workspaces with a month to close or a renewal owed, as the operator sees them.

    Where a month is not over for 24 hours yet by its own zone, a run finds nothing.
    """
    ended = (now + EARLIEST - billing.CLOSES_AFTER).date()
    return [workspace_id for (workspace_id,) in read_as_operator(FIND_DUE, {"ended": ended})]


def run(*, workspace_id: int, now: datetime) -> int:
    """Close months, charge what is owed, and say which plans are past due; return the closed."""
    closed = close.run(workspace_id=workspace_id, now=now)
    collecting.run(workspace_id=workspace_id, now=now)
    dunning.run(workspace_id=workspace_id, now=now)
    return closed
