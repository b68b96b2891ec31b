"""What pages, exports and the API read of usage."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime
from functools import reduce
from operator import add
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection
from django.db.models import F, Q, Sum

from accounts.days import next_month, start_of_day
from accounts.models import Bot, Membership, Workspace
from accounts.tenancy import read_as_operator
from usage.agents import Span, count_holders, find_peak
from usage.models import Agent, RolledBot, UsageBucket, UsageMonth
from usage.periods import Period
from usage.postgres_time import to_count

# Index usage_dirtystream_pkey of each workspace; those without marks cost one look.
FIND_WORKSPACES_DUE = """
SELECT id FROM accounts_workspace workspace
WHERE EXISTS (
    SELECT FROM usage_dirtystream
    WHERE workspace_id = workspace.id AND due_at <= %(now)s)
ORDER BY id
"""

FIND_WORKSPACES_IN_OLD_ZONE = """
SELECT DISTINCT workspace.id FROM usage_rolledbot bot
JOIN accounts_workspace workspace ON workspace.id = bot.workspace_id
WHERE bot.zone <> workspace.timezone AND bot.rolled_to IS NOT NULL
ORDER BY 1
"""

COUNT_PERIODS = """
SELECT bot_id, width_bucket(starts_at, %(starts)s::timestamptz[]),
    sum(usage_sessions), sum(alert_sessions), sum(voice_sessions), sum(conversations),
    sum(notifications)
FROM usage_usagebucket
WHERE workspace_id = %(workspace)s AND bot_id = ANY(%(bots)s)
    AND starts_at >= %(first)s AND starts_at < %(last)s
GROUP BY 1, 2
"""

COUNT_TOGETHER = COUNT_PERIODS.replace("bot_id, width", "width").replace("BY 1, 2", "BY 1")

# Primary key of the marks, index session_open.
FIND_FRESHNESS = """
SELECT (
    SELECT min(touched_from) FROM usage_dirtystream
    WHERE workspace_id = %(workspace)s AND bot_id = ANY(%(bots)s) AND due_at <= %(now)s
), (
    SELECT count(*) FROM usage_billingsession
    WHERE workspace_id = %(workspace)s AND bot_id = ANY(%(bots)s) AND NOT completed AND kind = 1
)
"""
ROWS_IN_MEMORY = 200_000


class Counts(NamedTuple):
    """What was counted in one stretch of time."""

    usage_sessions: int = 0
    alert_sessions: int = 0
    voice_sessions: int = 0
    conversations: int = 0
    notifications: int = 0

    @property
    def billing_sessions(self) -> int:
        """Usage and alert sessions together."""
        return self.usage_sessions + self.alert_sessions

    def plus(self, other: "Counts") -> "Counts":
        """Return the sums of two counts."""
        return Counts(*map(add, self, other))

    def times(self, factor: int) -> "Counts":
        """Return a multiple."""
        return Counts(*(factor * number for number in self))

    @classmethod
    def total(cls, many: Iterable["Counts"]) -> "Counts":
        """Return the sums of many counts, zeros of none."""
        return reduce(cls.plus, many, cls())


class UsageRow(NamedTuple):
    """One bot in one period; ``agents`` held a seat, ``agents_peak`` were signed in at once."""

    bot: Bot
    period: Period
    counts: Counts
    agents: int
    agents_peak: int


class Freshness(NamedTuple):
    """Up to which instant everything received is counted, and how many usage sessions are open."""

    complete_until: datetime
    open_sessions: int


def bind_numbers(numbers: Iterable[int]) -> str:
    """Return numbers as an array of the database: the driver would adapt a list one by one."""
    return "{" + ",".join(map(str, numbers)) + "}"


def find_freshness(*, workspace: Workspace, bots: Collection[int], now: datetime) -> Freshness:
    """Return how fresh the numbers of some bots are; ``now`` where nothing waits to be counted."""
    with connection.cursor() as cursor:
        chosen = bind_numbers(bots)
        cursor.execute(FIND_FRESHNESS, {"workspace": workspace.pk, "bots": chosen, "now": now})
        row = cursor.fetchone()
    waiting, open_sessions = row or (None, 0)
    return Freshness(min(waiting or now, now), open_sessions)


def find_workspaces_due(*, now: datetime) -> list[int]:
    """Return the ids of the workspaces with something to roll up, as the operator sees them."""
    return [workspace_id for (workspace_id,) in read_as_operator(FIND_WORKSPACES_DUE, {"now": now})]


def find_workspaces_in_old_zone() -> list[int]:
    """Return the ids of the workspaces with days of another zone, as the operator sees them."""
    return [workspace_id for (workspace_id,) in read_as_operator(FIND_WORKSPACES_IN_OLD_ZONE)]


def find_bots_in_old_zone(workspace: Workspace) -> list[int]:
    """Return the bots whose stored days and months are not those of the workspace's zone.

    That is so for a short while after a change of zone; what is read of them then comes from their
    buckets.
    """
    others = RolledBot.objects.for_workspace(workspace).in_other_zone()
    return list(others.values_list("bot_id", flat=True))


def count_month(*, workspace: Workspace, bots: Collection[int], month: date) -> dict[int, int]:
    """Return by bot its billing sessions in a month of the workspace's zone; bots without lack.

    ``month`` is the first day.
    """
    old = find_bots_in_old_zone(workspace)
    billing = Sum(F("usage_sessions") + F("alert_sessions"))
    months = UsageMonth.objects.for_workspace(workspace).filter(bot__in=bots, month=month)
    counted = dict(months.exclude(bot__in=old).values_list("bot_id").annotate(sessions=billing))
    if not old:
        return counted
    zone = ZoneInfo(workspace.timezone)
    buckets = UsageBucket.objects.for_workspace(workspace).filter(
        bot__in=set(old).intersection(bots),
        starts_at__gte=start_of_day(month, zone),
        starts_at__lt=start_of_day(next_month(month), zone),
    )
    return {**counted, **dict(buckets.values_list("bot_id").annotate(sessions=billing))}


def list_channels(membership: Membership) -> list[str]:
    """Return the channels on which the bots that a person may see were ever used, in order."""
    bots = Bot.objects.for_workspace(membership.workspace_id).visible_to(membership)
    months = UsageMonth.objects.for_workspace(membership.workspace_id).filter(bot__in=bots)
    return list(months.order_by("channel").values_list("channel", flat=True).distinct())


def count_usage(
    *, workspace: Workspace, bots: Sequence[Bot], periods: Sequence[Period], now: datetime
) -> Iterator[UsageRow]:
    """Yield one row per bot and period, zeros included, bots and periods in the order given.

    ``periods`` follow each other without gaps. A seat that is held still is held until ``now``.
    """
    if not periods:
        return
    stretches = [Span(to_count(p.starts_at), to_count(p.ends_at)) for p in periods]
    until = to_count(now)
    at_once = max(1, ROWS_IN_MEMORY // len(periods))
    for start in range(0, len(bots), at_once):
        some = bots[start : start + at_once]
        keys = [bot.pk for bot in some]
        counted = count_periods(workspace=workspace, bots=keys, periods=periods)
        seats = read_agents(workspace=workspace, bots=keys, periods=periods, signed_in=False)
        signed_in = read_agents(workspace=workspace, bots=keys, periods=periods, signed_in=True)
        for bot in some:
            holders = count_holders(seats.get(bot.pk, []), stretches, now=until)
            peaks = find_peak(signed_in.get(bot.pk, []), stretches, now=until)
            for place, period in enumerate(periods):
                counts = counted.get((bot.pk, place), Counts())
                yield UsageRow(bot, period, counts, holders[place], peaks[place])


def count_periods(
    *, workspace: Workspace, bots: Sequence[int], periods: Sequence[Period]
) -> dict[tuple[int, int], Counts]:
    """Return what was counted by bot and place of the period; nothing where nothing was."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT_PERIODS, bind_periods(workspace, bots, periods))
        return {(bot, place - 1): Counts(*counts) for bot, place, *counts in cursor.fetchall()}


