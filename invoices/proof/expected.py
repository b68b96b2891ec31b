"""What documents, orders and postings have to be, from what was ordered and recomputed."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from invoices.proof.comparing import Accounts, DocumentLine, Sums
from invoices.proof.facts import (
    DAY,
    NONE,
    SEAT_METERS,
    Claim,
    Content,
    Inputs,
    Line,
    OrderedFact,
    Service,
    next_month,
)
from invoices.proof.rates import Overcharge
from plans.money import round_amount

SUBSCRIPTIONS, USAGE = "revenue_subscriptions", "revenue_usage"
REVENUES = {"fee": SUBSCRIPTIONS, "seats": SUBSCRIPTIONS, "usage": USAGE, "late": USAGE}


class Part(NamedTuple):
    """What a credit note gives back of a line of an earlier order."""

    of: OrderedFact
    quantity: int
    net: Decimal


def tax_on(claim: Claim, net: Decimal) -> Decimal:
    """Return the tax on a net sum, rounded once."""
    rate = Decimal(claim["order"]["tax_rate"])
    return round_amount(net * rate / 100, decimals=claim["decimals"])


def add_tax(claim: Claim, net: Decimal) -> Sums:
    """Return a net sum with its tax."""
    return Sums(net, tax_on(claim, net))


def take_part(claim: Claim, net: Decimal) -> Sums:
    """Return a part of an order with its tax: of all of it the order's, of less not more."""
    order = claim["order"]
    if net == Decimal(order["net"]):
        return Sums(net, Decimal(order["tax"]))
    return Sums(net, min(tax_on(claim, net), Decimal(order["tax"])))


def take_out(claim: Claim, gross: Decimal) -> Sums:
    """Return net and tax of money that was there before its order: together just that."""
    decimals = claim["decimals"]
    unit = Decimal(1).scaleb(-decimals)
    rate = Decimal(claim["order"]["tax_rate"])
    net = round_amount(gross / (1 + rate / 100), decimals=decimals)
    for near in (net, net - unit, net + unit):
        if add_tax(claim, near).gross == gross:
            return add_tax(claim, near)
    return Sums(net, gross - net)


def say_credits(net: Decimal) -> DocumentLine:
    """Return the line of credits."""
    return DocumentLine(Decimal(1), net, net, "", "")


def say_lines(claim: Claim, lines: Iterable[Line]) -> list[DocumentLine]:
    """Return the lines of a document, grouped by bot; those that cost nothing are left out."""
    groups: dict[str, list[DocumentLine]] = {}
    for line in lines:
        of_bot = groups.setdefault(line.bot, [])
        if line.net > 0:
            says = f"({line.used:,} used, {line.included:,} included)" if line.included else ""
            said = say_amount(claim, line.quantity if line.meter else 0, line.price, line.net)
            of_bot.append(DocumentLine(*said, line.first_day, line.last_day, says))
    return [line for of_bot in groups.values() for line in of_bot]


def say_amount(
    claim: Claim, quantity: int, price: Decimal, net: Decimal
) -> tuple[Decimal, Decimal, Decimal]:
    """Return quantity, price and net; one amount, where the net is not quantity x price."""
    if quantity > 0 and round_amount(quantity * price, decimals=claim["decimals"]) == net:
        return Decimal(quantity), price, net
    return Decimal(1), net, net


def make_upgrade(claim: Claim, net: Decimal) -> Line:
    """Return the line of an order of an upgrade."""
    order = claim["order"]
    day = date.fromisoformat(order["created_on"])
    days = (day.isoformat(), (next_month(day) - DAY).isoformat())
    return Line(order["bot"] or "", "upgrade", order["version"] or "", *days, "", 0, 0, 1, net, net)


def post_purchase(sums: Sums) -> Accounts:
    """Return the posting of credits that were bought."""
    return {"payments": sums.gross, "prepaid_credits": -sums.net, "tax_payable": -sums.tax}


def post_upgrade(claim: Claim, price: Decimal) -> dict[str, Accounts]:
    """Return the postings of an upgrade: the plan, and as credits what is left of the order."""
    order = claim["order"]
    net, tax = Decimal(order["net"]), Decimal(order["tax"])
    key = f"order:{order['number']}"
    part = tax
    if price != net:
        part = round_amount(tax * price / net, decimals=claim["decimals"])
    postings: dict[str, Accounts] = {}
    if price:
        postings[f"{key}:plan"] = {
            "payments": price + part,
            SUBSCRIPTIONS: -price,
            "tax_payable": -part,
        }
    if price != net:
        postings[key] = post_purchase(Sums(net - price, tax - part))
    return postings


