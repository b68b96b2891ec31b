"""Workspaces with plans, usage and months that are closed, for tests."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from accounts.models import Bot, Workspace
from accounts.tenancy import in_workspace
from invoices import order_lines, renewals
from invoices.models import Order, OrderType
from plans import billing, subscriptions
from plans.models import BotBilling, PlanVersion, WorkspaceBilling
from plans.subscriptions import BotStatus
from tests import make
from tests.rows import made_once

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MARCH, APRIL, MAY, JUNE = (date(2026, month, 1) for month in (3, 4, 5, 6))
OPENED = datetime(2026, 3, 1, 6, tzinfo=UTC)
MID_MARCH = datetime(2026, 3, 16, 12, tzinfo=UTC)
CLOSE = datetime(2026, 4, 2, tzinfo=UTC)  # of March


def version(code: str) -> PlanVersion:
    """Return what is on offer of a plan."""
    return PlanVersion.objects.on_offer().select_related("plan").get(plan__code=code)


@made_once
def workspace(slug: str = "acme", *, opened: datetime = OPENED, **values: str) -> Workspace:
    """Make a workspace whose billing was opened on the first of March."""
    made = make.workspace(slug, **values)
    make.billing_details(made, at=opened)
    with in_workspace(made.pk):
        billing.open_billing(workspace=made, at=opened)
    return made


@made_once
def has(bot: Bot, code: str, *, at: datetime = OPENED) -> Bot:
    """Have a bot change its plan on a day, without an order."""
    subscriptions.change_today(bot=bot, version=version(code), at=at)
    return bot


@made_once
def use(bot: Bot, sessions: int, *, at: datetime = MID_MARCH, rolled: datetime = CLOSE) -> None:
    """Have a bot used so often at an instant, counted by the clock ``rolled``."""
    events = (make.event("alert.delivered", at=at, subject=bot.key) for _ in range(sessions))
    make.take_in(bot.workspace, *events, now=max(at, rolled))
    make.roll_up(bot.workspace, now=max(at, rolled))


@made_once
def hold(bot: Bot, seats: int, *, at: datetime = MID_MARCH, rolled: datetime = CLOSE) -> None:
    """Have agents hold seats of a bot from an instant on."""
    events = (
        make.event("agent.seat_assigned", at=at, subject=bot.key, agent=f"a{number}")
        for number in range(seats)
    )
    make.take_in(bot.workspace, *events, now=rolled)
    make.roll_up(bot.workspace, now=rolled)


def run(of: Workspace, now: datetime = CLOSE) -> int:
    """Close, charge and dun as the beat does."""
    return renewals.run(workspace_id=of.pk, now=now)


@made_once
def closed(of: Workspace, now: datetime = CLOSE) -> None:
    """Have months be closed, and what is owed be charged, where that is not what is tested."""
    run(of, now)


def orders(of: Workspace) -> list[Order]:
    """Return the renewals of a workspace, the oldest first."""
    with in_workspace(of.pk):
        found = Order.objects.for_workspace(of).filter(type=OrderType.RENEWAL)
        return list(found.select_related("workspace", "currency").order_by("number"))


def facts(order: Order) -> list[tuple[str, str, str, int, str]]:
    """Return of each line of an order its bot, kind, plan, quantity and net amount."""
    with in_workspace(order.workspace_id):
        groups = order_lines.read(order)
    return [
        (group.bot.key, line.kind.value, line.offer.plan.code, line.quantity, f"{line.net:.2f}")
        for group in groups
        for line in group.lines
    ]


def open_month(of: Workspace) -> date:
    """Return the oldest open month."""
    with in_workspace(of.pk):
        return WorkspaceBilling.objects.for_workspace(of).get().open_month


def status(bot: Bot, today: date) -> BotStatus:
    """Return how a bot's plan stands on a local day."""
    found = subscriptions.read_statuses(workspace=bot.workspace, bots=[bot], today=today)
    return found[bot.pk]


def days(bot: Bot) -> tuple[date | None, date | None]:
    """Return since when a bot is past due, and when it expires."""
    with in_workspace(bot.workspace_id):
        row = BotBilling.objects.for_workspace(bot.workspace_id).filter(bot=bot).first()
    return (row.past_due_on, row.expires_on) if row else (None, None)


def nets(of: Workspace) -> list[Decimal]:
    """Return the net sums of all renewals."""
    return [order.net for order in orders(of)]
