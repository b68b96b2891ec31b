"""The tax of an order: the one place where it is worked out. No database, no clock.

The first row that fits decides which category of EN 16931 it is:

| the seller | the buyer | category | rate | reason |
|---|---|---|---|---|
| is not registered for VAT | any | O | 0 | the seller's words |
| is exempt from VAT | any | E | 0 | the seller's words |
| is in the EU | in another country of the EU, with a VAT id | AE | 0 | reverse charge |
| is in the EU | outside the EU | G | 0 | export |
| is elsewhere | in another country | G | 0 | export |
| has a standard rate of 0 | any other | Z | 0 | none |
| has another standard rate | any other | S | the seller's | none |

So a buyer in another country of the EU without a VAT id pays the seller's rate: rates of the
buyer's country (One Stop Shop) are not worked out here.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple

from stdnum.eu.vat import MEMBER_STATES

from plans.money import round_amount

# Northern Ireland (XI) is of the EU for goods; what is sold here are services.
EU = frozenset(code.upper() for code in MEMBER_STATES) - {"XI"}
HUNDRED = Decimal(100)


class Category(StrEnum):
    """How something is taxed: the codes of EN 16931 (UNTDID 5305)."""

    STANDARD = "S"
    ZERO = "Z"
    EXEMPT = "E"
    REVERSE_CHARGE = "AE"
    OUTSIDE = "O"
    EXPORT = "G"


class Standing(StrEnum):
    """What the seller is to the tax office."""

    REGISTERED = "registered"
    EXEMPT = "exempt"
    UNREGISTERED = "unregistered"


@dataclass(frozen=True)
class Seller:
    """What of the seller decides; ``rate`` in percent, ``reason`` where none is charged."""

    country: str
    standing: Standing
    rate: Decimal
    reason: str
    currency: str


@dataclass(frozen=True)
class Buyer:
    """What of the buyer decides; ``vat_id`` is empty where there is none."""

    country: str
    vat_id: str


class Treatment(NamedTuple):
    """How something is taxed.

    ``rate``: in percent. ``code``: of the reason in the VATEX list, where it has one; ``reason``:
    why no tax is charged, in words for the document; none for S and Z.
    """

    category: Category
    rate: Decimal
    code: str = ""
    reason: str = ""

    @property
    def percent(self) -> str:
        """The rate as it is written: 19 or 7.7."""
        return write_percent(self.rate)


def write_percent(rate: Decimal) -> str:
    """Return a rate without what it ends in for nothing: 19 or 7.7."""
    return f"{rate.normalize():f}"


class Sums(NamedTuple):
    """What an order costs before tax, its tax, and both together."""

    net: Decimal
    tax: Decimal
    gross: Decimal


class NotTaxable(ValueError):
    """Tax would be due that cannot be charged; the message says why."""


ZERO = Decimal(0)
REVERSE_CHARGE = Treatment(
    Category.REVERSE_CHARGE, ZERO, "VATEX-EU-AE", "Reverse charge: the buyer owes the tax."
)
EXPORT_FROM_EU = Treatment(Category.EXPORT, ZERO, "VATEX-EU-G", "Export outside the EU.")
EXPORT = Treatment(Category.EXPORT, ZERO, "", "Export: the buyer is in another country.")


def find_treatment(*, seller: Seller, buyer: Buyer) -> Treatment:
    """Return how what a seller sells to a buyer is taxed; the table above says when it is what.

    Source: product doc, "Invoice", tax.
    """
    if seller.standing == Standing.UNREGISTERED:
        return Treatment(Category.OUTSIDE, ZERO, "VATEX-EU-O", seller.reason)
    if seller.standing == Standing.EXEMPT:
        return Treatment(Category.EXEMPT, ZERO, "", seller.reason)
    if buyer.country != seller.country:
        if seller.country not in EU:
            return EXPORT
        if buyer.country not in EU:
            return EXPORT_FROM_EU
        if buyer.vat_id:
            return REVERSE_CHARGE
    return Treatment(Category.STANDARD if seller.rate else Category.ZERO, seller.rate)


def check_currency(treatment: Treatment, *, seller: Seller, currency: str) -> None:
    """Charge tax in the seller's tax currency only.

    Source: product doc, "Invoice", tax.

    Raises:
        NotTaxable: there is tax, and this is another currency.
    """
    if treatment.rate and currency != seller.currency:
        raise NotTaxable(
            f"Tax of {treatment.percent} % would be due, and the seller charges tax in"
            f" {seller.currency} only, not in {currency}."
        )


def take_out(*, gross: Decimal, rate: Decimal, decimals: int) -> Sums:
    """Return the sums of money that is there already; net and tax come to exactly ``gross``.

    Where there is one, the net amount whose tax is worked out as `work_out` does; else the tax is
    by one minor unit another.
    """
    unit = Decimal(1).scaleb(-decimals)
    net = round_amount(gross / (1 + rate / HUNDRED), decimals=decimals)
    for near in (net, net - unit, net + unit):
        sums = work_out(net=near, rate=rate, decimals=decimals)
        if sums.gross == gross:
            return sums
    return Sums(net, gross - net, gross)


def take_part(*, net: Decimal, of: Sums, rate: Decimal, decimals: int) -> Sums:
    """Return the sums of a part of what was sold: of all of it exactly those, of less not more."""
    if net == of.net:
        return of
    part = work_out(net=net, rate=rate, decimals=decimals)
    return part if part.tax <= of.tax else Sums(part.net, of.tax, part.net + of.tax)


def work_out(*, net: Decimal, rate: Decimal, decimals: int) -> Sums:
    """Return the sums of an order; ``decimals``: of the minor unit of its currency.

    ``net`` is the sum of all net lines: the tax is worked out once on it, rounded once, half up.
    """
    net = round_amount(net, decimals=decimals)
    tax = round_amount(net * rate / HUNDRED, decimals=decimals)
    return Sums(net, tax, net + tax)
