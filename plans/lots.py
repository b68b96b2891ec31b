"""Credits are granted, bought, refunded and lapse."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from accounts import audit
from accounts.audit import Act
from accounts.days import DAY
from accounts.models import Bot, Workspace
from accounts.months import Calendar, read_calendar
from accounts.tenancy import in_workspace
from plans import billing, ledger, mails, new_lots
from plans.ledger import Entry, NewPosting
from plans.models import (
    Account,
    BotPlan,
    CreditLot,
    LotKind,
    PlanVersion,
    PostingKind,
    WorkspaceBilling,
)
from plans.money import round_amount
from plans.wallets import Lot

LAPSES_AFTER = timedelta(hours=24)  # after the local end of the last day: for usage counted late


class NotLeft(Exception):
    """Another amount is left of a lot than is to be refunded."""


def grant_free(
    *,
    workspace: Workspace,
    amount: Decimal,
    at: datetime,
    last_day: date,
    key: str,
    bot: Bot | None = None,
    extends: CreditLot | None = None,
    reason: str = "",
) -> CreditLot:
    """Grant free credits to a bot, or (None) to all of them, and pay overdrafts from them.

    Returns the lot of an earlier call with the same ``key``, whatever else it said.
    """
    with in_workspace(workspace.pk):
        locked = billing.lock(workspace=workspace, at=at)
        return new_lots.find(workspace_id=workspace.pk, key=key) or new_lots.add(
            billing=locked,
            kind=LotKind.FREE,
            amount=amount,
            against=[Entry(Account.PROMOTION, amount)],
            at=at,
            key=key,
            bot=bot,
            last_day=last_day,
            extends=extends,
            reason=reason,
        )


def add_bought(
    *,
    workspace: Workspace,
    net: Decimal,
    tax: Decimal,
    at: datetime,
    key: str,
    bot: Bot | None = None,
    last_day: date | None = None,
    reason: str = "",
) -> CreditLot:
    """Add credits that were paid for, to a bot or (None) to all, and pay overdrafts from them.

    ``last_day`` None: as the plan says, which is most often that they do not lapse. Returns the lot
    of an earlier call with the same ``key``, whatever else it said.
    """
    against = [Entry(Account.PAYMENTS, net + tax)]
    if tax:
        against.append(Entry(Account.TAX_PAYABLE, -tax))
    with in_workspace(workspace.pk):
        locked = billing.lock(workspace=workspace, at=at)
        return new_lots.find(workspace_id=workspace.pk, key=key) or new_lots.add(
            billing=locked,
            kind=LotKind.BOUGHT,
            amount=net,
            against=against,
            at=at,
            key=key,
            bot=bot,
            last_day=last_day or find_last_day(locked, bot=bot, at=at),
            reason=reason,
        )


def find_last_day(of: WorkspaceBilling, *, bot: Bot | None, at: datetime) -> date | None:
    """Return the last day of credits that are bought at ``at``; None: they do not lapse.

    The plan of the bot says so or, where all bots share the credits, the workspace's default plan.
    """
    today = read_calendar(of.workspace).day_of(at)
    if bot is None:
        versions = PlanVersion.objects.on_offer().filter(plan=of.default_plan_id)
    else:
        plans = BotPlan.objects.for_workspace(of.workspace).filter(bot=bot).in_force_on(today)
        versions = PlanVersion.objects.filter(pk__in=plans.values_list("version_id", flat=True))
    days = versions.values_list("bought_credit_days", flat=True).first()
    return today + days * DAY if days else None


def refund(*, lot: CreditLot, net: Decimal, tax: Decimal, at: datetime, key: str) -> bool:
    """Take back all that is left of bought credits: ``net`` and ``tax`` are owed to the buyer.

    ``net`` is what is left, rounded to the minor unit; what that makes more or less counts as
    lapsed. False: the key was posted before, and nothing is done.

    Source: product doc, "A refund takes what is left of the order's lot".

    Raises:
        NotLeft: something else is left, so that the buyer would get a wrong amount.
    """
    with in_workspace(lot.workspace_id):
        workspace = Workspace.objects.get(pk=lot.workspace_id)
        locked = billing.lock(workspace=workspace, at=at)
        if new_lots.is_posted(workspace_id=workspace.pk, key=key):
            return False
        held = CreditLot.objects.for_workspace(workspace).select_related("currency")
        left = held.get(pk=lot.pk, kind=LotKind.BOUGHT)
        if round_amount(left.balance, decimals=left.currency.decimals) != net:
            raise NotLeft(f"{left.balance} {left.currency_id} are left of these credits.")
        entries = [
            Entry(Account.PREPAID_CREDITS, left.balance, lot=lot.pk),
            Entry(Account.REVENUE_LAPSED, net - left.balance),
            Entry(Account.TAX_PAYABLE, tax),
            Entry(Account.RECEIVABLE, -(net + tax)),
        ]
        return ledger.post(
            workspace=workspace,
            key=key,
            kind=PostingKind.REFUND,
            at=at,
            booking_month=locked.book(read_calendar(workspace).day_of(at)),
            bot=lot.bot_id,
            entries=[entry for entry in entries if entry.amount],
        )


def lapse_due(*, workspace_id: int, now: datetime) -> int:
    """Let credits lapse whose last day ended 24 hours ago or earlier; return how many lots did.

    None do under a contract, which keeps what is left.
    Usage of these days should be charged before: plans/charging.py calls this after.
    """
    with in_workspace(workspace_id):
        workspace = Workspace.objects.get(pk=workspace_id)
        if not find_due(workspace, now=now):
            return 0
        locked = billing.lock(workspace=workspace, at=now)
        today = read_calendar(workspace).day_of(now)
        if locked.is_under_contract_on(today):
            return 0
        due = find_due(workspace, now=now)
        month = locked.book(today)
        postings = [lapse(lot=Lot.of(lot), cause="", month=month) for lot in due if lot.balance > 0]
        ledger.write(workspace=workspace, at=now, postings=postings)
        acts = [
            Act(str(lot), before={"left": lot.balance, "last_day": lot.last_day})
            for lot in due
            if lot.balance > 0
        ]
        audit.record_all("credits.lapsed", workspace=workspace, acts=acts)
        mails.tell_lapsed(workspace=workspace, lots=[lot for lot in due if lot.balance > 0], at=now)
        lapsed = CreditLot.objects.for_workspace(workspace).filter(pk__in=[lot.pk for lot in due])
        return lapsed.update(lapsed_at=now)


def find_due(workspace: Workspace, *, now: datetime) -> list[CreditLot]:
    """Return the lots that are to lapse, also those of which nothing is left."""
    calendar = read_calendar(workspace)
    open_lots = CreditLot.objects.for_workspace(workspace).filter(lapsed_at=None)
    limited = open_lots.filter(last_day__lt=calendar.day_of(now)).order_by("pk")
    limited = limited.select_related("bot__workspace", "currency")
    return [lot for lot in limited if lot.last_day and lapses_at(lot.last_day, calendar) <= now]


def lapses_at(last_day: date, calendar: Calendar) -> datetime:
    """Return when lots of a last day lapse, also where that night the clocks are put forward."""
    return calendar.start_of(last_day + DAY).astimezone(UTC) + LAPSES_AFTER


def lapse(*, lot: Lot, cause: str, month: date) -> NewPosting:
    """Return the posting by which what is left of a lot lapses.

    ``cause``: the key of the posting that gave credits back to a lapsed lot.
    """
    return NewPosting(
        key=f"lapse:{lot.id}:{cause}" if cause else f"lapse:{lot.id}",
        kind=PostingKind.LAPSE,
        booking_month=month,
        entries=lot.lapse(),
    )
