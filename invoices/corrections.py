"""Corrections downward: usage that was ordered too much is given back by credit notes.

Each names the invoice whose lines it corrects, the latest first where several have the service.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal

from accounts.models import Bot, Workspace
from accounts.months import read_calendar
from accounts.tenancy import in_workspace
from invoices import composing, documents, order_lines, paybacks
from invoices.composing import Correction, Counted, Named
from invoices.frozen import DocumentLine, add_up
from invoices.issued import CreditedService, IssuedDocument
from invoices.models import OrderLine
from invoices.order_lines import IN_ARREARS, Service
from invoices.renewal_rating import Overcharge
from invoices.tax import Sums
from plans import billing, ledger
from plans.ledger import Entry
from plans.models import SEATS, Account, Meter, PlanVersion, PostingKind

REASON = "Usage was counted again: less was used than was invoiced."


@dataclass(frozen=True)
class Part:
    """What of a line of an order is given back, before tax."""

    line: OrderLine
    quantity: int
    net: Decimal


def give_back(
    *, workspace: Workspace, overcharges: Sequence[Overcharge], month: date, at: datetime
) -> list[IssuedDocument]:
    """Issue the credit notes for what was ordered too much, found at the close of a month.

    One for each invoice that is corrected, for at most what is left of it. The caller holds the
    billing lock; run again for the same month it issues nothing.

    Source: product doc, "Upward corrections are a line of the next invoice, downward ones a credit
    note".
    """
    with in_workspace(workspace.pk):
        by_order: defaultdict[int, list[Part]] = defaultdict(list)
        for part in split(workspace, overcharges):
            by_order[part.line.order_id].append(part)
        invoices = IssuedDocument.objects.for_workspace(workspace).invoices()
        related = invoices.select_related("order__workspace", "order__currency", "currency")
        found = related.filter(order__in=by_order).order_by("pk")
        notes = [
            issue(invoice, by_order[invoice.order_id], month=month, at=at) for invoice in found
        ]
    return [note for note in notes if note]


def split(workspace: Workspace, overcharges: Sequence[Overcharge]) -> Iterator[Part]:
    """Yield by which lines what is to be given back was ordered, the latest line first."""
    lines = find_lines(workspace, [of.service for of in overcharges])
    for overcharge in overcharges:
        quantity, left = overcharge.quantity, overcharge.net
        for line, net in lines[overcharge.service]:
            taken = min(net, left)
            if taken > 0:
                yield Part(line, quantity, taken)
                quantity, left = 0, left - taken


def find_lines(
    workspace: Workspace, services: Sequence[Service]
) -> dict[Service, list[tuple[OrderLine, Decimal]]]:
    """Return by service the lines that ordered it with what is left of each, the latest first."""
    bots = {service.bot for service in services}
    credited: defaultdict[tuple[int, Service], Decimal] = defaultdict(Decimal)
    for row in (
        CreditedService.objects.for_workspace(workspace)
        .filter(bot__in=bots)
        .values_list(
            "document__order_id", "bot_id", "version_id", "meter", "first_day", "last_day", "net"
        )
    ):
        credited[row[0], Service(*row[1:6])] += row[6]
    found: dict[Service, list[tuple[OrderLine, Decimal]]] = {service: [] for service in services}
    lines = OrderLine.objects.for_workspace(workspace).filter(bot__in=bots, kind__in=IN_ARREARS)
    for line in lines.order_by("-order__number", "-number"):
        service = order_lines.find_service(line)
        if service in found:
            found[service].append((line, line.net - credited[line.order_id, service]))
    return found


def issue(
    invoice: IssuedDocument, parts: Sequence[Part], *, month: date, at: datetime
) -> IssuedDocument | None:
    """Issue one credit note; None: nothing is left of the invoice."""
    key = f"correction:{month:%Y-%m}:{invoice.number}"
    lines = fit(invoice, say_parts(invoice, parts))
    if not lines:
        return None
    correction = Correction(tuple(lines), Named(invoice.number, invoice.issued_on), REASON)
    note = documents.issue_credit_note(invoice=invoice, correction=correction, key=key, at=at)
    if note.credited_services.for_workspace(note.workspace_id).exists():
        return None
    given = [(part, line.net) for part, line in zip(parts, lines, strict=False)]
    keep(note, given)
    post(note, given, at=at)
    paybacks.owe(document=note, at=at)
    return note


def fit(invoice: IssuedDocument, lines: Sequence[DocumentLine]) -> list[DocumentLine]:
    """Return the lines, cut to what is left of an invoice, net and tax.

    The sum of taxes that are rounded one by one may be more than that of the invoice, by a minor
    unit; then so much less is given back that it is not.
    """
    left = documents.find_left(invoice)
    unit = Decimal(1).scaleb(-invoice.currency.decimals)
    kept: list[DocumentLine] = []
    for line in lines:
        net = min(line.net, left.net - add_up(one.net for one in kept))
        while net > 0 and not has_room(invoice, [*kept, cut(line, net)], left):
            net -= unit
        if net <= 0:
            break
        kept.append(cut(line, net))
    return kept


def has_room(invoice: IssuedDocument, lines: Sequence[DocumentLine], left: Sums) -> bool:
    """Tell whether the tax on lines is at most what is left of an invoice's."""
    return composing.work_out_tax(lines, invoice.order).tax <= left.tax


