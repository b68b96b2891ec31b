"""What the Plan pages read of bots, lots and extensions: a constant number of statements each."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection

from accounts import queries as account_queries
from accounts.models import Bot, Membership, Workspace
from accounts.months import read_calendar
from plans import balances, catalog, eligibility, forecast, subscriptions
from plans.balances import Balance
from plans.forecast import RunOut
from plans.models import (
    BotBilling,
    BotPlan,
    CreditLot,
    CreditLotQuerySet,
    Extension,
    ExtensionStatus,
    LotKind,
    PlanVersion,
    PostingKind,
    WorkspaceBilling,
)
from plans.subscriptions import BotStatus, PlanStatus
from plans.wording import say_balance, say_day, say_days

SOON = timedelta(days=14)  # so long before they lapse credits are pointed out
LATELY = timedelta(days=30)  # so long what the operator decided is pointed out

TAKING = (PostingKind.CHARGE, PostingKind.SETTLEMENT)  # what usage takes from a lot

# Index entry_of_lot, then the primary key of postings. Debits lessen a lot.
SUM_USE_OF_LOT = """
SELECT posting.kind, posting.bot_id, posting.service_day, posting.meter, sum(entry.amount)
FROM plans_ledgerentry entry
JOIN plans_posting posting
    ON posting.workspace_id = entry.workspace_id AND posting.id = entry.posting_id
WHERE entry.workspace_id = %(workspace)s AND entry.lot_id = %(lot)s
GROUP BY 1, 2, 3, 4
ORDER BY posting.service_day DESC NULLS LAST, posting.bot_id, posting.meter
"""


class Notice(NamedTuple):
    """Something that the information icon of a bot tells; ``icon`` is one of Tabler's.

    ``address``: of the page that says more; empty: there is none.
    """

    icon: str
    text: str
    address: str = ""


Told = Mapping[int | None, list[Notice]]  # by bot; None: of what all bots share


@dataclass(frozen=True)
class PlanRow:
    """A bot as the Plan page shows it.

    ``scheduled``: the change that is to come; ``ends_on``: the local day that the status speaks of.
    ``run_out``: None where there is no estimate, or nothing is left.
    """

    bot: Bot
    owner: str
    version: PlanVersion
    status: PlanStatus
    ends_on: date | None
    balance: Balance
    scheduled: BotPlan | None = None
    run_out: RunOut | None = None
    notices: list[Notice] = field(default_factory=list)

    @property
    def plan(self) -> str:
        """The name of the plan."""
        return self.version.plan.name

    @property
    def run_out_words(self) -> str:
        """The estimate in words; empty: there is none."""
        return say_run_out(self.run_out)

    @property
    def sorts_as(self) -> tuple[str, str]:
        """The name without regard to capitals, then the key."""
        return self.bot.name.casefold(), self.bot.key

    @property
    def place(self) -> tuple[int, tuple[str, str]]:
        """The plan's place in the catalog, then the bot."""
        return self.version.plan.place, self.sorts_as


class Lapse(NamedTuple):
    """What of the shared credits lapses after a local day."""

    last_day: date
    kind: LotKind
    amount: Decimal


@dataclass(frozen=True)
class Wallet:
    """The credits that all bots of a workspace share; ``lapses`` by last day.

    ``run_out``: when they are gone, in words; empty: not within sight.
    """

    free: Decimal
    bought: Decimal
    lapses: list[Lapse]
    run_out: str


class Use(NamedTuple):
    """What usage of a bot and local day took from a lot, in all; ``meter`` empty: an overdraft."""

    bot: Bot | None
    day: date | None
    meter: str
    amount: Decimal


@dataclass(frozen=True)
class LotUse:
    """What became of a lot; each amount is positive. ``uses`` by day, the latest first."""

    used: Decimal
    lapsed: Decimal
    refunded: Decimal
    uses: list[Use]


def find_contract_day(workspace: Workspace) -> date | None:
    """Return from which local day on a workspace is under contract; None: it is not to be."""
    billed = WorkspaceBilling.objects.for_workspace(workspace).first()
    return billed.enterprise_from if billed else None


def find_contract(workspace: Workspace, *, at: datetime) -> date | None:
    """Return since which local day a workspace is under contract; None: it is not, at ``at``."""
    since = find_contract_day(workspace)
    begun = since is not None and since <= read_calendar(workspace).day_of(at)
    return since if begun else None


