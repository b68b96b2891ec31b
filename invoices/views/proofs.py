"""Proofs of documents: asked for, what came of them, and their bundles."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from accounts.access import WorkspaceRequest, workspace_view
from accounts.forms import LARGEST_ID
from accounts.models import WorkspaceOwnedQuerySet
from invoices import bundles, downloads
from invoices.bundled import UNFINISHED, BundleState, DocumentBundle
from invoices.contracts import documents_under_contract
from invoices.issued import IssuedDocument
from invoices.views.documents import find_document

REFRESH = 5  # seconds, without a script
SHOWN = 100  # differences on the page; the bundle has them all


@workspace_view("documents.prove")
@documents_under_contract
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def show_proof(request: WorkspaceRequest, document_number: str) -> HttpResponse:
    """Show the latest proof of a document; have it proved."""
    issued = find_document(request, document_number)
    if request.method == "POST":
        bundles.ask_for_proof(
            membership=request.membership,
            document=issued,
            key=read_key(request),
            at=datetime.now(UTC),
        )
        return redirect("invoices:proof", request.workspace.slug, issued.number)
    bundle = list_proofs(request, issued).order_by("-pk").first()
    result = (bundle.result or {}) if bundle else {}
    context = {
        "issued": issued,
        "bundle": bundle,
        "result": result,
        "differences": result.get("differences", [])[:SHOWN],
        "unfinished": bundle is not None and bundle.state in UNFINISHED,
        "key": uuid4(),
        "refresh_seconds": REFRESH,
        "zone": request.workspace.timezone,
    }
    template = "invoices/_proof.html" if request.htmx else "invoices/proof.html"
    return render(request, template, context)


@workspace_view("documents.prove")
@documents_under_contract
@never_cache
@require_GET
def proof_download(
    request: WorkspaceRequest, document_number: str, bundle_id: int
) -> HttpResponseBase:
    """Download the bundle of a proof: the inputs and the program that checks them."""
    issued = find_document(request, document_number)
    bundle = list_proofs(request, issued).filter(pk=min(bundle_id, LARGEST_ID)).first()
    if bundle is None or bundle.state != BundleState.DONE:
        raise Http404
    sent = downloads.send_made(
        bundle,
        "proof.downloaded",
        workspace=request.workspace,
        target=issued.number,
        after={"bundle": str(bundle)},
    )
    if sent is None:
        messages.error(request, "This bundle is not there any more. Have it made again.")
        return redirect("invoices:proof", request.workspace.slug, issued.number)
    return sent


def list_proofs(
    request: WorkspaceRequest, issued: IssuedDocument
) -> WorkspaceOwnedQuerySet[DocumentBundle]:
    """Return the proofs of a document, whoever asked for them."""
    proofs = DocumentBundle.objects.for_workspace(request.workspace).filter(proves=issued)
    return proofs.select_related("workspace", "proves")


def read_key(request: WorkspaceRequest) -> UUID:
    """Return what makes a form that is sent twice one proof."""
    try:
        return UUID(request.POST.get("key", ""))
    except ValueError:
        return uuid4()
