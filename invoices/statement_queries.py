"""Usage statements as pages, files and their PDFs read them: only what was frozen."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Case, Count, F, Max, Min, OuterRef, Q, Subquery, Sum, Value, When
from django.db.models.functions import Coalesce

from accounts.models import Bot, Membership, Workspace, WorkspaceOwnedQuerySet
from invoices.composing import say_meter
from invoices.stated import (
    MOVEMENTS,
    BalanceKind,
    StatementBalance,
    StatementBot,
    StatementLine,
    UsageStatement,
)
from invoices.statement_contents import Heading, PlanUse, read_heading, read_uses
from plans.models import Meter
from plans.wording import say_day

NONE = Decimal(0)
AMOUNTS = ("opening", *MOVEMENTS, "closing")
SAID = {
    "opening": "Opening balance",
    "granted": "Granted and bought",
    "used": "Usage",
    "settled": "Overdraft paid",
    "lapsed": "Lapsed",
    "refunded": "Refunded",
    "corrected": "Other corrections",
    "closing": "Closing balance",
}
CONTRACT = "Contract"  # in the place of a plan
# No two of them count the same; voice sessions are counted beside them.
OF_SESSIONS = (Meter.BILLING_SESSIONS, Meter.CONVERSATIONS, Meter.ALERT_SESSIONS)
HAS_SESSIONS = Q(usage_sessions__gt=0) | Q(alert_sessions__gt=0)


class Wallet(NamedTuple):
    """A column of the balances: what it is of, and its amounts in the order of `AMOUNTS`."""

    name: str
    amounts: tuple[Decimal, ...]


class Movement(NamedTuple):
    """A row of the balances: an amount for each wallet, and their sum."""

    name: str
    cells: tuple[tuple[str, Decimal], ...]
    total: Decimal

    @property
    def is_sum(self) -> bool:
        """Whether it is what was or is there, and not what moved."""
        return self.name in (SAID["opening"], SAID["closing"])


class Balances(NamedTuple):
    """What wallets had, what moved, and what they have; movements that are nothing are left out."""

    wallets: tuple[str, ...]
    rows: tuple[Movement, ...]

    @property
    def opening(self) -> Decimal:
        """What was there in all."""
        return self.rows[0].total

    @property
    def closing(self) -> Decimal:
        """What is there in all."""
        return self.rows[-1].total


class Usage(NamedTuple):
    """What a bot used of a meter by a plan: on days of the month, or before it (``late``).

    ``amount`` None: it is not paid from credits.
    """

    bot: int
    plan: str
    meter: Meter
    late: bool
    first: date
    last: date
    quantity: int
    amount: Decimal | None
    free: Decimal | None
    bought: Decimal | None
    overdraft: Decimal | None

    @property
    def what(self) -> str:
        """The plan and what is counted."""
        return f"{self.plan}, {say_meter(self.meter)}"

    @property
    def on_day(self) -> str:
        """The day of what is of one day, and what is counted."""
        return f"{say_day(self.first)}, {say_meter(self.meter)}"

    @property
    def range(self) -> tuple[date, date]:
        """The first and the last service day."""
        return self.first, self.last


class OfBot(NamedTuple):
    """What a statement says of one bot."""

    bot: StatementBot
    usage: Sequence[Usage]
    uses: Sequence[PlanUse]

    @property
    def amount(self) -> Decimal:
        """What was taken from credits, or is owed, for its usage."""
        return sum((of.amount for of in self.usage if of.amount is not None), NONE)

    @property
    def late(self) -> int:
        """How many sessions it has of days before the month."""
        return sum(of.quantity for of in self.usage if of.late and of.meter in OF_SESSIONS)


@dataclass(frozen=True)
class Said:
    """A statement, or the part of one bot: ``bot`` and ``days`` are of that alone."""

    statement: UsageStatement
    heading: Heading
    balances: Balances | None
    bots: tuple[OfBot, ...]
    bot: StatementBot | None = None
    days: tuple[Usage, ...] = ()

    @property
    def amount(self) -> Decimal:
        """What was taken from credits, or is owed, for all usage."""
        return sum((of.amount for of in self.bots), NONE)

    @property
    def has_amounts(self) -> bool:
        """Whether any usage is paid from credits."""
        return any(usage.amount is not None for of in self.bots for usage in of.usage)

    @property
    def has_usage(self) -> bool:
        """Whether anything was used."""
        return any(of.usage for of in self.bots)

    @property
    def has_uses(self) -> bool:
        """Whether a bot had a plan with a fee."""
        return any(of.uses for of in self.bots)


def find_statements(workspace: Workspace) -> WorkspaceOwnedQuerySet[UsageStatement]:
    """Return the statements of a workspace, the newest first."""
    statements = UsageStatement.objects.for_workspace(workspace).order_by("-month")
    return statements.select_related("workspace")


def read(statement: UsageStatement, *, bot_id: int | None = None) -> Said:
    """Return what a statement says, of all bots or of one.

    Raises:
        StatementBot.DoesNotExist: that bot is not on it.
    """
    workspace = statement.workspace_id
    bots = StatementBot.objects.for_workspace(workspace).filter(statement=statement)
    lines = StatementLine.objects.for_workspace(workspace).filter(statement=statement)
    balances = StatementBalance.objects.for_workspace(workspace).filter(statement=statement)
    heading = read_heading(statement)
    if bot_id is None:
        usage = sum_up(lines, statement, heading)
        said = group(bots.order_by("name", "key"), usage)
        return Said(statement, heading, add_up(balances), tuple(said))
    bot = bots.get(bot=bot_id)
    of_bot = lines.filter(bot=bot_id)
    usage = sum_up(of_bot, statement, heading)
    days = (say_line(line, statement, heading) for line in of_bot.order_by("service_day", "meter"))
    return Said(
        statement,
        heading,
        add_up(balances.filter(bot=bot_id)),
        tuple(group([bot], usage)),
        bot=bot,
        days=tuple(days),
    )


def group(bots: Iterable[StatementBot], usage: Iterable[Usage]) -> list[OfBot]:
    """Return by bot what it used and what its plans include."""
    of_bots: dict[int, list[Usage]] = {}
    for of in usage:
        of_bots.setdefault(of.bot, []).append(of)
    return [OfBot(bot, of_bots.get(bot.bot_id, []), read_uses(bot)) for bot in bots]


def sum_up(
    lines: WorkspaceOwnedQuerySet[StatementLine], statement: UsageStatement, heading: Heading
) -> list[Usage]:
    """Return lines by bot, plan and meter; late usage by itself."""
    late = Case(When(service_day__lt=statement.month, then=Value(True)), default=Value(False))
    rows = (
        lines.annotate(late=late)
        .values("bot_id", "version_id", "meter", "late")
        .annotate(
            first=Min("service_day"),
            last=Max("service_day"),
            count=Sum("quantity"),
            charged=Sum("amount"),
            from_free=Sum("free"),
            from_bought=Sum("bought"),
            owed=Sum("overdraft"),
        )
        .order_by("bot_id", "late", "first", "meter", "version_id")
    )
    return [
        Usage(
            bot=row["bot_id"],
            plan=name_plan(row["version_id"], heading),
            meter=Meter(row["meter"]),
            late=row["late"],
            first=row["first"],
            last=row["last"],
            quantity=row["count"],
            amount=row["charged"],
            free=row["from_free"],
            bought=row["from_bought"],
            overdraft=row["owed"],
        )
        for row in rows
    ]


def say_line(line: StatementLine, statement: UsageStatement, heading: Heading) -> Usage:
    """Return one line, which is of one day."""
    return Usage(
        bot=line.bot_id,
        plan=name_plan(line.version_id, heading),
        meter=Meter(line.meter),
        late=line.service_day < statement.month,
        first=line.service_day,
        last=line.service_day,
        quantity=line.quantity,
        amount=line.amount,
        free=line.free,
        bought=line.bought,
        overdraft=line.overdraft,
    )


def name_plan(version: int | None, heading: Heading) -> str:
    """Return the name of a plan, as it was then; without a version the contract."""
    return CONTRACT if version is None else heading.plans.get(str(version), "")


def add_up(rows: Iterable[StatementBalance]) -> Balances | None:
    """Return the balances of wallets: the shared ones, and those of bots together; None: none."""
    sums: dict[tuple[bool, str], list[Decimal]] = {}
    for row in rows:
        kept = sums.setdefault((row.bot_id is not None, row.kind), [NONE] * len(AMOUNTS))
        for place, name in enumerate(AMOUNTS):
            kept[place] += getattr(row, name)
    if not sums:
        return None
    order = [(own, kind.value) for own in (False, True) for kind in BalanceKind]
    wallets = [Wallet(name_wallet(*key), tuple(sums[key])) for key in order if key in sums]
    names = tuple(wallet.name for wallet in wallets)
    movements = []
    for place, name in enumerate(AMOUNTS):
        amounts = [wallet.amounts[place] for wallet in wallets]
        if any(amounts) or name in {"opening", "closing"}:
            cells = tuple(zip(names, amounts, strict=True))
            movements.append(Movement(SAID[name], cells, sum(amounts, NONE)))
    return Balances(names, tuple(movements))


def name_wallet(own: bool, kind: str) -> str:
    """Return what a wallet is called; overdrafts are of bots alone."""
    label = BalanceKind(kind).label
    if kind == BalanceKind.OVERDRAFT:
        return label
    return f"{label}, bots' own" if own else f"{label}, shared"


def find_months(workspace: Workspace) -> WorkspaceOwnedQuerySet[UsageStatement]:
    """Return the statements of a workspace with their sums, the newest first.

    ``charged`` and ``closing`` are None where nothing was paid from credits, or none were there.
    """
    lines, balances = (
        model.objects.for_workspace(workspace).filter(statement=OuterRef("pk")).order_by()
        for model in (StatementLine, StatementBalance)
    )
    charged = lines.values("statement").annotate(sum=Sum("amount")).values("sum")
    closing = balances.values("statement").annotate(sum=Sum("closing")).values("sum")
    bots = StatementBot.objects.for_workspace(workspace)
    return count_sessions(find_statements(workspace), bots).annotate(
        charged=Subquery(charged), closing=Subquery(closing)
    )


def find_counted_months(membership: Membership) -> WorkspaceOwnedQuerySet[UsageStatement]:
    """Return the statements with the counts of the bots that a person sees, the newest first."""
    workspace = membership.workspace
    seen = Bot.objects.for_workspace(workspace).visible_to(membership).values("pk")
    bots = StatementBot.objects.for_workspace(workspace).filter(bot__in=seen)
    return count_sessions(find_statements(workspace), bots)


def count_sessions(
    statements: WorkspaceOwnedQuerySet[UsageStatement], bots: WorkspaceOwnedQuerySet[StatementBot]
) -> WorkspaceOwnedQuerySet[UsageStatement]:
    """Say of statements how many ``sessions`` some bots had, and how many ``bots`` had any."""
    of = bots.filter(statement=OuterRef("pk")).order_by().values("statement")
    sessions = of.annotate(sum=Sum(F("usage_sessions") + F("alert_sessions"))).values("sum")
    used = of.annotate(used=Count("pk", filter=HAS_SESSIONS)).values("used")
    return statements.annotate(
        sessions=Coalesce(Subquery(sessions), 0), bots=Coalesce(Subquery(used), 0)
    )


class CountedBot(NamedTuple):
    """A bot's counts of a month, without money: ``late`` are sessions of days before it."""

    bot: StatementBot
    late: int


def count_bots(statement: UsageStatement, membership: Membership) -> list[CountedBot]:
    """Return the counts of the bots that a person sees, in order of their names."""
    workspace = statement.workspace_id
    seen = Bot.objects.for_workspace(workspace).visible_to(membership).values("pk")
    bots = StatementBot.objects.for_workspace(workspace).filter(statement=statement, bot__in=seen)
    lines = StatementLine.objects.for_workspace(workspace).filter(
        statement=statement,
        bot__in=seen,
        service_day__lt=statement.month,
        meter__in=OF_SESSIONS,
    )
    late = dict(lines.values_list("bot").annotate(Sum("quantity")))
    return [CountedBot(bot, late.get(bot.bot_id, 0)) for bot in bots.order_by("name", "key")]
