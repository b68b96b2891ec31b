"""Invoices as PDF, compared with WeasyPrint alone on the same page."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from io import BytesIO
from statistics import median

import pikepdf
from weasyprint import HTML

from benchmarks.measures import TIMES, Result, seconds
from invoices import pdf
from invoices.frozen import (
    Bank,
    Denomination,
    Document,
    DocumentLine,
    Party,
    SellerParty,
    TaxRow,
)
from invoices.tax import Category

SELLER = SellerParty(
    legal_name="Seller", city="Berlin", country="DE", country_name="Germany", vat_id="DE136695976",
    bank=Bank("Bank", "DE89370400440532013000"), terms="Payable within 14 days.",
)  # fmt: skip
BUYER = Party(legal_name="Buyer", city="Berlin", country="DE", country_name="Germany")
LINES_OF_A_BOT = 3
RATE = Decimal(19)


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
