"""What was counted of bots on local days, each day in the zone that its month has.

Charging and usage statements read the same, so that they agree.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from accounts.days import DAY, list_days
from accounts.models import Workspace
from accounts.months import Calendar
from usage import totals
from usage.models import RolledBot

# One statement, so that totals and the zone that they are counted in are those of one instant.
# `held` are the days that are stored as charging has them, by the zone that a bot's days are
# counted in; `other` all other days with usage. Bots whose zone is another by now are left out:
# they have a new mark. Primary keys of all tables.
COUNTED = """
rolled AS MATERIALIZED (
    SELECT stored.bot_id, stored.zone
    FROM usage_rolledbot stored
    JOIN unnest(%(bots)s::bigint[], %(bot_zones)s::text[]) AS asked (bot, zone)
        ON asked.bot = stored.bot_id AND asked.zone = stored.zone
    WHERE stored.workspace_id = %(workspace)s
), counted AS (
    SELECT rolled.bot_id, day, usage_sessions, alert_sessions, voice_sessions, conversations,
        notifications
    FROM rolled
    JOIN unnest(%(held_zones)s::text[], %(held_from)s::date[], %(held_to)s::date[])
        AS held (zone, first, last) ON held.zone = rolled.zone
    JOIN usage_usagedayinall total ON total.workspace_id = %(workspace)s
        AND total.bot_id = rolled.bot_id AND total.day BETWEEN held.first AND held.last
    UNION ALL
    SELECT rolled.bot_id, other.day, total.*
    FROM rolled
    JOIN unnest(%(other_zones)s::text[], %(other_days)s::date[], %(other_starts)s::timestamptz[],
            %(other_ends)s::timestamptz[])
        AS other (zone, day, starts_at, ends_at) ON other.zone = rolled.zone
    CROSS JOIN LATERAL (
        SELECT sum(usage_sessions), sum(alert_sessions), sum(voice_sessions), sum(conversations),
            sum(notifications)
        FROM usage_usagebucket
        WHERE workspace_id = %(workspace)s AND bot_id = rolled.bot_id
            AND starts_at >= other.starts_at AND starts_at < other.ends_at
        HAVING count(*) > 0
    ) total
)
"""
# How many of a meter there are by some totals, and the plan that a bot has on a day.
QUANTITY = """CASE {meter}
            WHEN 'billing_sessions' THEN {of}usage_sessions + {of}alert_sessions
            WHEN 'conversations' THEN {of}conversations
            WHEN 'alert_sessions' THEN {of}alert_sessions
            WHEN 'voice_sessions' THEN {of}voice_sessions
        END"""
PLAN_OF_DAY = """LATERAL (
        SELECT version_id FROM plans_botplan
        WHERE workspace_id = %(workspace)s AND bot_id = {bot} AND starts_on <= {day}
        ORDER BY starts_on DESC LIMIT 1
    ) plan"""


class HeldDays(NamedTuple):
    """Days that are the same in a zone and in charging, both included."""

    zone: str
    first: date
    last: date


class OtherDay(NamedTuple):
    """A day whose stored total is of another stretch of time, where days are of a zone."""

    zone: str
    day: date
    starts_at: datetime
    ends_at: datetime


def bind(
    *, workspace: Workspace, bots: Sequence[int], calendar: Calendar
) -> dict[str, Any]:  # Any: psycopg adapts the values
    """Return the values of `COUNTED` for some bots; the caller runs in the workspace."""
    rolled = RolledBot.objects.for_workspace(workspace).filter(bot__in=bots)
    zones = dict(rolled.exclude(zone="").values_list("bot_id", "zone"))
    held: list[HeldDays] = []
    other: list[OtherDay] = []
    for zone in sorted(set(zones.values())):
        of_zone = [bot for bot, of in zones.items() if of == zone]
        held += list_held(calendar, zone)
        other += list_other(calendar, zone, list_used(workspace, calendar=calendar, bots=of_zone))
    return {
        "workspace": workspace.pk,
        "bots": list(zones),
        "bot_zones": list(zones.values()),
        **bind_stretches(held, other),
    }


def bind_stretches(
    held: Sequence[HeldDays], other: Sequence[OtherDay]
) -> dict[str, Any]:  # Any: psycopg adapts the values
    """Return the days that are stored as charging has them, and all others, as values."""
    return {
        "held_zones": [of.zone for of in held],
        "held_from": [of.first for of in held],
        "held_to": [of.last for of in held],
        "other_zones": [of.zone for of in other],
        "other_days": [of.day for of in other],
        "other_starts": [of.starts_at for of in other],
        "other_ends": [of.ends_at for of in other],
    }


def list_held(calendar: Calendar, zone: str) -> Iterator[HeldDays]:
    """Yield the stretches in which a zone's days are those of charging."""
    ends = [later.month - DAY for later in calendar.zones[1:]]
    for of, last in zip(calendar.zones, [*ends, date.max], strict=True):
        if of.zone.key != zone:
            continue
        first = of.month
        while first <= last and not is_held(calendar, first, of.zone):
            first += DAY
        if first <= last:
            yield HeldDays(zone, first, last)


def is_held(calendar: Calendar, day: date, zone: ZoneInfo) -> bool:
    """Tell whether a day is the same in a zone; the first of all days has no beginning."""
    return day == date.min or calendar.is_of(day, zone)


def list_other(calendar: Calendar, zone: str, days: Iterable[date]) -> Iterator[OtherDay]:
    """Yield which days of charging are other stretches of time in a zone."""
    if len(calendar.zones) == 1 and calendar.zones[0].zone.key == zone:
        return  # none is, and finding the days may take a statement
    for day in days:
        if not calendar.is_of(day, ZoneInfo(zone)):
            yield OtherDay(zone, day, calendar.start_of(day), calendar.start_of(day + DAY))


def list_used(workspace: Workspace, *, calendar: Calendar, bots: Iterable[int]) -> Iterator[date]:
    """Yield the days of charging from the first bucket of some bots to the last, without gaps."""
    if reach := totals.find_reach(workspace.pk, bots=list(bots)):
        yield from list_days(*map(calendar.day_of, reach))
