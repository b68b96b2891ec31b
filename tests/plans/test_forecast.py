"""When credits run out: arithmetic on what the last four weeks cost."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.models import Bot
from accounts.tenancy import in_workspace
from plans import billing, forecast
from plans.balances import Balance
from plans.forecast import RunOut, estimate, find_pace
from plans.models import ChargedDay, PlanVersion
from tests import make

TODAY = date(2026, 3, 2)  # a Monday
DAY = timedelta(days=1)


def spent(*amounts: int) -> dict[date, Decimal]:
    """Return days before today with what they cost, yesterday last."""
    return {
        TODAY - (len(amounts) - place) * DAY: Decimal(amount)
        for place, amount in enumerate(amounts)
    }


def hold(own: int = 0, shared: int = 0, overdraft: int = 0) -> Balance:
    return Balance(
        own_free=Decimal(own),
        shared_bought=Decimal(shared),
        overdraft=Decimal(overdraft),
        currency="USD",
    )


def test_steady_pace_is_one_day() -> None:
    pace = find_pace(spent(*[10] * 28), today=TODAY)

    found = estimate({1: hold(shared=100)}, {1: pace}, today=TODAY)

    day = TODAY + 10 * DAY
    assert found.bots == {1: RunOut(day, day)}
    assert found.shared == RunOut(day, day)


def test_weekends_without_usage_are_expected_again() -> None:
    pace = find_pace(spent(*[10, 10, 10, 10, 10, 0, 0] * 4), today=TODAY)

    found = estimate({1: hold(own=60)}, {1: pace}, today=TODAY)

    # Four days from Tuesday on, and two of the week after.
    assert found.bots[1].earliest == date(2026, 3, 10)
    assert found.shared is None


def test_weeks_that_differ_are_a_range() -> None:
    pace = find_pace(spent(*[5] * 7, *[10] * 14, *[15] * 7), today=TODAY)

    found = estimate({1: hold(own=150)}, {1: pace}, today=TODAY)

    assert found.bots == {1: RunOut(TODAY + 10 * DAY, TODAY + 30 * DAY)}


def test_bots_use_shared_credits_together_and_their_own_first() -> None:
    pace = find_pace(spent(*[10] * 28), today=TODAY)
    held = {1: hold(own=50, shared=100), 2: hold(shared=100)}

    found = estimate(held, {1: pace, 2: pace}, today=TODAY)

    # Five days of one bot alone, then two and a half of both.
    assert found.shared == RunOut(TODAY + 8 * DAY, TODAY + 8 * DAY)
    assert found.bots[1] == found.bots[2] == found.shared


def test_what_is_gone_or_never_ends_is_not_estimated() -> None:
    pace = find_pace(spent(*[10] * 28), today=TODAY)
    idle = find_pace(spent(0), today=TODAY)

    found = estimate({1: hold(overdraft=3), 2: hold(own=5)}, {1: pace, 2: idle}, today=TODAY)

    assert found.bots == {}
    assert found.shared is None


def test_latest_day_out_of_sight_is_left_open() -> None:
    pace = find_pace(spent(*[0] * 21, *[40] * 7), today=TODAY)

    found = estimate({1: hold(own=400)}, {1: pace}, today=TODAY)

    assert found.bots[1].latest is None


@given(
    days=st.lists(st.integers(-5, 1000), min_size=1, max_size=28),
    own=st.integers(0, 10_000),
    shared=st.integers(0, 10_000),
    overdraft=st.integers(0, 100),
)
def test_earliest_is_not_after_latest(
    days: list[int], own: int, shared: int, overdraft: int
) -> None:
    pace = find_pace(spent(*days), today=TODAY)

    found = estimate({1: hold(own, shared, overdraft)}, {1: pace}, today=TODAY)

    for one in [*found.bots.values(), *filter(None, [found.shared])]:
        assert TODAY < one.earliest
        assert one.latest is None or one.earliest <= one.latest


@pytest.mark.django_db(transaction=True)
def test_reads_what_was_charged_in_the_workspace_alone() -> None:
    acme, globex = make.workspace("acme"), make.workspace("globex")
    for bot in (make.bot(acme), make.bot(globex)):
        billing.open_billing(workspace=bot.workspace, at=make.NOON)
        charge_daily(bot, 10 if bot.workspace_id == acme.pk else 250)

    found = forecast.read(workspace=acme, today=TODAY)

    day = TODAY + 50 * DAY  # of the 500 that a workspace begins with
    assert found.shared == RunOut(day, day)
    assert list(found.bots.values()) == [RunOut(day, day)]


def charge_daily(bot: Bot, amount: int) -> None:
    with in_workspace(bot.workspace_id):
        for ago in range(1, 29):
            ChargedDay.objects.create(
                workspace=bot.workspace,
                bot=bot,
                day=TODAY - ago * DAY,
                meter="billing_sessions",
                version=PlanVersion.objects.get(plan__code="standard"),
                quantity=1,
                amount=amount,
                postings=1,
            )
