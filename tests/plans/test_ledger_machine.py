"""Hypothesis grants, buys, uses, corrects and waits in any order; the ledger has to stay whole."""

from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db.models import Q
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from accounts.models import Bot, Workspace
from accounts.tenancy import in_workspace
from plans import charging, lots, verification
from plans.models import BotBilling, BotPlan, ChargedDay, CreditLot, LedgerEntry, PlanVersion
from tests import make
from tests.plans import books
from usage.models import RolledBot, UsageDayInAll

pytestmark = pytest.mark.django_db(transaction=True)

TODAY = date(2026, 3, 20)
NOW = datetime(2026, 3, 20, 12, tzinfo=make.NOON.tzinfo)
DAY = timedelta(days=1)
PRICE = Decimal("0.2000")
CALMLY = settings(
    max_examples=12,
    stateful_step_count=20,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)

amounts = some.integers(1, 50_000).map(lambda number: Decimal(number).scaleb(-4))
owners = some.sampled_from([None, 0, 1])
bots = some.sampled_from([0, 1])
days_ago = some.integers(0, 6)


def set_total(bot: Bot, *, day: date, sessions: int) -> None:
    """Have a bot's day count some alert sessions, as a roll-up would have it."""
    UsageDayInAll.objects.update_or_create(
        workspace=bot.workspace,
        bot=bot,
        day=day,
        defaults={
            "usage_sessions": 0,
            "alert_sessions": sessions,
            "voice_sessions": 0,
            "conversations": 0,
            "notifications": 0,
        },
    )
    books.mark(bot)


def make_bots(of: Workspace) -> list[Bot]:
    """Make two bots that were rolled up in the workspace's zone."""
    made = [make.bot(of, key) for key in ("first", "second")]
    with in_workspace(of.pk):
        for bot in made:
            RolledBot.objects.create(workspace=of, bot=bot, rolled_to=NOW, zone="UTC")
    return made


def charged_days(of: Workspace) -> dict[tuple[int, date], Decimal]:
    """Return what the bots' days cost, as far as they cost something."""
    sums: defaultdict[tuple[int, date], Decimal] = defaultdict(Decimal)
    with in_workspace(of.pk):
        for row in ChargedDay.objects.for_workspace(of):
            sums[row.bot_id, row.day] += row.amount
    return {key: amount for key, amount in sums.items() if amount}


