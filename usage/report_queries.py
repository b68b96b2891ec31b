"""What the Usage page reads: totals by bot and by period, from the largest totals that fit.

Whole months come from months, whole days from days, and hours, other zones and what is left from
buckets; all of them by primary key, bot by bot.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, NamedTuple

from django.db import connection

from accounts.models import Workspace
from usage.agents import Span, count_holders
from usage.periods import Grain, Period, next_month, start_of_day
from usage.postgres_time import to_count
from usage.queries import Counts, read_agents
from usage.reports import Report

TOP = 10

TOTALS = "usage_sessions, alert_sessions, voice_sessions, conversations, notifications"
SUMS = ", ".join(f"sum({name})::bigint" for name in TOTALS.split(", "))

# One look at a primary key for each bot and stretch. What lies before the first period is of the
# period before: width_bucket() gives it 0.
STRETCHES = """
SELECT bot_id, width_bucket({at}, %({at}_starts)s::{type}[]) AS place, {totals}
FROM unnest(%(bots)s::bigint[]) AS bot (id)
CROSS JOIN unnest(%({at}_from)s::{type}[], %({at}_to)s::{type}[]) AS stretch (since, until)
CROSS JOIN LATERAL (
    SELECT * FROM {table}
    WHERE workspace_id = %(workspace)s AND bot_id = bot.id AND {at} >= since AND {at} < until
        AND (%(channels)s::text[] IS NULL OR channel = ANY(%(channels)s))
    OFFSET 0
) total
"""
SOURCES = {
    "month": ("usage_usagemonth", "date"),
    "day": ("usage_usageday", "date"),
    "starts_at": ("usage_usagebucket", "timestamptz"),
}
COUNTED = " UNION ALL ".join(
    STRETCHES.format(at=at, table=table, type=type_, totals=TOTALS)
    for at, (table, type_) in SOURCES.items()
)
COUNT_BOTS_AND_PLACES = f"""
SELECT bot_id, CASE WHEN grouping(place) = 0 THEN place END, {SUMS}
FROM ({COUNTED}) counted
GROUP BY GROUPING SETS ((bot_id, (place > 0)), (place))
HAVING grouping(place) = 0 OR (place > 0)
"""
COUNT_BOTS_BY_PLACE = f"""
SELECT bot_id, place, {SUMS} FROM ({COUNTED}) counted WHERE place > 0 GROUP BY bot_id, place
"""


class BotName(NamedTuple):
    """A bot as a report names it."""

    pk: int
    key: str
    name: str


class BotUsage(NamedTuple):
    """A bot with what it used in the whole stretch."""

    bot: BotName
    counts: Counts
    agents: int


class PeriodUsage(NamedTuple):
    """A period with what all bots used in it."""

    period: Period
    counts: Counts
    agents: int


class Line(NamedTuple):
    """What one bot, or with None the rest of them, used in each period."""

    bot: BotName | None
    counts: list[Counts]
    agents: list[int]

    @property
    def name(self) -> str:
        """What the line is called."""
        return self.bot.name if self.bot else "All others"


@dataclass(frozen=True)
class Usage:
    """What was counted for a report.

    ``by_bot`` has all bots that were asked for, ``lines`` the most used and the rest, both the most
    used first. ``agents`` are distinct holders of seats in the whole stretch (rule 12).
    """

    total: Counts
    previous: Counts
    agents: int
    by_bot: list[BotUsage]
    by_period: list[PeriodUsage]
    lines: list[Line]


class Stretches:
    """Which stretches are read from which totals; months and days in the workspace's own zone."""

    def __init__(self, report: Report, *, local: bool) -> None:
        """Divide the stretches of a report; ``local``: its zone is the one that days are of."""
        self.local = local
        self.grain = report.grain
        self.zone = report.zone
        self.ranges: dict[str, list[tuple[date, date]]] = {at: [] for at in SOURCES}
        self.add(report.previous)
        self.add(Period(report.periods[0].starts_at, report.periods[-1].ends_at))
        starts = [period.starts_at for period in report.periods]
        days = [start.date() for start in starts]
        self.starts = {"month": days, "day": days, "starts_at": starts}

    def add(self, period: Period) -> None:
        """Add a stretch: its whole months, its whole days beside them, and the rest of it."""
        start, end = period
        if not self.local or self.grain is Grain.HOUR:
            self.ranges["starts_at"].append(period)
            return
        first, last = start.date(), end.astimezone(self.zone).date()
        if self.grain is Grain.MONTH:
            first_month = first if first.day == 1 else next_month(first)
            last_month = last.replace(day=1)
            if first_month < last_month:
                self.ranges["month"].append((first_month, last_month))
                self.ranges["day"].append((first, first_month))
                first = last_month
        self.ranges["day"].append((first, last))
        self.ranges["starts_at"].append((start_of_day(last, self.zone), end))

    def values(self) -> dict[str, Any]:  # Any: the driver adapts them
        """Return what the statements need to know of the stretches."""
        values: dict[str, Any] = {}
        for at, ranges in self.ranges.items():
            values[f"{at}_starts"] = self.starts[at]
            values[f"{at}_from"] = [since for since, _ in ranges]
            values[f"{at}_to"] = [until for _, until in ranges]
        return values


