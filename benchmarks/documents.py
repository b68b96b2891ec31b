"""Invoices as PDF, compared with WeasyPrint alone on the same page."""

import os
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from statistics import median

import pikepdf
from weasyprint import HTML

from accounts import workspaces
from accounts.models import Workspace
from accounts.tenancy import in_workspace
from benchmarks import scratch
from benchmarks.measures import TIMES, Result, celery_worker, seconds
from billing_console.demo import parties
from invoices import billing_details, contents, files, orders, pdf, seller
from invoices.frozen import (
    Bank,
    Denomination,
    Document,
    DocumentLine,
    Party,
    SellerParty,
    TaxRow,
)
from invoices.issued import DocumentFile, IssuedDocument
from invoices.models import Method, OrderType
from invoices.tax import Category

SELLER = SellerParty(
    legal_name="Seller", city="Berlin", country="DE", country_name="Germany", vat_id="DE136695976",
    bank=Bank("Bank", "DE89370400440532013000"), terms="Payable within 14 days.",
)  # fmt: skip
BUYER = Party(legal_name="Buyer", city="Berlin", country="DE", country_name="Germany")
LINES_OF_A_BOT = 3
RATE = Decimal(19)
WORKERS = 2


def measure_pdf(*, full: bool) -> Iterator[Result]:
    """Render invoices of few and of many lines, in turn with the baseline."""
    for lines in (3, 60, 600) if full else (3, 60):
        document = make_document(lines)
        html = pdf.write_html(document)
        assert count_pages(pdf.render(document)) == count_pages(HTML(string=html).write_pdf())
        times = [compare(document, html) for _ in range(TIMES)]
        plain, console = (median(each) for each in zip(*times, strict=True))
        yield Result(
            f"invoice of {lines} lines as PDF/A-3b with its XML",
            f"WeasyPrint alone {plain:.2f} s",
            f"{console:.2f} s",
            console / plain,
            1.3,
        )


def compare(document: Document, html: str) -> tuple[float, float]:
    """Return the seconds that the baseline and the console take."""
    plain = seconds(lambda: HTML(string=html).write_pdf())
    return plain, seconds(lambda: pdf.render(document))


def make_document(count: int) -> Document:
    """Return an invoice of some lines."""
    lines = tuple(make_line(number) for number in range(count))
    net = sum((line.net for line in lines), Decimal(0))
    tax = (net * RATE / 100).quantize(Decimal("0.01"))
    row = TaxRow(category=Category.STANDARD, rate=RATE, basis=net, tax=tax)
    return Document(
        number="BENCH-2026-000001", issued_on=date(2026, 4, 2), due_on=date(2026, 4, 16),
        currency=Denomination("EUR", 2), seller=SELLER, buyer=BUYER, lines=lines, taxes=(row,),
        net=net, tax=tax, gross=net + tax, due=net + tax,
    )  # fmt: skip


def make_line(number: int) -> DocumentLine:
    """Return a line of a month."""
    quantity = Decimal(100 * (number % 977 + 1))
    return DocumentLine(
        bot=f"Bot {number // LINES_OF_A_BOT}", text=f"Further sessions {number}", unit="sessions",
        quantity=quantity, price=Decimal("0.14"), net=quantity * Decimal("0.14"),
        first=date(2026, 3, 1), last=date(2026, 3, 31), category=Category.STANDARD, rate=RATE,
    )  # fmt: skip


def count_pages(file: bytes) -> int:
    """Return how many pages a PDF has."""
    with pikepdf.open(BytesIO(file)) as opened:
        return len(opened.pages)


def measure_issuing(*, full: bool) -> Iterator[Result]:
    """Issue invoices and have workers make their PDFs; their memory is compared with its start.

    The baseline of the time is WeasyPrint alone, which draws one of these pages again and again.
    """
    count = 1000 if full else 100
    workspace = open_workspace()
    with scratch.files(), celery_worker(WORKERS) as worker:
        issued_in = seconds(lambda: issue(workspace, count))
        memory, made_in = watch(worker, workspace, count)
        assert set(files.verify(now=datetime.now(UTC))) == {None}
    with in_workspace(workspace.pk):
        first = IssuedDocument.objects.for_workspace(workspace).earliest("pk")
    html = pdf.write_html(contents.read(first))
    alone = median(seconds(lambda: HTML(string=html).write_pdf()) for _ in range(TIMES))
    yield Result(
        f"{count:,} invoices issued ({count / issued_in:.0f} a second), PDFs by {WORKERS} workers",
        f"WeasyPrint alone {alone * count / WORKERS:.0f} s",
        f"{issued_in + made_in:.0f} s",
        (issued_in + made_in) / (alone * count / WORKERS),
        2,
    )
    yield Result(
        f"memory of the largest worker over {count:,} PDFs",
        f"{memory[0]:.0f} MiB after a tenth",
        f"{memory[1]:.0f} MiB at most",
        memory[1] / memory[0],
        1.1,
    )


def open_workspace() -> Workspace:
    """Return a new workspace that can buy credits."""
    make_seller()
    workspace, _ = workspaces.create(slug=f"invoiced-{time.time_ns()}", currency="EUR")
    billing_details.change(
        workspace=workspace, at=datetime.now(UTC), **parties.BUYERS["lindenkamp"]
    )
    return workspace


def make_seller() -> None:
    """Say who sells, unless it is said."""
    if seller.find() is None:
        seller.change(**parties.SELLER)


def issue(workspace: Workspace, count: int) -> None:
    """Complete so many orders, each with its invoice."""
    now = datetime.now(UTC)
    for number in range(count):
        order = orders.place(
            workspace=workspace,
            type=OrderType.CREDIT_PURCHASE,
            buyer=None,
            net=Decimal(100 + number),
            at=now,
            key=f"bench:{number}",
            method=Method.SANDBOX,
        )
        orders.complete(order=order, at=now)


def watch(worker: int, workspace: Workspace, count: int) -> tuple[tuple[float, float], float]:
    """Wait until all PDFs are made; return the memory after a tenth and at most, and the seconds.

    The memory is that of the largest process of the worker, in MiB.
    """
    start = time.perf_counter()
    early = most = 0.0
    while True:
        with in_workspace(workspace.pk):
            unmade = DocumentFile.objects.for_workspace(workspace).filter(stored_at=None).count()
        most = max(most, read_largest(worker))
        if unmade > count * 9 // 10 or not early:
            early = most
        if not unmade:
            return (early, most), time.perf_counter() - start
        time.sleep(0.2)


def read_largest(parent: int) -> float:
    """Return the resident memory of the largest child of a process, in MiB."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    sizes = [Path(f"/proc/{child}/statm").read_text().split()[1] for child in children]
    return max((int(pages) for pages in sizes), default=0) * os.sysconf("SC_PAGE_SIZE") / 2**20
