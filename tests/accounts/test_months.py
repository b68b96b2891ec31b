"""Each instant lies in one local day, also where a workspace's zone changes between months."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.days import DAY, next_month
from accounts.months import BEGINNING, Calendar, ZoneFrom, read_calendar
from accounts.tenancy import in_workspace
from tests import make
from usage import zones

MAY = date(2026, 5, 1)
MONTHS = (date(2026, 3, 1), date(2026, 4, 1), MAY, date(2026, 11, 1))
ZONES = (
    "UTC",
    "America/New_York",
    "Asia/Tokyo",
    "Asia/Kolkata",
    "Pacific/Kiritimati",
    "Pacific/Niue",
    "Europe/Berlin",
)


def calendar(*zones_from: tuple[date, str]) -> Calendar:
    return Calendar([ZoneFrom(month, ZoneInfo(zone)) for month, zone in zones_from])


calendars = st.tuples(
    st.sampled_from(ZONES), st.dictionaries(st.sampled_from(MONTHS), st.sampled_from(ZONES))
).map(lambda drawn: calendar((BEGINNING, drawn[0]), *sorted(drawn[1].items())))


@given(calendars, st.integers(0, 290 * 24 * 60))
def test_each_instant_lies_in_its_day(months: Calendar, minutes: int) -> None:
    at = datetime(2026, 2, 20, tzinfo=UTC) + minutes * make.MINUTE

    day = months.day_of(at)

    assert months.start_of(day) <= at < months.start_of(day + DAY)


@settings(max_examples=30)
@given(calendars)
def test_days_follow_each_other_without_gap_or_overlap(months: Calendar) -> None:
    starts = [months.start_of(date(2026, 2, 20) + number * DAY) for number in range(290)]

    assert starts == sorted(starts)
    assert starts[-1] - starts[0] <= timedelta(days=291)


@pytest.mark.parametrize(
    ("before", "after", "hours"),
    [("Asia/Tokyo", "America/New_York", 37), ("America/New_York", "Asia/Tokyo", 11)],
)
def test_first_day_of_another_zone_is_longer_or_shorter(
    before: str, after: str, hours: int
) -> None:
    months = calendar((BEGINNING, before), (MAY, after))

    length = months.start_of(MAY + DAY) - months.start_of(MAY)

    assert length == timedelta(hours=hours)


@pytest.mark.django_db
def test_zone_holds_from_the_next_month_on() -> None:
    acme = make.workspace(timezone="Europe/Berlin")

    zones.change(workspace=acme, zone="Asia/Tokyo", at=make.NOON)
    zones.change(workspace=acme, zone="Asia/Kolkata", at=make.NOON + DAY)

    with in_workspace(acme.pk):
        months = read_calendar(acme)
    month = make.NOON.date().replace(day=1)
    assert months.zone_of(make.NOON.date()).key == "Europe/Berlin"
    assert months.zone_of(next_month(month)).key == "Asia/Kolkata"
