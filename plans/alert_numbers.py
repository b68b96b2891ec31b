"""The numbers that usage alerts look at: sums of sessions and charges by local day or month.

Days and months are those of charging (`accounts.months`), for sessions as for money: a change of
zone moves none of the running month. Statements are as many for one alert as for a thousand.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection

from accounts.days import list_days
from accounts.models import Bot, Workspace
from accounts.months import Calendar
from plans.alerted import Watched
from plans.day_counts import HeldDays, bind_stretches, list_held, list_other
from plans.thresholds import find_start
from usage.models import RolledBot
from usage.queries import bind_numbers

# As `differences` has it: days that are stored as charging has them, and buckets of all others.
# One statement, so that totals and the zone that they are counted in are those of one instant.
# Primary keys of all tables.
SESSIONS = """
SELECT total.bot_id, total.day, total.usage_sessions + total.alert_sessions AS number
FROM usage_rolledbot rolled
JOIN unnest(%(held_zones)s::text[], %(held_from)s::date[], %(held_to)s::date[])
    AS held (zone, first, last) ON held.zone = rolled.zone
JOIN usage_usagedayinall total ON total.workspace_id = %(workspace)s
    AND total.bot_id = rolled.bot_id AND total.day BETWEEN held.first AND held.last
WHERE rolled.workspace_id = %(workspace)s AND rolled.bot_id = ANY(%(bots)s::bigint[])
UNION ALL
SELECT bucket.bot_id, other.day, bucket.usage_sessions + bucket.alert_sessions
FROM usage_rolledbot rolled
JOIN unnest(%(other_zones)s::text[], %(other_days)s::date[], %(other_starts)s::timestamptz[],
        %(other_ends)s::timestamptz[])
    AS other (zone, day, starts_at, ends_at) ON other.zone = rolled.zone
JOIN usage_usagebucket bucket ON bucket.workspace_id = %(workspace)s
    AND bucket.bot_id = rolled.bot_id
    AND bucket.starts_at >= other.starts_at AND bucket.starts_at < other.ends_at
WHERE rolled.workspace_id = %(workspace)s AND rolled.bot_id = ANY(%(bots)s::bigint[])
"""
# Primary key of the charged days.
MONEY = """
SELECT bot_id, day, amount AS number FROM plans_chargedday
WHERE workspace_id = %(workspace)s AND bot_id = ANY(%(bots)s::bigint[])
    AND day BETWEEN %(first)s AND %(last)s
"""
# By bot and, under NULL, of all bots together.
ADD_UP = """
SELECT bot_id, starts_on, sum(number)::numeric
FROM (
    SELECT bot_id, date_trunc(%(per)s, day::timestamp)::date AS starts_on, number
    FROM ({source}) counted
) counted
GROUP BY GROUPING SETS ((bot_id, starts_on), (starts_on))
HAVING grouping(bot_id) = 1 OR bot_id = ANY(%(watched)s::bigint[])
"""
STATEMENTS = {
    Watched.SESSIONS: ADD_UP.format(source=SESSIONS),
    Watched.MONEY: ADD_UP.format(source=MONEY),
}


class Watch(NamedTuple):
    """What is looked at: a bot or (None) the whole workspace, a number, and by which periods."""

    bot: int | None
    watched: str
    per: str


def read(
    workspace: Workspace,
    *,
    watches: Iterable[Watch],
    calendar: Calendar,
    first: date,
    last: date,
) -> defaultdict[Watch, dict[date, Decimal]]:
    """Return of each watch the numbers of its periods, from that of ``first`` up to ``last``.

    Periods are named by their first day; those without a number lack. The caller runs in the
    workspace.
    """
    found: defaultdict[Watch, dict[date, Decimal]] = defaultdict(dict)
    asked: defaultdict[tuple[str, str], set[int | None]] = defaultdict(set)
    for bot, watched, per in watches:
        asked[watched, per].add(bot)
    for (watched, per), bots in asked.items():
        values = {
            "per": per,
            "watched": bind_numbers(bot for bot in bots if bot is not None),
            **bind_days(
                workspace, bots=bots, calendar=calendar, first=find_start(first, per), last=last
            ),
        }
        with connection.cursor() as cursor:
            cursor.execute(STATEMENTS[Watched(watched)], values)
            for bot, starts_on, number in cursor.fetchall():
                found[Watch(bot, watched, per)][starts_on] = number
    return found


def bind_days(
    workspace: Workspace,
    *,
    bots: Collection[int | None],
    calendar: Calendar,
    first: date,
    last: date,
) -> dict[str, Any]:  # Any: the driver adapts them
    """Return which bots and days a statement adds up, and where the days are found."""
    ids = [bot for bot in bots if bot is not None]
    if None in bots:
        ids = list(Bot.objects.for_workspace(workspace).values_list("pk", flat=True))
    rolled = RolledBot.objects.for_workspace(workspace).exclude(zone="")
    zones = list(rolled.order_by().values_list("zone", flat=True).distinct())
    held = [
        HeldDays(zone, max(of.first, first), min(of.last, last))
        for zone in zones
        for of in list_held(calendar, zone)
    ]
    days = list_days(first, last)
    other = [day for zone in zones for day in list_other(calendar, zone, days)]
    return {
        "workspace": workspace.pk,
        "bots": bind_numbers(ids),
        "first": first,
        "last": last,
        **bind_stretches(held, other),
    }
