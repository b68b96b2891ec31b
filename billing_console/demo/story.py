"""What happened to the demo's plans and credits: who did what, on which day.

Each act is done by the console's own functions with the clock of its day; between the days usage is
charged and wallets are reloaded, as the beat does.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from zoneinfo import ZoneInfo

from accounts.days import DAY, next_month, previous_month
from accounts.models import Bot, User, Workspace
from accounts.months import read_calendar
from accounts.tenancy import in_workspace
from billing_console.demo import plan
from invoices import auto_reload, orders, payments, plan_changes, refunds
from invoices.models import Method, Order, OrderType, PaymentStatus, SavedMethod
from invoices.providers import Answer
from invoices.sandbox import SavedAnswer
from plans import billing, extensions, grants, low_balance, usage_alerts
from plans.alerted import Per, Watched
from plans.models import Extension, PlanVersion


@dataclass(frozen=True)
class Scene:
    """A workspace on one day of the story."""

    workspace: Workspace
    at: datetime

    def find_bot(self, key: str) -> Bot | None:
        """Return a bot; None where all bots share what is done."""
        if not key:
            return None
        bots = Bot.objects.for_workspace(self.workspace).select_related("workspace", "owner")
        return bots.get(key=key)

    def find_person(self, email: str) -> User:
        """Return a person."""
        return User.objects.get(email=email)

    @property
    def name(self) -> str:
        """What makes the keys of this day's acts."""
        return f"demo:{read_calendar(self.workspace).day_of(self.at)}"


Act = Callable[[Scene], None]
MORNING = time(10)
# On these days of a month usage is counted and charged: its renewal is placed on the first of them
# and due on the last.
PLACED, DUE = 2, 16
AGAIN = (5, 9)  # and on these, lately, a saved method that declined is charged again
LATELY = 100 * DAY


def buy(
    amount: int,
    *,
    by: str,
    bot: str = "",
    status: PaymentStatus = PaymentStatus.ACCEPTED,
    saved: SavedAnswer | None = None,
    method: Method = Method.SANDBOX,
) -> Act:
    """Return how somebody buys credits, and what the payment comes to."""

    def act(scene: Scene) -> None:
        order = orders.place(
            workspace=scene.workspace,
            type=OrderType.CREDIT_PURCHASE,
            buyer=scene.find_person(by),
            net=Decimal(amount),
            at=scene.at,
            key=f"{scene.name}:buy:{bot}",
            method=method,
            bot=scene.find_bot(bot),
        )
        pay(order, status=status, saved=saved, at=scene.at)

    return act


def refund(bot: str, *, reason: str) -> Act:
    """Return how the operator refunds what is left of the credits that were bought for a bot."""

    def act(scene: Scene) -> None:
        for order in refunds.list_refundable(scene.workspace):
            left = refunds.find_left(order)
            if left and order.bot and order.bot.key == bot:
                refunds.refund(order=order, expected=left.gross, reason=reason, at=scene.at)

    return act


def pay(
    order: Order, *, status: PaymentStatus, at: datetime, saved: SavedAnswer | None = None
) -> None:
    """Have the sandbox answer the payment of an order, once."""
    if order.payments.exists():
        return
    payment = payments.start(order=order, at=at, consent=payments.CONSENT if saved else "")
    if status == PaymentStatus.STARTED:
        return
    answer = Answer(
        payment.reference,
        status,
        saved_reference=saved.value if saved else "",
        saved_label=f"Sandbox, {saved.label.lower()}" if saved else "",
    )
    payments.take_answer(workspace_id=order.workspace_id, answer=answer, at=at)


