"""Which lot paid what adds up to what is left, and the outlook to what is there."""

import random
from collections import deque
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Bot, Workspace
from accounts.tenancy import in_workspace
from plans import charging, forecast, lots, waterfall
from plans.models import CreditLot, LotKind
from plans.waterfall import LotStory, Piece
from tests import make
from tests.plans import books

DAY = timedelta(days=1)
MONDAY = date(2026, 6, 1)


def stories(of: Workspace) -> list[LotStory]:
    with in_workspace(of.pk):
        ordered = list(CreditLot.objects.for_workspace(of).in_order_of_use())
        return waterfall.read_stories(of, ordered)


def use(of: Workspace, bot: str, sessions: int, *, at: datetime) -> None:
    events = [
        make.event("alert.delivered", at=at + number * make.MINUTE, subject=bot)
        for number in range(sessions)
    ]
    make.take_in(of, *events)
    make.roll_up(of)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_parts_of_each_lot_add_up_to_its_balance(seed: int) -> None:
    rng = random.Random(seed)
    acme = books.open_without_credits(make.workspace("acme"))
    globex = books.open_without_credits(make.workspace("globex"))
    books.free(globex, 5)
    bots = [make.bot(acme, key) for key in ("sales", "support")]
    now = make.NOON
    for _ in range(6):
        match rng.randrange(3):
            case 0:
                bot = rng.choice([None, *bots])
                last = now.date() + rng.randrange(1, 30) * DAY
                books.free(acme, rng.randrange(1, 5), last_day=last, bot=bot)
            case 1:
                books.buy(acme, rng.randrange(1, 5), bot=rng.choice([None, *bots]))
            case _:
                use(acme, rng.choice(bots).key, rng.randrange(1, 20), at=now)
        now += timedelta(days=rng.randrange(1, 9))
        charging.run(workspace_id=acme.pk, now=max(now, make.NOON + 3 * DAY))
    charging.run(workspace_id=acme.pk, now=make.LONG_AFTER)
    lots.lapse_due(workspace_id=acme.pk, now=make.LONG_AFTER)

    found = stories(acme)

    for story in found:
        assert story.left == story.lot.balance
        assert story.added == story.lot.amount
        assert story.other == 0
    months = {month for story in found for month, _ in story.used}
    for story in found:
        assert sum(story.used_in(month) for month in months) == story.used_in_all


@pytest.mark.django_db(transaction=True)
def test_use_is_said_by_bot_and_month() -> None:
    acme = books.open_without_credits(make.workspace("acme"))
    books.free(acme, 10)
    for key, number in (("sales", 3), ("support", 5)):
        use(acme, key, number, at=make.NOON)
    charging.run(workspace_id=acme.pk, now=make.LONG_AFTER)

    (story,) = stories(acme)

    march = date(2026, 3, 1)
    assert story.used == {
        (march, make.bot(acme, "sales").pk): Decimal("0.60"),
        (march, make.bot(acme, "support").pk): Decimal("1.00"),
    }
    assert (story.used_before(march), story.used_in(march)) == (Decimal(0), Decimal("1.60"))


def lot(pk: int, balance: int, *, bot: int | None = None, last: date | None = None) -> CreditLot:
    return CreditLot(pk=pk, bot_id=bot, kind=LotKind.FREE, balance=Decimal(balance), last_day=last)


def test_outlook_says_when_a_lot_is_used_up_and_what_lapses() -> None:
    held = [
        lot(1, 10, bot=7, last=MONDAY + 4 * DAY),
        lot(2, 6, last=MONDAY + 6 * DAY),
        lot(3, 100),
    ]
    costs = {7: [Decimal(1)] * 7, 8: [Decimal(2)] * 7}

    found = waterfall.use_up(held, costs=costs, today=MONDAY)

    assert found[1] == (None, Decimal(5))  # 1 a day for five days: the rest lapses
    assert found[2] == (MONDAY + 2 * DAY, Decimal(0))
    assert found[3].day is not None


