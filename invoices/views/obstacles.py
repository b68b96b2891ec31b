"""What pages say where nothing can be ordered, and where that is mended."""

from typing import NamedTuple

from django.urls import reverse

from accounts.access import WorkspaceRequest, may
from invoices import orders


class Obstacle(NamedTuple):
    """Why nothing can be ordered; ``address``: of the page that mends it, if the person may."""

    reason: str
    address: str = ""


def explain(request: WorkspaceRequest, error: Exception) -> Obstacle:
    """Return in words why nothing can be ordered, and what to do about it."""
    if not isinstance(error, orders.DetailsMissing):
        return Obstacle(str(error))
    if may(request.membership, "billing_details.change"):
        address = reverse("invoices:billing_details", args=[request.workspace.slug])
        return Obstacle(str(error), address)
    return Obstacle(f"{error} Ask an owner, admin or finance to complete them.")


def find(request: WorkspaceRequest) -> Obstacle | None:
    """Return what keeps a workspace from ordering anything; None: nothing does."""
    try:
        orders.find_treatment(request.workspace)
    except orders.NotOrdered as error:
        return explain(request, error)
    return None