def reload(amount: int, *, below: int, by: str, bot: str = "") -> Act:
    """Return how somebody turns on the reload of a wallet, with the method they had saved."""

    def act(scene: Scene) -> None:
        person = scene.find_person(by)
        methods = SavedMethod.objects.for_workspace(scene.workspace).filter(saved_by=person)
        auto_reload.turn_on(
            workspace=scene.workspace,
            bot=scene.find_bot(bot),
            amount=Decimal(amount),
            limit=Decimal(below),
            saved_method=methods.latest("pk"),
            by=person,
            at=scene.at,
        )

    return act


def change_plan(
    bot: str, to: str, *, by: str, status: PaymentStatus = PaymentStatus.ACCEPTED
) -> Act:
    """Return how somebody changes a bot's plan, and what the payment comes to, if there is one."""

    def act(scene: Scene) -> None:
        found = scene.find_bot(bot)
        if found is None:
            raise ValueError("a plan is changed of one bot")
        version = PlanVersion.objects.on_offer().select_related("plan").get(plan__code=to)
        order = plan_changes.change(
            bot=found,
            version=version,
            seen=plan_changes.quote(bot=found, version=version, at=scene.at).seen,
            buyer=scene.find_person(by),
            at=scene.at,
            key=f"{scene.name}:plan:{bot}",
            method=Method.SANDBOX,
        )
        if order is not None:
            pay(order, status=status, at=scene.at)

    return act


def pay_renewals() -> Act:
    """Return how somebody pays the renewals that are owed."""

    def act(scene: Scene) -> None:
        owed = Order.objects.for_workspace(scene.workspace).owed().select_related("workspace")
        for order in owed:
            pay(order, status=PaymentStatus.ACCEPTED, at=scene.at)

    return act


def grant(amount: int, *, bot: str, days: int, reason: str) -> Act:
    """Return how the operator grants free credits for some days."""

    def act(scene: Scene) -> None:
        grants.grant(
            workspace=scene.workspace,
            bot=scene.find_bot(bot),
            amount=Decimal(amount),
            last_day=read_calendar(scene.workspace).day_of(scene.at) + days * DAY,
            reason=reason,
            key=f"{scene.name}:grant:{bot}",
            at=scene.at,
        )

    return act


def ask_extension(bot: str, *, days: int, reason: str, by: str) -> Act:
    """Return how somebody asks for more days."""

    def act(scene: Scene) -> None:
        found = scene.find_bot(bot)
        asked = Extension.objects.for_workspace(scene.workspace)
        if found is not None and not asked.filter(bot=found, reason=reason).exists():
            extensions.request(
                bot=found, days=days, reason=reason, by=scene.find_person(by), at=scene.at
            )

    return act


def decide_extension(bot: str, *, approve: bool, note: str) -> Act:
    """Return how the operator decides on the request that is open."""

    def act(scene: Scene) -> None:
        asked = Extension.objects.for_workspace(scene.workspace).select_related("workspace")
        found = asked.filter(bot__key=bot, decided_at=None).first()
        if found is not None:
            decide = extensions.approve if approve else extensions.decline
            decide(extension=found, note=note, by=scene.find_person(plan.OPERATOR), at=scene.at)

    return act


def limit_low(bot: str, amount: int) -> Act:
    """Return how a bot gets a limit of its own, below which its balance is low."""

    def act(scene: Scene) -> None:
        found = scene.find_bot(bot)
        if found is not None:
            low_balance.change(bot=found, limit=Decimal(amount))

    return act


def watch(
    threshold: int, *, bot: str = "", watched: Watched = Watched.SESSIONS, per: Per = Per.DAY
) -> Act:
    """Return how somebody makes a usage alert, of a bot or of the whole workspace."""

    def act(scene: Scene) -> None:
        usage_alerts.create(
            workspace=scene.workspace,
            bot=scene.find_bot(bot),
            watched=watched,
            per=per,
            threshold=Decimal(threshold),
            at=scene.at,
        )

    return act


