"""Auto-reloads that are due: one order each, charged by a saved method without the buyer.

After a charge that leaves a wallet below its limit there is one order: none while one is open, and
at most three a local day. Whatever a worker left half done, the next run finds.
"""

from datetime import date, datetime
from decimal import Decimal

from django.db.models import Sum

from accounts.access import may_change_plan
from accounts.days import DAY
from accounts.models import ADMINS, Bot, Membership, Workspace
from accounts.months import read_calendar
from accounts.tenancy import in_workspace, read_as_operator
from invoices import auto_reload, mails, orders, payments, saved_methods
from invoices.models import AutoReload, Method, Order, OrderType, Payment, PaymentStatus
from plans import billing
from plans.models import BotBilling, CreditLot, Posting, PostingKind

MOST_A_DAY = 3
FIND_DUE = """
SELECT workspace_id FROM invoices_autoreload WHERE is_on
UNION
SELECT workspace_id FROM invoices_payment
WHERE status = 'started' AND saved_method_id IS NOT NULL
"""


def find_due() -> list[int]:
    """Return the workspaces with an auto-reload, or a charge for one, as the operator sees them."""
    return [workspace_id for (workspace_id,) in read_as_operator(FIND_DUE)]


def run(*, workspace_id: int, now: datetime) -> int:
    """Order and charge what is due in one workspace; return how many orders were placed."""
    with in_workspace(workspace_id):
        workspace = Workspace.objects.get(pk=workspace_id)
        found = AutoReload.objects.for_workspace(workspace).filter(is_on=True).order_by("pk")
        wallets = [reload.bot_id for reload in found]
    placed = sum(order_for(workspace=workspace, bot_id=bot_id, now=now) for bot_id in wallets)
    for payment in list_uncharged(workspace):
        payments.charge(payment=payment, at=now)
    return placed


def order_for(*, workspace: Workspace, bot_id: int | None, now: datetime) -> bool:
    """Place the order of a wallet with its payment, if one is due."""
    with in_workspace(workspace.pk):
        billing.lock(workspace=workspace)
        found = AutoReload.objects.for_workspace(workspace).filter(bot=bot_id, is_on=True)
        reload = found.select_related("workspace", "bot", "saved_method").first()
        if reload is None or not is_due(reload, now=now):
            return False
        if refusal := find_refusal(reload):
            auto_reload.stop(reload, because=refusal)
            mails.tell_stopped(workspace, reload.bot, because=refusal, of=now, at=now)
            return False
        today = read_calendar(workspace).day_of(now)
        number = count_orders(reload, now=now) + 1
        try:
            order = orders.place(
                workspace=workspace,
                type=OrderType.AUTO_RELOAD,
                buyer=None,
                net=reload.amount,
                at=now,
                key=f"reload:{reload.bot_id or 'shared'}:{today}:{number}",
                method=Method(reload.saved_method.method),
                bot=reload.bot,
            )
        except orders.NotOrdered as error:  # the limits, or the contract, are others by now
            auto_reload.stop(reload, because=str(error))
            mails.tell_stopped(workspace, reload.bot, because=str(error), of=now, at=now)
            return False
        payments.start(order=order, at=now, saved_method=reload.saved_method)
    return True


def find_refusal(reload: AutoReload) -> str:
    """Return why a wallet is not to be reloaded any more; empty: it is.

    A method is charged for what whoever had it saved may pay for, and can turn off.
    """
    bot = reload.bot
    if bot and bot.archived_at:
        return "The bot is archived."
    if reload.saved_method.removed_at:
        return saved_methods.REMOVED
    members = Membership.objects.for_workspace(reload.workspace_id)
    payer = members.filter(user=reload.saved_method.saved_by_id).first()
    if payer and (may_change_plan(payer, bot) if bot else payer.role in ADMINS):
        return ""
    return "Whoever had the payment method saved may not pay for these credits any more."


def is_due(reload: AutoReload, *, now: datetime) -> bool:
    """Tell whether a wallet that is reloaded needs an order; the caller has the lock.

    An empty wallet is below every limit, also below zero's.
    """
    workspace = reload.workspace
    reloads = Order.objects.for_workspace(workspace).filter(
        type=OrderType.AUTO_RELOAD, bot=reload.bot
    )
    if reloads.open().exists() or count_orders(reload, now=now) >= MOST_A_DAY:
        return False
    latest = reloads.order_by("-number").first()
    since = reload.turned_on_at
    if latest:
        since = max(since, latest.completed_at or latest.created_at)
    if not was_charged(workspace=workspace, bot=reload.bot, since=since):
        return False
    today = read_calendar(workspace).day_of(now)
    left = find_balance(workspace=workspace, bot=reload.bot, today=today)
    return left < reload.limit or left <= 0


def count_orders(reload: AutoReload, *, now: datetime) -> int:
    """Return how many orders a wallet's auto-reload has placed on the local day of an instant."""
    calendar = read_calendar(reload.workspace)
    today = calendar.day_of(now)
    return (
        Order.objects.for_workspace(reload.workspace)
        .filter(
            type=OrderType.AUTO_RELOAD,
            bot=reload.bot,
            created_at__gte=calendar.start_of(today),
            created_at__lt=calendar.start_of(today + DAY),
        )
        .count()
    )


def was_charged(*, workspace: Workspace, bot: Bot | None, since: datetime) -> bool:
    """Tell whether usage was charged after an instant: of a bot, or of any."""
    charges = Posting.objects.for_workspace(workspace).filter(kind=PostingKind.CHARGE)
    if bot:
        charges = charges.filter(bot=bot)
    latest = charges.order_by("-id").first()
    return latest is not None and latest.posted_at > since


def find_balance(*, workspace: Workspace, bot: Bot | None, today: date) -> Decimal:
    """Return what is left in a wallet, free and bought, less the overdraft that it would pay."""
    lots = CreditLot.objects.for_workspace(workspace).usable_on(today)
    left: Decimal | None = lots.filter(bot=bot).aggregate(left=Sum("balance"))["left"]
    billed = BotBilling.objects.for_workspace(workspace)
    if bot:
        billed = billed.filter(bot=bot)
    overdraft: Decimal | None = billed.aggregate(sum=Sum("overdraft"))["sum"]
    return (left or Decimal(0)) - (overdraft or Decimal(0))


def list_uncharged(workspace: Workspace) -> list[Payment]:
    """Return the payments by saved methods to which no provider has answered."""
    with in_workspace(workspace.pk):
        found = Payment.objects.for_workspace(workspace).filter(
            status=PaymentStatus.STARTED, saved_method__isnull=False
        )
        return list(found.select_related("order__workspace", "saved_method").order_by("pk"))
