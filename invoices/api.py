"""``GET invoices`` and ``GET invoices/{number}.pdf``: what was issued, for programs."""

from datetime import UTC, date, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Annotated

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from ninja import Field, P, PathEx, Query, QueryEx, Router, Schema

from accounts.access import ApiKeyAccess, ApiRefused, ApiRequest
from accounts.api import REFUSALS, Refusal
from accounts.forms import LARGEST_ID
from accounts.models import Workspace
from accounts.months import read_calendar
from accounts.tenancy import in_workspace
from invoices import document_queries, downloads, files
from invoices.document_queries import DocumentStatus
from invoices.issued import DocumentKind, IssuedDocument

MOST_AT_ONCE = 1000
PDF = {
    "responses": {
        HTTPStatus.OK.value: {
            "description": "The PDF/A-3b with its EN 16931 XML inside.",
            "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}},
        }
    }
}

router = Router(tags=["Invoices"], auth=ApiKeyAccess("invoices.view"))


class InvoiceAnswer(Schema):
    """An invoice or credit note as it was issued, and how it stands."""

    number: str
    kind: DocumentKind
    issued_on: date = Field(description="In the seller's time zone.")
    due_on: date | None = Field(description="Of a renewal; null: it was paid before it was issued.")
    order: str
    currency: str
    net: Decimal
    tax: Decimal
    gross: Decimal
    credited: Decimal = Field(description="Gross sum of the credit notes to an invoice.")
    status: DocumentStatus
    corrects: str | None = Field(description="The invoice that a credit note corrects.")
    pdf: str = Field(description="Path of the PDF.")
    sha256: str | None = Field(description="Of the PDF; null: it is being made.")


class InvoicePage(Schema):
    """Some documents, newest first; ``next`` is the cursor of the page that follows, if any."""

    invoices: list[InvoiceAnswer]
    next: str | None


@router.get(
    "invoices",
    response={HTTPStatus.OK: InvoicePage, REFUSALS: Refusal},
    summary="List invoices",
)
def get_invoices(
    request: ApiRequest,
    since: Annotated[date | None, Query(description="The first day of issue.")] = None,
    until: Annotated[date | None, Query(description="The day of issue after the last.")] = None,
    kind: DocumentKind | None = None,
    limit: QueryEx[int, P(ge=1, le=MOST_AT_ONCE)] = 100,
    cursor: QueryEx[str, P(max_length=19)] = "",
) -> InvoicePage:
    """Return invoices and credit notes, newest first, also under a contract.

    Pages stay what they are while newer documents are issued.
    """
    before = read_cursor(cursor)
    with in_workspace(request.auth.workspace_id):
        wanted = {"issued_on__gte": since, "issued_on__lt": until, "kind": kind, "pk__lt": before}
        documents = document_queries.find_documents(request.auth.workspace_id).filter(
            **{name: value for name, value in wanted.items() if value is not None}
        )
        found = list(documents.defer("content").order_by("-pk")[: limit + 1])
        today = find_today(request)
    shown = found[:limit]
    return InvoicePage(
        invoices=[make_answer(document, today=today) for document in shown],
        next=str(shown[-1].pk) if len(found) > limit else None,
    )


def read_cursor(text: str) -> int | None:
    """Return the document after which a page begins; None: it is the first page.

    Raises:
        ApiRefused: it is no cursor.
    """
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and int(text) <= LARGEST_ID):
        raise ApiRefused(
            HTTPStatus.BAD_REQUEST, "bad_cursor", "The cursor is not one that this API returned."
        )
    return int(text)


def find_today(request: ApiRequest) -> date:
    """Return the workspace's local day."""
    workspace = Workspace.objects.get(pk=request.auth.workspace_id)
    return read_calendar(workspace).day_of(datetime.now(UTC))


def make_answer(document: IssuedDocument, *, today: date) -> InvoiceAnswer:
    """Return a document as the API writes it."""
    decimals = document.currency.decimals
    amounts = {
        name: Decimal(f"{getattr(document, name):.{decimals}f}")
        for name in ("net", "tax", "gross", "credited")
    }
    return InvoiceAnswer(
        number=document.number,
        kind=DocumentKind(document.kind),
        issued_on=document.issued_on,
        due_on=document.order.due_on if document.kind == DocumentKind.INVOICE else None,
        order=str(document.order),
        currency=document.currency_id,
        **amounts,
        status=document_queries.find_status(document, today=today),
        corrects=document.corrects.number if document.corrects else None,
        pdf=reverse("api:get_invoice_pdf", args=[document.number]),
        sha256=document.file.sha256 or None,
    )


@router.get(
    "invoices/{number}.pdf",
    response={
        REFUSALS
        | {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.SERVICE_UNAVAILABLE}: Refusal
    },
    openapi_extra=PDF,
    url_name="get_invoice_pdf",
    summary="Download an invoice",
)
def get_invoice_pdf(request: ApiRequest, number: PathEx[str, P(max_length=64)]) -> HttpResponse:
    """Return the PDF of an invoice or credit note; 409 (`not_made`) while it is being made."""
    with in_workspace(request.auth.workspace_id):
        documents = document_queries.find_documents(request.auth.workspace_id)
        document = get_object_or_404(documents, number=number.replace("\0", ""))
        try:
            content = downloads.take_out(document)
        except files.NotMade:
            raise ApiRefused(
                HTTPStatus.CONFLICT, "not_made", "The PDF is being made. Ask again in some seconds."
            ) from None
        except files.Damaged:
            raise ApiRefused(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "damaged",
                "The stored PDF is not what was stored, so it is not handed out. It was logged.",
            ) from None
    return downloads.send(document.number, content)
