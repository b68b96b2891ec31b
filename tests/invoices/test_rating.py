"""What plans cost: shares of months, what is included, fees, further usage and seats."""

import calendar
from datetime import date
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoices import rating
from invoices.models import LineKind
from invoices.rating import PlanDays, Start
from plans.catalog import Offer, PricedMeter
from plans.models import Currency, Meter, Plan, PlanVersion

MARCH, APRIL, MAY = date(2026, 3, 1), date(2026, 4, 1), date(2026, 5, 1)
SESSIONS, SEATS = Meter.BILLING_SESSIONS, Meter.AGENTS
days = st.dates(date(2024, 1, 1), date(2032, 12, 31))
fees = st.decimals(0, 10**9, places=2)


def offer(
    name: str,
    fee: str | Decimal,
    *meters: PricedMeter,
    uses_credits: bool = False,
    decimals: int = 2,
    currency: str = "USD",
) -> Offer:
    version = PlanVersion(plan=Plan(code=name, name=name), number=1, uses_credits=uses_credits)
    return Offer(version, Currency(code=currency, decimals=decimals), Decimal(fee), meters)


STANDARD = offer("Standard", "0", PricedMeter(SESSIONS, 0, Decimal("0.20")), uses_credits=True)
ESSENTIAL = offer(
    "Essential", "60",
    PricedMeter(SESSIONS, 400, Decimal("0.18")), PricedMeter(SEATS, 0, Decimal("20")),
)  # fmt: skip
ADVANCED = offer(
    "Advanced", "400",
    PricedMeter(SESSIONS, 3000, Decimal("0.14")), PricedMeter(SEATS, 1, Decimal("35")),
)  # fmt: skip


def count(**used: int) -> rating.Count:
    """Return a bot that uses as many of each meter each day, and seats each month."""

    def counted(meter: Meter, first: date, last: date) -> int:
        each = used.get(meter.value, 0)
        return each if meter in (SEATS, Meter.AGENTS_PEAK) else each * ((last - first).days + 1)

    return counted


def facts(lines: list[rating.Line]) -> list[tuple[str, str, int, str]]:
    return [(line.kind.value, line.offer.plan.name, line.quantity, str(line.net)) for line in lines]


@pytest.mark.parametrize(
    ("today", "left", "of", "net"),
    [
        (date(2026, 3, 1), 31, 31, "340.00"),
        (date(2026, 3, 2), 30, 31, "329.03"),
        (date(2026, 3, 31), 1, 31, "10.97"),
        (date(2026, 2, 15), 14, 28, "170.00"),
        (date(2028, 2, 29), 1, 29, "11.72"),
        (date(2026, 4, 16), 15, 30, "170.00"),
    ],
)
def test_upgrade_costs_the_difference_for_the_days_left(
    today: date, left: int, of: int, net: str
) -> None:
    found = rating.rate_upgrade(old=ESSENTIAL, new=ADVANCED, today=today)

    assert (found.days_left, found.days, found.difference) == (left, of, Decimal("340"))
    assert str(found.net) == net


def test_upgrade_is_rounded_half_up_to_the_minor_unit() -> None:
    old, new = (
        offer("A", "0", decimals=0, currency="JPY"),
        offer("B", "31", decimals=0, currency="JPY"),
    )

    halves = offer("C", "15.50")
    assert rating.rate_upgrade(old=old, new=new, today=date(2026, 3, 31)).net == 1
    assert rating.rate_upgrade(
        old=offer("A", "0"), new=offer("D", "0.31"), today=date(2026, 3, 17)
    ).net == Decimal("0.15")
    assert rating.share(halves.fee, days=1, of=31, decimals=0) == 1  # exactly a half


@pytest.mark.parametrize("new", [ESSENTIAL, STANDARD, offer("E", "500", currency="EUR")])
def test_what_costs_no_more_is_no_upgrade(new: Offer) -> None:
    with pytest.raises(ValueError, match="no upgrade"):
        rating.rate_upgrade(old=ESSENTIAL, new=new, today=MARCH)


@given(old=fees, new=fees, today=days)
def test_upgrade_is_within_half_a_cent_of_the_exact_share(
    old: Decimal, new: Decimal, today: date
) -> None:
    low, high = sorted((old, new))
    if low == high:
        return

    found = rating.rate_upgrade(old=offer("A", low), new=offer("B", high), today=today)

    exact = Fraction(high - low) * found.days_left / found.days
    assert abs(Fraction(found.net) - exact) <= Fraction(1, 200)
    assert 0 <= found.net <= high - low


