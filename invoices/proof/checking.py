"""An invoice or credit note is worked out anew from its inputs and compared, online and offline.

A second implementation, simple to read: of the console's own it shares the session rule
(usage/sessions.py) and how an amount is rounded (plans/money.py), nothing else.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from invoices.proof import expected
from invoices.proof.comparing import (
    Difference,
    Findings,
    Sums,
    compare_corrected,
    compare_document,
    compare_lines,
    compare_order,
    compare_postings,
)
from invoices.proof.counting import Usage, count_events
from invoices.proof.facts import (
    DAY,
    NONE,
    CannotProve,
    Claim,
    Event,
    Inputs,
    count_from,
)
from invoices.proof.rates import Case, rate_renewal, rate_upgrade
from plans.money import round_amount
from usage.sessions import RULE

DUE_AFTER = 14 * DAY
LATE = (
    "Events of before the month began that came in the 24 hours before the clock: {}. An import or"
    " a request that was still running by then may have stored some after it."
)
Progress = Callable[[int], None]


class Result(NamedTuple):
    """What a proof found, and of how many inputs of each kind.

    ``note``: what could not be looked at here, or may explain a difference.
    """

    differences: list[Difference]
    inputs: dict[str, int]
    note: str = ""

    @property
    def equal(self) -> bool:
        """Tell whether nothing differs."""
        return not self.differences


def check(
    claim: Claim,
    inputs: Inputs,
    events: Iterable[Event],
    *,
    progress: Progress = lambda count: None,
) -> Result:
    """Work a document out anew and return where it differs; ``progress`` hears of events counted.

    Raises:
        CannotProve: the inputs do not suffice, or follow a rule that is not known here.
    """
    if inputs["rule"] != RULE:
        raise CannotProve(f"Sessions were counted by rule {inputs['rule']}; known is rule {RULE}.")
    findings = Findings()
    note = check_edges(inputs, findings)
    check_days(claim, inputs, findings)
    case = Case(inputs)
    usage = Usage(case.list_cuts(), as_of=count_from(inputs["as_of"]))
    count_events(events, usage=usage, progress=progress)
    CHECKS[claim["cause"]](claim, case, usage, findings)
    compare_corrected(claim, inputs["invoice"], findings)
    if usage.late and any(of.where.startswith("line") for of in findings):
        note = f"{note} {LATE.format(usage.late)}".strip()
    prices = sum(1 + len(of["meters"]) for of in inputs["versions"].values())
    counts = {
        "events": usage.events,
        "sessions": usage.sessions,
        "lines": len(claim["content"]["lines"]),
        "earlier_lines": len(inputs["ordered"]) + len(inputs["given"]),
        "postings": len(claim["postings"]),
        "prices": prices,
    }
    return Result(findings, counts, note)


def check_credits(claim: Claim, case: Case, usage: Usage, findings: Findings) -> None:
    """Check an invoice of credits: of what was ordered, or of the money that came."""
    transfer = case.inputs["transfer"]
    ordered = Decimal(claim["order"]["net"])
    sums = expected.add_tax(claim, ordered)
    if transfer:
        sums = expected.take_out(claim, Decimal(transfer))
    compare_order(claim, sums, findings)
    findings.same("credits that were loaded", claim["order"]["lot"] or NONE, sums.net)
    compare_document(claim, [expected.say_credits(sums.net)], sums, findings)
    key = f"order:{claim['order']['number']}"
    compare_postings(claim, {key: expected.post_purchase(sums)}, findings)


def check_plan(claim: Claim, case: Case, usage: Usage, findings: Findings) -> None:
    """Check an invoice of an upgrade: its price when it was ordered, and when it was paid."""
    order = claim["order"]
    ordered = rate_upgrade(case, order, order["created_on"], entry=order["placed"])
    paid_on = order["completed_on"] or order["created_on"]
    price = rate_upgrade(case, order, paid_on, entry=order["done"])
    price = price if price <= ordered else NONE
    sums = expected.add_tax(claim, ordered)
    compare_order(claim, sums, findings)
    compare_lines(claim, [expected.make_upgrade(claim, ordered)], findings)
    upgrade = expected.make_upgrade(claim, ordered)
    said = expected.say_lines(claim, [upgrade._replace(price=price, net=price)])
    if price < ordered:
        said.append(expected.say_credits(ordered - price))
    findings.same("credits that were loaded", order["lot"] or NONE, ordered - price)
    compare_document(claim, said, sums, findings)
    compare_postings(claim, expected.post_upgrade(claim, price), findings)


def check_renewal(claim: Claim, case: Case, usage: Usage, findings: Findings) -> None:
    """Check an invoice of a renewal: fees, seats, further sessions, and what came late."""
    renewal = rate_renewal(case, usage)
    lines = compare_lines(claim, renewal.lines, findings)
    sums = expected.add_tax(claim, sum((line.net for line in lines), NONE))
    compare_order(claim, sums, findings)
    due = date.fromisoformat(claim["order"]["created_on"]) + DUE_AFTER
    findings.same("due day of the order", claim["order"]["due_on"], due.isoformat())
    compare_document(claim, expected.say_lines(claim, lines), sums, findings)
    compare_postings(claim, expected.post_renewal(claim, lines, sums), findings)


def check_correction(claim: Claim, case: Case, usage: Usage, findings: Findings) -> None:
    """Check a credit note for what was ordered too much of an earlier month."""
    invoice = case.inputs["invoice"]
    if invoice is None:
        raise CannotProve("The inputs do not say which invoice is corrected.")
    overcharges = rate_renewal(case, usage).overcharges
    parts = expected.split(case.inputs, overcharges, claim["order"]["number"])
    left = Sums(Decimal(invoice["net"]), Decimal(invoice["tax"]))
    parts = expected.fit(claim, expected.arrange(parts, claim["content"]), left)
    sums = expected.take_part(claim, sum((part.net for part in parts), NONE))
    compare_document(claim, expected.say_parts(claim, parts), sums, findings)
    posting = expected.post_correction(parts, sums)
    compare_postings(claim, {f"credit_note:{claim['number']}": posting}, findings)


def check_refund(claim: Claim, case: Case, usage: Usage, findings: Findings) -> None:
    """Check a credit note for what was left of credits."""
    balance = -sum((Decimal(amount) for amount in case.inputs["lot"]), NONE)
    net = round_amount(balance, decimals=claim["decimals"])
    sums = expected.take_part(claim, net)
    compare_document(claim, [expected.say_credits(net)], sums, findings)
    key = f"refund:{claim['order']['number']}"
    compare_postings(claim, {key: expected.post_refund(balance, sums)}, findings)


CHECKS: dict[str, Callable[[Claim, Case, Usage, Findings], None]] = {
    "credit_purchase": check_credits,
    "auto_reload": check_credits,
    "subscription": check_plan,
    "plan_change": check_plan,
    "renewal": check_renewal,
    "correction": check_correction,
    "refund": check_refund,
}


def check_edges(inputs: Inputs, findings: Findings) -> str:
    """Compare when local days began with their zones; return why not, where they are unknown."""
    try:
        zones = [(of["month"], ZoneInfo(of["zone"])) for of in inputs["zones"]]
    except ZoneInfoNotFoundError as error:
        return f"{error.args[0]}. When local days began is taken from the bundle."
    for day, at in inputs["edges"].items():
        findings.same(
            f"beginning of {day}", count_from(at), find_edge(date.fromisoformat(day), zones)
        )
    return ""


def find_edge(day: date, zones: list[tuple[str, ZoneInfo]]) -> int:
    """Return when a local day began: a month begins where the one before ends, by its zone."""
    first = day.replace(day=1)
    edge = midnight(first, find_zone(first - DAY, zones))
    return edge if day == first else max(edge, midnight(day, find_zone(day, zones)))


def find_zone(day: date, zones: list[tuple[str, ZoneInfo]]) -> ZoneInfo:
    """Return the zone of the month of a day."""
    return [zone for month, zone in zones if month <= day.isoformat()][-1]


def midnight(day: date, zone: ZoneInfo) -> int:
    """Return the first instant of a day in a zone."""
    at = datetime.combine(day, time.min, zone).astimezone(UTC)
    return count_from(at.isoformat())


def check_days(claim: Claim, inputs: Inputs, findings: Findings) -> None:
    """Compare the local days of an order with its instants."""
    for name in ("created", "completed"):
        at, day = claim["order"][f"{name}_at"], claim["order"][f"{name}_on"]  # type: ignore[literal-required]
        if not at:
            continue
        after = (date.fromisoformat(day) + DAY).isoformat()
        start, end = (inputs["edges"].get(edge) for edge in (day, after))
        within = start and end and count_from(start) <= count_from(at) < count_from(end)
        if not within:
            findings.append(Difference(f"day on which the order was {name}", day, f"that of {at}"))
