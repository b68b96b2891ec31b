"""The tie-out: numbers that are kept apart, whether they agree, and where each can be looked at."""

from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET, require_safe

from accounts.access import WorkspaceRequest, workspace_view
from accounts.exports import record_download, refuse, write_csv
from accounts.models import Bot
from accounts.months import read_calendar
from accounts.tables import show_page
from invoices import tie_out, tie_out_rows
from invoices.board import Board
from invoices.tie_out_forms import KINDS, TABS, TieOutFilter
from invoices.tie_out_tables import TABLES
from plans.catalog import find_currency


def read_filter(request: WorkspaceRequest, *, now: datetime) -> TieOutFilter:
    """Return what the address asks for."""
    today = read_calendar(request.workspace).day_of(now)
    return TieOutFilter(request.GET, workspace=request.workspace, today=today)


def read_board(request: WorkspaceRequest, form: TieOutFilter, *, now: datetime) -> Board:
    """Return the numbers that a valid filter asks for."""
    first, last = form.cleaned_data["days"]
    return tie_out.read(
        request.workspace, first=first, last=last, now=now, parts=tie_out_rows.PARTS[form.tab]
    )


def find_rows(board: Board, form: TieOutFilter) -> list[tie_out_rows.Values]:
    """Return the rows that a valid filter asks for."""
    bot: Bot | None = form.cleaned_data["bot"]
    return tie_out_rows.list_rows(
        board, tab=form.tab, differing=form.differing, bot=bot.pk if bot else None
    )


@workspace_view("tie_out.view")
@require_safe
def show_tie_out(request: WorkspaceRequest) -> HttpResponse:
    """Show the totals of days or the rows that make them."""
    now = datetime.now(UTC)
    form = read_filter(request, now=now)
    context: dict[str, Any] = {  # Any: a template's context is free
        "form": form,
        "tabs": TABS,
        "kinds": KINDS,
        "shown": request.GET.get("show", ""),
        "kind": request.GET.get("kind", ""),
        "zone": request.workspace.timezone,
        "chips": list(form.list_chips()),
    }
    if form.is_valid():
        board = read_board(request, form, now=now)
        table = TABLES[form.tab](
            find_rows(board, form),
            membership=request.membership,
            calendar=read_calendar(request.workspace),
            currency=find_currency(request.workspace),
        )
        show_page(table, request)
        context |= {
            "board": board,
            "table": table,
            "totals": board.add_up(),
            "elsewhere": board.count_elsewhere(),
            "any": bool(board.rows),
        }
    return render(request, "invoices/tie_out.html", context)


@workspace_view("tie_out.view")
@require_GET
def tie_out_export(request: WorkspaceRequest) -> HttpResponse | StreamingHttpResponse:
    """Download all rows that the page shows with the same filters."""
    now = datetime.now(UTC)
    form = read_filter(request, now=now)
    if not form.is_valid():
        return refuse(form)
    board = read_board(request, form, now=now)
    rows = (tie_out_rows.export_values(row, tab=form.tab) for row in find_rows(board, form))
    file = f"tie-out-{request.workspace.slug}-{form.tab or 'days'}-{board.first}.csv"
    record_download(
        "tie_out.exported", workspace=request.workspace, file=file, form=form, query=request.GET
    )
    return StreamingHttpResponse(
        write_csv(tie_out_rows.COLUMNS[form.tab], rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{file}"'},
    )
