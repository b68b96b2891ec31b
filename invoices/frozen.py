"""What an invoice or credit note says, as frozen values that agree. No database, no clock.

All that is printed of a document, and its XML, comes from these values alone.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from invoices.tax import Category
from plans.money import DECIMALS, round_amount

COUNTRY = re.compile("[A-Z]{2}")
ADDRESS_LINES = 3
MOST_DECIMALS = 2  # of the minor unit of a currency that EN 16931 can express
NONE = Decimal(0)


class Inconsistent(ValueError):
    """Values of a document do not agree; the message says which."""


class Kind(StrEnum):
    """What a document is."""

    INVOICE = "invoice"
    CREDIT_NOTE = "credit_note"


# Tax is charged by a rate, zero included; the other categories give a reason why it is not.
BY_RATE = frozenset({Category.STANDARD, Category.ZERO})


class Denomination(NamedTuple):
    """A currency: its ISO 4217 code, and how many decimals its minor unit has."""

    code: str
    decimals: int


@dataclass(frozen=True, kw_only=True)
class Party:
    """Who sells or buys; what is not given is empty.

    ``country``: ISO 3166-1 alpha-2; ``country_name``: as the address says it.
    """

    legal_name: str
    address: tuple[str, ...] = ()
    postal_code: str = ""
    city: str = ""
    region: str = ""
    country: str
    country_name: str
    vat_id: str = ""
    tax_number: str = ""
    register_number: str = ""
    email: str = ""

    def __post_init__(self) -> None:
        require(bool(self.legal_name.strip()), "a party has no legal name")
        require(bool(COUNTRY.fullmatch(self.country)), f"no country: {self.country!r}")
        require(len(self.address) <= ADDRESS_LINES, "an address has more than three lines")


class Bank(NamedTuple):
    """Where the seller is paid. ``iban``: another number where the account has none."""

    name: str
    iban: str
    bic: str = ""


@dataclass(frozen=True, kw_only=True)
class SellerParty(Party):
    """Who issues the document. ``logo``: a picture that was checked."""

    bank: Bank | None = None
    logo: bytes | None = None
    terms: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        known = self.vat_id or self.tax_number or self.register_number
        require(bool(known), "the seller has no VAT id, tax number or register number")


@dataclass(frozen=True, kw_only=True)
class DocumentLine:
    """What was sold: ``net`` is quantity x price, rounded once.

    ``bot``: its name; empty for what all bots share. ``unit``: in words, such as ``month``.
    ``first``, ``last``: service days, the last included. ``rate``: percent.
    """

    bot: str
    text: str
    quantity: Decimal
    unit: str = ""
    price: Decimal
    net: Decimal
    first: date | None = None
    last: date | None = None
    category: Category
    rate: Decimal = NONE

    @property
    def days(self) -> tuple[date, date] | None:
        """Return the first and the last service day, where there are any."""
        return (self.first, self.last) if self.first and self.last else None


@dataclass(frozen=True, kw_only=True)
class TaxRow:
    """The tax of all lines of one category and rate (percent).

    ``reason``, ``reason_code`` (VATEX): why none is charged, where that needs a reason.
    """

    category: Category
    rate: Decimal = NONE
    basis: Decimal
    tax: Decimal
    reason: str = ""
    reason_code: str = ""


class BotLines(NamedTuple):
    """The lines of one bot, and their sum."""

    bot: str
    lines: tuple[DocumentLine, ...]
    net: Decimal


@dataclass(frozen=True, kw_only=True)
class Document:
    """An invoice or credit note. All amounts are positive and in one currency.

    ``paid``: of an invoice what was paid, of a credit note what was paid back, in the words of
    ``paid_by``; ``due``: what is left of ``gross``. ``preceding_number``, ``preceding_on``: the
    invoice that a credit note corrects.

    Raises:
        Inconsistent: values do not agree, or cannot be said by EN 16931.
    """

    kind: Kind = Kind.INVOICE
    number: str
    issued_on: date
    due_on: date | None = None
    order_number: str = ""
    po_number: str = ""
    currency: Denomination
    seller: SellerParty
    buyer: Party
    lines: tuple[DocumentLine, ...]
    taxes: tuple[TaxRow, ...]
    net: Decimal
    tax: Decimal
    gross: Decimal
    paid: Decimal = NONE
    paid_by: str = ""
    due: Decimal
    preceding_number: str = ""
    preceding_on: date | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_head(self)
        for line in self.lines:
            check_line(line, self.currency)
        check_taxes(self)
        check_sums(self)

    @property
    def is_credit_note(self) -> bool:
        """Tell whether this corrects an invoice."""
        return self.kind == Kind.CREDIT_NOTE

    @property
    def bots(self) -> list[BotLines]:
        """Return the lines by bot, bots and lines in the order in which they first come."""
        bots: dict[str, list[DocumentLine]] = {}
        for line in self.lines:
            bots.setdefault(line.bot, []).append(line)
        return [
            BotLines(bot, tuple(lines), add_up(line.net for line in lines))
            for bot, lines in bots.items()
        ]

    @property
    def service_days(self) -> tuple[date, date] | None:
        """Return the first and the last day of all services; None where no line has any."""
        days = [line.days for line in self.lines if line.days]
        return (min(days)[0], max(last for _, last in days)) if days else None


def add_up(amounts: Iterable[Decimal]) -> Decimal:
    """Return the sum of amounts."""
    return sum(amounts, NONE)


def require(condition: bool, message: str) -> None:
    """Raise where a condition does not hold.

    Raises:
        Inconsistent: it does not.
    """
    if not condition:
        raise Inconsistent(message)


def has_decimals(amount: Decimal, most: int) -> bool:
    """Tell whether an amount is exact with at most so many decimals."""
    return amount == round_amount(amount, decimals=most)


def check_head(document: Document) -> None:
    """Check what a document says beside lines and sums."""
    require(bool(document.number), "no number")
    require(0 <= document.currency.decimals <= MOST_DECIMALS, "a currency of too many decimals")
    require(bool(document.lines), "no lines")
    if document.is_credit_note:
        require(bool(document.preceding_number), "a credit note that names no invoice")
        return
    require(not document.preceding_number, "an invoice that names another")
    require(document.due <= 0 or document.due_on is not None, "an amount is due on no day")


def check_line(line: DocumentLine, currency: Denomination) -> None:
    """Check one line."""
    require(bool(line.text.strip()), "a line without a text")
    require(line.quantity > 0 and line.price >= 0, f"a negative line: {line.text}")
    exact = has_decimals(line.quantity, DECIMALS) and has_decimals(line.price, DECIMALS)
    require(exact, f"more than {DECIMALS} decimals: {line.text}")
    net = round_amount(line.quantity * line.price, decimals=currency.decimals)
    require(line.net == net, f"{line.quantity} x {line.price} is not {line.net}: {line.text}")
    require((line.first is None) == (line.last is None), f"half of service days: {line.text}")
    require(
        line.days is None or line.days[0] <= line.days[1],
        f"service days end before they begin: {line.text}",
    )


def check_taxes(document: Document) -> None:
    """Check that the rows of tax are those of the lines, each with what its category asks for."""
    bases: dict[tuple[Category, Decimal], Decimal] = {}
    for line in document.lines:
        key = (line.category, line.rate)
        bases[key] = bases.get(key, NONE) + line.net
    rows = {(row.category, row.rate): row.basis for row in document.taxes}
    require(len(rows) == len(document.taxes), "two rows of tax for one rate")
    require(rows == bases, "rows of tax are not those of the lines")
    for row in document.taxes:
        # Less than a minor unit beside it, either way: of money that was there before its order,
        # net and tax come to what it is (`tax.take_out`). EN 16931 (BR-CO-17) admits that.
        exact = has_decimals(row.tax, document.currency.decimals)
        beside = abs(row.tax - row.basis * row.rate / 100).scaleb(document.currency.decimals)
        require(exact and beside < 1, f"{row.rate} % of {row.basis} is not {row.tax}")
        has_rate = row.rate > 0 if row.category == Category.STANDARD else row.rate == 0
        require(has_rate, f"{row.rate} % is no rate of category {row.category}")
        if row.category in BY_RATE:
            require(not row.reason and not row.reason_code, "a reason for a rate of tax")
        else:
            require(bool(row.reason), f"no reason for category {row.category}")
    check_ids(document)


def check_ids(document: Document) -> None:
    """Check that seller and buyer have the ids that the categories of tax ask for."""
    seller, buyer = document.seller, document.buyer
    wanted: Mapping[Category, bool] = {
        Category.REVERSE_CHARGE: bool(seller.vat_id and buyer.vat_id),
        Category.EXPORT: bool(seller.vat_id),
        Category.OUTSIDE: len(document.taxes) == 1,  # beside it no other may be
    }
    known = bool(seller.vat_id or seller.tax_number)
    for row in document.taxes:
        require(wanted.get(row.category, known), f"category {row.category} cannot be used here")


def check_sums(document: Document) -> None:
    """Check that the sums add up, to the minor unit."""
    decimals = document.currency.decimals
    sums = (document.net, document.tax, document.gross, document.paid, document.due)
    require(all(has_decimals(amount, decimals) for amount in sums), "a sum is not rounded")
    require(document.net == add_up(line.net for line in document.lines), "net is not the lines'")
    require(document.tax == add_up(row.tax for row in document.taxes), "tax is not the rows'")
    require(document.gross == document.net + document.tax, "gross is not net and tax")
    require(0 <= document.paid <= document.gross, "paid is more than gross, or negative")
    require(document.due == document.gross - document.paid, "due is not what is left to pay")
