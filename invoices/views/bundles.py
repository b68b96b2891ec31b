"""ZIP files of documents: asked for by the filters of the list of orders, then downloaded."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.access import WorkspaceRequest, workspace_view
from accounts.forms import LARGEST_ID
from invoices import bundles, downloads
from invoices.bundled import AGAIN, UNFINISHED, BundleState, DocumentBundle
from invoices.contracts import absent_under_contract
from invoices.order_filters import TABS
from invoices.views.order_list import find_orders, read_filter

REFRESH = 5  # seconds, without a script


@workspace_view("orders.view")
@absent_under_contract
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def bundle_list(request: WorkspaceRequest) -> HttpResponse:
    """Show the ZIP files that a person asked for; ask for one, of what the filters show."""
    if request.method == "POST":
        return ask(request)
    own = list_own(request)
    unfinished = any(bundle.state in UNFINISHED for bundle in own)
    context = {
        "bundles": own,
        "unfinished": unfinished,
        "again": AGAIN,
        "unfinished_states": UNFINISHED,
        "refresh_seconds": REFRESH,
        "zone": request.workspace.timezone,
    }
    template = "invoices/_bundles.html" if request.htmx else "invoices/bundle_list.html"
    return render(request, template, context)


def ask(request: WorkspaceRequest) -> HttpResponse:
    """Have the documents of the orders that the filters show bundled."""
    form = read_filter(request)
    if not form.is_valid():
        messages.error(request, " ".join(form.sentences))
        return redirect("invoices:order_list", request.workspace.slug)
    about = [chip.label for chip in form.list_chips()]
    if tab := form.cleaned_data["show"]:
        about.insert(0, dict(TABS)[tab])
    try:
        bundles.ask(
            membership=request.membership,
            orders=find_orders(request, form),
            about=about,
            key=read_key(request),
            at=datetime.now(UTC),
        )
    except bundles.NotBundled as error:
        messages.error(request, str(error))
        return redirect("invoices:order_list", request.workspace.slug)
    return redirect("invoices:bundle_list", request.workspace.slug)


def read_key(request: WorkspaceRequest) -> UUID:
    """Return what makes a form that is sent twice one bundle."""
    try:
        return UUID(request.POST.get("key", ""))
    except ValueError:
        return uuid4()


@workspace_view("orders.view")
@absent_under_contract
@never_cache
@require_GET
def bundle_download(request: WorkspaceRequest, bundle_id: int) -> HttpResponseBase:
    """Download a ZIP file that is ready, if the person may still see all that is in it."""
    bundle = find_own(request, bundle_id)
    if bundle.state != BundleState.DONE or not bundles.may_download(bundle, request.membership):
        raise Http404
    sent = downloads.send_made(
        bundle,
        "bundle.downloaded",
        workspace=request.workspace,
        target=str(bundle),
        after={"about": bundle.about, "documents": bundle.total},
    )
    if sent is None:
        messages.error(request, "This ZIP file is not there any more. Ask for it again.")
        return redirect("invoices:bundle_list", request.workspace.slug)
    return sent


@workspace_view("orders.view")
@absent_under_contract
@require_POST
def bundle_cancel(request: WorkspaceRequest, bundle_id: int) -> HttpResponse:
    """Have a ZIP file not be made."""
    bundles.cancel(bundle=find_own(request, bundle_id))
    return redirect("invoices:bundle_list", request.workspace.slug)


@workspace_view("orders.view")
@absent_under_contract
@require_POST
def bundle_retry(request: WorkspaceRequest, bundle_id: int) -> HttpResponse:
    """Have a ZIP file made that failed or was canceled."""
    bundle = find_own(request, bundle_id)
    if not bundles.may_download(bundle, request.membership):
        raise Http404
    bundles.try_again(bundle=bundle, at=datetime.now(UTC))
    return redirect("invoices:bundle_list", request.workspace.slug)


def list_own(request: WorkspaceRequest) -> list[DocumentBundle]:
    """Return the bundles that the person asked for, the latest first."""
    own = DocumentBundle.objects.for_workspace(request.workspace).filter(asked_by=request.user)
    return list(own.filter(proves=None).select_related("workspace").order_by("-pk")[:50])


def find_own(request: WorkspaceRequest, bundle_id: int) -> DocumentBundle:
    """Return a bundle that the person asked for.

    Raises:
        Http404: there is none with this number.
    """
    own = DocumentBundle.objects.for_workspace(request.workspace).filter(
        asked_by=request.user, proves=None
    )
    return get_object_or_404(own.select_related("workspace"), pk=min(bundle_id, LARGEST_ID))