def list_rows(
    membership: Membership,
    *,
    text: str = "",
    owner: int | None = None,
    archived: bool = False,
    told: Told,
    at: datetime,
) -> list[PlanRow]:
    """Return the bots whose plan a person sees; ``text`` is part of a name or key."""
    status = account_queries.ARCHIVED if archived else ""
    found = account_queries.list_bots(membership, text=text, owner=owner, status=status)
    bots = list(found.with_plan_for(membership))
    return make_rows(membership.workspace, bots, told=told, at=at)


def make_rows(
    workspace: Workspace, bots: Sequence[Bot], *, told: Told, at: datetime
) -> list[PlanRow]:
    """Return bots with their plans, balances and what there is to tell of them.

    ``told``: what others tell of bots beside it.
    """
    today = read_calendar(workspace).day_of(at)
    ids = [bot.pk for bot in bots]
    versions = subscriptions.find_versions(workspace=workspace, bots=ids, day=today)
    scheduled = subscriptions.find_scheduled(workspace=workspace, bots=ids, today=today)
    statuses = subscriptions.read_statuses(workspace=workspace, bots=ids, today=today)
    held = balances.read(workspace=workspace, bots=ids, today=today)
    run_outs = forecast.read(workspace=workspace, bots=ids, today=today)
    notices = Notices(workspace, today=today, at=at)
    return [
        PlanRow(
            bot=bot,
            owner=bot.owner.known_as if bot.owner else "",
            version=versions[bot.pk],
            status=statuses[bot.pk].status,
            ends_on=statuses[bot.pk].day,
            balance=held[bot.pk],
            scheduled=scheduled.get(bot.pk),
            run_out=run_outs[bot.pk] if held[bot.pk].remaining > 0 else None,
            notices=[
                *told.get(bot.pk, []),
                *notices.list_for(
                    bot,
                    version=versions[bot.pk],
                    scheduled=scheduled.get(bot.pk),
                    status=statuses[bot.pk],
                ),
            ],
        )
        for bot in bots
    ]


class Notices:
    """What the information icons of a workspace's bots tell: read once for all of them."""

    def __init__(self, workspace: Workspace, *, today: date, at: datetime) -> None:
        self.currency = catalog.find_currency(workspace)
        self.today = today
        lots = CreditLot.objects.for_workspace(workspace).filter(lapsed_at=None, balance__gt=0)
        self.lapsing = list(lots.filter(last_day__lte=today + SOON).order_by("last_day", "pk"))
        unpaid = BotBilling.objects.for_workspace(workspace).exclude(expires_on=None)
        self.expiring = dict(unpaid.values_list("bot", "expires_on"))
        asked = Extension.objects.for_workspace(workspace)
        recent = asked.filter(status=ExtensionStatus.REQUESTED) | asked.filter(
            decided_at__gte=at - LATELY
        )
        self.extensions = list(recent.order_by("requested_at", "pk"))
        self.zone = ZoneInfo(workspace.timezone)

    def list_for(
        self, bot: Bot, *, version: PlanVersion, scheduled: BotPlan | None, status: BotStatus
    ) -> list[Notice]:
        """Return what there is to tell of one bot, the most urgent first."""
        found: list[Notice] = []
        if status.status == PlanStatus.EXPIRED and status.day:
            text = f"The plan expired on {say_day(status.day)}: its fee is unpaid."
            found.append(Notice("alert-triangle", text))
        elif status.status == PlanStatus.PAST_DUE and status.day:
            expires = self.expiring.get(bot.pk)
            then = f" Unpaid, it expires on {say_day(expires)}." if expires else ""
            text = f"The plan's fee is past due since {say_day(status.day)}.{then}"
            found.append(Notice("alert-triangle", text))
        if scheduled is not None:
            what = (
                f"Changes from {version.plan.name} to {scheduled.version.plan.name}"
                f" on {say_day(scheduled.starts_on)}."
            )
            found.append(Notice("calendar-event", what))
        if version.uses_credits:
            found += [self.tell_lapse(lot) for lot in self.lapsing if lot.bot_id in (None, bot.pk)]
        latest = [asked for asked in self.extensions if asked.bot_id == bot.pk][-1:]
        return found + [self.tell_extension(asked) for asked in latest]

    def tell_lapse(self, lot: CreditLot) -> Notice:
        """Say that credits lapse."""
        amount = say_balance(lot.balance, self.currency)
        whose = "this bot's own" if lot.bot_id else "shared by all bots"
        assert lot.last_day is not None  # noqa: S101
        kind = lot.get_kind_display().lower()
        return Notice(
            "hourglass-low",
            f"{amount} of {kind} credits, {whose}, lapse after {say_day(lot.last_day)}.",
        )

    def tell_extension(self, asked: Extension) -> Notice:
        """Say what became of a request."""
        days = f"{asked.days} day" + ("s" if asked.days != 1 else "")
        note = f" {asked.decision_note}" if asked.decision_note else ""
        match asked.status:
            case ExtensionStatus.APPROVED:
                return Notice("circle-check", f"An extension of {days} is granted.{note}")
            case ExtensionStatus.DECLINED:
                return Notice("circle-x", f"An extension of {days} is declined.{note}")
        day = say_day(asked.requested_at.astimezone(self.zone).date())
        return Notice("clock", f"An extension of {days} was asked for on {day}: not decided yet.")


