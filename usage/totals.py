"""Totals are replaced: buckets from sessions, days from buckets, months from days, each by channel.

Over all channels stand days, counted from those by channel, and six hours, counted from buckets.

Whoever calls holds the lock of the bots (`RolledBot`), so that nobody else counts the same totals.
"""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from django.db import connection

from accounts.days import DAY, start_of_day
from usage.first_totals import CountedSessions
from usage.models import RolledBot
from usage.postgres_time import counting_cursor
from usage.six_hours import floor_to_six
from usage.staging import TOTAL, copy_rows

Place = TypeVar("Place", date, datetime)

# Which sessions each total counts. Conversations are counted where their clock starts: with their
# first usage session (rule 9).
COUNTED = {
    "usage_sessions": "kind = 1 AND completed",
    "alert_sessions": "kind = 2",
    "voice_sessions": "kind = 3 AND completed",
    "conversations": "kind = 1 AND number = 1 AND closed",
    "notifications": "kind = 4",
}
COUNT_SESSIONS = ", ".join(
    f"count(*) FILTER (WHERE {which}) AS {name}" for name, which in COUNTED.items()
)
ADD_TOTALS = """
    sum(usage_sessions) AS usage_sessions, sum(alert_sessions) AS alert_sessions,
    sum(voice_sessions) AS voice_sessions, sum(conversations) AS conversations,
    sum(notifications) AS notifications
"""

# Index session_of_bot. LATERAL here and below: one look at the index for each place.
COUNTED_SLOTS = f"""
SELECT bot.bot_id, slot.starts_at, counted.*
FROM unnest(%(bots)s::bigint[]) AS bot (bot_id)
CROSS JOIN unnest(%(places)s::timestamptz[]) AS slot (starts_at)
CROSS JOIN LATERAL (
    SELECT channel, {COUNT_SESSIONS}
    FROM usage_billingsession
    WHERE workspace_id = %(workspace)s AND bot_id = bot.bot_id
        AND started_at >= slot.starts_at
        AND started_at < slot.starts_at + interval '15 minutes'
    GROUP BY channel
) counted
"""
COUNTED_ALL_SLOTS = f"""
SELECT bot_id, date_bin('15 minutes', started_at, '2000-01-01Z') AS starts_at, channel,
    {COUNT_SESSIONS}
FROM usage_billingsession
WHERE workspace_id = %(workspace)s AND bot_id = ANY(%(bots)s)
GROUP BY 1, 2, 3
"""
COUNTED_DAYS = f"""
SELECT bot.bot_id, local.day, counted.*
FROM unnest(%(bots)s::bigint[]) AS bot (bot_id)
CROSS JOIN unnest(%(places)s::date[], %(starts)s::timestamptz[], %(ends)s::timestamptz[])
    AS local (day, starts_at, ends_at)
CROSS JOIN LATERAL (
    SELECT channel, {ADD_TOTALS}
    FROM usage_usagebucket
    WHERE workspace_id = %(workspace)s AND bot_id = bot.bot_id
        AND starts_at >= local.starts_at AND starts_at < local.ends_at
    GROUP BY channel
) counted
"""
COUNTED_ALL_DAYS = f"""
SELECT bot_id, (%(places)s::date[])[width_bucket(starts_at, %(starts)s::timestamptz[])] AS day,
    channel, {ADD_TOTALS}
FROM usage_usagebucket
WHERE workspace_id = %(workspace)s AND bot_id = ANY(%(bots)s)
GROUP BY 1, 2, 3
"""
COUNTED_MONTHS = f"""
SELECT bot.bot_id, local.month, counted.*
FROM unnest(%(bots)s::bigint[]) AS bot (bot_id)
CROSS JOIN unnest(%(places)s::date[]) AS local (month)
CROSS JOIN LATERAL (
    SELECT channel, {ADD_TOTALS}
    FROM usage_usageday
    WHERE workspace_id = %(workspace)s AND bot_id = bot.bot_id
        AND day >= local.month AND day < local.month + interval '1 month'
    GROUP BY channel
) counted
"""
COUNTED_IN_ALL = f"""
SELECT bot_id, day, {ADD_TOTALS}
FROM usage_usageday
WHERE workspace_id = %(workspace)s AND bot_id = ANY(%(bots)s) AND day = ANY(%(places)s)
GROUP BY 1, 2
"""
COUNTED_ALL_IN_ALL = f"""
SELECT bot_id, day, {ADD_TOTALS}
FROM usage_usageday
WHERE workspace_id = %(workspace)s AND bot_id = ANY(%(bots)s)
GROUP BY 1, 2
"""

