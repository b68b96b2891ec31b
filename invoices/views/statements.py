"""Usage statements: the list by month, one as page, PDF and CSV, and the part of one bot."""

from datetime import UTC, date, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_safe

from accounts.access import WorkspaceRequest, may, workspace_view
from accounts.months import read_calendar
from accounts.tables import show_page
from invoices import close, contracts, downloads, files, statement_exports, statement_queries
from invoices.models import Order
from invoices.stated import StatementBot, UsageStatement
from invoices.statement_tables import StatementTable
from invoices.views import pdfs
from invoices.views.pdfs import Pdf
from plans.models import WorkspaceBilling


@workspace_view("statements.view")
@require_safe
def statement_list(request: WorkspaceRequest) -> HttpResponse:
    """Show the statements of the workspace, the newest first."""
    table = StatementTable(statement_queries.find_months(request.workspace))
    show_page(table, request)
    context = {"table": table, **describe_close(request)}
    return render(request, "invoices/statement_list.html", context)


@workspace_view("statements.view")
@never_cache
@require_safe
def show_statement(request: WorkspaceRequest, month: str) -> HttpResponse:
    """Show what a statement says, or what it says of one bot."""
    statement = find_statement(request, month)
    bot = find_bot(request, statement)
    context: dict[str, Any] = {  # Any: a template's context is free
        "statement": statement,
        "said": statement_queries.read(statement, bot_id=bot.bot_id if bot else None),
        "bot": bot,
        "pdf": files.find_of_statement(statement=statement, bot=bot.bot if bot else None),
        "links": bot is None,
        "sessions": find_sessions(statement, bot),
        "renewal": find_renewal(request, statement),
    }
    return render(request, "invoices/statement.html", context)


@workspace_view("statements.view")
@never_cache
@require_http_methods(["GET", "POST"])
def statement_pdf(request: WorkspaceRequest, month: str) -> HttpResponse:
    """Download a statement, or the part of one bot, as PDF; a POST has a worker make it."""
    statement = find_statement(request, month)
    part = find_bot(request, statement)
    bot = part.bot if part else None
    key = part.key if part else ""
    names = (request.workspace.slug, str(statement))
    query = f"?{urlencode({'bot': key})}" if key else ""
    address = reverse("invoices:statement_pdf", args=names) + query
    page = reverse("invoices:statement", args=names) + query
    if request.method == "POST":
        files.ask_for_statement(statement=statement, bot=bot, at=datetime.now(UTC))
        return redirect(address)
    file = files.find_of_statement(statement=statement, bot=bot)
    if file is None:
        return redirect(page)
    pdf = Pdf(
        name=f"the statement of {statement.month:%B %Y}",
        file=name_file(request, statement, part),
        address=address,
        page=page,
        is_made=file.stored_at is not None,
    )
    return pdfs.answer(
        request, pdf, take_out=lambda: downloads.take_out_statement(file, statement, bot=key)
    )


@workspace_view("statements.view")
@require_GET
def statement_csv(request: WorkspaceRequest, month: str) -> StreamingHttpResponse:
    """Download the rows of a statement, or of one bot, as they were frozen."""
    statement = find_statement(request, month)
    part = find_bot(request, statement)
    downloads.record_statement("statement.exported", statement, bot=part.key if part else "")
    file = name_file(request, statement, part)
    return StreamingHttpResponse(
        statement_exports.write(statement, bot_id=part.bot_id if part else None),
        status=HTTPStatus.OK,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{file}.csv"'},
    )


def find_statement(request: WorkspaceRequest, month: str) -> UsageStatement:
    """Return the statement of a month such as ``2026-03``.

    Raises:
        Http404: there is none.
    """
    try:
        first = date.fromisoformat(f"{month}-01")
    except ValueError:
        raise Http404 from None
    return get_object_or_404(statement_queries.find_statements(request.workspace), month=first)


def find_bot(request: WorkspaceRequest, statement: UsageStatement) -> StatementBot | None:
    """Return the bot that the address asks for by its key; None: all.

    Raises:
        Http404: it is not on the statement.
    """
    key = request.GET.get("bot", "")
    if not key:
        return None
    bots = StatementBot.objects.for_workspace(request.workspace).filter(statement=statement)
    return get_object_or_404(bots, key=key.replace("\0", ""))


def name_file(
    request: WorkspaceRequest, statement: UsageStatement, bot: StatementBot | None
) -> str:
    """Return the name of a statement's file; keys of bots may have letters that no name has."""
    part = f"-bot-{bot.bot_id}" if bot else ""
    return f"statement-{request.workspace.slug}-{statement}{part}"


def find_sessions(statement: UsageStatement, bot: StatementBot | None) -> str:
    """Return the address of the sessions of a statement's month."""
    calendar = read_calendar(statement.workspace)
    query = {
        "from": calendar.start_of(statement.month).isoformat(),
        "to": calendar.start_of(statement.ends_on).isoformat(),
    }
    query |= {"bot": bot.key} if bot else {}
    return f"{reverse('usage:session_list', args=[statement.workspace.slug])}?{urlencode(query)}"


def find_renewal(request: WorkspaceRequest, statement: UsageStatement) -> Order | None:
    """Return the renewal that was placed with a statement, where there is one to be seen."""
    if not may(request.membership, "orders.view") or contracts.holds(request.membership):
        return None
    orders = Order.objects.for_workspace(request.workspace).visible_to(request.membership)
    return orders.filter(key=f"renewal:{statement.ends_on:%Y-%m}").first()


def describe_close(request: WorkspaceRequest) -> dict[str, object]:
    """Return what pages say of when the oldest open month closes."""
    billings = WorkspaceBilling.objects.for_workspace(request.workspace)
    held = billings.select_related("workspace").first()
    closes_at = close.find_close(held) if held else None
    return {
        "open_month": held.open_month if held else None,
        "closes_at": closes_at,
        "waits": closes_at is not None and closes_at <= datetime.now(UTC),
        "zone": request.workspace.timezone,
    }
