"""What was counted of a person's bots in closed months, without money: page, PDF and CSV."""

from collections.abc import Iterator

from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_safe

from accounts.access import WorkspaceRequest, workspace_view
from accounts.exports import write_csv
from accounts.tables import show_page
from invoices import downloads, statement_exports, statement_queries
from invoices.statement_tables import CountTable
from invoices.views.statements import describe_close, find_statement

MOST_ON_PAPER = 100  # bots


@workspace_view("usage.view")
@require_safe
def count_list(request: WorkspaceRequest) -> HttpResponse:
    """Show the closed months with the counts of the bots that the person sees."""
    table = CountTable(statement_queries.find_counted_months(request.membership))
    show_page(table, request)
    context = {"table": table, **describe_close(request)}
    return render(request, "invoices/count_list.html", context)


@workspace_view("usage.view")
@never_cache
@require_safe
def show_counts(request: WorkspaceRequest, month: str) -> HttpResponse:
    """Show what was counted of these bots in a closed month."""
    statement = find_statement(request, month)
    counted = statement_queries.count_bots(statement, request.membership)
    on_paper = 0 < len(counted) <= MOST_ON_PAPER
    context = {"statement": statement, "counted": counted, "on_paper": on_paper}
    return render(request, "invoices/counts.html", context)


@workspace_view("usage.view")
@never_cache
@require_GET
def counts_pdf(request: WorkspaceRequest, month: str) -> HttpResponse:
    """Download the counts as PDF, drawn at once: which bots they are of depends on the person.

    Of many bots there is none: it would take too long, and the CSV has them.
    """
    statement = find_statement(request, month)
    counted = statement_queries.count_bots(statement, request.membership)
    if len(counted) > MOST_ON_PAPER:
        raise Http404
    # Loaded by who draws, as in `files`.
    from invoices import statement_pdf

    content = statement_pdf.render_counts(statement, counted)
    downloads.record_statement("counts.downloaded", statement, bot="")
    return downloads.send(f"counts-{request.workspace.slug}-{statement}", content)


@workspace_view("usage.view")
@require_GET
def counts_csv(request: WorkspaceRequest, month: str) -> StreamingHttpResponse:
    """Download the counts as CSV."""
    statement = find_statement(request, month)
    counted = statement_queries.count_bots(statement, request.membership)
    downloads.record_statement("counts.exported", statement, bot="")
    lines: Iterator[str] = write_csv(
        statement_exports.COUNT_COLUMNS,
        (statement_exports.count_values(of, statement) for of in counted),
    )
    name = f"counts-{request.workspace.slug}-{statement}.csv"
    return StreamingHttpResponse(
        lines,
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
