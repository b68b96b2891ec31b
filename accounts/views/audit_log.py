"""The audit log and its export."""

from collections.abc import Iterator

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_safe
from django_tables2 import LazyPaginator

from accounts import audit_log
from accounts.access import WorkspaceRequest, workspace_view
from accounts.audit_log import Sought
from accounts.exports import AUDIT_COLUMNS, audit_values, record_download, refuse, write_csv
from accounts.log_filters import AuditFilter
from accounts.models import AuditEntry, Workspace
from accounts.tables import AuditTable, show_page
from accounts.tenancy import in_workspace


def read_filter(request: WorkspaceRequest) -> AuditFilter:
    """Return what the address asks for."""
    actions = audit_log.list_actions(request.workspace)
    return AuditFilter(request.GET, workspace=request.workspace, actions=actions)


@workspace_view("audit_log.view")
@require_safe
def show_audit_log(request: WorkspaceRequest) -> HttpResponse:
    """Show what was done in the workspace, newest first."""
    form = read_filter(request)
    table = None
    if form.is_valid():
        table = AuditTable(audit_log.find_entries(request.workspace, form.find_sought()))
        # One row more than is shown is looked up, never how many there are.
        show_page(table, request, paginator=LazyPaginator)
    context = {
        "form": form,
        "table": table,
        "chips": list(form.list_chips()),
        "any": AuditEntry.objects.for_workspace(request.workspace).exists(),
        "zone": request.workspace.timezone,
    }
    return render(request, "accounts/audit_log.html", context)


@workspace_view("audit_log.view")
@require_GET
def audit_log_export(request: WorkspaceRequest) -> HttpResponse | StreamingHttpResponse:
    """Download all entries that the page shows with the same filters, newest first."""
    form = read_filter(request)
    if not form.is_valid():
        return refuse(form)
    file = f"{request.workspace.slug}-audit-log.csv"
    record_download(
        "audit_log.exported", workspace=request.workspace, file=file, form=form, query=request.GET
    )
    return StreamingHttpResponse(
        write_entries(request.workspace, form.find_sought()),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{file}"'},
    )


def write_entries(workspace: Workspace, sought: Sought) -> Iterator[str]:
    """Yield the text of the export, in a transaction of its own: the view's is over by then."""
    with in_workspace(workspace.pk):
        entries = audit_log.find_entries(workspace, sought).iterator()
        yield from write_csv(AUDIT_COLUMNS, map(audit_values, entries))