# Index usage_usagebucket_pkey.
COUNTED_SIX_HOURS = f"""
SELECT bot.bot_id, six.starts_at, counted.*
FROM unnest(%(bots)s::bigint[]) AS bot (bot_id)
CROSS JOIN unnest(%(places)s::timestamptz[]) AS six (starts_at)
CROSS JOIN LATERAL (
    SELECT {ADD_TOTALS}
    FROM usage_usagebucket
    WHERE workspace_id = %(workspace)s AND bot_id = bot.bot_id
        AND starts_at >= six.starts_at AND starts_at < six.starts_at + interval '6 hours'
) counted
"""
COUNTED_ALL_SIX_HOURS = f"""
SELECT bot_id, date_bin('6 hours', starts_at, '2000-01-01Z') AS starts_at, {ADD_TOTALS}
FROM usage_usagebucket
WHERE workspace_id = %(workspace)s AND bot_id = ANY(%(bots)s)
GROUP BY 1, 2
"""

# Those of one level, in the order of their key, with the names of channels.
INSERT = """
INSERT INTO {table}
    (workspace_id, {key}, usage_sessions, alert_sessions, voice_sessions, conversations,
     notifications)
SELECT %(workspace)s, {values}, usage_sessions, alert_sessions, voice_sessions, conversations,
    notifications
FROM stage_total
WHERE level = %(level)s
"""
STAGED = {
    "starts_at": "place",
    "day": "(place AT TIME ZONE 'UTC')::date",
    "month": "(place AT TIME ZONE 'UTC')::date",
    "channel": "(%(channels)s::text[])[channel]",
}
REPLACE = """
WITH counted AS MATERIALIZED (
    SELECT * FROM ({counted}) counted
    WHERE usage_sessions + alert_sessions + voice_sessions + conversations + notifications > 0
), stale AS (
    DELETE FROM {table} stored
    WHERE stored.workspace_id = %(workspace)s AND stored.bot_id = ANY(%(bots)s)
        AND (%(all)s OR stored.{place} = ANY(%(places)s))
        AND NOT EXISTS (SELECT FROM counted WHERE {same})
    RETURNING bot_id, {place}
), fresh AS (
    INSERT INTO {table}
        (workspace_id, {key}, usage_sessions, alert_sessions, voice_sessions, conversations,
         notifications)
    SELECT %(workspace)s, {key}, usage_sessions, alert_sessions, voice_sessions, conversations,
        notifications
    FROM counted
    WHERE NOT EXISTS (
        SELECT FROM {table} stored
        WHERE stored.workspace_id = %(workspace)s AND {same}
            AND stored.bot_id = ANY(%(bots)s)
            AND (stored.usage_sessions, stored.alert_sessions, stored.voice_sessions,
                 stored.conversations, stored.notifications)
              = (counted.usage_sessions, counted.alert_sessions, counted.voice_sessions,
                 counted.conversations, counted.notifications))
    ORDER BY {key}
    ON CONFLICT (workspace_id, {key}) DO UPDATE
        SET usage_sessions = excluded.usage_sessions, alert_sessions = excluded.alert_sessions,
            voice_sessions = excluded.voice_sessions, conversations = excluded.conversations,
            notifications = excluded.notifications
    RETURNING bot_id, {place}
)
SELECT * FROM stale UNION SELECT * FROM fresh
"""


def replace_in(table: str, *key: str, counted: str) -> str:
    """Return `REPLACE` for a table; ``key``: what it has beside workspace and bot."""
    columns = ("bot_id", *key)
    return REPLACE.format(
        table=table,
        place=key[0],
        key=", ".join(columns),
        same=" AND ".join(f"counted.{name} = stored.{name}" for name in columns),
        counted=counted,
    )


def insert_into(table: str, *key: str) -> str:
    """Return `INSERT` for a table; ``key``: what it has beside workspace and bot."""
    values = ("bot_id", *(STAGED[name] for name in key))
    return INSERT.format(table=table, key=", ".join(("bot_id", *key)), values=", ".join(values))