def walk(
    held: list[CreditLot], costs: dict[int, list[Decimal]]
) -> dict[int, tuple[date | None, Decimal]]:
    """Let each bot look at every lot on every day, as the outlook is meant."""
    left = {one.pk: one.balance for one in held}
    days: dict[int, date] = {}
    for day in (MONDAY + number * DAY for number in range(forecast.FURTHEST)):
        for bot, week in costs.items():
            cost = week[day.weekday()]
            for one in held:
                if one.bot_id in (None, bot) and (one.last_day is None or one.last_day >= day):
                    taken = min(cost, left[one.pk])
                    left[one.pk] -= taken
                    cost -= taken
                    if taken and not left[one.pk]:
                        days[one.pk] = day
    return {one.pk: (days.get(one.pk), left[one.pk]) for one in held}


def test_each_bot_looks_at_its_own_lots_and_the_shared_ones_once_a_day(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bots, shared = 50, 50
    held = [lot(number, 1000, bot=number) for number in range(bots)]
    held += [lot(bots + number, 1, last=MONDAY + number * DAY) for number in range(shared)]
    looks: list[date] = []

    def look(own: deque[Piece], shared: deque[Piece], *, day: date) -> Piece | None:
        looks.append(day)
        return find_next(own, shared, day=day)

    find_next = waterfall.find_next
    monkeypatch.setattr(waterfall, "find_next", look)

    waterfall.use_up(held, costs={bot: [Decimal(1)] * 7 for bot in range(bots)}, today=MONDAY)

    assert len(looks) <= forecast.FURTHEST * bots + len(held)


@given(
    st.lists(
        st.tuples(
            st.integers(1, 50), st.sampled_from([None, 7, 8]), st.none() | st.integers(-2, 400)
        ),
        max_size=5,
    ),
    st.lists(st.integers(0, 3), min_size=7, max_size=7),
)
def test_outlook_never_uses_more_than_there_is(
    made: list[tuple[int, int | None, int | None]], week: list[int]
) -> None:
    held = [
        lot(number, amount, bot=bot, last=None if last is None else MONDAY + last * DAY)
        for number, (amount, bot, last) in enumerate(made)
    ]
    costs = {7: [Decimal(cost) for cost in week], 8: [Decimal(cost) for cost in week]}

    found = waterfall.use_up(held, costs=costs, today=MONDAY)

    assert found == walk(held, costs)
    for one in held:
        end = found[one.pk]
        assert 0 <= end.left <= one.balance
        assert (end.day is None) == bool(end.left) or not one.balance
        assert end.day is None or one.last_day is None or end.day <= one.last_day


@pytest.mark.django_db(transaction=True)
def test_shared_credits_alone_run_out_when_the_plan_page_says() -> None:
    acme = books.open_without_credits(make.workspace("acme"))
    for day in range(20):
        use(acme, ("sales", "support")[day % 2], 1 + day % 4, at=make.NOON + day * DAY)
    books.buy(acme, 30)
    charging.run(workspace_id=acme.pk, now=make.LONG_AFTER)
    today = make.NOON.date() + 21 * DAY
    with in_workspace(acme.pk):
        held = list(CreditLot.objects.for_workspace(acme).in_order_of_use())
        keys = list(Bot.objects.for_workspace(acme).values_list("pk", flat=True))

    found = waterfall.look_ahead(workspace=acme, bots=keys, lots=held, today=today)

    assert found[held[0].pk].used_up == forecast.read_shared(workspace=acme, today=today)


@pytest.mark.django_db(transaction=True)
def test_nothing_is_expected_before_a_week_was_charged() -> None:
    acme = books.open_without_credits(make.workspace("acme"))
    books.buy(acme, 30)
    with in_workspace(acme.pk):
        held = list(CreditLot.objects.for_workspace(acme))

    assert waterfall.look_ahead(workspace=acme, bots=[], lots=held, today=MONDAY) == {}
