"""Mails about orders, payments, auto-reload, unpaid plans and documents."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta

from django.urls import reverse

from accounts import actors, outbox, recipients
from accounts.actors import ActorKind
from accounts.models import Bot, Workspace
from accounts.months import read_calendar
from accounts.recipients import Recipient, Why
from invoices import billing_details, wire
from invoices.issued import DocumentKind
from invoices.models import OF_CREDITS, AutoReload, Order, OrderType, Payment
from plans import catalog
from plans.mails import say_wallet
from plans.models import BotBilling
from plans.wording import say_amount, say_day, say_exactly

EXPIRES_SOON = (14, 3)  # days before an unpaid plan expires
KINDS_OF = {
    DocumentKind.INVOICE: "invoice_issued",
    DocumentKind.CREDIT_NOTE: "credit_note_issued",
}


def find_billing(workspace: Workspace) -> list[Recipient]:
    """Return the recipients that the billing details name."""
    details = billing_details.find(workspace)
    return recipients.of_addresses(details.recipients if details else [])


def find_buyer(order: Order) -> list[Recipient]:
    """Return who hears of an order: its buyer, else who is told of what the workspace orders."""
    if order.buyer_id:
        return recipients.of_person(order.buyer, Why.BUYER)
    if order.type == OrderType.AUTO_RELOAD:
        return recipients.find_of_wallet(order.workspace, order.bot)
    return find_billing(order.workspace)


def link_order(order: Order) -> list[str]:
    """Return the way to the page of an order."""
    return ["See the order", reverse("invoices:order", args=[order.workspace.slug, order.number])]


def link_reload(workspace: Workspace, bot: Bot | None) -> list[str]:
    """Return the way to the page of a wallet's auto-reload."""
    of = [workspace.slug, bot.pk] if bot else [workspace.slug]
    return ["See auto-reload", reverse("invoices:reload", args=of)]


def list_sums(order: Order) -> list[list[str]]:
    """Return what an order is of, line by line."""
    sums = [["Order", str(order)], ["What", order.get_type_display()]]
    if order.bot:
        sums.append(["Bot", order.bot.name])
    sums.append(["Net", say_amount(order.net, order.currency)])
    if order.tax:
        sums.append(["Tax", say_amount(order.tax, order.currency)])
    sums.append(["Total", say_amount(order.gross, order.currency)])
    return sums


def tell_of_order(
    kind: str,
    *,
    order: Order,
    of: object,
    at: datetime,
    to: Iterable[Recipient] | None = None,
    more: Sequence[list[str]] = (),
    **words: object,
) -> None:
    """Write a mail of an order, to its buyer or whom else; ``more`` stands below its sums."""
    outbox.queue(
        kind,
        workspace=order.workspace,
        of=of,
        to=find_buyer(order) if to is None else to,
        at=at,
        bot=order.bot,
        order=str(order),
        gross=say_amount(order.gross, order.currency),
        method=order.get_method_display(),
        due_on=say_day(order.due_on) if order.due_on else "",
        facts=[*list_sums(order), *more],
        action=link_order(order),
        **words,
    )


def tell_completed(order: Order, *, at: datetime) -> None:
    """Tell of an order that is paid: its buyer, or of whose wallet it was reloaded.

    Of a renewal the invoice tells.
    """
    if order.type == OrderType.RENEWAL:
        return
    reloaded = order.type == OrderType.AUTO_RELOAD
    tell_of_order(
        "reload_done" if reloaded else "purchase",
        order=order,
        of=order.number,
        at=at,
        what=order.get_type_display(),
        ordered_on=say_day(read_calendar(order.workspace).day_of(order.created_at)),
        loaded=order.type in OF_CREDITS,
        net=say_amount(order.net, order.currency),
        wallet=say_wallet(order.bot),
    )


def tell_pending(payment: Payment, *, at: datetime) -> None:
    """Tell that a payment is not decided yet."""
    order = payment.order
    tell_of_order("payment_pending", order=order, of=payment.reference, at=at)


def tell_wire(payment: Payment, *, at: datetime) -> None:
    """Tell where the money of a wire that was begun is to be sent."""
    order = payment.order
    to_send = wire.find_instructions(order)
    if to_send is None:
        return
    tell_of_order(
        "wire_awaited",
        order=order,
        of=payment.reference,
        at=at,
        more=[
            ["To", to_send.payee],
            ["Bank", to_send.bank],
            ["IBAN or account", to_send.account],
            ["BIC", to_send.bic],
            ["Reference", to_send.reference],
        ],
    )