BUCKET = ("usage_usagebucket", "starts_at", "channel")
OF_DAY = ("usage_usageday", "day", "channel")
OF_SIX_HOURS = ("usage_usagesixhours", "starts_at")
OF_DAY_IN_ALL = ("usage_usagedayinall", "day")
OF_MONTH = ("usage_usagemonth", "month", "channel")

REPLACE_SLOTS = replace_in(*BUCKET, counted=COUNTED_SLOTS)
# Those whose sessions were replaced in this transaction are left out: theirs had to change.
REPLACE_ALL_SLOTS = f"""
{replace_in(*BUCKET, counted=COUNTED_ALL_SLOTS)}
EXCEPT SELECT bot_id, starts_at FROM stage_slot
"""
REPLACE_SIX_HOURS = replace_in(*OF_SIX_HOURS, counted=COUNTED_SIX_HOURS)
REPLACE_ALL_SIX_HOURS = replace_in(*OF_SIX_HOURS, counted=COUNTED_ALL_SIX_HOURS)
REPLACE_DAYS = replace_in(*OF_DAY, counted=COUNTED_DAYS)
REPLACE_ALL_DAYS = replace_in(*OF_DAY, counted=COUNTED_ALL_DAYS)
REPLACE_IN_ALL = replace_in(*OF_DAY_IN_ALL, counted=COUNTED_IN_ALL)
REPLACE_ALL_IN_ALL = replace_in(*OF_DAY_IN_ALL, counted=COUNTED_ALL_IN_ALL)
REPLACE_MONTHS = replace_in(*OF_MONTH, counted=COUNTED_MONTHS)
# In the order of `LevelsOfTotals`.
INSERTS = [insert_into(*table) for table in (BUCKET, OF_SIX_HOURS, OF_DAY, OF_DAY_IN_ALL, OF_MONTH)]

NOTE_CHANGED = """
INSERT INTO usage_changedbot (workspace_id, bot_id, marked_at, changed_from)
SELECT %(workspace)s, bot_id, coalesce(%(since)s, now()), %(changed_from)s
FROM unnest(%(bots)s::bigint[]) AS bot (bot_id)
"""

BUCKETS_REACH = """
SELECT min(starts_at), max(starts_at) FROM usage_usagebucket
WHERE workspace_id = %(workspace)s AND bot_id = ANY(%(bots)s)
"""


def replace_slots(
    slots: Collection[datetime],
    *,
    rolled: RolledBot,
    zone: ZoneInfo,
    waited_since: datetime | None,
) -> None:
    """Count the buckets that start at ``slots`` again, and the larger totals that hold them.

    Where the bot's days are still those of another zone, all of them. ``waited_since``: as of
    `note_changed`.
    """
    workspace_id, bots = rolled.workspace_id, [rolled.bot_id]
    changed = replace(REPLACE_SLOTS, slots, workspace=workspace_id, bots=bots)
    sixes = {floor_to_six(slot) for _, slot in changed}
    replace(REPLACE_SIX_HOURS, sixes, workspace=workspace_id, bots=bots)
    if rolled.zone != zone.key:
        replace_all_days(rolled=[rolled], zone=zone, waited_since=waited_since)
        return
    if changed:
        days = {slot.astimezone(zone).date() for _, slot in changed}
        replace_days(days, workspace_id=workspace_id, bots=bots, zone=zone)
        first = min(slot for _, slot in changed)
        note_changed(workspace_id=workspace_id, bots=bots, since=waited_since, changed_from=first)


def replace_all(*, rolled: Sequence[RolledBot], zone: ZoneInfo) -> list[tuple[int, datetime]]:
    """Count all totals of some bots of a workspace again; return bots and slots that were wrong.

    Buckets whose sessions were replaced in this transaction are not among them.
    """
    bots = [of.bot_id for of in rolled]
    workspace_id = rolled[0].workspace_id
    wrong = replace(REPLACE_ALL_SLOTS, (), every=True, workspace=workspace_id, bots=bots)
    replace(REPLACE_ALL_SIX_HOURS, (), every=True, workspace=workspace_id, bots=bots)
    replace_all_days(rolled=rolled, zone=zone)
    return sorted(wrong)


