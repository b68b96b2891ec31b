"""Issued documents as pages and programs read them, and how each stands."""

from datetime import date
from decimal import Decimal

from django.db.models import OuterRef, Subquery, Sum, TextChoices
from django.db.models.functions import Coalesce

from accounts.models import Membership
from invoices.issued import DocumentKind, IssuedDocument, IssuedDocumentQuerySet
from invoices.models import PAID

NONE = Decimal(0)


class DocumentStatus(TextChoices):
    """How a document stands: of an invoice the first four, of a credit note the others."""

    DUE = "due", "Due"
    OVERDUE = "overdue", "Overdue"
    PAID = "paid", "Paid"
    CREDITED = "credited", "Credited"
    TO_PAY_BACK = "to_pay_back", "To be paid back"
    PAID_BACK = "paid_back", "Paid back"
    SET_OFF = "set_off", "Set off"


MOODS = {
    DocumentStatus.DUE: "busy",
    DocumentStatus.OVERDUE: "bad",
    DocumentStatus.PAID: "good",
    DocumentStatus.CREDITED: "",
    DocumentStatus.TO_PAY_BACK: "busy",
    DocumentStatus.PAID_BACK: "good",
    DocumentStatus.SET_OFF: "",
}


def find_documents(workspace_id: int) -> IssuedDocumentQuerySet:
    """Return the documents of a workspace with all that tells how they stand."""
    documents = IssuedDocument.objects.for_workspace(workspace_id)
    notes = documents.credit_notes().filter(corrects=OuterRef("pk")).order_by()
    credited = Subquery(notes.values("corrects").annotate(sum=Sum("gross")).values("sum"))
    related = ("workspace", "currency", "order", "corrects", "file", "payback")
    # Not as a keyword, which the types take for another declaration of the attribute.
    added = {"credited": Coalesce(credited, NONE)}
    return documents.select_related(*related).annotate(**added)


def find_visible(membership: Membership) -> IssuedDocumentQuerySet:
    """Return the documents that a person may see."""
    return find_documents(membership.workspace_id).visible_to(membership)


def find_status(document: IssuedDocument, *, today: date) -> DocumentStatus:
    """Return how a document of `find_documents` stands; ``today`` is the workspace's local day.

    An invoice that is partly credited is still due or paid; a credit note to an invoice that was
    not paid is set off against it.
    """
    if document.kind == DocumentKind.CREDIT_NOTE:
        payback = getattr(document, "payback", None)  # the other side of a one-to-one
        if payback is None:
            return DocumentStatus.SET_OFF
        return DocumentStatus.PAID_BACK if payback.sent_at else DocumentStatus.TO_PAY_BACK
    if document.credited >= document.gross:
        return DocumentStatus.CREDITED
    if document.order.status in PAID:
        return DocumentStatus.PAID
    due_on = document.order.due_on
    return DocumentStatus.OVERDUE if due_on and due_on < today else DocumentStatus.DUE
