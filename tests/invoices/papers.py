"""Documents for tests: made in one line, with what a test cares about."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any, TypeVar

from invoices.frozen import (
    Bank,
    Denomination,
    Document,
    DocumentLine,
    Kind,
    Party,
    SellerParty,
    TaxRow,
)
from invoices.tax import Category
from plans.money import round_amount

EUR, USD, JPY = Denomination("EUR", 2), Denomination("USD", 2), Denomination("JPY", 0)
MARCH, END_OF_MARCH = date(2026, 3, 1), date(2026, 3, 31)
SELLER = SellerParty(
    legal_name="Parley Systems GmbH",
    address=("Lindenstraße 12",),
    postal_code="10969",
    city="Berlin",
    country="DE",
    country_name="Germany",
    vat_id="DE136695976",
    tax_number="37/123/45678",
    register_number="HRB 123456 B",
    email="billing@parley.example",
    bank=Bank("Musterbank", "DE89 3704 0044 0532 0130 00", "COBADEFFXXX"),
    terms="Payable within 14 days without deduction.",
)
BUYER = Party(
    legal_name="Acme Robotics SAS",
    address=("17 rue de la Paix", "Bâtiment B"),
    postal_code="75002",
    city="Paris",
    country="FR",
    country_name="France",
    vat_id="FR40303265045",
    email="comptes@acme.example",
)
Value = TypeVar("Value", Document, DocumentLine, TaxRow, Party, SellerParty)
REASONS = {
    Category.EXEMPT: ("Exempt from tax", "VATEX-EU-132"),
    Category.REVERSE_CHARGE: ("Reverse charge", "VATEX-EU-AE"),
    Category.OUTSIDE: ("Not subject to tax", "VATEX-EU-O"),
    Category.EXPORT: ("Export outside the EU", "VATEX-EU-G"),
}


def line(
    bot: str = "Concierge",
    text: str = "Further sessions, Essential",
    *,
    quantity: str = "120",
    price: str = "0.18",
    category: Category = Category.STANDARD,
    currency: Denomination = EUR,
    **more: Any,
) -> DocumentLine:
    """Return a line of March."""
    net = round_amount(Decimal(quantity) * Decimal(price), decimals=currency.decimals)
    values: dict[str, Any] = {
        "unit": "sessions",
        "first": MARCH,
        "last": END_OF_MARCH,
        "rate": Decimal(19 if category == Category.STANDARD else 0),
        **more,
    }
    return DocumentLine(
        bot=bot, text=text, quantity=Decimal(quantity), price=Decimal(price), net=net,
        category=category, **values,
    )  # fmt: skip


def tax(lines: tuple[DocumentLine, ...], *, decimals: int) -> tuple[TaxRow, ...]:
    """Return the rows of tax of some lines."""
    bases: dict[tuple[Category, Decimal], Decimal] = {}
    for each in lines:
        key = (each.category, each.rate)
        bases[key] = bases.get(key, Decimal(0)) + each.net
    rows = []
    for (category, rate), basis in bases.items():
        reason, code = REASONS.get(category, ("", ""))
        taxed = round_amount(basis * rate / 100, decimals=decimals)
        rows.append(
            TaxRow(
                category=category, rate=rate, basis=basis, tax=taxed, reason=reason,
                reason_code=code,
            )
        )  # fmt: skip
    return tuple(rows)


def document(
    *lines: DocumentLine,
    kind: Kind = Kind.INVOICE,
    currency: Denomination = EUR,
    paid: str | None = None,
    **more: Any,
) -> Document:
    """Return a document of lines; ``paid``: None for nothing, ``all`` for its gross amount."""
    lines = lines or (line(),)
    rows = tax(lines, decimals=currency.decimals)
    net = sum((each.net for each in lines), Decimal(0))
    taxed = sum((row.tax for row in rows), Decimal(0))
    done = net + taxed if paid == "all" else Decimal(paid or 0)
    credit = kind == Kind.CREDIT_NOTE
    values: dict[str, Any] = {
        "number": "ACME-C-2026-000001" if credit else "ACME-2026-000007",
        "issued_on": date(2026, 4, 2),
        "due_on": None if credit else date(2026, 4, 16),
        "order_number": "O-000123",
        "po_number": "PO 4711",
        "seller": SELLER,
        "buyer": BUYER,
        "preceding_number": "ACME-2026-000007" if credit else "",
        "preceding_on": date(2026, 4, 2) if credit else None,
        **more,
    }
    return Document(
        kind=kind, currency=currency, lines=lines, taxes=rows, net=net, tax=taxed,
        gross=net + taxed, paid=done, due=net + taxed - done, **values,
    )  # fmt: skip


def of_category(category: Category, **more: Any) -> Document:
    """Return a document whose lines are taxed by one category."""
    return document(line(category=category), line("Scout", category=category), **more)


def changed(original: Value, **values: Any) -> Value:
    """Return a document, or a part of one, in which some values are others."""
    return replace(original, **values)
