"""The event log."""

from collections.abc import Callable
from typing import Any

from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from django_tables2 import LazyPaginator

from accounts.access import WorkspaceRequest, workspace_view
from accounts.models import Workspace
from accounts.tables import show_page
from usage import event_log
from usage.event_filters import SHOWN, EventFilter
from usage.event_log import Found, Sought
from usage.models import EventSource
from usage.tables import BatchTable, EventTable, LogTable, RejectedTable, StreamTable

# Of each list of the event log: what finds its rows, and its table.
LISTS: dict[str, tuple[Callable[[Workspace, Sought], Found[Any]], type[LogTable]]] = {
    "batches": (event_log.find_batches, BatchTable),
    "events": (event_log.find_events, EventTable),
    "rejected": (event_log.find_rejected, RejectedTable),
}


@workspace_view("developers.view")
@require_safe
def show_event_log(request: WorkspaceRequest) -> HttpResponse:
    """Show what came in: batches, accepted events or refused ones."""
    form = EventFilter(request.GET, workspace=request.workspace)
    table, looked_from = None, None
    if form.is_valid() and (sought := form.find_sought()):
        find, table_class = LISTS[form.shown]
        rows, looked_from = find(request.workspace, sought)
        table = table_class(rows)
        # One row more than is shown is looked up, never how many there are.
        show_page(table, request, paginator=LazyPaginator)
    context = {
        "form": form,
        "shown": form.shown,
        "tabs": SHOWN,
        "table": table,
        "looked_from": looked_from,
        "looked_at": event_log.LOOKED_AT,
        "chips": list(form.list_chips()),
        "clear": f"?show={form.shown}",
        "zone": request.workspace.timezone,
    }
    return render(request, "usage/event_log.html", context)


@workspace_view("developers.view")
@require_safe
def show_event_stream(request: WorkspaceRequest, number: int) -> HttpResponse:
    """Show all events of one stream in order."""
    stream = event_log.find_stream(request.workspace, number)
    if stream is None:
        raise Http404
    sources = dict(EventSource.objects.for_workspace(request.workspace).values_list("pk", "name"))
    table = StreamTable(event_log.list_stream_events(stream), sources=sources)
    show_page(table, request, paginator=LazyPaginator)
    context = {"stream": stream, "table": table, "zone": request.workspace.timezone}
    return render(request, "usage/event_stream.html", context)
