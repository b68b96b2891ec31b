"""When credits run out, as a range of days."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Bot
from accounts.tenancy import in_workspace
from plans import forecast
from plans.forecast import Credits, Pace, RunOut
from plans.models import ChargedDay, PlanVersion
from tests import make
from tests.plans import books

TODAY = date(2026, 3, 2)  # a Monday, of make.NOON
DAY = timedelta(days=1)
ONE = Decimal(1)
EVERY_DAY = (ONE,) * 7
WORKDAYS = (ONE,) * 5 + (Decimal(0),) * 2


def spend(*amounts: int) -> dict[date, Decimal]:
    """Return costs of the days before today, the latest first."""
    return {TODAY - (number + 1) * DAY: Decimal(amount) for number, amount in enumerate(amounts)}


def test_each_weekday_costs_its_share_of_the_heaviest_and_the_lightest_week() -> None:
    workdays = [0, 0, 2, 2, 2, 2, 2, 0, 0, 4, 4, 4, 4, 4]  # Sunday back to Monday, two weeks

    pace = forecast.find_pace(spend(*workdays), today=TODAY)

    assert pace == Pace(
        heavy=(Decimal(4),) * 5 + (Decimal(0),) * 2, light=(Decimal(2),) * 5 + (Decimal(0),) * 2
    )


@pytest.mark.parametrize("costs", [{}, spend(1, 1, 1, 1, 1, 1), spend(*[0] * 7)])
def test_less_than_a_week_says_nothing(costs: dict[date, Decimal]) -> None:
    assert forecast.find_pace(costs, today=TODAY) is None


@pytest.mark.parametrize(
    ("credits", "costs", "end"),
    [
        ([Credits(Decimal("3.5"), None)], EVERY_DAY, TODAY + 3 * DAY),
        ([Credits(Decimal("5.5"), None)], WORKDAYS, TODAY + 7 * DAY),
        ([Credits(Decimal(9), TODAY)], EVERY_DAY, TODAY + 1 * DAY),
        ([Credits(Decimal(9), TODAY), Credits(Decimal("1.5"), None)], EVERY_DAY, TODAY + 2 * DAY),
        ([], EVERY_DAY, TODAY),
        ([Credits(Decimal(366), None)], EVERY_DAY, TODAY + 365 * DAY),
        ([Credits(Decimal("366.01"), None)], EVERY_DAY, None),
        ([Credits(Decimal(1), None)], (Decimal(0),) * 7, None),
    ],
)
def test_credits_end_on_the_day_that_uses_them_up(
    credits: list[Credits], costs: tuple[Decimal, ...], end: date | None
) -> None:
    assert forecast.find_end(credits, costs=costs, from_day=TODAY) == end


def charge(bot: Bot, *amounts: int) -> None:
    """Have the days before today cost something, the latest first."""
    version = PlanVersion.objects.get(plan__code="standard")
    with in_workspace(bot.workspace_id):
        ChargedDay.objects.bulk_create(
            ChargedDay(
                workspace=bot.workspace,
                bot=bot,
                day=day,
                meter="billing_sessions",
                version=version,
                quantity=1,
                amount=amount,
                postings=1,
            )
            for day, amount in spend(*amounts).items()
        )


@pytest.mark.django_db(transaction=True)
def test_shared_credits_last_as_all_bots_let_them_and_own_ones_longer() -> None:
    acme = books.open_without_credits(make.workspace("acme"))
    first, second, idle = (make.bot(acme, key) for key in ("first", "second", "idle"))
    charge(first, *[1] * 7)
    charge(second, *[3] * 7)
    books.buy(acme, 20)
    books.buy(acme, 7, bot=second)

    found = forecast.read(workspace=acme, bots=[first.pk, second.pk, idle.pk], today=TODAY)

    shared_end = TODAY + 4 * DAY  # 4 a day
    own_end = shared_end + 2 * DAY  # 3 a day, from the day that ends the shared ones on
    assert forecast.read_shared(workspace=acme, today=TODAY) == RunOut(shared_end, shared_end)
    assert found == {
        first.pk: RunOut(shared_end, shared_end),
        second.pk: RunOut(own_end, own_end),
        idle.pk: None,
    }


@pytest.mark.django_db(transaction=True)
def test_many_bots_take_as_many_statements_as_one_and_see_their_workspace() -> None:
    acme = books.open_without_credits(make.workspace("acme"))
    bots = [make.bot(acme, f"bot-{number}").pk for number in range(10)]
    charge(make.bot(books.open_without_credits(make.workspace("globex"))), *[9] * 28)

    with CaptureQueriesContext(connection) as of_one:
        forecast.read(workspace=acme, bots=bots[:1], today=TODAY)
    with CaptureQueriesContext(connection) as of_many:
        found = forecast.read(workspace=acme, bots=bots, today=TODAY)

    assert len(of_one) == len(of_many)
    assert found == dict.fromkeys(bots)
