"""What the Usage page reads: totals by bot and by period, from the largest totals that fit.

Whole months come from months, whole days from days, and hours and what is left from buckets. In
another zone periods come from six hours of UTC and buckets beside them; what a long stretch holds
as a whole still comes from months and days.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import accumulate
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import Exists, OuterRef

from accounts.days import next_month, start_of_day
from accounts.models import BotQuerySet, Workspace
from usage.models import RolledBot
from usage.periods import Grain, Period, in_utc, whole_days
from usage.postgres_time import ORIGIN
from usage.queries import Counts, bind_numbers
from usage.reports import Report
from usage.six_hours import QUARTER, find_edges, list_between, move
from usage.totals import COUNTED

TOP = 10

SUMS = ", ".join(f"sum({name})::bigint AS {name}" for name in Counts._fields)
# By primary key, one stretch of it for each bot or some of its places. What a place of the table
# belongs to is looked up once for each group.
COUNT_PART = f"""
SELECT {{bot}}::bigint AS bot_id, {{period}} AS period, {SUMS} FROM {{table}}
WHERE workspace_id = %(workspace)s AND bot_id = ANY(%(bots)s) AND {{within}} {{chosen}}
GROUP BY {{groups}}
HAVING count(*) > 0
"""
ADD_PARTS = f"""
SELECT bot_id, period - 1, {SUMS} FROM ({{parts}}) part
GROUP BY bot_id, period
"""
SINCE_UNTIL = "{column} >= %(since_{number})s AND {column} < %(until_{number})s"
# Of a begun quarter of an hour each session; index session_of_bot. LATERAL, OFFSET 0: one look at
# it for each bot, which the planner takes for dearer than reading all of the workspace.
COUNTED_ONE = ", ".join(f"({which})::integer AS {name}" for name, which in COUNTED.items())
SESSIONS = f"""(
    SELECT %(workspace)s AS workspace_id, session.*
    FROM unnest(%(bots)s::bigint[]) AS bot (id)
    CROSS JOIN LATERAL (
        SELECT bot_id, channel, started_at AS starts_at, {COUNTED_ONE}
        FROM usage_billingsession
        WHERE workspace_id = %(workspace)s AND bot_id = bot.id
            AND started_at >= %(since_{{number}})s AND started_at < %(until_{{number}})s
        OFFSET 0
    ) session
) session"""
CHOSEN_CHANNELS = "AND channel = ANY(%(channels)s)"
# Days stand over all channels too, in fewer rows.
DAYS, DAYS_IN_ALL = "usage_usageday", "usage_usagedayinall"
FIND_PERIOD = {
    "month": "width_bucket(month, %(days)s::date[])",
    "day": "width_bucket(day, %(days)s::date[])",
    "starts_at": "width_bucket(starts_at, %(starts)s::timestamptz[])",
}
# Six hours first, then what lies between them and the edges of the periods.
FIND_ROUGHLY = "width_bucket(starts_at, %(roughs)s::timestamptz[])"
FIND_BETWEEN = (
    "cardinality(%(roughs)s) - 1 + width_bucket(starts_at, %(between_from)s::timestamptz[])"
)
BETWEEN = "starts_at = ANY(%(between)s::timestamptz[])"
TOGETHER = "()"
BY_BOT = "bot_id"
BY_PLACE = "{column}"
BY_BOT_AND_PLACE = "bot_id, {column}"
BY_BOT_OR_PLACE = "GROUPING SETS ((bot_id), ({column}))"

# Index agent_of_bot. How many agents of a bot were from which to which of the periods holders of a
# seat, up to now; and for how many of them it was the first time. In a period in which an agent's
# earlier seat ended, the next one does not count again.
COUNT_SEATS = """
SELECT bot_id, greatest(first, before + 1) AS since, last, count(*),
    count(*) FILTER (WHERE before IS NULL)
