"""Operators' pages: the books of a month, receivables by age, and what can be taken out of them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST, require_safe

from accounts import audit
from accounts.access import SignedInRequest, operator_view
from accounts.exports import Value, refuse, write_csv
from accounts.forms import LARGEST_ID
from accounts.tables import show_page
from invoices import downloads
from invoices.books import journal, months, packs, receivables, roll_forward
from invoices.books.forms import DayChoice, MonthChoice
from invoices.books.receivables import Age, Aged
from invoices.books.tables import ReceivablesTable
from invoices.made import UNFINISHED, MadeState
from invoices.packed import MonthPack

REFRESH = 5  # seconds
REFRESH_PAGE = 60  # without a script the whole page is loaded again, for which the ledger is read


@operator_view("books.view")
@never_cache
@require_safe
def show_books(request: SignedInRequest) -> HttpResponse:
    """Show what accounts had at the start of a month, what moved, and what is owed at its end."""
    form = read_month(request)
    if not form.is_valid():
        return render(request, "invoices/operator_books.html", {"form": form})
    month = find_month(form)
    found = roll_forward.read(month=month)
    context = {
        "form": form,
        "month": month,
        "found": found,
        "currencies": list(found.by_currency()),
        "open": months.count_open(month),
        "aged": found.aged,
        "ages": Age,
        "refresh_page_seconds": REFRESH_PAGE,
        **describe_packs(month),
    }
    return render(request, "invoices/operator_books.html", context)


def read_month(request: SignedInRequest) -> MonthChoice:
    """Return which month the address asks for."""
    return MonthChoice(request.GET, months=months.list_months(now=datetime.now(UTC)))


def find_month(form: MonthChoice) -> date:
    """Return the month of a form that is valid: the latest that is over where none is asked for."""
    now = datetime.now(UTC)
    asked: date | None = form.cleaned_data["month"]
    return asked or months.find_latest_over(months.list_months(now=now), now=now)


def describe_packs(month: date) -> dict[str, object]:
    """Return what the list of a month's packs shows."""
    found = packs.list_packs(month)
    return {
        "month": month,
        "packs": found,
        "unfinished": any(one.state in UNFINISHED for one in found),
        "unfinished_states": UNFINISHED,
        "refresh_seconds": REFRESH,
    }


@operator_view("books.view", polled=True)
@never_cache
@require_safe
def list_packs(request: SignedInRequest) -> HttpResponse:
    """Show how far the packs of a month are, as a part of the page."""
    form = read_month(request)
    if not form.is_valid():
        raise Http404
    return render(request, "invoices/_month_packs.html", describe_packs(find_month(form)))


@operator_view("books.view")
@require_safe
def show_receivables(request: SignedInRequest) -> HttpResponse:
    """Show what each workspace owes at the end of a day, by age."""
    form = DayChoice(request.GET)
    if not form.is_valid():
        return render(request, "invoices/operator_receivables.html", {"form": form})
    aged = receivables.read(as_of=find_day(form))
    shown = next(
        (of for of in aged.currencies if of.currency.code == form.cleaned_data["currency"]),
        aged.currencies[0] if aged.currencies else None,
    )
    table = ReceivablesTable(shown) if shown else None
    if table:
        show_page(table, request)
    context = {"form": form, "aged": aged, "shown": shown, "table": table, "ages": Age}
    return render(request, "invoices/operator_receivables.html", context)


def find_day(form: DayChoice) -> date:
    """Return the day of a form that is valid; today (UTC) where none is asked for."""
    asked: date | None = form.cleaned_data["as_of"]
    return asked or datetime.now(UTC).date()


@operator_view("books.export")
@require_GET
def journal_export(request: SignedInRequest) -> HttpResponseBase:
    """Download every entry that was booked in a month."""
    form = read_month(request)
    if not form.is_valid():
        return refuse(form)
    month = find_month(form)
    rows = (row for row in journal.read(month=month) if row.account is not None)
    return send(
        f"journal-{month:%Y-%m}.csv",
        journal.COLUMNS,
        map(journal.values, rows),
        action="journal.exported",
        after={"month": f"{month:%Y-%m}"},
    )


@operator_view("books.export")
@require_GET
def roll_forward_export(request: SignedInRequest) -> HttpResponseBase:
    """Download the roll-forward of a month."""
    form = read_month(request)
    if not form.is_valid():
        return refuse(form)
    month = find_month(form)
    return send(
        f"roll-forward-{month:%Y-%m}.csv",
        roll_forward.COLUMNS,
        roll_forward.list_values(roll_forward.read(month=month)),
        action="roll_forward.exported",
        after={"month": f"{month:%Y-%m}"},
    )


@operator_view("books.export")
@require_GET
def receivables_export(request: SignedInRequest) -> HttpResponseBase:
    """Download what each order owes at the end of a day, of all currencies."""
    form = DayChoice(request.GET)
    if not form.is_valid():
        return refuse(form)
    day = find_day(form)
    return send(
        f"receivables-{day}.csv",
        receivables.COLUMNS,
        list_owed(receivables.read(as_of=day)),
        action="receivables.exported",
        after={"as_of": day},
    )


def list_owed(aged: Aged) -> Iterator[list[Value]]:
    """Yield the values of what is owed."""
    return (receivables.values(item, as_of=aged.as_of) for item in aged.items)


def send(
    file: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Value]],
    *,
    action: str,
    after: Mapping[str, object],
) -> StreamingHttpResponse:
    """Send rows as CSV; the installation's audit log has it before the first byte."""
    with transaction.atomic():
        audit.record(action, workspace=None, target=file, after=after)
    return StreamingHttpResponse(
        write_csv(columns, rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{file}"'},
    )


@operator_view("books.export")
@require_POST
def ask_for_pack(request: SignedInRequest) -> HttpResponse:
    """Have a worker make the pack of a month."""
    now = datetime.now(UTC)
    form = MonthChoice(request.POST, months=months.list_months(now=now))
    if not form.is_valid():
        return refuse(form)
    month = find_month(form)
    packs.ask(month=month, by=request.user, at=now)
    return redirect(f"{reverse('invoices_operator:books')}?month={month:%Y-%m}#packs")


@operator_view("books.export")
@never_cache
@require_GET
def pack_download(request: SignedInRequest, pack_id: int) -> HttpResponseBase:
    """Download a pack that is ready."""
    found = get_object_or_404(MonthPack, pk=min(pack_id, LARGEST_ID), state=MadeState.DONE)
    sent = downloads.send_made(
        found,
        "month_pack.downloaded",
        workspace=None,
        target=str(found),
        after={"differences": found.differences},
    )
    if sent is None:
        messages.error(request, "This pack is not there any more. Have it made again.")
        return redirect(f"{reverse('invoices_operator:books')}?month={found.month:%Y-%m}")
    return sent