def read_usage(
    *, workspace: Workspace, bots: Sequence[BotName], channels: Collection[str], report: Report
) -> Usage:
    """Return what some bots used, over all or some channels.

    Three statements whatever the number of bots and periods is.
    """
    stretches = Stretches(report, local=report.zone.key == workspace.timezone)
    values = {
        "workspace": workspace.pk,
        "channels": list(channels) or None,
        **stretches.values(),
    }
    by_bot, by_place = count_bots_and_places(bots, values)
    ranked = sorted(bots, key=lambda bot: (-by_bot[bot.pk].billing_sessions, bot.name, bot.key))
    top = [bot for bot in ranked[:TOP] if any(by_bot[bot.pk])]
    of_top = count_bots_by_place(top, values)
    agents = Agents(workspace, bots, report)
    places = range(1, 1 + len(report.periods))
    whole = Line(None, [by_place[place] for place in places], agents.by_period(bots))
    lines = [
        Line(bot, [of_top[bot.pk, place] for place in places], agents.by_period([bot]))
        for bot in top
    ]
    rest = take_rest(whole, lines)
    if any(map(any, rest.counts)) or any(rest.agents):
        lines.append(rest)
    return Usage(
        total=add(whole.counts),
        previous=by_place[0],
        agents=agents.in_all(bots),
        by_bot=[BotUsage(bot, by_bot[bot.pk], agents.in_all([bot])) for bot in ranked],
        by_period=list(map(PeriodUsage, report.periods, whole.counts, whole.agents)),
        lines=lines,
    )


def count_bots_and_places(
    bots: Iterable[BotName], values: Mapping[str, Any]
) -> tuple[defaultdict[int, Counts], defaultdict[int, Counts]]:
    """Return what was counted by bot and by place of the period; place 0 is the one before."""
    by_bot: defaultdict[int, Counts] = defaultdict(Counts)
    by_place: defaultdict[int, Counts] = defaultdict(Counts)
    for bot_id, place, *counts in query(COUNT_BOTS_AND_PLACES, bots, values):
        if place is None:
            by_bot[bot_id] = Counts(*counts)
        else:
            by_place[place] = Counts(*counts)
    return by_bot, by_place


def count_bots_by_place(
    bots: Iterable[BotName], values: Mapping[str, Any]
) -> defaultdict[tuple[int, int], Counts]:
    """Return what was counted by bot and place."""
    found: defaultdict[tuple[int, int], Counts] = defaultdict(Counts)
    for bot_id, place, *counts in query(COUNT_BOTS_BY_PLACE, bots, values):
        found[bot_id, place] = Counts(*counts)
    return found


def query(sql: str, bots: Iterable[BotName], values: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """Run one of the statements above for some bots."""
    with connection.cursor() as cursor:
        cursor.execute(sql, {**values, "bots": [bot.pk for bot in bots]})
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


class Agents:
    """Who held seats in the periods of a report; over bots they add up, over time they never do."""

    def __init__(self, workspace: Workspace, bots: Iterable[BotName], report: Report) -> None:
        self.seats = read_agents(
            workspace=workspace,
            bots=[bot.pk for bot in bots],
            periods=report.periods,
            signed_in=False,
        )
        self.periods = [Span(to_count(p.starts_at), to_count(p.ends_at)) for p in report.periods]
        self.now = to_count(report.now)

    def by_period(self, bots: Iterable[BotName]) -> list[int]:
        """Return how many agents of some bots there were in each period."""
        return self.count(bots, self.periods)

    def in_all(self, bots: Iterable[BotName]) -> int:
        """Return how many there were in all periods together."""
        whole = Span(self.periods[0].start, self.periods[-1].end)
        return self.count(bots, [whole])[0]

    def count(self, bots: Iterable[BotName], periods: Sequence[Span]) -> list[int]:
        """Return how many agents of some bots there were in each of some periods."""
        seats = [seat for bot in bots for seat in self.seats.get(bot.pk, ())]
        return count_holders(seats, periods, now=self.now)


def add(counts: Iterable[Counts]) -> Counts:
    """Return the sum of counts."""
    return Counts(*map(sum, zip(*counts, strict=True)))


def take_rest(whole: Line, lines: Sequence[Line]) -> Line:
    """Return what is left of all bots when those of ``lines`` are taken out."""
    parts = [whole, *lines]
    counts = zip(*(line.counts for line in parts), strict=True)
    agents = zip(*(line.agents for line in parts), strict=True)
    return Line(
        None,
        [
            Counts(*(all_ - sum(some) for all_, *some in zip(*place, strict=True)))
            for place in counts
        ],
        [all_ - sum(some) for all_, *some in agents],
    )