class Ledger(RuleBasedStateMachine):
    """A workspace with two bots and a clock that only goes forward."""

    def __init__(self) -> None:
        super().__init__()
        self.of = books.open_without_credits(make.workspace(f"of-{next(make.numbers)}"))
        self.bots = make_bots(self.of)
        self.now = NOW
        self.used: defaultdict[tuple[int, date], int] = defaultdict(int)
        self.plans: dict[tuple[int, date], str] = {}
        self.charged = True

    @property
    def today(self) -> date:
        """The local day."""
        return self.now.date()

    def find_bot(self, owner: int | None) -> Bot | None:
        """Return a bot by its number."""
        return None if owner is None else self.bots[owner]

    @rule(amount=amounts, owner=owners, days=some.integers(0, 4))
    def grant(self, amount: Decimal, owner: int | None, days: int) -> None:
        """Grant free credits that soon lapse."""
        lots.grant_free(
            workspace=self.of,
            amount=amount,
            at=self.now,
            last_day=self.today + days * DAY,
            key=f"free:{next(make.numbers)}",
            bot=self.find_bot(owner),
        )

    @rule(amount=amounts, owner=owners)
    def buy(self, amount: Decimal, owner: int | None) -> None:
        """Buy credits."""
        lots.add_bought(
            workspace=self.of,
            net=amount,
            tax=Decimal(1),
            at=self.now,
            key=f"order:{next(make.numbers)}",
            bot=self.find_bot(owner),
        )

    @rule(bot=bots, ago=days_ago, sessions=some.integers(0, 12))
    def count(self, bot: int, ago: int, sessions: int) -> None:
        """Have a day count so many sessions: later ones came in, or it was corrected."""
        day = self.today - ago * DAY
        with in_workspace(self.of.pk):
            set_total(self.bots[bot], day=day, sessions=sessions)
        self.used[bot, day] = sessions
        self.charged = False

    @rule(bot=bots, ago=days_ago, plan=some.sampled_from(["standard", "essential"]))
    def change_plan(self, bot: int, ago: int, plan: str) -> None:
        """Give a bot another plan from a day on."""
        day = self.today - ago * DAY
        with in_workspace(self.of.pk):
            BotPlan.objects.update_or_create(
                workspace=self.of,
                bot=self.bots[bot],
                starts_on=day,
                defaults={"version": PlanVersion.objects.get(plan__code=plan)},
            )
            books.mark(self.bots[bot])
        self.plans[bot, day] = plan
        self.charged = False

    @rule(days=some.integers(1, 5))
    def wait(self, days: int) -> None:
        """Let days pass."""
        self.now += days * DAY

    @rule()
    def charge(self) -> None:
        """Charge what changed."""
        charging.run(workspace_id=self.of.pk, now=self.now)
        self.charged = True

    @rule()
    def charge_again(self) -> None:
        """Look at everything again, where nothing changed."""
        charging.run(workspace_id=self.of.pk, now=self.now)
        before = books.balances(self.of), books.sums(self.of)
        books.mark(*self.bots)

        posted = charging.run(workspace_id=self.of.pk, now=self.now)

        self.charged = True
        assert posted == 0
        assert before == (books.balances(self.of), books.sums(self.of))

    @invariant()
    def kept_balances_are_those_of_the_ledger(self) -> None:
        """Sums are zero, and lots, overdrafts and charges are what entries say."""
        assert verification.verify(self.of) == []
        with in_workspace(self.of.pk):
            assert sum(LedgerEntry.objects.values_list("amount", flat=True)) == 0

    @invariant()
    def nothing_is_owed_while_there_are_credits(self) -> None:
        """A bot owes only where every lot that it may use today is empty."""
        with in_workspace(self.of.pk):
            for owing in BotBilling.objects.filter(overdraft__gt=0):
                usable = CreditLot.objects.for_workspace(self.of).usable_on(self.today)
                assert not usable.filter(Q(bot=None) | Q(bot=owing.bot_id)).exists()

    @invariant()
    def days_cost_what_was_counted(self) -> None:
        """Price by number, to the fourth decimal, where the plan of the day uses credits."""
        if not self.charged:
            return
        assert charged_days(self.of) == {
            (self.bots[bot].pk, day): PRICE * sessions
            for (bot, day), sessions in self.used.items()
            if sessions and self.find_plan(bot, day) == "standard"
        }

    def find_plan(self, bot: int, day: date) -> str:
        """Return the plan of a bot's day."""
        begun = [of for of in self.plans if of[0] == bot and of[1] <= day]
        return self.plans[max(begun)] if begun else "standard"


def test_the_ledger_stays_whole_whatever_happens() -> None:
    run_state_machine_as_test(Ledger, settings=CALMLY)


changes = some.lists(
    some.tuples(bots, days_ago, some.integers(0, 12), some.booleans()), min_size=2, max_size=8
)


@settings(CALMLY, max_examples=10)
@given(some.data(), changes)
def test_totals_do_not_depend_on_the_order_of_arrival(
    data: some.DataObject, arrivals: list[tuple[int, int, int, bool]]
) -> None:
    final = {(bot, ago): sessions for bot, ago, sessions, _ in arrivals}
    shuffled = data.draw(some.permutations(arrivals))

    found = [
        replay([*order, *((*place, sessions, False) for place, sessions in final.items())])
        for order in (arrivals, shuffled, [])
    ]

    assert found[0] == found[1] == found[2]


def replay(arrivals: list[tuple[int, int, int, bool]]) -> tuple[object, ...]:
    """Return by bot and day what is charged, and what is left in all after some changes."""
    of = books.open_without_credits(make.workspace(f"of-{next(make.numbers)}"))
    made = make_bots(of)
    numbers = {bot.pk: number for number, bot in enumerate(made)}
    for key, bot in (("shared", None), ("own", made[0])):
        lots.add_bought(
            workspace=of, net=Decimal(2), tax=Decimal(0), at=NOW, key=f"order:{key}", bot=bot
        )
    for bot_number, ago, sessions, run in arrivals:
        with in_workspace(of.pk):
            set_total(made[bot_number], day=TODAY - ago * DAY, sessions=sessions)
        if run:
            charging.run(workspace_id=of.pk, now=NOW)
    charging.run(workspace_id=of.pk, now=NOW)
    assert verification.verify(of) == []
    costs = {(numbers[bot], day): amount for (bot, day), amount in charged_days(of).items()}
    owed = sum(books.overdraft(bot) for bot in made)
    return costs, sum(books.balances(of)) - owed
