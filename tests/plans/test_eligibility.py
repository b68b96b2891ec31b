"""Which plans a bot may choose, given its sessions of three months and its agents."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Bot, Workspace
from accounts.tenancy import in_workspace
from plans import eligibility
from tests import make
from usage.models import UsageMonth

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

TODAY = date(2026, 6, 15)
NOW = datetime(2026, 6, 15, 12, tzinfo=UTC)
MARCH, MAY, JUNE, FEBRUARY = (date(2026, month, 1) for month in (3, 5, 6, 2))


def use(bot: Bot, month: date, sessions: int, alerts: int = 0) -> None:
    with in_workspace(bot.workspace_id):
        UsageMonth.objects.create(
            workspace=bot.workspace, bot=bot, month=month, channel="web",
            usage_sessions=sessions, alert_sessions=alerts, voice_sessions=0, conversations=1,
            notifications=0,
        )  # fmt: skip


def reasons(bot: Bot, today: date = TODAY) -> dict[str, str]:
    found = eligibility.check(workspace=bot.workspace, bots=[bot.pk], today=today)
    return {one.offer.plan.code: one.reason for one in found[bot.pk]}


def seat(of: Workspace, number: int, *, released: datetime | None = None) -> None:
    start = NOW - timedelta(days=60)
    events = [make.event("agent.seat_assigned", at=start, agent=f"a{one}") for one in range(number)]
    if released:
        events += [
            make.event("agent.seat_released", at=released, agent=f"a{one}") for one in range(number)
        ]
    make.take_in(of, *events, now=NOW)
    make.roll_up(of, now=NOW)


def test_small_bot_may_choose_every_plan() -> None:
    bot = make.bot(make.workspace())
    use(bot, MAY, 1500, alerts=500)

    assert reasons(bot) == {"standard": "", "essential": "", "advanced": ""}


@pytest.mark.parametrize(
    ("month", "open_"), [(FEBRUARY, True), (MARCH, False), (MAY, False), (JUNE, True)]
)
def test_last_three_whole_months_decide(month: date, open_: bool) -> None:
    bot = make.bot(make.workspace())
    use(bot, month, 1500, alerts=501)

    found = reasons(bot)

    assert (found["essential"] == "") is open_
    if not open_:
        assert f"2,001 in {month:%B %Y}" in found["essential"]
    assert (found["standard"], found["advanced"]) == ("", "")


@pytest.mark.parametrize(("agents", "open_"), [(10, True), (11, False)])
def test_agents_with_a_seat_this_month_decide(agents: int, open_: bool) -> None:
    acme = make.workspace()
    bot = make.bot(acme)
    seat(acme, agents)

    assert (reasons(bot)["essential"] == "") is open_


def test_seats_released_before_this_month_do_not_count() -> None:
    acme = make.workspace()
    bot = make.bot(acme)
    seat(acme, 11, released=datetime(2026, 5, 31, 23, tzinfo=UTC))

    assert reasons(bot)["essential"] == ""


def test_other_bots_and_workspaces_do_not_count() -> None:
    acme = make.workspace()
    bot = make.bot(acme)
    use(make.bot(acme, "large"), MAY, 9000)
    use(make.bot(make.workspace("globex")), MAY, 9000)

    assert reasons(bot)["essential"] == ""


def test_workspace_in_a_currency_without_prices_has_no_offers() -> None:
    assert reasons(make.bot(make.workspace(currency="JPY"))) == {}


def test_many_bots_take_no_more_statements_than_one() -> None:
    acme = make.workspace()
    bots = [make.bot(acme, f"b{number}").pk for number in range(5)]

    def count(some: list[int]) -> int:
        with CaptureQueriesContext(connection) as captured:
            eligibility.check(workspace=acme, bots=some, today=TODAY)
        return len(captured)

    assert count(bots) == count(bots[:1])
