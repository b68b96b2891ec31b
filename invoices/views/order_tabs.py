"""The tabs of an order's page: its lines, payments, documents, and what happened to it."""

from datetime import UTC, datetime
from typing import Any

from accounts.access import WorkspaceRequest, may
from accounts.months import read_calendar
from invoices import activity, document_queries, order_lines
from invoices.issued import IssuedDocument, Payback
from invoices.models import Order, Payment

TABS = [
    ("lines", "Lines"),
    ("payments", "Payments"),
    ("documents", "Documents"),
    ("activity", "Activity"),
]


def find_tab(request: WorkspaceRequest) -> str:
    """Return the tab that an address asks for; what is none is the first."""
    asked = request.GET.get("tab", "")
    return asked if asked in dict(TABS) else TABS[0][0]


def read_tab(request: WorkspaceRequest, order: Order, tab: str) -> dict[str, Any]:
    """Return what a tab shows."""
    match tab:
        case "payments":
            return read_payments(order)
        case "documents":
            return read_documents(request, order)
        case "activity":
            return {"happened": activity.read(order, request.membership)}
    return {"groups": order_lines.read(order)}


def read_payments(order: Order) -> dict[str, Any]:
    """Return the attempts to pay an order and what goes back of it, the latest first."""
    payments = Payment.objects.for_workspace(order.workspace).filter(order=order)
    paybacks = Payback.objects.for_workspace(order.workspace).filter(order=order)
    return {
        "payments": payments.select_related("saved_method").order_by("-pk"),
        "paybacks": paybacks.select_related("document", "currency").order_by("-pk"),
    }


def read_documents(request: WorkspaceRequest, order: Order) -> dict[str, Any]:
    """Return the documents of an order, each with how it stands."""
    today = read_calendar(request.workspace).day_of(datetime.now(UTC))
    found = document_queries.find_visible(request.membership).filter(order=order)
    documents: list[IssuedDocument] = list(found.defer("content").order_by("pk"))
    return {
        "may_prove": may(request.membership, "documents.prove"),
        "documents": [
            (document, document_queries.find_status(document, today=today))
            for document in documents
        ],
    }
