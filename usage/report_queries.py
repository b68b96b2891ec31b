"""What the Usage page reads: totals by bot and by period, from the largest totals that fit.

Whole months come from months, whole days from days, and hours, other zones and what is left from
buckets.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import accumulate
from typing import Any, NamedTuple

from django.db import connection

from accounts.days import start_of_day
from accounts.models import Workspace
from usage.periods import Grain, Period, in_utc, next_month
from usage.postgres_time import ORIGIN
from usage.queries import Counts, find_bots_in_old_zone
from usage.reports import Report

TOP = 10
QUARTER = timedelta(minutes=15)

SUMS = ", ".join(f"sum({name})::bigint" for name in Counts._fields)
# By primary key, one stretch of it for each bot. Several of these are put together by UNION ALL.
COUNT_STRETCH = f"""
SELECT bot_id, {{day}}, {{starts_at}}, {SUMS} FROM {{table}}
WHERE workspace_id = %(workspace)s AND bot_id = ANY(%(bots)s)
    AND {{column}} >= %(since_{{number}})s AND {{column}} < %(until_{{number}})s
    AND (%(channels)s::text[] IS NULL OR channel = ANY(%(channels)s))
GROUP BY {{groups}}
"""
# Of a begun quarter of an hour each session; index session_of_bot.
SESSIONS = """(
    SELECT workspace_id, bot_id, channel, started_at AS starts_at,
        (kind = 1 AND completed)::integer AS usage_sessions,
        (kind = 2)::integer AS alert_sessions,
        (kind = 3 AND completed)::integer AS voice_sessions,
        (kind = 1 AND number = 1 AND closed)::integer AS conversations,
        (kind = 4)::integer AS notifications
    FROM usage_billingsession
) session"""
BY_BOT = "bot_id"
BY_BOT_AND_PLACE = "bot_id, {column}"
BY_BOT_OR_PLACE = "GROUPING SETS ((bot_id), ({column}))"

# Index agent_of_bot. From which to which of the periods each seat was held, up to now; of one agent
# in order of time.
READ_SEATS = """
SELECT bot_id, stream_id, greatest(1, width_bucket(started_at, starts)),
    width_bucket(held.until - interval '1 microsecond', starts)
FROM usage_agent
CROSS JOIN (SELECT %(starts)s::timestamptz[] AS starts) period
CROSS JOIN LATERAL (SELECT least(ended_at, %(now)s, %(end)s) AS until) held
WHERE workspace_id = %(workspace)s AND bot_id = ANY(%(bots)s) AND NOT signed_in
    AND started_at < held.until AND held.until > starts[1]
ORDER BY stream_id, started_at
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


def read_usage(
    *, workspace: Workspace, bots: Sequence[BotName], channels: Collection[str], report: Report
) -> Usage:
    """Return what some bots used, over all or some channels.

    Five statements whatever the number of bots and periods is.
    """
    recounting = bool(find_bots_in_old_zone(workspace))
    reader = Reader(workspace=workspace, channels=channels, report=report, recounting=recounting)
    by_bot, by_period = reader.count_bots_and_periods(bots)
    ranked = sorted(bots, key=lambda bot: (-by_bot[bot.pk].billing_sessions, bot.name, bot.key))
    top = [bot for bot in ranked[:TOP] if any(by_bot[bot.pk])]
    of_top = reader.count_bots_by_period(top)
    agents = Agents(reader.query(READ_SEATS, bots), periods=len(by_period))
    whole = Line(None, by_period, agents.by_period(bots))
    lines = [Line(bot, of_top[bot.pk], agents.by_period([bot])) for bot in top]
    rest = take_rest(whole, lines)
    if any(map(any, rest.counts)) or any(rest.agents):
        lines.append(rest)
    return Usage(
        total=Counts.total(by_period),
        previous=Counts.total(reader.count_previous(bots).values()),
        agents=agents.in_all(bots),
        by_bot=[BotUsage(bot, by_bot[bot.pk], agents.in_all([bot])) for bot in ranked],
        by_period=list(map(PeriodUsage, report.periods, whole.counts, whole.agents)),
        lines=lines,
    )


class Stretch(NamedTuple):
    """From which totals a stretch of time is read; the end is exclusive."""

    table: str
    column: str
    since: date
    until: date


def list_stretches(period: Period, report: Report, *, local: bool) -> Iterator[Stretch]:
    """Yield the stretches of a period: its whole months, whole days beside them, and what is left.

    ``local``: the report's zone is the one in which days and months are stored.
    """
    start, end = period
    if not local or report.grain is Grain.HOUR:
        yield from list_quarters(start, end)
        return
    first, last = start.date(), end.astimezone(report.zone).date()
    if report.grain is Grain.MONTH:
        first_month = first if first.day == 1 else next_month(first)
        last_month = last.replace(day=1)
        if first_month < last_month:
            yield Stretch("usage_usagemonth", "month", first_month, last_month)
            yield Stretch("usage_usageday", "day", first, first_month)
            first = last_month
    yield Stretch("usage_usageday", "day", first, last)
    yield from list_quarters(start_of_day(last, report.zone), end)


def list_quarters(start: datetime, end: datetime) -> Iterator[Stretch]:
    """Yield the stretches of whole quarters of an hour, and of the one that has only begun."""
    start, end = in_utc(start), in_utc(end)
    quarter = end - (end - ORIGIN) % QUARTER
    if start < quarter:
        yield Stretch("usage_usagebucket", "starts_at", start, quarter)
    if quarter < end:
        yield Stretch(SESSIONS, "starts_at", max(start, quarter), end)


