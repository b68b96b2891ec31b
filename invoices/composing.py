"""What the documents of an order say, composed from all that is copied into them."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from accounts.models import Bot
from invoices import order_lines
from invoices.countries import list_countries
from invoices.frozen import (
    ADDRESS_LINES,
    BY_RATE,
    Bank,
    Denomination,
    Document,
    DocumentLine,
    Kind,
    Party,
    SellerParty,
    TaxRow,
    add_up,
)
from invoices.models import LineKind, Order
from invoices.parties import BillingDetails, SellerProfile
from invoices.rating import Line
from invoices.tax import Sums, Treatment, take_part
from plans.models import SEATS, Meter
from plans.money import round_amount

NO_REASON = "Not subject to VAT."  # of orders from before there was a seller profile


class Parties(NamedTuple):
    """Who sells and who buys, as they are now."""

    seller: SellerProfile
    buyer: BillingDetails


class Named(NamedTuple):
    """A document's number, with the day of its issue."""

    number: str
    issued_on: date


class Correction(NamedTuple):
    """What a credit note gives back: lines, of which invoice, and why in a sentence."""

    lines: tuple[DocumentLine, ...]
    invoice: Named
    reason: str


class Counted(NamedTuple):
    """How many of something a line is for, at which price each."""

    quantity: int
    price: Decimal
    unit: str = ""

    def comes_to(self, net: Decimal, *, decimals: int) -> bool:
        """Tell whether this is a net amount, rounded once."""
        return self.quantity > 0 and net == round_amount(
            self.quantity * self.price, decimals=decimals
        )


def compose_invoice(order: Order, *, parties: Parties, named: Named) -> Document:
    """Return the invoice of an order; of a renewal it is to be paid, of others it is paid.

    Raises:
        Inconsistent: what was ordered, taxed and paid cannot be said by one document.
    """
    due = order.due_on is not None and order.completed_at is None
    document = compose(order, lines=tuple(list_lines(order)), parties=parties, named=named)
    if due:
        return replace(document, due_on=order.due_on)
    return replace(
        document, paid=document.gross, due=Decimal(0), paid_by=order.get_method_display()
    )


def compose_credit_note(
    order: Order, correction: Correction, *, parties: Parties, named: Named
) -> Document:
    """Return a credit note to the invoice of an order; what it gives back is to be paid back.

    Raises:
        Inconsistent: it cannot be said.
    """
    return compose(
        order,
        kind=Kind.CREDIT_NOTE,
        lines=correction.lines,
        parties=parties,
        named=named,
        corrects=correction.invoice,
        notes=(correction.reason,),
    )


def compose(
    order: Order,
    *,
    lines: tuple[DocumentLine, ...],
    parties: Parties,
    named: Named,
    kind: Kind = Kind.INVOICE,
    corrects: Named | None = None,
    notes: tuple[str, ...] = (),
) -> Document:
    """Return a document of lines that are taxed as the order is, of which nothing is paid."""
    row = work_out_tax(lines, order)
    return Document(
        kind=kind,
        number=named.number,
        issued_on=named.issued_on,
        due_on=None if corrects else named.issued_on,
        order_number=str(order),
        po_number=parties.buyer.purchase_order,
        currency=denominate(order),
        seller=copy_seller(parties.seller),
        buyer=copy_buyer(parties.buyer),
        lines=lines,
        taxes=(row,),
        net=row.basis,
        tax=row.tax,
        gross=row.basis + row.tax,
        due=row.basis + row.tax,
        preceding_number=corrects.number if corrects else "",
        preceding_on=corrects.issued_on if corrects else None,
        notes=notes,
    )


def denominate(order: Order) -> Denomination:
    """Return the currency of an order as documents have it."""
    return Denomination(order.currency_id, order.currency.decimals)


def work_out_tax(lines: Iterable[DocumentLine], order: Order) -> TaxRow:
    """Return the tax on lines by what an order is taxed by, once on their sum.

    On all that was ordered it is the order's, which of money that came before is near that.
    """
    how = read_treatment(order)
    sums = take_part(
        net=add_up(line.net for line in lines),
        of=Sums(order.net, order.tax, order.gross),
        rate=how.rate,
        decimals=order.currency.decimals,
    )
    return TaxRow(
        category=how.category,
        rate=how.rate,
        basis=sums.net,
        tax=sums.tax,
        reason=how.reason,
        reason_code=how.code,
    )


def read_treatment(order: Order) -> Treatment:
    """Return what an order is taxed by; where no tax is charged it has a reason."""
    how = order.treatment
    needs_reason = how.category not in BY_RATE and not how.reason
    return how._replace(reason=NO_REASON) if needs_reason else how