FROM (
    SELECT bot_id, first, last,
        lag(last) OVER (PARTITION BY stream_id ORDER BY started_at) AS before
    FROM usage_agent
    CROSS JOIN (SELECT %(starts)s::timestamptz[] AS starts) period
    CROSS JOIN LATERAL (SELECT least(ended_at, %(now)s, %(end)s) AS until) held
    CROSS JOIN LATERAL (
        SELECT greatest(1, width_bucket(started_at, starts)) AS first,
            width_bucket(held.until - interval '1 microsecond', starts) AS last
    ) place
    WHERE workspace_id = %(workspace)s AND bot_id = ANY(%(bots)s) AND NOT signed_in
        AND started_at < held.until AND held.until > starts[1]
) seat
WHERE before IS NULL OR before < last
GROUP BY bot_id, since, last
"""


class BotName(NamedTuple):
    """A bot as a report names it.

    ``recounting``: its days are still those of the workspace's former zone (usage/zones.py).
    """

    pk: int
    key: str
    name: str
    recounting: bool


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


def list_names(bots: BotQuerySet) -> list[BotName]:
    """Return bots as reports name them, in the order given; one statement."""
    others = RolledBot.objects.in_other_zone().filter(
        workspace=OuterRef("workspace"), bot=OuterRef("pk")
    )
    named = bots.annotate(recounting=Exists(others))
    return [BotName(*row) for row in named.values_list("pk", "key", "name", "recounting")]


def read_usage(
    *, workspace: Workspace, bots: Sequence[BotName], channels: Collection[str], report: Report
) -> Usage:
    """Return what some bots used, over all or some channels.

    As many statements whatever the number of bots and periods is: four, in another zone five.
    """
    recounting = any(bot.recounting for bot in bots)
    reader = Reader(workspace=workspace, channels=channels, report=report, recounting=recounting)
    by_bot, by_period = reader.count_bots_and_periods(bots)
    ranked = sorted(bots, key=lambda bot: (-by_bot[bot.pk].billing_sessions, bot.name, bot.key))
    top = [bot for bot in ranked[:TOP] if any(by_bot[bot.pk])]
    of_top = reader.count_bots_by_period(top)
    agents = Agents(reader.query(COUNT_SEATS, bots), periods=len(by_period))
    whole = Line(None, by_period, agents.by_period(bots))
    lines = [Line(bot, of_top[bot.pk], agents.by_period([bot])) for bot in top]
    rest = take_rest(whole, lines)
    if any(map(any, rest.counts)) or any(rest.agents):
        lines.append(rest)
    return Usage(
        total=Counts.total(by_period),
        previous=reader.count_previous(bots),
        agents=agents.in_all(bots),
        by_bot=[BotUsage(bot, by_bot[bot.pk], agents.of_bot[bot.pk]) for bot in ranked],
        by_period=list(map(PeriodUsage, report.periods, whole.counts, whole.agents)),
        lines=lines,
    )


class Stretch(NamedTuple):
    """From which totals a stretch of time is read; the end is exclusive."""

    table: str
    column: str
    since: date
    until: date


def list_stretches(period: Period, *, grain: Grain, zone: ZoneInfo | None) -> Iterator[Stretch]:
    """Yield the stretches of a period: its whole months, whole days beside them, and what is left.

    ``grain``: no larger totals than these are taken. ``zone``: the one in which days and months are
    stored; None: they cannot be used.
    """
    start, end = period
    if zone is None or grain is Grain.HOUR:
        yield from list_quarters(start, end)
        return
    first, last = whole_days(period, zone)
    if last <= first:
        yield from list_quarters(start, end)
        return
    yield from list_quarters(start, start_of_day(first, zone))
    yield from list_days(first, last, months=grain is Grain.MONTH)
    yield from list_quarters(start_of_day(last, zone), end)


def list_days(first: date, last: date, *, months: bool) -> Iterator[Stretch]:
    """Yield the stretches of local days before ``last``; with ``months`` the whole ones as such."""
    first_month = first if first.day == 1 else next_month(first)
    last_month = last.replace(day=1)
    if not months or last_month <= first_month:
        yield Stretch(DAYS, "day", first, last)
        return
    yield Stretch(DAYS, "day", first, first_month)
    yield Stretch("usage_usagemonth", "month", first_month, last_month)
    yield Stretch(DAYS, "day", last_month, last)


def list_quarters(start: datetime, end: datetime) -> Iterator[Stretch]:
    """Yield the stretches of whole quarters of an hour, and of the one that has only begun."""
    start, end = in_utc(start), in_utc(end)
    quarter = end - (end - ORIGIN) % QUARTER
    if start < quarter:
        yield Stretch("usage_usagebucket", "starts_at", start, quarter)
    if quarter < end:
        yield Stretch(SESSIONS, "starts_at", max(start, quarter), end)


class Part(NamedTuple):
    """Totals that are added up: those ``within`` some time, by ``place`` in the report."""

    table: str
    column: str
    place: str
    within: str


class Reader:
    """Reads totals in the periods of a report, over all or some channels."""

    def __init__(
        self, *, workspace: Workspace, channels: Collection[str], report: Report, recounting: bool
    ) -> None:
        """``recounting``: after a change of zone some bots' days are still those of the old one."""
        self.report = report
        # In which zone the days and months are that can be used.
        self.stored_zone = None if recounting else ZoneInfo(workspace.timezone)
        self.starts = [period.starts_at for period in report.periods]
        self.whole = Period(self.starts[0], report.periods[-1].ends_at)
        # Of periods that are read from six hours, which are not kept by channel.
        rough = report.zone != self.stored_zone and report.grain is not Grain.HOUR and not channels
        self.edges = find_edges(self.starts, self.whole.ends_at) if rough else []
        self.values: dict[str, Any] = {  # Any: the driver adapts them
            "workspace": workspace.pk,
            "channels": list(channels) or None,
            "starts": self.starts,
            "days": [start.date() for start in self.starts],
            "end": self.whole.ends_at,
            "now": report.now,
            "roughs": [edge.rough for edge in self.edges],
            "between_from": list(map(min, self.edges)),
            "between": list_between(self.edges),
        }

    def count_previous(self, bots: Iterable[BotName]) -> Counts:
        """Return what was used in the period before."""
        return Counts.total(counts for _, _, counts in self.count(TOGETHER, bots, previous=True))

    def count_previous_by_bot(self, bots: Iterable[BotName]) -> defaultdict[int, Counts]:
        """Return what was used by bot in the period before."""
        found = self.count(BY_BOT, bots, previous=True)
        return defaultdict(Counts, {bot_id: counts for bot_id, _, counts in found})

    def count_bots_and_periods(
        self, bots: Iterable[BotName]
    ) -> tuple[defaultdict[int, Counts], list[Counts]]:
        """Return what was used by bot, and by period."""
        # The stored days do for the bots also where the periods are days of another zone.
        alike = self.stored_zone in (None, self.report.zone) or self.report.grain is Grain.HOUR
        if self.edges or not alike:
            by_bot = {bot_id: counts for bot_id, _, counts in self.count(BY_BOT, bots)}
            return defaultdict(Counts, by_bot), self.count_by_period(bots)
        by_bot = defaultdict(Counts)
        by_period = [Counts()] * len(self.starts)
        for bot_id, period, counts in self.count(BY_BOT_OR_PLACE, bots):
            if period is None:
                by_bot[bot_id] = counts
            else:
                by_period[period] = counts
        return by_bot, by_period

    def count_by_period(self, bots: Iterable[BotName]) -> list[Counts]:
        """Return what all bots used in each period."""
        return self.count_places(BY_PLACE, bots)[None]

    def count_bots_by_period(self, bots: Iterable[BotName]) -> dict[int, list[Counts]]:
        """Return what each bot used in each period."""
        found = self.count_places(BY_BOT_AND_PLACE, bots)
        return {bot.pk: found[bot.pk] for bot in bots}

    def count_places(
        self, groups: str, bots: Iterable[BotName]
    ) -> defaultdict[int | None, list[Counts]]:
        """Return what was used in each period, by bot or under None by all."""
        periods = len(self.starts)
        places = periods + len(self.edges)
        found: defaultdict[int | None, list[Counts]] = defaultdict(lambda: [Counts()] * places)
        rows = self.count_roughly(groups, bots) if self.edges else self.count(groups, bots)
        for bot_id, place, counts in rows:
            found[bot_id][place] = counts
        if self.edges:
            for bot_id, counted in found.items():
                found[bot_id] = move(counted[:periods], counted[periods:], self.edges)
            found.default_factory = lambda: [Counts()] * periods
        return found

    def count(
        self, groups: str, bots: Iterable[BotName], *, previous: bool = False
    ) -> list[tuple[Any, Any, Counts]]:  # Any: numbers or None, as ``groups`` says
        """Return what was used by bot and by place of a period in the report; None: by all.

        ``previous``: in the period before.
        """
        whole = self.report.previous if previous else self.whole
        values: dict[str, Any] = {}
        parts = []
        for number, (table, column, since, until) in enumerate(self.list_stretches(whole, groups)):
            values |= {f"since_{number}": since, f"until_{number}": until}
            if table == DAYS and not self.values["channels"]:
                table = DAYS_IN_ALL
            within = SINCE_UNTIL.format(column=column, number=number)
            parts.append(Part(table.format(number=number), column, FIND_PERIOD[column], within))
        return self.add_up(parts, groups, bots, values)

    def count_roughly(
        self, groups: str, bots: Iterable[BotName]
    ) -> list[tuple[Any, Any, Counts]]:  # Any: as of `count`
        """Return what was used between the six hours of edges, then from each edge to its own."""
        values = {"since_0": self.edges[0].rough, "until_0": self.edges[-1].rough}
        within = SINCE_UNTIL.format(column="starts_at", number=0)
        parts = [Part("usage_usagesixhours", "starts_at", FIND_ROUGHLY, within)]
        if self.values["between"]:
            parts.append(Part("usage_usagebucket", "starts_at", FIND_BETWEEN, BETWEEN))
        return self.add_up(parts, groups, bots, values)

    def add_up(
        self,
        parts: Sequence[Part],
        groups: str,
        bots: Iterable[BotName],
        values: Mapping[str, Any],  # Any: the driver adapts them
    ) -> list[tuple[Any, Any, Counts]]:  # Any: as of `count`
        """Return the sums of some parts by bot and place."""
        if not parts:  # a period that has only just begun: nothing of the one before has passed
            return []
        by_bot, by_place = groups not in (TOGETHER, BY_PLACE), groups not in (TOGETHER, BY_BOT)
        counted = (
            COUNT_PART.format(
                bot="bot_id" if by_bot else "NULL",
                period=part.place if by_place else "NULL::integer",
                table=part.table,
                within=part.within,
                groups=groups.format(column=part.column),
                chosen=CHOSEN_CHANNELS if self.values["channels"] else "",
            )
            for part in parts
        )
        found = self.query(ADD_PARTS.format(parts=" UNION ALL ".join(counted)), bots, values)
        return [(bot_id, place, Counts(*counts)) for bot_id, place, *counts in found]

    def list_stretches(self, period: Period, groups: str) -> Iterator[Stretch]:
        """Yield the stretches of a period from which something can be counted by ``groups``."""
        grain, zone = self.report.grain, self.stored_zone
        if groups in (TOGETHER, BY_BOT):  # not by place: months are as good as days
            grain = Grain.HOUR if grain is Grain.HOUR else Grain.MONTH
        elif zone != self.report.zone:
            zone = None
        return list_stretches(period, grain=grain, zone=zone)

    def query(
        self, sql: str, bots: Iterable[BotName], values: Mapping[str, Any] | None = None
    ) -> list[tuple[Any, ...]]:
        """Run a statement about some bots."""
        with connection.cursor() as cursor:
            chosen = {"bots": bind_numbers(bot.pk for bot in bots)}
            cursor.execute(sql, {**self.values, **(values or {}), **chosen})
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


class Agents:
    """Who held seats in the periods of a report; over bots they add up, over time they never do."""

    def __init__(self, seats: Iterable[tuple[int, ...]], *, periods: int) -> None:
        """Keep what `COUNT_SEATS` found; ``of_bot`` are those of a bot in all periods together."""
        self.periods = periods
        self.seats: defaultdict[int, list[tuple[int, int, int]]] = defaultdict(list)
        self.of_bot: Counter[int] = Counter()
        for bot_id, first, last, agents, others in seats:
            self.seats[bot_id].append((first, last, agents))
            self.of_bot[bot_id] += others

    def by_period(self, bots: Iterable[BotName]) -> list[int]:
        """Return how many agents of some bots there were in each period."""
        changes = [0] * (self.periods + 1)
        for bot in bots:
            for first, last, agents in self.seats[bot.pk]:
                changes[first - 1] += agents
                changes[last] -= agents
        return list(accumulate(changes[:-1]))

    def in_all(self, bots: Iterable[BotName]) -> int:
        """Return how many agents of some bots there were in all periods together."""
        return sum(self.of_bot[bot.pk] for bot in bots)


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