class Reader:
    """Reads totals in the periods of a report, over all or some channels."""

    def __init__(
        self, *, workspace: Workspace, channels: Collection[str], report: Report, recounting: bool
    ) -> None:
        """``recounting``: after a change of zone some bots' days are still those of the old one."""
        self.report = report
        self.local = report.zone.key == workspace.timezone and not recounting
        self.starts = [period.starts_at for period in report.periods]
        self.days = [start.date() for start in self.starts]
        self.whole = Period(self.starts[0], report.periods[-1].ends_at)
        self.values: dict[str, Any] = {  # Any: the driver adapts them
            "workspace": workspace.pk,
            "channels": list(channels) or None,
            "starts": self.starts,
            "end": self.whole.ends_at,
            "now": report.now,
        }

    def count_previous(self, bots: Iterable[BotName]) -> defaultdict[int, Counts]:
        """Return what was used by bot in the period before."""
        by_bot: defaultdict[int, Counts] = defaultdict(Counts)
        for bot_id, _, counts in self.count(self.report.previous, bots, BY_BOT):
            by_bot[bot_id] = by_bot[bot_id].plus(counts)
        return by_bot

    def count_bots_and_periods(
        self, bots: Iterable[BotName]
    ) -> tuple[defaultdict[int, Counts], list[Counts]]:
        """Return what was used by bot, and by period."""
        by_bot: defaultdict[int, Counts] = defaultdict(Counts)
        by_period = [Counts()] * len(self.starts)
        for bot_id, place, counts in self.count(self.whole, bots, BY_BOT_OR_PLACE):
            if place is None:
                by_bot[bot_id] = by_bot[bot_id].plus(counts)
            else:
                by_period[place] = by_period[place].plus(counts)
        return by_bot, by_period

    def count_bots_by_period(self, bots: Iterable[BotName]) -> dict[int, list[Counts]]:
        """Return what each bot used in each period."""
        found = {bot.pk: [Counts()] * len(self.starts) for bot in bots}
        for bot_id, place, counts in self.count(self.whole, bots, BY_BOT_AND_PLACE):
            of_bot = found[bot_id]
            of_bot[place] = of_bot[place].plus(counts)
        return found

    def count(
        self, period: Period, bots: Iterable[BotName], groups: str
    ) -> Iterator[tuple[Any, Any, Counts]]:  # Any: numbers or None, as ``groups`` says
        """Yield what was used in a period by bot and by place of the period in the report.

        The same bot and place come once from each stretch. None: all of them.
        """
        values: dict[str, Any] = {}
        parts = []
        for number, stretch in enumerate(list_stretches(period, self.report, local=self.local)):
            values |= {f"since_{number}": stretch.since, f"until_{number}": stretch.until}
            place = "NULL" if groups == BY_BOT else stretch.column
            of_instants = stretch.column == "starts_at"
            part = COUNT_STRETCH.format(
                day=f"{'NULL' if of_instants else place}::date",
                starts_at=f"{place if of_instants else 'NULL'}::timestamptz",
                table=stretch.table,
                column=stretch.column,
                number=number,
                groups=groups.format(column=stretch.column),
            )
            parts.append(part)
        for bot_id, day, at, *counts in self.query(" UNION ALL ".join(parts), bots, values):
            yield bot_id, self.find_place(day, at), Counts(*counts)

    def find_place(self, day: date | None, starts_at: datetime | None) -> int | None:
        """Return the place of the period that holds a day or an instant."""
        if day is not None:
            return bisect_right(self.days, day) - 1
        return None if starts_at is None else bisect_right(self.starts, starts_at) - 1

    def query(
        self, sql: str, bots: Iterable[BotName], values: Mapping[str, Any] | None = None
    ) -> list[tuple[Any, ...]]:
        """Run a statement about some bots."""
        with connection.cursor() as cursor:
            chosen = [bot.pk for bot in bots]
            cursor.execute(sql, {**self.values, **(values or {}), "bots": chosen})
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


class Agents:
    """Who held seats in the periods of a report; over bots they add up, over time they never do."""

    def __init__(self, seats: Iterable[tuple[int, ...]], *, periods: int) -> None:
        """Keep what `READ_SEATS` found."""
        self.periods = periods
        self.seats: defaultdict[int, list[tuple[int, int, int]]] = defaultdict(list)
        for bot_id, agent, first, last in seats:
            self.seats[bot_id].append((agent, first, last))

    def by_period(self, bots: Iterable[BotName]) -> list[int]:
        """Return how many agents of some bots there were in each period."""
        changes = [0] * (self.periods + 1)
        for bot in bots:
            counted: dict[int, int] = {}  # by agent the last place that is counted already
            for agent, first, last in self.seats[bot.pk]:
                new = max(first, counted.get(agent, 0) + 1)
                if new <= last:
                    changes[new - 1] += 1
                    changes[last] -= 1
                    counted[agent] = last
        return list(accumulate(changes[:-1]))

    def in_all(self, bots: Iterable[BotName]) -> int:
        """Return how many there were in all periods together."""
        return len({agent for bot in bots for agent, _, _ in self.seats[bot.pk]})


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