def begin_contract(reason: str) -> Act:
    """Return how a workspace gets a contract, from that day on."""

    def act(scene: Scene) -> None:
        if billing.open_billing(workspace=scene.workspace, at=scene.at).enterprise_from is None:
            grants.begin_contract(
                workspace=scene.workspace,
                day=read_calendar(scene.workspace).day_of(scene.at),
                reason=reason,
                at=scene.at,
            )

    return act


@dataclass(frozen=True)
class Chapter:
    """Acts that happened so many days before the demo was first filled."""

    days_ago: int
    acts: Sequence[Act]


MARA, TOBIAS, NADIA = plan.MARA, plan.TOBIAS, plan.NADIA

# By workspace. Days are told back, so that what is due soon always is.
STORY: Mapping[str, Sequence[Chapter]] = {
    plan.LARKSPUR.slug: [
        Chapter(360, [buy(2000, by=MARA, saved=SavedAnswer.ACCEPT)]),
        Chapter(355, [reload(1000, below=200, by=MARA)]),
        Chapter(250, [change_plan("everyday-banking", "advanced", by=TOBIAS)]),
        Chapter(240, [change_plan("card-services", "essential", by=TOBIAS)]),
        Chapter(200, [buy(100, by=TOBIAS, status=PaymentStatus.DECLINED)]),
        Chapter(199, [buy(400, by=NADIA, bot="mortgage-guide")]),
        Chapter(150, [change_plan("business-banking", "essential", by=NADIA)]),
        Chapter(130, [buy(500, by=TOBIAS, status=PaymentStatus.CANCELED)]),
        Chapter(95, [buy(300, by=MARA, bot="wealth-concierge")]),
        Chapter(
            92,
            [
                watch(45, bot="everyday-banking"),
                watch(9, bot="mortgage-guide"),
                watch(50, bot="phone-banking", watched=Watched.MONEY, per=Per.MONTH),
                watch(4000, per=Per.MONTH),
                watch(400, watched=Watched.MONEY, per=Per.MONTH),
            ],
        ),
        Chapter(82, [refund("wealth-concierge", reason="The bot is not published this year.")]),
        Chapter(75, [grant(150, bot="it-helpdesk", days=84, reason="Trial of the new channel")]),
        Chapter(70, [grant(120, bot="people-desk", days=40, reason="Trial of the new channel")]),
        Chapter(
            22,
            [
                ask_extension(
                    "people-desk", days=45, reason="Half of the staff started late", by=TOBIAS
                )
            ],
        ),
        Chapter(20, [decide_extension("people-desk", approve=True, note="Welcome aboard.")]),
        Chapter(48, [change_plan("card-services", "advanced", by=TOBIAS)]),
        Chapter(9, [change_plan("business-banking", "standard", by=NADIA)]),
        Chapter(
            6,
            [
                ask_extension(
                    "it-helpdesk", days=30, reason="The rollout moved to next month", by=TOBIAS
                )
            ],
        ),
        Chapter(
            2, [change_plan("branch-finder", "essential", by=MARA, status=PaymentStatus.STARTED)]
        ),
        Chapter(1, [buy(250, by=TOBIAS, bot="phone-banking", status=PaymentStatus.IN_REVIEW)]),
    ],
    plan.LINDENKAMP.slug: [
        Chapter(330, [buy(1500, by=plan.LENA)]),
        Chapter(300, [change_plan("einkaufsberater", "advanced", by=plan.LENA)]),
        Chapter(290, [change_plan("bestellstatus", "advanced", by=plan.LENA)]),
        Chapter(180, [buy(800, by=plan.LENA, bot="retouren")]),
        Chapter(120, [buy(1500, by=plan.LENA)]),
        Chapter(100, [grant(90, bot="filialsuche", days=30, reason="Relaunch")]),
        Chapter(64, [buy(200, by=plan.LENA, bot="lieferanten")]),
        Chapter(61, [refund("lieferanten", reason="Doppelt bestellt.")]),
        Chapter(60, [limit_low("treueclub", 500)]),
        Chapter(45, [watch(30, bot="retouren", watched=Watched.MONEY, per=Per.MONTH)]),
        Chapter(30, [buy(300, by=plan.LENA)]),
        Chapter(
            12,
            [
                ask_extension(
                    "filialsuche", days=30, reason="Der Relaunch verzögert sich", by=plan.LENA
                )
            ],
        ),
        Chapter(
            10,
            [
                decide_extension(
                    "filialsuche", approve=False, note="Ask again once the bot is published."
                )
            ],
        ),
        Chapter(
            3,
            [buy(750, by=plan.LENA, status=PaymentStatus.STARTED, method=Method.WIRE)],
        ),
    ],
    plan.SAHYADRI.slug: [
        Chapter(300, [buy(4000, by=plan.ARJUN, bot="customer-care")]),
        Chapter(200, [buy(2500, by=plan.ARJUN, bot="recharge", saved=SavedAnswer.DECLINE)]),
        Chapter(190, [reload(500, below=1000, by=plan.ARJUN, bot="recharge")]),
        Chapter(90, [buy(600, by=plan.ARJUN, bot="network-status")]),
        # The method that he had saved declines: no renewal of it is paid, and the plan expires.
        Chapter(75, [change_plan("dealer-desk", "essential", by=plan.ARJUN)]),
    ],
}