@given(number=st.integers(0, 10**6), first=days, data=st.data())
def test_included_never_shrinks_when_a_month_is_split(
    number: int, first: date, data: st.DataObject
) -> None:
    of = calendar.monthrange(first.year, first.month)[1]
    part = data.draw(st.integers(0, of))

    parts = [rating.include(number, days=count, of=of) for count in (part, of - part)]

    assert number <= sum(parts) <= number + 1
    assert rating.include(number, days=of, of=of) == number


def test_month_is_split_at_each_start() -> None:
    starts = [
        Start(date(1, 1, 1), STANDARD), Start(date(2026, 3, 10), ESSENTIAL), Start(APRIL, ADVANCED),
    ]  # fmt: skip

    assert rating.split_month(starts, month=MARCH) == [
        PlanDays(STANDARD, MARCH, date(2026, 3, 9)),
        PlanDays(ESSENTIAL, date(2026, 3, 10), date(2026, 3, 31)),
    ]
    assert rating.split_month(starts, month=MAY) == [PlanDays(ADVANCED, MAY, date(2026, 5, 31))]
    assert rating.split_month(starts[1:], month=MARCH)[0].first == date(2026, 3, 10)


def test_renewal_has_the_fee_in_advance_and_usage_and_seats_in_arrears() -> None:
    starts = [Start(date(1, 1, 1), ESSENTIAL)]

    lines = rating.rate_renewal(
        month=APRIL, starts=starts, count=count(billing_sessions=20, agents=3)
    )

    assert facts(lines) == [
        ("fee", "Essential", 1, "60.00"),
        ("usage", "Essential", 220, "39.60"),  # 31 x 20 - 400
        ("seats", "Essential", 3, "60.00"),
    ]
    assert (lines[0].first, lines[0].last) == (APRIL, date(2026, 4, 30))
    assert (lines[1].first, lines[1].last) == (MARCH, date(2026, 3, 31))
    assert rating.add_up(lines) == Decimal("159.60")


def test_usage_goes_by_the_plan_of_its_day_and_seats_by_that_of_the_last() -> None:
    starts = [Start(date(1, 1, 1), ESSENTIAL), Start(date(2026, 3, 11), ADVANCED)]

    lines = rating.rate_renewal(
        month=APRIL, starts=starts, count=count(billing_sessions=200, agents=3)
    )

    # Included: 400 x 10 / 31 = 129.03, so 130; 3,000 x 21 / 31 = 2,032.26, so 2,033.
    assert facts(lines) == [
        ("fee", "Advanced", 1, "400.00"),
        ("usage", "Essential", 2000 - 130, "336.60"),
        ("usage", "Advanced", 4200 - 2033, "303.38"),
        ("seats", "Advanced", 2, "70.00"),
    ]


def test_usage_from_credits_is_on_no_invoice() -> None:
    starts = [Start(date(1, 1, 1), STANDARD)]

    assert rating.rate_renewal(
        month=APRIL, starts=starts, count=count(billing_sessions=200, agents=3)
    ) == []  # fmt: skip


def test_cancellation_is_billed_for_the_month_that_ended_and_no_further() -> None:
    starts = [Start(date(1, 1, 1), ESSENTIAL), Start(APRIL, STANDARD)]
    used = count(billing_sessions=20, agents=1)

    assert [line.kind for line in rating.rate_renewal(month=APRIL, starts=starts, count=used)] == [
        LineKind.USAGE, LineKind.SEATS,
    ]  # fmt: skip
    assert rating.rate_renewal(month=MAY, starts=starts, count=used) == []


def test_fee_is_less_what_upgrades_of_the_first_day_have_paid() -> None:
    starts = [Start(date(1, 1, 1), ESSENTIAL), Start(APRIL, ADVANCED)]

    lines = rating.rate_renewal(month=APRIL, starts=starts, count=count(), paid=Decimal("340"))

    assert facts(lines) == [("fee", "Advanced", 1, "60.00")]
    assert rating.rate_fee(ADVANCED, month=APRIL, paid=Decimal("400")) == []


@given(
    used=st.integers(0, 10**6), included=st.integers(0, 10**6), price=st.decimals(0, 1000, places=4)
)
def test_line_charges_what_is_beyond_the_included(used: int, included: int, price: Decimal) -> None:
    plan = PlanDays(
        offer("P", "1", PricedMeter(SESSIONS, included, price)), MARCH, date(2026, 3, 31)
    )

    lines = rating.measure_usage(plan, count=lambda *_: used)

    exact = Fraction(price) * max(0, used - included)
    assert abs(Fraction(rating.add_up(lines)) - exact) <= Fraction(1, 200)
