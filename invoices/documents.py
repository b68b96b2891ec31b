"""Documents: the one place where invoices and credit notes are issued.

A document is issued in one short transaction with its number and all that it says, and never
changed. Its PDF is made after by a worker (`invoices.files`).
"""

import logging
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction
from django.db.models import Sum
from django.urls import reverse

from accounts import audit
from accounts.models import Workspace
from accounts.tenancy import in_workspace, read_as_operator
from invoices import billing_details, composing, contents, files, mails, numbering, seller
from invoices.composing import Correction, Named, Parties
from invoices.frozen import Document, Inconsistent
from invoices.issued import DocumentKind, IssuedDocument
from invoices.models import PAID, Order, OrderType
from invoices.tax import Sums
from plans import billing
from plans.wording import say_amount, say_day

logger = logging.getLogger(__name__)

# Reads all orders, once an hour: with nearly all of them their invoice was issued.
FIND_MISSING = """
SELECT workspace_id, id FROM invoices_order AS placed
WHERE (status IN ('completed', 'refunded') OR type = 'renewal') AND gross > 0
    AND NOT EXISTS (
        SELECT FROM invoices_issueddocument document
        WHERE document.workspace_id = placed.workspace_id AND document.order_id = placed.id
            AND document.kind = 'invoice')
ORDER BY workspace_id, number
"""


class NotIssued(ValueError):
    """A document cannot be issued; the message says why."""


def issue_for(*, order: Order, at: datetime) -> IssuedDocument | None:
    """Issue the invoice of an order that is completed, or of a renewal that is placed.

    The caller holds the lock of the workspace's billing row. None: the order costs nothing, or it
    cannot be invoiced as it is. What was paid counts all the same, so that is only logged, and
    `issue_missing` tries again.
    """
    try:
        with transaction.atomic():
            return issue_invoice(order=order, at=at)
    except NotIssued as error:
        logger.error("no invoice of order %s of workspace %s: %s", order, order.workspace_id, error)
        return None


def issue_invoice(*, order: Order, at: datetime) -> IssuedDocument | None:
    """Issue the invoice of an order, once; None: it costs nothing.

    Raises:
        NotIssued: it cannot be invoiced as it is.
    """
    if not order.gross:
        return None
    with in_workspace(order.workspace_id):
        return issue(
            order=order,
            kind=DocumentKind.INVOICE,
            key=f"invoice:{order.number}",
            at=at,
            compose=lambda parties, named: composing.compose_invoice(
                order, parties=parties, named=named
            ),
        )


def issue_credit_note(
    *, invoice: IssuedDocument, correction: Correction, key: str, at: datetime
) -> IssuedDocument:
    """Issue a credit note to an invoice, once by its key.

    Raises:
        NotIssued: more is to be given back than is left of the invoice, or nothing.
    """
    with in_workspace(invoice.workspace_id):
        return issue(
            order=invoice.order,
            kind=DocumentKind.CREDIT_NOTE,
            key=key,
            at=at,
            corrects=invoice,
            compose=lambda parties, named: composing.compose_credit_note(
                invoice.order, correction, parties=parties, named=named
            ),
        )


def issue(
    *,
    order: Order,
    kind: DocumentKind,
    key: str,
    at: datetime,
    compose: Callable[[Parties, Named], Document],
    corrects: IssuedDocument | None = None,
) -> IssuedDocument:
    """Take the next number and issue the document that ``compose`` returns, once by its key.

    Raises:
        NotIssued: nobody sells or buys yet, it does not agree, or is more than what is left.
    """
    workspace = order.workspace
    billing.lock(workspace=workspace)
    documents = IssuedDocument.objects.for_workspace(workspace)
    if issued := documents.filter(key=key).first():
        return issued
    parties = find_parties(workspace)
    taken = numbering.take(workspace=workspace, kind=kind, seller=parties.seller, at=at)
    try:
        document = compose(parties, taken.named)
    except Inconsistent as error:
        raise NotIssued(f"It does not agree: {error}.") from None
    if corrects:
        check_left(corrects, document)
    issued = documents.create(
        workspace=workspace,
        kind=kind,
        series=taken.series,
        sequence=taken.sequence,
        number=document.number,
        key=key,
        order=order,
        corrects=corrects,
        issued_at=at,
        issued_on=document.issued_on,
        currency=order.currency,
        net=document.net,
        tax=document.tax,
        gross=document.gross,
        logo=parties.seller.logo,
        content=contents.write(document),
    )
    files.ask_for(document=issued)
    record(issued)
    tell(issued, document, at=at)
    return issued