def cut(line: DocumentLine, net: Decimal) -> DocumentLine:
    """Return a line of another net amount, which is then one amount."""
    if net == line.net:
        return line
    return replace(line, quantity=Decimal(1), unit="", price=net, net=net)


def say_parts(invoice: IssuedDocument, parts: Sequence[Part]) -> list[DocumentLine]:
    """Return the lines of a credit note."""
    bots = Bot.objects.for_workspace(invoice.workspace_id)
    names = composing.name_bots(bots.filter(pk__in={part.line.bot_id for part in parts}))
    versions = PlanVersion.objects.select_related("plan").in_bulk(
        {part.line.version_id for part in parts}
    )
    return [
        say_part(part, bot=names[part.line.bot_id], of=invoice, plan=versions[part.line.version_id])
        for part in parts
    ]


def say_part(part: Part, *, bot: str, of: IssuedDocument, plan: PlanVersion) -> DocumentLine:
    """Return the line by which something is given back."""
    line, meter = part.line, composing.say_meter(Meter(part.line.meter))
    return composing.make_line(
        of.order,
        part.net,
        bot=bot,
        text=f"{plan.plan.name}, {meter} that were counted too much",
        counted=Counted(part.quantity, line.price),
        days=(line.first_day, line.last_day),
    )


def keep(note: IssuedDocument, given: Sequence[tuple[Part, Decimal]]) -> None:
    """Store which services a credit note gave back, so that no later one does so again."""
    CreditedService.objects.bulk_create(
        CreditedService(
            workspace_id=note.workspace_id,
            document=note,
            bot_id=part.line.bot_id,
            version_id=part.line.version_id,
            meter=part.line.meter,
            first_day=part.line.first_day,
            last_day=part.line.last_day,
            quantity=part.quantity,
            net=net,
        )
        for part, net in given
    )


def post(note: IssuedDocument, given: Sequence[tuple[Part, Decimal]], *, at: datetime) -> None:
    """Post a correction: revenue and tax to receivable, so that it is owed or due no more."""
    seats = add_up(net for part, net in given if part.line.meter in SEATS)
    entries = [
        Entry(Account.REVENUE_SUBSCRIPTIONS, seats),
        Entry(Account.REVENUE_USAGE, note.net - seats),
        Entry(Account.TAX_PAYABLE, note.tax),
        Entry(Account.RECEIVABLE, -note.gross),
    ]
    workspace = note.order.workspace
    held = billing.lock(workspace=workspace, at=at)
    ledger.post(
        workspace=workspace,
        key=f"credit_note:{note.number}",
        kind=PostingKind.CORRECTION,
        at=at,
        booking_month=held.book(read_calendar(workspace).day_of(at)),
        entries=[entry for entry in entries if entry.amount],
        note=f"Credit note {note.number}",
    )