def tell_failed(payment: Payment, *, at: datetime) -> None:
    """Tell that a payment failed: of an auto-reload that it has stopped."""
    order = payment.order
    if order.type == OrderType.AUTO_RELOAD:
        because = f"The payment of order {order} failed."
        tell_stopped(order.workspace, order.bot, because=because, of=payment.reference, at=at)
        return
    tell_of_order("payment_failed", order=order, of=payment.reference, at=at)


def tell_stopped(
    workspace: Workspace, bot: Bot | None, *, because: str, of: object, at: datetime
) -> None:
    """Tell that the console has switched the auto-reload of a wallet off."""
    outbox.queue(
        "reload_failed",
        workspace=workspace,
        of=of,
        to=recipients.find_of_wallet(workspace, bot),
        at=at,
        bot=bot,
        wallet=say_wallet(bot),
        because=because,
        action=link_reload(workspace, bot),
    )


def tell_reload_on(reload: AutoReload, *, at: datetime) -> None:
    """Tell by whom and how a wallet's auto-reload was turned on, or changed."""
    currency = catalog.find_currency(reload.workspace)
    outbox.queue(
        "reload_on",
        workspace=reload.workspace,
        of=at.isoformat(),
        to=recipients.find_of_wallet(reload.workspace, reload.bot),
        at=at,
        bot=reload.bot,
        wallet=say_wallet(reload.bot),
        by=reload.turned_on_by.known_as,
        amount=say_exactly(reload.amount, currency),
        limit=say_exactly(reload.limit, currency),
        method=str(reload.saved_method),
        action=link_reload(reload.workspace, reload.bot),
    )


def tell_reload_off(workspace: Workspace, bot: Bot | None, *, at: datetime) -> None:
    """Tell that somebody turned a wallet's auto-reload off."""
    actor = actors.current()
    outbox.queue(
        "reload_off",
        workspace=workspace,
        of=at.isoformat(),
        to=recipients.find_of_wallet(workspace, bot),
        at=at,
        bot=bot,
        wallet=say_wallet(bot),
        by=actor.name if actor.kind == ActorKind.PERSON else "",
        action=link_reload(workspace, bot),
    )


def tell_unpaid(*, workspace: Workspace, today: date, at: datetime) -> None:
    """Tell of what is unpaid as it stands: overdue orders, and plans past due, expiring, expired.

    What was told is known by its key, so this may run as often as it likes.
    """
    overdue = Order.objects.for_workspace(workspace).owed().filter(due_on__lte=today)
    for order in overdue.select_related("workspace", "currency", "bot"):
        tell_of_order("payment_due", order=order, of=order.number, at=at)
    unpaid = BotBilling.objects.for_workspace(workspace).filter(past_due_on__lte=today)
    for row in unpaid.select_related("bot__workspace"):
        tell_plan_unpaid(row, today=today, at=at)


def tell_plan_unpaid(row: BotBilling, *, today: date, at: datetime) -> None:
    """Tell a bot's owner how its plan stands: past due, about to expire or expired.

    That it is past due tells also that it expires in 14 days; an extension moves that day.
    """
    if row.past_due_on is None or row.expires_on is None:
        return
    left = row.expires_on - today
    first, last = (timedelta(days=days) for days in EXPIRES_SOON)
    kind, of = "plan_past_due", f"{row.past_due_on}"
    if left <= timedelta(0):
        kind, of = "plan_expired", f"{row.expires_on}"
    elif left <= last or (left <= first and row.expires_on > row.past_due_on + first):
        kind, of = "plan_expiring", f"{row.expires_on}:{'last' if left <= last else 'first'}"
    outbox.queue(
        kind,
        workspace=row.bot.workspace,
        of=of,
        to=recipients.find_owner(row.bot),
        at=at,
        bot=row.bot,
        due_on=say_day(row.past_due_on),
        expires_on=say_day(row.expires_on),
        days=left.days,
        action=["See the plan", reverse("plans:manage", args=[row.bot.workspace.slug, row.bot_id])],
    )


def tell_issued(
    *,
    workspace: Workspace,
    kind: DocumentKind,
    number: str,
    gross: str,
    link: str,
    at: datetime,
    due_on: str = "",
) -> None:
    """Tell the recipients in the billing details of an invoice or credit note that is issued.

    ``gross`` and ``due_on`` in words of the page, ``link`` the path of the document's page.
    """
    facts = [["Number", number], ["Total", gross]]
    if due_on:
        facts.append(["Due on", due_on])
    outbox.queue(
        KINDS_OF[kind],
        workspace=workspace,
        of=number,
        to=find_billing(workspace),
        at=at,
        number=number,
        gross=gross,
        facts=facts,
        action=[f"See the {kind.label.lower()}", link],
    )