def write_first(*, rolled: Sequence[RolledBot], zone: ZoneInfo, sessions: CountedSessions) -> None:
    """Write all totals of some bots of a workspace that have none yet, from their sessions."""
    cursor = counting_cursor()
    values = {"workspace": rolled[0].workspace_id, "channels": list(sessions.channels)}
    levels = zip(INSERTS, sessions.finish(zone=zone), strict=True)
    # The fewest first, since those of all levels stay in the table.
    for level, (insert, (numbers, places, channels, counts)) in reversed(list(enumerate(levels))):
        if len(numbers):
            columns = [sessions.bots[numbers], level, places, channels, *counts.T]
            copy_rows(cursor, "stage_total", TOTAL.pack(columns))
            cursor.execute(insert.encode(), {**values, "level": level}, prepare=False)
    note_zone(rolled, zone=zone)
    note_changed(workspace_id=rolled[0].workspace_id, bots=[of.bot_id for of in rolled])


def replace_all_days(
    *, rolled: Sequence[RolledBot], zone: ZoneInfo, waited_since: datetime | None = None
) -> None:
    """Count all days and months of some bots again from their buckets, and note their zone.

    ``waited_since``: as of `note_changed`.
    """
    workspace_id, bots = rolled[0].workspace_id, [of.bot_id for of in rolled]
    days = list_days(rolled, zone=zone)
    replace_days(days, every=True, workspace_id=workspace_id, bots=bots, zone=zone)
    note_zone(rolled, zone=zone)
    note_changed(workspace_id=workspace_id, bots=bots, since=waited_since)


def list_days(rolled: Sequence[RolledBot], *, zone: ZoneInfo) -> list[date]:
    """Return the local days from the first bucket of some bots to the last one, without gaps."""
    reach = find_reach(rolled[0].workspace_id, bots=[of.bot_id for of in rolled])
    if reach is None:
        return []
    first, last = (slot.astimezone(zone).date() for slot in reach)
    return [first + number * DAY for number in range((last - first).days + 1)]


def find_reach(workspace_id: int, *, bots: Collection[int]) -> tuple[datetime, datetime] | None:
    """Return the first and the last bucket of some bots; None: they have none."""
    values: dict[str, Any] = {"workspace": workspace_id, "bots": list(bots)}
    with connection.cursor() as cursor:
        cursor.execute(BUCKETS_REACH, values)
        row = cursor.fetchone()
    return (row[0], row[1]) if row and row[0] else None


def note_zone(rolled: Sequence[RolledBot], *, zone: ZoneInfo) -> None:
    """Note whose local days some bots have now."""
    for of in rolled:
        of.zone = zone.key
    RolledBot.objects.bulk_update(rolled, ["zone"])


def note_changed(
    *,
    workspace_id: int,
    bots: Collection[int],
    since: datetime | None = None,
    changed_from: datetime | None = None,
) -> None:
    """Mark bots (`ChangedBot`) whose totals, or whose prices, are others in this transaction.

    ``since``: from when on what changed has waited to be counted. ``changed_from``: the first
    bucket that is another now; None: any may be. The caller runs in the workspace.
    """
    values: dict[str, Any] = {
        "workspace": workspace_id,
        "bots": list(bots),
        "since": since,
        "changed_from": changed_from,
    }
    with connection.cursor() as cursor:
        cursor.execute(NOTE_CHANGED, values)


def replace_days(
    days: Collection[date],
    *,
    workspace_id: int,
    bots: Collection[int],
    zone: ZoneInfo,
    every: bool = False,
) -> None:
    """Count local days again from their buckets; over all channels, and months, from these.

    ``every``: there are no other days; totals of others are removed.
    """
    replace(
        REPLACE_ALL_DAYS if every else REPLACE_DAYS,
        days,
        every=every,
        workspace=workspace_id,
        bots=list(bots),
        starts=[start_of_day(day, zone) for day in days],
        ends=[start_of_day(day + DAY, zone) for day in days],
    )
    of_bots: dict[str, Any] = {"every": every, "workspace": workspace_id, "bots": list(bots)}
    replace(REPLACE_ALL_IN_ALL if every else REPLACE_IN_ALL, days, **of_bots)
    replace(REPLACE_MONTHS, {day.replace(day=1) for day in days}, **of_bots)


def replace(
    sql: str, places: Collection[Place], *, every: bool = False, **values: Any
) -> list[tuple[int, Place]]:
    """Replace the totals at ``places``; return bots and places whose totals were others.

    ``values`` (Any: psycopg adapts them) are bound to the statement.
    """
    if not places and not every:
        return []
    with connection.cursor() as cursor:
        cursor.execute(sql, {"places": list(places), "all": every, **values})
        return [(bot_id, place) for bot_id, place in cursor.fetchall()]