def read_wallet(workspace: Workspace, *, today: date) -> Wallet:
    """Return the credits that all bots share."""
    lots = CreditLot.objects.for_workspace(workspace).usable_on(today)
    shared = lots.filter(bot=None).order_by("last_day", "pk")
    totals = dict.fromkeys(LotKind, Decimal(0))
    lapses = []
    for lot in shared:
        totals[LotKind(lot.kind)] += lot.balance
        if lot.last_day is not None:
            lapses.append(Lapse(lot.last_day, LotKind(lot.kind), lot.balance))
    run_out = say_run_out(forecast.read_shared(workspace=workspace, today=today))
    return Wallet(totals[LotKind.FREE], totals[LotKind.BOUGHT], lapses, run_out)


def say_run_out(run_out: RunOut | None) -> str:
    """Return when credits run out in words; empty: there is no estimate, or not within sight."""
    if run_out is None or run_out.earliest is None:
        return ""
    return say_days(run_out.earliest, run_out.latest)


def order_lots(lots: CreditLotQuerySet) -> list[CreditLot]:
    """Return lots in the order in which they are used; those that are empty or gone come last."""
    return sorted(
        lots.in_order_of_use(), key=lambda lot: lot.lapsed_at is not None or not lot.balance
    )


def read_use(lot: CreditLot, *, bots: Iterable[int]) -> LotUse:
    """Return what became of a lot, and of its uses those by some bots."""
    named = Bot.objects.for_workspace(lot.workspace_id).in_bulk(list(bots))
    sums = dict.fromkeys(PostingKind, Decimal(0))
    uses = []
    with connection.cursor() as cursor:
        cursor.execute(SUM_USE_OF_LOT, {"workspace": lot.workspace_id, "lot": lot.pk})
        for kind, bot_id, day, meter, amount in cursor.fetchall():
            sums[PostingKind(kind)] += amount
            if kind in TAKING and bot_id in named and amount:
                uses.append(Use(named[bot_id], day, meter, amount))
    return LotUse(
        used=sum((sums[kind] for kind in TAKING), Decimal(0)),
        lapsed=sums[PostingKind.LAPSE],
        refunded=sums[PostingKind.REFUND],
        uses=uses,
    )


@dataclass(frozen=True)
class Managed:
    """What the Manage page shows of a bot."""

    row: PlanRow
    own_limit: Decimal | None
    extension: Extension | None
    offers: list[eligibility.Eligible]


def read_managed(bot: Bot, *, told: Told, at: datetime) -> Managed:
    """Return what the Manage page shows of a bot."""
    workspace = bot.workspace
    today = read_calendar(workspace).day_of(at)
    (row,) = make_rows(workspace, [bot], told=told, at=at)
    billed = BotBilling.objects.for_workspace(workspace).filter(bot=bot).first()
    asked = Extension.objects.for_workspace(workspace).filter(bot=bot)
    checked = eligibility.check(workspace=workspace, bots=[bot.pk], today=today)
    return Managed(
        row=row,
        own_limit=billed.low_balance if billed else None,
        extension=asked.filter(status=ExtensionStatus.REQUESTED).first(),
        offers=checked[bot.pk],
    )
