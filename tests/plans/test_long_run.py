"""A workspace over fourteen months, with a leap day and two changes of the clock."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from accounts.days import next_month
from accounts.tenancy import in_workspace
from plans import billing, charging, lots, verification
from plans.models import ChargedDay, Posting, PostingKind, WorkspaceBilling
from tests import make
from tests.plans import books

pytestmark = pytest.mark.django_db(transaction=True)

BERLIN = ZoneInfo("Europe/Berlin")
FIRST, LAST = date(2027, 12, 15), date(2029, 2, 14)
DAY = timedelta(days=1)
CLOCK_CHANGES = (date(2028, 3, 26), date(2028, 10, 29))
# Both ends of a local day, and the hour that the clocks skip or repeat.
HOURS = (time(0, 0), time(2, 30), time(23, 59, 59))


def test_each_local_day_of_fourteen_months_is_charged_once_in_its_month() -> None:
    acme = make.workspace("acme", timezone=BERLIN.key)
    billing.open_billing(workspace=acme, at=datetime.combine(FIRST, time(), BERLIN))
    lots.add_bought(
        workspace=acme,
        net=Decimal(1000),
        tax=Decimal(19),
        at=datetime.combine(FIRST, time(), BERLIN),
        key="order:1",
    )

    next_day = FIRST
    while next_day <= LAST:
        days = [day for number in range(14) if (day := next_day + number * DAY) <= LAST]
        alerts = [
            make.event("alert.delivered", at=datetime.combine(day, hour, BERLIN))
            for day in days
            for hour in HOURS
        ]
        next_day += 14 * DAY
        now = datetime.combine(next_day, time(12), BERLIN)
        # One comes two weeks late, after a month may have been closed.
        make.take_in(acme, *alerts[1:], now=now)
        make.roll_up(acme, now=now)
        charging.run(workspace_id=acme.pk, now=now)
        close_months(acme.pk, before=next_day - DAY)
        make.take_in(acme, *alerts[:1], now=now)
        make.roll_up(acme, now=now)
        charging.run(workspace_id=acme.pk, now=now)

    with in_workspace(acme.pk):
        charged = dict(ChargedDay.objects.values_list("day", "amount"))
        postings = list(Posting.objects.filter(kind=PostingKind.CHARGE))
        lapses = list(Posting.objects.filter(kind=PostingKind.LAPSE))
    expected = [FIRST + number * DAY for number in range((LAST - FIRST).days + 1)]
    assert date(2028, 2, 29) in expected
    assert set(CLOCK_CHANGES) < set(expected)
    assert charged == dict.fromkeys(expected, Decimal("0.6"))
    assert all(posting.booking_month >= month_of(posting.service_day) for posting in postings)
    assert any(posting.booking_month > month_of(posting.service_day) for posting in postings)
    # The last of 90 days: 14 March.
    assert [lapse.booking_month for lapse in lapses] == [date(2028, 3, 1)]
    free, bought = books.lots(acme)
    # One session of 8 March came when they had lapsed.
    in_ninety_days = 91 * Decimal("0.6") - Decimal("0.2")
    assert free.last_day == date(2028, 3, 14)
    assert free.balance == 0
    assert bought.balance == 1000 - (len(expected) * Decimal("0.6") - in_ninety_days)
    assert verification.verify(acme) == []


def close_months(workspace_id: int, *, before: date) -> None:
    """Close the months that ended a day before some day, as the close of a month does."""
    with in_workspace(workspace_id):
        found = WorkspaceBilling.objects.get()
        while next_month(found.open_month) < before:
            found.open_month = next_month(found.open_month)
        found.save(update_fields=["open_month"])


def month_of(day: date | None) -> date:
    """Return the first day of a day's month."""
    assert day is not None
    return day.replace(day=1)