def post_renewal(claim: Claim, lines: Iterable[Line], sums: Sums) -> dict[str, Accounts]:
    """Return the postings of a renewal: what is owed and, once it is paid, its payment."""
    order = claim["order"]
    key = f"renewal:{order['number']}"
    owed = {"receivable": sums.gross, SUBSCRIPTIONS: NONE, USAGE: NONE, "tax_payable": -sums.tax}
    for line in lines:
        owed[REVENUES[line.kind]] -= line.net
    postings: dict[str, Accounts] = {key: owed}
    if order["completed_on"]:
        postings[f"{key}:paid"] = {"payments": sums.gross, "receivable": -sums.gross}
    return postings


def split(inputs: Inputs, overcharges: Sequence[Overcharge], order: int) -> list[Part]:
    """Return what of the lines of an order is given back: of each service the latest line first."""
    given = sum_given(inputs)
    parts = []
    for overcharge in overcharges:
        quantity, left = overcharge.quantity, overcharge.net
        lines = [of for of in inputs["ordered"] if find_service(of) == overcharge.service]
        for of in sorted(lines, key=lambda of: (of["order"], of["line"]), reverse=True):
            before = given.get((of["order"], overcharge.service), NONE)
            taken = min(Decimal(of["net"]) - before, left)
            if taken > 0:
                if of["order"] == order:
                    parts.append(Part(of, quantity, taken))
                quantity, left = 0, left - taken
    return parts


def sum_given(inputs: Inputs) -> Mapping[tuple[int, Service], Decimal]:
    """Return by order and service what earlier credit notes gave back."""
    sums: dict[tuple[int, Service], Decimal] = {}
    for of in inputs["given"]:
        key = (of["order"], find_service(of))
        sums[key] = sums.get(key, NONE) + Decimal(of["net"])
    return sums


def find_service(of: OrderedFact) -> Service:
    """Return what a line was ordered for."""
    return Service(of["bot"], of["version"], of["meter"], of["first_day"], of["last_day"])


def arrange(parts: Sequence[Part], content: Content) -> list[Part]:
    """Return parts in the order in which a credit note has them; the others come last."""
    rest, placed = list(parts), []
    for said in content["lines"]:
        days = (said["first"], said["last"])
        same = [part for part in rest if (part.of["first_day"], part.of["last_day"]) == days]
        exact = [part for part in same if part.net == Decimal(said["net"])]
        for part in (exact or same)[:1]:
            placed.append(part)
            rest.remove(part)
    return placed + rest


def fit(claim: Claim, parts: Sequence[Part], left: Sums) -> list[Part]:
    """Return parts cut to what was left of an invoice, net and tax, by minor units."""
    unit = Decimal(1).scaleb(-claim["decimals"])
    kept: list[Part] = []
    total = NONE
    for part in parts:
        net = min(part.net, left.net - total)
        while net > 0 and take_part(claim, total + net).tax > left.tax:
            net -= unit
        if net <= 0:
            break
        kept.append(part._replace(net=net, quantity=part.quantity if net == part.net else 0))
        total += net
    return kept


def say_parts(claim: Claim, parts: Iterable[Part]) -> list[DocumentLine]:
    """Return the lines of a credit note."""
    return [
        DocumentLine(
            *say_amount(claim, part.quantity, Decimal(part.of["price"]), part.net),
            part.of["first_day"],
            part.of["last_day"],
        )
        for part in parts
    ]


def post_correction(parts: Iterable[Part], sums: Sums) -> Accounts:
    """Return the posting of a correction."""
    seats = sum((part.net for part in parts if part.of["meter"] in SEAT_METERS), NONE)
    return {
        SUBSCRIPTIONS: seats,
        USAGE: sums.net - seats,
        "tax_payable": sums.tax,
        "receivable": -sums.gross,
    }


def post_refund(balance: Decimal, sums: Sums) -> Accounts:
    """Return the posting of a refund of all that is left of credits."""
    return {
        "prepaid_credits": balance,
        "revenue_lapsed": sums.net - balance,
        "tax_payable": sums.tax,
        "receivable": -sums.gross,
    }
