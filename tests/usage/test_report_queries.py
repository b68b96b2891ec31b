"""What the Usage page reads is what the export counts, whichever totals it is read from."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from accounts.models import Bot, Workspace
from accounts.tenancy import in_workspace
from tests import make
from tests.rows import made_once
from usage import queries, report_queries
from usage.models import SessionKind
from usage.periods import HOUR, Grain, Period
from usage.queries import Counts
from usage.report_queries import Usage
from usage.reports import Range, Report, make_report

pytestmark = pytest.mark.django_db(transaction=True)

ZONE = "Europe/Berlin"
NOW = datetime(2026, 4, 10, 9, 40, tzinfo=UTC)
# Sessions around changes of day, month and clocks, and between them.
INSTANTS = [
    datetime(2026, 1, 31, 22, 50, tzinfo=UTC),
    datetime(2026, 1, 31, 23, 5, tzinfo=UTC),
    datetime(2026, 2, 14, 12, tzinfo=UTC),
    datetime(2026, 3, 10, 9, 39, tzinfo=UTC),
    datetime(2026, 3, 10, 9, 41, tzinfo=UTC),
    datetime(2026, 3, 28, 23, 30, tzinfo=UTC),
    datetime(2026, 3, 29, 1, 30, tzinfo=UTC),
    datetime(2026, 3, 31, 21, 59, tzinfo=UTC),
    datetime(2026, 3, 31, 22, tzinfo=UTC),
    datetime(2026, 4, 9, 9, 20, tzinfo=UTC),
    datetime(2026, 4, 10, 8, 15, tzinfo=UTC),
]


@made_once
def fill() -> None:
    acme = make.workspace("acme", timezone=ZONE)
    events = [
        make.event(
            "alert.delivered",
            subject=f"bot-{number:02d}",
            at=at,
            user=f"u{place}",
            channel="web" if place % 2 else "sms",
        )
        for number in range(12)
        for place, at in enumerate(INSTANTS[number:])
    ]
    events += make.talk(0, 20, start=INSTANTS[-2], subject="bot-03", conversation="c")
    for number, until in ((0, None), (1, INSTANTS[-2])):
        for agent in ("ann", "bob"):
            seat = {"agent": agent, "subject": f"bot-{number:02d}"}
            events.append(make.event("agent.seat_assigned", at=INSTANTS[3], **seat))
            if until:
                events.append(make.event("agent.seat_released", at=until, **seat))
    # One who gets a seat again on the day on which it was released, and holds it over midnight.
    again = {"agent": "bob", "subject": "bot-01"}
    events.append(make.event("agent.seat_assigned", at=INSTANTS[-2] + HOUR, **again))
    events.append(make.event("agent.seat_released", at=INSTANTS[-2] + 14 * HOUR, **again))
    make.take_in(acme, *events)
    make.roll_up(acme, now=NOW)
    globex = make.workspace("globex")
    make.take_in(globex, make.event("alert.delivered", at=INSTANTS[-1], subject="bot-00"))
    make.roll_up(globex, now=NOW)


@pytest.fixture
def acme() -> Workspace:
    """Twelve bots of which the first were used more, and another workspace."""
    fill()
    return make.workspace("acme")


def read(acme: Workspace, report: Report, channels: tuple[str, ...] = ()) -> Usage:
    with in_workspace(acme.pk):
        bots = Bot.objects.for_workspace(acme).order_by("key")
        names = report_queries.list_names(bots)
        return report_queries.read_usage(
            workspace=acme, bots=names, channels=channels, report=report
        )


def export(acme: Workspace, periods: list[Period]) -> dict[tuple[str, int], queries.UsageRow]:
    with in_workspace(acme.pk):
        bots = list(Bot.objects.for_workspace(acme).order_by("key"))
        rows = list(queries.count_usage(workspace=acme, bots=bots, periods=periods, now=NOW))
    return {(row.bot.key, periods.index(row.period)): row for row in rows}


def total(rows: list[queries.UsageRow]) -> Counts:
    return Counts.total(row.counts for row in rows)


@pytest.mark.parametrize("zone", [ZONE, "Asia/Kathmandu"])
@pytest.mark.parametrize(
    ("range", "grain", "days"),
    [
        (Range.LAST_24_HOURS, None, 0),
        (Range.LAST_7_DAYS, Grain.HOUR, 0),
        (Range.LAST_30_DAYS, None, 0),
        (Range.THIS_MONTH, Grain.WEEK, 0),
        (Range.LAST_MONTH, None, 0),
        (Range.CUSTOM, Grain.MONTH, 80),
        (Range.CUSTOM, Grain.MONTH, 20),
        (Range.CUSTOM, Grain.MONTH, 366),
        (Range.CUSTOM, Grain.WEEK, 70),
    ],
)
def test_report_equals_the_export(
    acme: Workspace, range: Range, grain: Grain | None, days: int, zone: str
) -> None:
    last = NOW.date()
    custom = {"first": last - timedelta(days=days - 1), "last": last} if days else {}
    report = make_report(range=range, grain=grain, zone=ZoneInfo(zone), now=NOW, **custom)

    usage = read(acme, report)

    rows = export(acme, report.periods)
    places = {period: place for place, period in enumerate(report.periods)}
    for period, counts, agents in usage.by_period:
        of_period = [row for (_, place), row in rows.items() if place == places[period]]
        assert counts == total(of_period)
        assert agents == sum(row.agents for row in of_period)
    in_all = export(acme, [Period(report.periods[0].starts_at, report.periods[-1].ends_at)])
    for bot, counts, agents in usage.by_bot:
        assert counts == total([row for (key, _), row in rows.items() if key == bot.key])
        assert agents == in_all[bot.key, 0].agents
    before = [
        row
        for row in make.sessions(acme)
        if report.previous.starts_at <= row.started_at < report.previous.ends_at
    ]
    assert usage.previous.alert_sessions == sum(row.kind is SessionKind.ALERT for row in before)
    assert usage.previous.usage_sessions == sum(row.kind is SessionKind.USAGE for row in before)
    assert usage.total == total(list(rows.values()))


@pytest.mark.parametrize("zone", [ZONE, "Asia/Kathmandu"])
def test_month_that_begins_now_is_compared_with_nothing(acme: Workspace, zone: str) -> None:
    begins = datetime(2026, 4, 1, tzinfo=ZoneInfo(zone))
    report = make_report(range=Range.THIS_MONTH, grain=None, zone=ZoneInfo(zone), now=begins)

    assert read(acme, report).previous == Counts()


def test_lines_add_up_to_the_total(acme: Workspace) -> None:
    report = make_report(range=Range.LAST_30_DAYS, grain=None, zone=ZoneInfo(ZONE), now=NOW)

    usage = read(acme, report)

    assert [line.name for line in usage.lines[-2:]][-1] == "All others"
    assert len(usage.lines) == 11
    for place, (_, counts, agents) in enumerate(usage.by_period):
        assert counts == Counts.total(line.counts[place] for line in usage.lines)
        assert agents == sum(line.agents[place] for line in usage.lines)


def test_agent_who_holds_a_seat_over_many_days_is_one(acme: Workspace) -> None:
    report = make_report(range=Range.LAST_30_DAYS, grain=None, zone=ZoneInfo(ZONE), now=NOW)

    usage = read(acme, report)

    assert usage.agents == 4
    assert usage.by_period[-1].agents == 3


def test_channels_narrow_it(acme: Workspace) -> None:
    report = make_report(range=Range.LAST_30_DAYS, grain=None, zone=ZoneInfo(ZONE), now=NOW)

    both, web, sms = (read(acme, report, channels) for channels in ((), ("web",), ("sms",)))

    assert web.total.plus(sms.total) == both.total
    assert 0 < web.total.billing_sessions < both.total.billing_sessions
    assert read(acme, report, ("fax",)).total == Counts()


def test_workspace_whose_zone_has_days_of_other_length(acme: Workspace) -> None:
    report = make_report(
        range=Range.CUSTOM,
        grain=Grain.HOUR,
        zone=ZoneInfo(ZONE),
        now=NOW,
        first=date(2026, 3, 29),
        last=date(2026, 3, 29),
    )

    usage = read(acme, report)

    assert len(usage.by_period) == 23
    assert usage.total.alert_sessions == 13
