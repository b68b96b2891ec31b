"""From how many sessions on one plan costs less than another: against every number in turn."""

from datetime import date
from decimal import Decimal
from itertools import groupby

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from invoices import break_even, replay
from invoices.break_even import MOST_STRETCHES, Mix, Stretch
from invoices.rating import end_of_month
from plans.catalog import Offer, PricedMeter
from plans.models import Meter
from tests.invoices.test_rating import ADVANCED, ESSENTIAL, SEATS, SESSIONS, STANDARD, count, offer
from usage.queries import Counts

TRIED = 1500
JULY = date(2026, 7, 1)

prices = st.decimals(0, 2, places=2)


@st.composite
def offers(draw: st.DrawFn) -> Offer:
    """Return a plan of small numbers, so that all it does lies within those that are tried."""
    if draw(st.booleans()):
        meters = [PricedMeter(SESSIONS, 0, draw(prices))]
        return offer("credits", "0", *meters, uses_credits=True)
    included = st.integers(0, 200)
    of_sessions = draw(st.sampled_from([[SESSIONS], [Meter.CONVERSATIONS, Meter.ALERT_SESSIONS]]))
    meters = [PricedMeter(meter, draw(included), draw(prices)) for meter in of_sessions]
    meters.append(PricedMeter(SEATS, draw(st.integers(0, 3)), draw(prices)))
    return offer("paid", draw(st.decimals(0, 60, places=2)), *meters)


mixes = st.builds(
    Mix,
    seats=st.integers(0, 5),
    counted=st.sampled_from(
        [Counts(), Counts(10, 0, 0, 7), Counts(6, 3, 1, 4), Counts(0, 5), Counts(100, 1, 0, 33)]
    ),
)


def try_all(cheaper: Offer, than: Offer, *, mix: Mix) -> list[Stretch]:
    """Return the stretches within the numbers that are tried, by looking at each."""
    numbers = range(TRIED)
    less = groupby(
        numbers,
        key=lambda sessions: (
            break_even.rate(cheaper, sessions=sessions, mix=mix)
            < break_even.rate(than, sessions=sessions, mix=mix)
        ),
    )
    found = [list(group) for is_less, group in less if is_less]
    return [Stretch(of[0], None if of[-1] == TRIED - 1 else of[-1]) for of in found]


@settings(deadline=None, max_examples=40)
@given(offers(), offers(), mixes)
def test_stretches_are_those_of_trying_each_number(one: Offer, other: Offer, mix: Mix) -> None:
    found = break_even.find_stretches(one, other, mix=mix)

    shown = [of for of in found if of.first < TRIED]
    cut = [of if of.last is None or of.last < TRIED - 1 else Stretch(of[0], None) for of in shown]
    assert cut == try_all(one, other, mix=mix)[:MOST_STRETCHES]


@pytest.mark.parametrize(
    ("cheaper", "than", "seats", "expected"),
    [
        (ESSENTIAL, STANDARD, 0, [(301, None)]),  # 60 + 0.18 x (n - 400) < 0.20 x n from 301 on
        (STANDARD, ESSENTIAL, 0, [(0, 299)]),
        (ADVANCED, ESSENTIAL, 0, [(2289, None)]),
        (ESSENTIAL, STANDARD, 2, [(1401, None)]),
        (ESSENTIAL, ESSENTIAL, 0, []),
    ],
)
def test_demo_plans_break_even_where_arithmetic_says(
    cheaper: Offer, than: Offer, seats: int, expected: list[tuple[int, int | None]]
) -> None:
    assert break_even.find_stretches(cheaper, than, mix=Mix(seats=seats)) == expected


def test_plan_that_never_costs_less_is_found_at_once() -> None:
    dear = offer("dear", "100", PricedMeter(SESSIONS, 0, Decimal("0.30")))

    assert break_even.find_stretches(dear, STANDARD, mix=Mix()) == []


def test_plans_of_the_same_prices_are_not_rated(monkeypatch: pytest.MonkeyPatch) -> None:
    talks = PricedMeter(Meter.CONVERSATIONS, 100, Decimal("0.35"))
    before = offer("before", "60", talks, PricedMeter(SEATS, 0, Decimal(20)))
    after = offer("after", "60", talks, PricedMeter(SEATS, 0, Decimal(25)))
    rated: list[Offer] = []
    monkeypatch.setattr(break_even, "rate", lambda plan, **_: rated.append(plan))

    pairs = break_even.compare([before, after], mix=Mix(counted=Counts(10, 0, 0, 7)))

    assert pairs == {(0, 1): [], (1, 0): []}  # nobody holds a seat
    assert not rated


def test_plan_costs_less_twice_where_the_other_includes_some() -> None:
    generous = offer("generous", "10", PricedMeter(SESSIONS, 400, Decimal("0.50")))
    lean = offer("lean", "0", PricedMeter(SESSIONS, 0, Decimal("0.10")), uses_credits=True)

    assert break_even.find_stretches(lean, generous, mix=Mix()) == [(0, 99), (476, None)]


def test_prices_a_hair_apart_break_even_far_out() -> None:
    one = offer("one", "0", PricedMeter(SESSIONS, 0, Decimal("0.2000")), uses_credits=True)
    other = offer("other", "60", PricedMeter(SESSIONS, 0, Decimal("0.1999")))

    (found,) = break_even.find_stretches(other, one, mix=Mix())[-1:]

    assert 599_900 <= found.first <= 600_100
    mix = Mix()
    at = break_even.rate(one, sessions=700_000, mix=mix)
    assert at > break_even.rate(other, sessions=700_000, mix=mix)


def test_prices_finer_than_the_yen_end() -> None:
    one = offer("one", "0", PricedMeter(SESSIONS, 0, Decimal("20.5")), decimals=0, currency="JPY")
    other = offer("two", "0", PricedMeter(SESSIONS, 0, Decimal("20.5")), decimals=0, currency="JPY")

    assert break_even.find_stretches(one, other, mix=Mix()) == []


@pytest.mark.parametrize("plan", [STANDARD, ESSENTIAL, ADVANCED])
def test_marks_are_rated_by_the_code_of_renewals(plan: Offer) -> None:
    month = replay.rate_month(plan, month=JULY, count=count(billing_sessions=20, agents=2))

    sessions = 20 * end_of_month(JULY).day
    assert break_even.rate(plan, sessions=sessions, mix=Mix(seats=2)) == month


def test_marks_are_where_plans_begin_and_cease_to_cost_less() -> None:
    pairs = break_even.compare([STANDARD, ESSENTIAL, ADVANCED], mix=Mix())

    assert break_even.list_marks(pairs) == [300, 301, 2000, 2001, 2289]