def copy_seller(profile: SellerProfile) -> SellerParty:
    """Return the seller as documents have it; the logo is kept beside them."""
    return SellerParty(
        legal_name=profile.legal_name,
        address=read_street(profile.street),
        postal_code=profile.postal_code,
        city=profile.city,
        region=profile.region,
        country=profile.country,
        country_name=list_countries().get(profile.country, profile.country),
        vat_id=profile.vat_id,
        tax_number=profile.tax_number,
        register_number=profile.register_number,
        email=profile.email,
        bank=Bank(profile.bank_name, profile.bank_account, profile.bic),
        terms=profile.payment_terms,
    )


def copy_buyer(details: BillingDetails) -> Party:
    """Return the buyer as documents have it."""
    return Party(
        legal_name=details.legal_name,
        address=read_street(details.street),
        postal_code=details.postal_code,
        city=details.city,
        region=details.region,
        country=details.country,
        country_name=list_countries().get(details.country, details.country),
        vat_id=details.vat_id,
        email=details.recipients[0],
    )


def read_street(street: str) -> tuple[str, ...]:
    """Return the lines of an address that say something."""
    return tuple(line for line in street.splitlines() if line.strip())[:ADDRESS_LINES]


def list_lines(order: Order) -> Iterator[DocumentLine]:
    """Yield what was ordered: the lines of plans by bot, and the credits that were loaded."""
    groups = order_lines.read(order)
    names = name_bots([group.bot for group in groups])
    credited = order.lot.amount if order.lot else Decimal(0)
    for group in groups:
        for line in group.lines:
            # Of an upgrade that cost less by then, the rest was loaded as credits.
            net = line.net - credited if line.kind == LineKind.UPGRADE else line.net
            if net > 0:
                yield say_line(line, net, bot=names[group.bot.pk], order=order)
    if credited:
        yield say_credits(order, credited)


def name_bots(bots: Iterable[Bot]) -> dict[int, str]:
    """Return by id the names of bots; of those with the same name, with their keys."""
    found = list(bots)
    counted = Counter(bot.name for bot in found)
    return {
        bot.pk: bot.name if counted[bot.name] == 1 else f"{bot.name} ({bot.key})" for bot in found
    }


def say_line(line: Line, net: Decimal, *, bot: str, order: Order) -> DocumentLine:
    """Return a line of a plan."""
    counted = Counted(line.quantity, line.price, say_unit(line)) if line.meter else None
    return make_line(
        order, net, bot=bot, text=say_service(line), counted=counted, days=(line.first, line.last)
    )


def make_line(
    order: Order,
    net: Decimal,
    *,
    bot: str,
    text: str,
    counted: Counted | None = None,
    days: tuple[date, date] | tuple[None, None] = (None, None),
) -> DocumentLine:
    """Return a line that is taxed as its order; one of nothing counted is one amount.

    So is one whose net is not quantity x price: late usage, or a part that is given back, where
    amounts that were rounded before are taken off.
    """
    how = read_treatment(order)
    if counted is None or not counted.comes_to(net, decimals=order.currency.decimals):
        counted = Counted(1, net)
    return DocumentLine(
        bot=bot,
        text=text,
        quantity=Decimal(counted.quantity),
        unit=counted.unit,
        price=counted.price,
        net=net,
        first=days[0],
        last=days[1],
        category=how.category,
        rate=how.rate,
    )


def say_service(line: Line) -> str:
    """Return in words what a line is for."""
    plan = line.offer.plan.name
    if line.kind == LineKind.UPGRADE:
        return f"Upgrade to {plan} for the rest of the month"
    if line.kind == LineKind.FEE or line.meter is None:
        return f"{plan}, fee of the month"
    late = "late usage, " if line.kind == LineKind.LATE else ""
    further = "further " if line.included else ""
    included = f" ({line.used:,} used, {line.included:,} included)" if line.included else ""
    return f"{plan}, {late}{further}{say_meter(line.meter)}{included}"


def say_meter(meter: Meter) -> str:
    """Return the name of a meter for more than one."""
    return meter.label.replace("seat", "seats") if meter in SEATS else f"{meter.label}s"


def say_unit(line: Line) -> str:
    """Return in words what a line counts."""
    if line.meter is None:
        return ""
    return "seats" if line.meter in SEATS else say_meter(line.meter).rpartition(" ")[2]


def say_credits(order: Order, net: Decimal) -> DocumentLine:
    """Return the line of credits that an order loaded."""
    text = "Credits for this bot" if order.bot else "Credits for all bots"
    return make_line(order, net, bot=name_bot(order), text=text)


def name_bot(order: Order) -> str:
    """Return the bot that an order of credits is for; empty: all."""
    return order.bot.name if order.bot else ""
