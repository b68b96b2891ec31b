"""What the proof of a document reads from the database: what is claimed, and its inputs.

Rows as they are, one by one: nothing here is counted or rated, which the proof (`invoices.proof`)
does anew. What came after the document was made is left out.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal

from django.db.models import Sum

from accounts.days import DAY
from accounts.models import AuditEntry, Bot, MonthZone
from accounts.months import BEGINNING, Calendar, read_calendar
from invoices.issued import CreditedService, IssuedDocument
from invoices.models import Order, OrderLine, OrderType, Outcome, Transfer
from invoices.order_lines import IN_ARREARS
from invoices.proof.facts import (
    ChangeFact,
    Claim,
    Inputs,
    InvoiceFact,
    OrderedFact,
    PlanFact,
    PlanPaidFact,
    VersionFact,
    ZoneFact,
    list_months,
)
from invoices.proof.rates import Case
from invoices.proof_claims import (
    OF_PLANS,
    find_month,
    name_version,
    read_claim,
    write,
    write_instant,
)
from plans.catalog import FEE
from plans.models import (
    Account,
    BotPlan,
    LedgerEntry,
    PlanVersion,
    Posting,
    PostingKind,
    Price,
    WorkspaceBilling,
)
from usage.sessions import RULE


@dataclass
class Gathered:
    """What is claimed of a document and its inputs, except the events.

    ``windows``: by bot, from which to which instant its usage matters.
    """

    claim: Claim
    inputs: Inputs
    bots: Mapping[int, Bot] = field(default_factory=dict)
    windows: dict[int, tuple[datetime, datetime]] = field(default_factory=dict)


def gather(document: IssuedDocument) -> Gathered:
    """Return what is to be proved of a document, and from what.

    The caller reads in one instant, in the document's workspace.

    Raises:
        CannotProve: it was made in a way that is not known here.
    """
    calendar = read_calendar(document.workspace)
    claim = read_claim(document, calendar)
    inputs = read_inputs(document, claim, calendar)
    gathered = Gathered(claim, inputs)
    if inputs["month"]:
        gathered.bots = Bot.objects.for_workspace(document.workspace_id).in_bulk()
        find_windows(gathered, calendar)
    return gathered


def read_inputs(document: IssuedDocument, claim: Claim, calendar: Calendar) -> Inputs:
    """Return from what a document is to follow, except the events."""
    order, month = document.order, find_month(document)
    of_plan = claim["cause"] in OF_PLANS
    plans = list(read_plans(document, claim, month=month)) if month or of_plan else []
    changes = list(read_changes(document, claim)) if of_plan else []
    named = {of["version"] for of in plans} | {of["before"] for of in changes}
    inputs: Inputs = {
        "rule": RULE,
        "decimals": document.currency.decimals,
        "as_of": write_instant(
            document.issued_at if claim["cause"] == "correction" else order.created_at
        ),
        "month": month.isoformat() if month else None,
        "zones": [],
        "edges": {},
        "versions": read_versions(named, claim),
        "plans": plans,
        "contract_from": find_contract(document, claim) if of_plan else None,
        "ordered": list(read_ordered(document, month)) if month else [],
        "given": list(read_given(document, month)) if month else [],
        "fee_paid": list(read_paid(document, month)) if month else [],
        "changes": changes,
        "transfer": find_transfer(order) if order.key.startswith("wire:") else None,
        "lot": read_lot(document) if claim["cause"] == "refund" else [],
        "invoice": read_invoice(document),
    }
    inputs["edges"] = find_edges(inputs, claim, calendar)
    inputs["zones"] = list(read_zones(document, until=max(inputs["edges"])))
    return inputs


def read_zones(document: IssuedDocument, *, until: str) -> Iterator[ZoneFact]:
    """Yield from which month on which zone holds, up to a day."""
    kept = MonthZone.objects.for_workspace(document.workspace_id).order_by("month")
    kept = kept.filter(month__lte=until)
    found = [(of.month, of.zone) for of in kept]
    for month, zone in found or [(BEGINNING, document.workspace.timezone)]:
        yield {"month": month.isoformat(), "zone": zone}


def find_edges(inputs: Inputs, claim: Claim, calendar: Calendar) -> dict[str, str]:
    """Return by local day its first instant, of the days that matter."""
    case, order = Case(inputs), claim["order"]
    days = {day for bot in case.plans for day in case.list_days(bot)}
    for name in (order["created_on"], order["completed_on"]):
        if name:
            days |= {name, (date.fromisoformat(name) + DAY).isoformat()}
    return {day: write_instant(calendar.start_of(date.fromisoformat(day))) for day in sorted(days)}


def read_plans(document: IssuedDocument, claim: Claim, *, month: date | None) -> Iterator[PlanFact]:
    """Yield the plans of the bots that matter: of an upgrade its bot, else all that pay a fee.

    Where one was replaced on the first day of a month after that of before was closed, what it was.
    """
    rows = BotPlan.objects.for_workspace(document.workspace_id)
    replaced: dict[str, str] = {}
    if month:
        replaced = read_replaced(document, month)
        paying = rows.filter(starts_on__lte=month, version__uses_credits=False)
        rows = rows.filter(starts_on__lte=month, bot__in=paying.values("bot"))
    else:
        day = claim["order"]["completed_on"] or claim["order"]["created_on"]
        rows = rows.filter(starts_on__lte=day, bot=document.order.bot_id)
    for row in rows.select_related("bot", "version__plan").order_by("bot__key", "starts_on"):
        was = replaced.get(row.bot.key) if row.starts_on == month else None
        yield {
            "bot": row.bot.key,
            "day": row.starts_on.isoformat(),
            "version": was or name_version(row.version),
        }


def read_replaced(document: IssuedDocument, month: date) -> dict[str, str]:
    """Return by bot the plan of a month's first day that a change of that day replaced too late.

    A first day is longer than the 24 hours up to the close where clocks are put back, or the zone
    is another from then on.
    """
    entries = AuditEntry.objects.for_workspace(document.workspace_id)
    closed = entries.filter(action="month.closed", target=f"{month - DAY:%Y-%m}").first()
    if closed is None:
        return {}
    named = name_versions()
    changed = entries.filter(action="plan.changed", after__from=month.isoformat())
    # Nobody changes a plan while the month is closed, so that later entries have higher numbers.
    latest_first = changed.filter(pk__gt=closed.pk).order_by("-pk")
    return {of.target: named.get((of.before or {}).get("plan", ""), "") for of in latest_first}


def name_versions() -> dict[str, str]:
    """Return what versions are called in proofs by what the audit log calls them."""
    return {str(of): name_version(of) for of in PlanVersion.objects.select_related("plan")}


def read_versions(named: set[str], claim: Claim) -> dict[str, VersionFact]:
    """Return versions with their prices; one that has not all of them in the currency is not."""
    if claim["order"]["version"]:
        named = {*named, claim["order"]["version"]}
    versions = PlanVersion.objects.select_related("plan").prefetch_related("meters")
    amounts: dict[int, dict[str, Decimal]] = {}
    for price in Price.objects.filter(currency=claim["currency"]):
        amounts.setdefault(price.version_id, {})[price.meter] = price.amount
    return {
        name_version(version): describe_version(version, amounts[version.pk])
        for version in versions
        if name_version(version) in named
        and amounts.get(version.pk, {}).keys() >= {FEE, *(of.meter for of in version.meters.all())}
    }


def describe_version(version: PlanVersion, amounts: Mapping[str, Decimal]) -> VersionFact:
    """Return a version with its prices."""
    included = sorted((of.meter, of.included) for of in version.meters.all())
    return {
        "uses_credits": version.uses_credits,
        "fee": write(amounts[FEE]),
        "meters": [
            {"meter": meter, "included": number, "price": write(amounts[meter])}
            for meter, number in included
        ],
    }


def find_contract(document: IssuedDocument, claim: Claim) -> str | None:
    """Return from when on a contract holds, where it did when the order was completed."""
    held = WorkspaceBilling.objects.for_workspace(document.workspace_id).get()
    day = held.enterprise_from.isoformat() if held.enterprise_from else None
    return day if day and day <= (claim["order"]["completed_on"] or "") else None


def read_ordered(document: IssuedDocument, month: date) -> Iterator[OrderedFact]:
    """Yield what renewals before that of a month ordered in arrears."""
    rows = OrderLine.objects.for_workspace(document.workspace_id).filter(
        kind__in=IN_ARREARS,
        order__type=OrderType.RENEWAL,
        order__key__lt=f"renewal:{month:%Y-%m}",
        first_day__gte=list_months(month.isoformat())[0],
    )
    rows = rows.select_related("bot", "version__plan", "order")
    for row in rows.order_by("order__number", "number"):
        yield describe_service(row, order=row.order.number, line=row.number, price=row.price)


def read_given(document: IssuedDocument, month: date) -> Iterator[OrderedFact]:
    """Yield what closes before that of a month gave back."""
    rows = CreditedService.objects.for_workspace(document.workspace_id).filter(
        document__key__lt=f"correction:{month:%Y-%m}",
        first_day__gte=list_months(month.isoformat())[0],
    )
    rows = rows.select_related("bot", "version__plan", "document__order")
    for row in rows.order_by("pk"):
        number = row.document.order.number
        yield describe_service(row, order=number, line=0, price=Decimal(0))


def describe_service(
    row: OrderLine | CreditedService, *, order: int, line: int, price: Decimal
) -> OrderedFact:
    """Return what a row ordered or gave back."""
    return {
        "order": order,
        "line": line,
        "bot": row.bot.key,
        "version": name_version(row.version),
        "meter": row.meter,
        "first_day": row.first_day.isoformat(),
        "last_day": row.last_day.isoformat(),
        "quantity": row.quantity,
        "price": write(price),
        "net": write(row.net),
    }


def read_paid(document: IssuedDocument, month: date) -> Iterator[PlanPaidFact]:
    """Yield what upgrades on the first day of a month paid of its fee before its renewal."""
    posted = Posting.objects.for_workspace(document.workspace_id)
    paid = posted.filter(kind=PostingKind.SUBSCRIPTION, service_day=month, bot__isnull=False)
    paid = paid.filter(key__startswith="order:").select_related("bot")
    renewal = posted.filter(key=f"renewal:{document.order.number}").first()
    postings = {of.id: of for of in (paid.filter(id__lt=renewal.id) if renewal else paid)}
    entries = LedgerEntry.objects.for_workspace(document.workspace_id).filter(
        posting_id__in=list(postings), account=Account.REVENUE_SUBSCRIPTIONS
    )
    for entry in entries.order_by("posting_id", "number"):
        posting = postings[entry.posting_id]
        bot = posting.bot.key if posting.bot else ""
        yield {"bot": bot, "posting": posting.key, "net": write(-entry.amount)}


def read_changes(document: IssuedDocument, claim: Claim) -> Iterator[ChangeFact]:
    """Yield which plans a bot changed on the days of its order, as the audit log has it."""
    order = claim["order"]
    named = name_versions()
    changed = AuditEntry.objects.for_workspace(document.workspace_id).filter(
        action="plan.changed", target=order["bot"]
    )
    for entry in changed.order_by("pk"):
        before, after = (entry.before or {}).get("plan"), (entry.after or {}).get("plan")
        day = str((entry.after or {}).get("from"))
        days = (order["created_on"], order["completed_on"])
        if day in days and before in named and after in named:
            yield {
                "entry": entry.pk, "day": day, "before": named[before], "after": named[after],
            }  # fmt: skip


def find_transfer(order: Order) -> str | None:
    """Return what came by wire, where an order was made for just that."""
    transfers = Transfer.objects.for_workspace(order.workspace_id)
    found = transfers.filter(order=order, outcome=Outcome.CREDITS).first()
    return write(found.amount) if found else None


def read_lot(document: IssuedDocument) -> list[str]:
    """Return the entries on the credits of an order before they were refunded."""
    order = document.order
    posted = Posting.objects.for_workspace(document.workspace_id)
    entries = LedgerEntry.objects.for_workspace(document.workspace_id).filter(lot=order.lot_id)
    if refund := posted.filter(key=f"refund:{order.number}").first():
        entries = entries.filter(posting_id__lt=refund.id)
    amounts = entries.order_by("posting_id", "number").values_list("amount", flat=True)
    return [write(amount) for amount in amounts]


def read_invoice(document: IssuedDocument) -> InvoiceFact | None:
    """Return the invoice that a credit note corrects, with what was left of it."""
    invoice = document.corrects
    if invoice is None:
        return None
    given = invoice.credit_notes.for_workspace(document.workspace_id).filter(pk__lt=document.pk)
    sums = given.aggregate(net=Sum("net", default=Decimal(0)), tax=Sum("tax", default=Decimal(0)))
    return {
        "number": invoice.number,
        "issued_on": invoice.issued_on.isoformat(),
        "net": write(invoice.net - sums["net"]),
        "tax": write(invoice.tax - sums["tax"]),
    }


def find_windows(gathered: Gathered, calendar: Calendar) -> None:
    """Note by bot from when to when its usage matters: the days on which its plan has a fee."""
    case = Case(gathered.inputs)
    ids = {bot.key: bot.pk for bot in gathered.bots.values()}
    for bot in case.plans:
        days = [
            day
            for month in case.months
            for stretch in case.split_month(bot, month)
            if not gathered.inputs["versions"][stretch.version]["uses_credits"]
            for day in (stretch.first, stretch.last + DAY)
        ]
        if days:
            window = (calendar.start_of(min(days)), calendar.start_of(max(days)))
            gathered.windows[ids[bot]] = window