def tell_renewals(told: date) -> dict[date, Sequence[Act]]:
    """Return when renewals are paid by hand: each on its due day, but for the last that is due.

    One of the bots whose plans are past due by that is given more days.
    """
    due = (told if told.day >= DUE else previous_month(told)).replace(day=DUE)
    months = [plan.shift_months(due, -number) for number in range(1, plan.MONTHS)]
    return {
        **{month: [pay_renewals()] for month in months},
        due + DAY: [
            ask_extension(
                "einkaufsberater", days=30, reason="Die Freigabe dauert noch", by=plan.LENA
            )
        ],
        due + 2 * DAY: [
            decide_extension("einkaufsberater", approve=True, note="Until next month.")
        ],
    }


def find_days(workspace: Workspace, *, now: datetime) -> dict[datetime, Sequence[Act]]:
    """Return what happens at which instant from the workspace's beginning up to now, in order.

    Days on which usage is counted and charged are there too, and now.
    """
    if workspace.slug not in STORY:
        return {now: ()}
    zone = ZoneInfo(workspace.timezone)
    opened = workspace.created_at.astimezone(zone).date()
    told = plan.shift_months(opened, plan.MONTHS)  # the day on which the demo was first filled
    days: dict[date, Sequence[Act]] = {
        told - chapter.days_ago * DAY: chapter.acts for chapter in STORY[workspace.slug]
    }
    if workspace.slug == plan.LINDENKAMP.slug:
        for day, acts in tell_renewals(told).items():
            days[day] = [*days.get(day, ()), *acts]
    again_from = told - LATELY if workspace.slug == plan.SAHYADRI.slug else date.max
    for day in list_visits(opened, now.astimezone(zone).date(), again_from=again_from):
        days.setdefault(day, ())
    found = {datetime.combine(day, MORNING, zone): days[day] for day in sorted(days)}
    found = {at: acts for at, acts in found.items() if workspace.created_at <= at < now}
    return {workspace.created_at: (), **found, now: ()}


def list_visits(opened: date, today: date, *, again_from: date) -> Iterator[date]:
    """Yield the days from one up to another on which usage is counted and charged."""
    month = opened.replace(day=1)
    while month <= today:
        for number in (PLACED, *(AGAIN if month >= again_from else ()), DUE):
            yield month.replace(day=number)
        month = next_month(month)


def act(workspace: Workspace, acts: Sequence[Act], *, at: datetime) -> None:
    """Do what happens at an instant."""
    for one in acts:
        with in_workspace(workspace.pk):
            one(Scene(workspace, at))
