"""A usage statement as PDF/A-3b in the look of invoices: of all bots, or of one."""

from collections.abc import Sequence

from django.template.loader import render_to_string
from weasyprint import HTML

from invoices import pdf, statement_queries
from invoices.stated import UsageStatement
from invoices.statement_queries import CountedBot


def render(statement: UsageStatement, *, bot_id: int | None) -> bytes:
    """Return the PDF of a statement, or of the part of one bot; the caller is in the workspace.

    It has totals by bot and meter, of one bot also by day: a long list of sessions is an export.
    """
    said = statement_queries.read(statement, bot_id=bot_id)
    return render_page("invoices/statement_paper.html", said=said, statement=statement)


def render_counts(statement: UsageStatement, counted: Sequence[CountedBot]) -> bytes:
    """Return the PDF of the counts of some bots, without money."""
    return render_page("invoices/counts_paper.html", counted=counted, statement=statement)


def render_page(template: str, **context: object) -> bytes:
    """Return a page as PDF; it may read nothing of the machine or the network."""
    return pdf.draw_all(pdf.clean(render_to_string(template, context)), draw)


def draw(html: str) -> tuple[bytes, set[int]]:
    """Return the PDF of a page, and the characters for which there is no font."""
    page = HTML(string=html, url_fetcher=pdf.OnlyLogo(None))
    layout = page.render(font_config=pdf.find_fonts(), pdf_variant=pdf.VARIANT)
    return layout.write_pdf(pdf_variant=pdf.VARIANT), pdf.find_missing(layout)
