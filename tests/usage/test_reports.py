"""Which stretch of time a report covers, and what it is compared with."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from usage.periods import Grain, Period
from usage.reports import Range, RangeRefused, Report, make_report

BERLIN = ZoneInfo("Europe/Berlin")
KOLKATA = ZoneInfo("Asia/Kolkata")
NOW = datetime(2026, 3, 31, 13, 20, tzinfo=UTC)  # 15:20 in Berlin, two days after a day of 23 hours


def report(range: Range, zone: ZoneInfo = BERLIN, now: datetime = NOW, **values: date) -> Report:
    return make_report(range=range, grain=None, zone=zone, now=now, **values)


def local(period: Period, zone: ZoneInfo = BERLIN) -> tuple[str, str]:
    starts_at, ends_at = (at.astimezone(zone) for at in period)
    return f"{starts_at:%Y-%m-%d %H:%M}", f"{ends_at:%Y-%m-%d %H:%M}"


@pytest.mark.parametrize(
    ("range", "whole", "previous"),
    [
        (
            Range.LAST_24_HOURS,
            ("2026-03-30 16:00", "2026-03-31 16:00"),
            ("2026-03-29 16:00", "2026-03-30 15:20"),
        ),
        (
            Range.LAST_7_DAYS,
            ("2026-03-25 00:00", "2026-04-01 00:00"),
            ("2026-03-18 00:00", "2026-03-24 15:20"),
        ),
        (
            Range.LAST_30_DAYS,
            ("2026-03-02 00:00", "2026-04-01 00:00"),
            ("2026-01-31 00:00", "2026-03-01 15:20"),
        ),
        # February has no 31st: it is compared as a whole.
        (
            Range.THIS_MONTH,
            ("2026-03-01 00:00", "2026-04-01 00:00"),
            ("2026-02-01 00:00", "2026-03-01 00:00"),
        ),
        (
            Range.LAST_MONTH,
            ("2026-02-01 00:00", "2026-03-01 00:00"),
            ("2026-01-01 00:00", "2026-02-01 00:00"),
        ),
    ],
)
def test_ranges_are_local(range: Range, whole: tuple[str, str], previous: tuple[str, str]) -> None:
    found = report(range)

    assert local(found.whole) == whole
    assert local(found.previous) == previous


@pytest.mark.parametrize(
    ("now", "zone", "cut", "whole"),
    [
        # The same day and time a month before.
        ("2026-03-15T10:20:30Z", "UTC", "2026-02-15T10:20:30+00:00", False),
        # Across the beginning of the year.
        ("2026-01-15T10:00Z", "UTC", "2025-12-15T10:00:00+00:00", False),
        # Days that the month before has not: all of it is the measure.
        ("2026-03-31T10:00Z", "UTC", "2026-03-01T00:00:00+00:00", True),
        ("2026-03-29T00:00Z", "UTC", "2026-03-01T00:00:00+00:00", True),
        ("2026-03-28T23:59Z", "UTC", "2026-02-28T23:59:00+00:00", False),
        ("2028-03-29T12:00Z", "UTC", "2028-02-29T12:00:00+00:00", False),
        # The first instant of a month has nothing to compare with.
        ("2026-03-01T00:00Z", "UTC", "2026-02-01T00:00:00+00:00", False),
        # Summer time began between the two: the time of day counts, not the hours.
        ("2026-04-10T10:00Z", "Europe/Berlin", "2026-03-10T12:00:00+01:00", False),
        # 02:30 does not exist on 29 March.
        ("2026-04-29T00:30Z", "Europe/Berlin", "2026-03-29T03:30:00+02:00", False),
        # 02:30 comes twice on 25 October: the first is meant.
        ("2026-11-25T01:30Z", "Europe/Berlin", "2026-10-25T02:30:00+02:00", False),
        # Off the hour, and already the next month there.
        ("2026-02-28T18:45Z", "Asia/Kolkata", "2026-02-01T00:15:00+05:30", False),
        # A country that changes its clocks on a Friday at midnight.
        ("2026-04-29T00:00Z", "Africa/Cairo", "2026-03-29T03:00:00+02:00", False),
    ],
)
def test_month_is_measured_by_the_equally_long_part_before(
    now: str, zone: str, cut: str, whole: bool
) -> None:
    found = report(Range.THIS_MONTH, ZoneInfo(zone), datetime.fromisoformat(now))

    assert found.previous.ends_at.isoformat() == cut
    assert (found.previous.ends_at == found.whole.starts_at) is whole


def test_month_is_compared_to_the_same_day_and_hour() -> None:
    found = report(Range.THIS_MONTH, now=datetime(2026, 5, 10, 7, tzinfo=UTC))

    assert local(found.previous) == ("2026-04-01 00:00", "2026-04-10 09:00")


def test_custom_range_has_both_its_days() -> None:
    found = report(Range.CUSTOM, first=date(2026, 3, 28), last=date(2026, 3, 29))

    assert local(found.whole) == ("2026-03-28 00:00", "2026-03-30 00:00")
    assert local(found.previous) == ("2026-03-26 00:00", "2026-03-28 00:00")


def test_day_of_24_hours_has_as_many_when_the_clocks_change() -> None:
    found = report(Range.LAST_24_HOURS, now=datetime(2026, 3, 29, 10, 30, tzinfo=UTC))

    assert len(found.periods) == 24
    assert local(found.whole) == ("2026-03-28 12:00", "2026-03-29 13:00")
    assert local(found.previous) == ("2026-03-27 12:00", "2026-03-28 11:30")


def test_hour_that_comes_twice_is_among_the_24() -> None:
    found = report(Range.LAST_24_HOURS, now=datetime(2026, 10, 25, 0, 30, tzinfo=UTC))

    assert len(found.periods) == 24
    assert found.periods[-1].starts_at <= found.now


def test_hours_of_a_zone_off_the_hour_are_its_own() -> None:
    found = report(Range.LAST_24_HOURS, KOLKATA)

    assert len(found.periods) == 24
    assert local(found.periods[0], KOLKATA) == ("2026-03-30 19:00", "2026-03-30 20:00")


def test_periods_end_with_the_running_one() -> None:
    found = report(Range.THIS_MONTH, now=datetime(2026, 5, 10, 7, tzinfo=UTC))

    assert local(found.periods[-1]) == ("2026-05-10 00:00", "2026-05-11 00:00")


@pytest.mark.parametrize(
    ("grain", "days", "refused"),
    [
        (Grain.HOUR, 14, False),
        (Grain.HOUR, 15, True),
        (Grain.DAY, 90, False),
        (Grain.DAY, 91, True),
        (Grain.WEEK, 366, False),
        (Grain.MONTH, 366, False),
        (Grain.MONTH, 367, True),
    ],
)
def test_range_is_as_long_as_its_grain_allows(grain: Grain, days: int, refused: bool) -> None:
    last = date(2026, 3, 30)  # with a change of the clocks in it
    values = {"first": last - timedelta(days=days - 1), "last": last}

    def make() -> Report:
        return make_report(range=Range.CUSTOM, grain=grain, zone=BERLIN, now=NOW, **values)

    if refused:
        with pytest.raises(RangeRefused, match=f"By {grain} a range has at most"):
            make()
    else:
        assert make().periods


@pytest.mark.parametrize(
    ("first", "last", "sentence"),
    [
        (None, date(2026, 3, 1), "needs its first and its last day"),
        (date(2026, 3, 2), date(2026, 3, 1), "lies after the last"),
        (date(2026, 4, 2), date(2026, 4, 3), "has not begun"),
        (date(2000, 1, 1), date(2026, 1, 1), "at most 366 days"),
    ],
)
def test_bad_range_gets_a_sentence(first: date | None, last: date, sentence: str) -> None:
    with pytest.raises(RangeRefused, match=sentence):
        make_report(range=Range.CUSTOM, grain=None, zone=BERLIN, now=NOW, first=first, last=last)


@given(
    range=st.sampled_from([kind for kind in Range if kind is not Range.CUSTOM]),
    zone=st.sampled_from(["Europe/Berlin", "Asia/Kathmandu", "America/Havana", "Pacific/Apia"]),
    now=st.datetimes(datetime(2005, 1, 1), datetime(2035, 1, 1)),  # noqa: DTZ001
)
def test_periods_and_comparison_fit(range: Range, zone: str, now: datetime) -> None:
    found = report(range, ZoneInfo(zone), now.replace(tzinfo=UTC))

    starts = [period.starts_at for period in found.periods]
    assert starts[0] == found.whole.starts_at
    assert [period.ends_at for period in found.periods[:-1]] == starts[1:]
    assert found.previous.starts_at <= found.previous.ends_at <= found.whole.starts_at
