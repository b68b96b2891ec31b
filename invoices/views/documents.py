"""Invoices and credit notes: as a page, as PDF, and all of them under a contract."""

from datetime import UTC, date, datetime

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_safe

from accounts.access import WorkspaceRequest, may, workspace_view
from accounts.months import read_calendar
from accounts.tables import show_page
from invoices import contents, contracts, document_queries, downloads
from invoices.contracts import documents_under_contract
from invoices.issued import IssuedDocument
from invoices.tables import DocumentTable
from invoices.views import pdfs
from invoices.views.pdfs import Pdf


@workspace_view("orders.view")
@documents_under_contract
@never_cache
@require_safe
def show_document(request: WorkspaceRequest, document_number: str) -> HttpResponse:
    """Show what an invoice or credit note says, and how it stands."""
    issued = find_document(request, document_number)
    notes = issued.credit_notes.for_workspace(request.workspace).select_related("currency")
    context = {
        "issued": issued,
        "document": contents.read(issued),
        "status": document_queries.find_status(issued, today=find_today(request)),
        "notes": notes.order_by("pk"),
        "contract": contracts.holds(request.membership),
        "may_prove": may(request.membership, "documents.prove"),
    }
    return render(request, "invoices/invoice.html", context)


@workspace_view("orders.view")
@documents_under_contract
@never_cache
@require_GET
def document_pdf(request: WorkspaceRequest, document_number: str) -> HttpResponse:
    """Download the PDF of a document; while it is being made, a page that asks again."""
    issued = find_document(request, document_number)
    names = (request.workspace.slug, issued.number)
    return pdfs.answer(
        request,
        Pdf(
            name=issued.number,
            file=issued.number,
            address=reverse("invoices:document_pdf", args=names),
            page=reverse("invoices:document", args=names),
            is_made=issued.file.stored_at is not None,
        ),
        take_out=lambda: downloads.take_out(issued),
    )


@workspace_view("documents.view")
@require_safe
def document_list(request: WorkspaceRequest) -> HttpResponse:
    """Show the documents that were issued before a contract; without one orders have them."""
    if not contracts.holds(request.membership):
        return redirect("invoices:order_list", request.workspace.slug)
    documents = document_queries.find_visible(request.membership).defer("content")
    table = DocumentTable(documents, today=find_today(request))
    show_page(table, request)
    return render(request, "invoices/document_list.html", {"table": table})


def find_document(request: WorkspaceRequest, number: str) -> IssuedDocument:
    """Return a document that the person may see.

    Raises:
        Http404: there is none with this number.
    """
    return get_object_or_404(document_queries.find_visible(request.membership), number=number)


def find_today(request: WorkspaceRequest) -> date:
    """Return the workspace's local day."""
    return read_calendar(request.workspace).day_of(datetime.now(UTC))