def count_together(
    *, workspace: Workspace, bots: Sequence[int], periods: Sequence[Period]
) -> list[Counts]:
    """Return what some bots used together, one for each of the periods, zeros included."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT_TOGETHER, bind_periods(workspace, bots, periods))
        found = {place - 1: Counts(*counts) for place, *counts in cursor.fetchall()}
    return [found.get(place, Counts()) for place in range(len(periods))]


def bind_periods(
    workspace: Workspace, bots: Sequence[int], periods: Sequence[Period]
) -> dict[str, int | datetime | list[int] | list[datetime]]:
    """Return the values of the statements that count periods, which follow each other."""
    return {
        "workspace": workspace.pk,
        "bots": list(bots),
        "starts": [period.starts_at for period in periods],
        "first": periods[0].starts_at,
        "last": periods[-1].ends_at,
    }


def read_agents(
    *, workspace: Workspace, bots: Collection[int], periods: Sequence[Period], signed_in: bool
) -> dict[int, list[tuple[int, Span]]]:
    """Return by bot who held a seat or was signed in, and when, where it touches the periods.

    By agent, and of one agent in order of time.
    """
    rows = (
        Agent.objects.for_workspace(workspace)
        .filter(bot__in=bots, signed_in=signed_in, started_at__lt=periods[-1].ends_at)
        .filter(Q(ended_at__isnull=True) | Q(ended_at__gt=periods[0].starts_at))
        .order_by("stream_id", "started_at")
        .values_list("bot_id", "stream_id", "started_at", "ended_at")
    )
    found: dict[int, list[tuple[int, Span]]] = {}
    for bot_id, stream_id, started_at, ended_at in rows:
        end = None if ended_at is None else to_count(ended_at)
        found.setdefault(bot_id, []).append((stream_id, Span(to_count(started_at), end)))
    return found