def find_parties(workspace: Workspace) -> Parties:
    """Return who sells and who buys.

    Raises:
        NotIssued: either is not known.
    """
    profile, details = seller.find(), billing_details.find(workspace)
    if profile is None or details is None:
        raise NotIssued("The seller profile or the billing details are missing.")
    return Parties(profile, details)


def check_left(invoice: IssuedDocument, note: Document) -> None:
    """Give back at most what is left of an invoice, net and tax.

    Source: product doc, "Invoice", at most what is left.

    Raises:
        NotIssued: it would be more.
    """
    left = find_left(invoice)
    if note.net > left.net or note.tax > left.tax:
        raise NotIssued(
            f"{note.net} and tax of {note.tax} are more than what is left of {invoice}:"
            f" {left.net} and {left.tax} {invoice.currency_id}."
        )


def find_left(invoice: IssuedDocument) -> Sums:
    """Return what is left of an invoice after its credit notes."""
    with in_workspace(invoice.workspace_id):
        issued = IssuedDocument.objects.for_workspace(invoice.workspace_id)
        given = issued.filter(corrects=invoice).aggregate(
            net=Sum("net", default=Decimal(0)), tax=Sum("tax", default=Decimal(0))
        )
    net, tax = invoice.net - given["net"], invoice.tax - given["tax"]
    return Sums(net, tax, net + tax)


def record(issued: IssuedDocument) -> None:
    """Note in the audit log what was issued."""
    after: dict[str, Any] = {
        "order": str(issued.order),
        "gross": issued.gross,
        "currency": issued.currency_id,
    }
    if issued.corrects:
        after |= {"corrects": str(issued.corrects), "reason": " ".join(issued.content["notes"])}
    audit.record(
        f"{issued.kind}.issued", workspace=issued.order.workspace, target=str(issued), after=after
    )


def find_missing() -> list[tuple[int, int]]:
    """Return workspace and id of orders that have no invoice, as the operator sees them.

    Such are orders of before there were invoices, and those that could not be invoiced.
    """
    return [(workspace, of) for workspace, of in read_as_operator(FIND_MISSING)]


def tell(issued: IssuedDocument, document: Document, *, at: datetime) -> None:
    """Have those hear of a document whom the billing details name."""
    due_on = document.due_on if document.due else None
    mails.tell_issued(
        workspace=issued.order.workspace,
        kind=DocumentKind(issued.kind),
        number=issued.number,
        gross=say_amount(issued.gross, issued.currency),
        link=reverse("invoices:document", args=[issued.order.workspace.slug, issued.number]),
        at=at,
        due_on=say_day(due_on) if due_on else "",
    )


def issue_missing(*, at: datetime) -> int:
    """Issue the invoices of orders that have none; return how many were issued."""
    found = find_missing()
    return sum(issue_late(workspace_id, order_id, at=at) for workspace_id, order_id in found)


def issue_late(workspace_id: int, order_id: int, *, at: datetime) -> bool:
    """Issue the invoice of an order that has none; tell whether it was issued."""
    with in_workspace(workspace_id):
        workspace = Workspace.objects.get(pk=workspace_id)
        billing.lock(workspace=workspace)
        orders = Order.objects.for_workspace(workspace).select_related("workspace", "currency")
        order = orders.select_related("bot", "lot").get(pk=order_id)
        if order.status not in PAID and order.type != OrderType.RENEWAL:
            return False
        return issue_for(order=order, at=at) is not None
