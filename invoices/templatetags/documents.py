"""What templates of invoices and credit notes use."""

from datetime import date
from decimal import Decimal

from django import template

from invoices.composing import say_meter
from invoices.frozen import Denomination, DocumentLine, TaxRow
from invoices.tax import Category, write_percent
from plans.models import Meter
from plans.wording import say_day, say_days, say_figure

register = template.Library()
register.filter("day", say_day)
register.filter("figure", say_figure)

CATEGORIES = {
    Category.STANDARD: "Standard rate",
    Category.ZERO: "Zero rate",
    Category.EXEMPT: "Exempt",
    Category.REVERSE_CHARGE: "Reverse charge",
    Category.OUTSIDE: "Not subject to tax",
    Category.EXPORT: "Export",
}


@register.filter
def figure_or_dash(amount: Decimal | None, currency: Denomination) -> str:
    """Return an amount as it stands in a column; a dash where there is none."""
    return "\N{EN DASH}" if amount is None else say_figure(amount, currency)


@register.filter
def meter_name(meter: str) -> str:
    """Return the name of a meter for more than one."""
    return say_meter(Meter(meter))


@register.filter
def number(quantity: Decimal) -> str:
    """Return a quantity with commas and the decimals that it has: ``1,234.5``."""
    return f"{quantity.normalize():,f}"


@register.filter
def rate(taxed: DocumentLine | TaxRow) -> str:
    """Return a rate of tax, ``5.5 %``; a dash for what is outside the scope of tax."""
    if taxed.category == Category.OUTSIDE:
        return "\N{EN DASH}"
    return f"{write_percent(taxed.rate)}\N{NO-BREAK SPACE}%"


@register.filter
def treatment(category: Category) -> str:
    """Return in words how tax is treated."""
    return CATEGORIES[category]


@register.filter
def days(range_of_days: tuple[date, date]) -> str:
    """Return a range of days in words."""
    return say_days(*range_of_days)


@register.filter
def fours(iban: str) -> str:
    """Return an account's number in groups of four, as it is read out."""
    plain = iban.replace(" ", "")
    return " ".join(plain[start : start + 4] for start in range(0, len(plain), 4))
