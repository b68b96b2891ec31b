"""Events are taken in: the one road for the HTTP interface, the import command and the demo.

`store` writes a `Chunk` of checked events in one transaction: COPY into temporary tables (a table
with row-level security takes no COPY), then one INSERT for the streams and one for the events,
which also marks the streams dirty. The primary key of the events tells what is a duplicate.

Most chunks have none. So all are inserted first as if they were new, which costs less
than ON CONFLICT; where the key objects, that is taken back and ON CONFLICT does it.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.db import IntegrityError, connection, transaction
from django.db.backends.utils import CursorWrapper

from accounts import bots
from accounts.tenancy import in_workspace
from usage.chunks import Chunk, Rejection
from usage.models import EventSource, Intake, RejectedEvent

Values = dict[str, int | datetime | list[int]]  # of the statements' parameters

KEPT_REJECTIONS = 1000  # of one chunk, for the event log; the sender is told of all

STAGES = """
CREATE TEMP TABLE IF NOT EXISTS stage_stream (
    number integer, key uuid, bot_number integer, channel text COLLATE "C",
    "user" text COLLATE "C", conversation text COLLATE "C", agent text COLLATE "C", voice boolean
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS stage_event (
    source_number integer, event_id text COLLATE "C", stream_number integer, at timestamptz,
    type smallint, direction smallint, voice boolean, developer boolean, test boolean,
    agent text COLLATE "C", alert text COLLATE "C", notification text COLLATE "C",
    parent_bot text COLLATE "C"
) ON COMMIT DELETE ROWS
"""

# All writers insert in one order, so that they never wait for each other in a circle: that of bots
# and keys, which has the streams of a bot lie together in the table and in the indexes of their
# numbers. So whoever counts a bot reads few pages.
INSERT_STREAMS = """
INSERT INTO usage_stream (workspace_id, bot_id, key, channel, "user", conversation, agent, voice)
SELECT %(workspace)s, (%(bots)s::bigint[])[bot_number] AS bot_id, key, channel, "user",
    conversation, agent, voice
FROM stage_stream ORDER BY bot_id, key
ON CONFLICT (workspace_id, key) DO NOTHING
RETURNING id
"""

# A duplicate whose user was forgotten since (usage/users.py) names a stream that has no event, and
# would bring the id back. Nobody else has seen a stream of this transaction. Both parts have an
# index, event_of_stream and event_uncounted.
REMOVE_EMPTY_STREAMS = """
DELETE FROM usage_stream stream
WHERE workspace_id = %(workspace)s AND id = ANY(%(created)s)
    AND NOT EXISTS (
        SELECT FROM usage_event WHERE workspace_id = %(workspace)s AND stream_id = stream.id
            AND NOT developer AND NOT test)
    AND NOT EXISTS (
        SELECT FROM usage_event WHERE workspace_id = %(workspace)s AND stream_id = stream.id
            AND (developer OR test))
"""

# A text channel's first voice event: from now on the stream is counted whole (usage/stretches.py).
# In the order of the keys, again so that nobody waits in a circle; by now all streams are inserted.
MARK_VOICE = """
WITH spoken AS MATERIALIZED (
    SELECT stream.id FROM stage_stream stage
    JOIN usage_stream stream ON stream.workspace_id = %(workspace)s AND stream.key = stage.key
    WHERE stage.voice AND NOT stream.voice
    ORDER BY stream.key FOR NO KEY UPDATE OF stream
)
UPDATE usage_stream SET voice = true
WHERE workspace_id = %(workspace)s AND id IN (SELECT id FROM spoken)
"""

# By bot_key_unique and rolled_bot_of_workspace. No row of usage_rolledbot is ever removed, so a bot
# that has one keeps it.
NAME_BOTS = """
SELECT key, bot.id, rolled.bot_id IS NULL AS unwatched
FROM accounts_bot bot
LEFT JOIN usage_rolledbot rolled
    ON rolled.workspace_id = %(workspace)s AND rolled.bot_id = bot.id
WHERE bot.workspace_id = %(workspace)s AND key = ANY(%(keys)s::text[])
"""

WATCH_BOTS = """
INSERT INTO usage_rolledbot (workspace_id, bot_id)
SELECT %(workspace)s, bot_id FROM unnest(%(unwatched)s::bigint[]) bot_id ORDER BY bot_id
ON CONFLICT DO NOTHING
"""

# The streams of a chunk by the numbers that they have there. The order makes the planner take the
# index of the key also where it knows nothing of the table: with `key =` any index that leads with
# the workspace was as good to it, and it read all streams for each one. All of them are stored;
# where one were not, its events would have no stream, which the table refuses.
NAMED = """
SELECT stage.number, CASE WHEN stream.key = stage.key THEN stream.id END AS stream_id,
    stream.bot_id
FROM stage_stream stage LEFT JOIN LATERAL (
    SELECT id, bot_id, key FROM usage_stream
    WHERE workspace_id = %(workspace)s AND key >= stage.key
    ORDER BY key LIMIT 1
) stream ON true
"""

# Failed alerts and what developers and tests did is kept, but nothing has to be counted for it.
INSERT_MISSING_EVENTS = f"""
WITH named AS MATERIALIZED ({NAMED}), inserted AS (
    INSERT INTO usage_event (
        workspace_id, source_id, event_id, stream_id, bot_id, at, received_at, type, direction,
        voice, developer, test, agent, alert, notification, parent_bot)
    SELECT %(workspace)s, (%(sources)s::bigint[])[source_number] AS source_id, event_id,
        named.stream_id, named.bot_id, at, %(now)s, type, direction, voice, developer, test, agent,
        alert, notification, parent_bot
    FROM stage_event JOIN named ON named.number = stream_number
    ORDER BY source_id, event_id
    ON CONFLICT (workspace_id, source_id, event_id) DO NOTHING
    RETURNING source_id, stream_id, bot_id, at, developer OR test OR type = 11 AS uncounted
), marked AS (
    INSERT INTO usage_dirtystream
        (workspace_id, bot_id, stream_id, due_at, touched_from, touched_to)
    SELECT %(workspace)s, bot_id, stream_id, '-infinity', min(at), max(at)
    FROM inserted WHERE NOT uncounted GROUP BY bot_id, stream_id ORDER BY bot_id, stream_id
)
SELECT source_id, count(*) FROM inserted GROUP BY source_id
"""
INSERT_NEW_EVENTS = INSERT_MISSING_EVENTS.replace(
    "ON CONFLICT (workspace_id, source_id, event_id) DO NOTHING", ""
)

COUNT_DIFFERING = f"""
WITH named AS MATERIALIZED ({NAMED})
SELECT stored.source_id, count(*)
FROM stage_event arrived
JOIN named ON named.number = stream_number
CROSS JOIN LATERAL (
    SELECT * FROM usage_event
    WHERE workspace_id = %(workspace)s AND event_id = arrived.event_id
        AND source_id = (%(sources)s::bigint[])[arrived.source_number]
    OFFSET 0
) stored
WHERE (stored.stream_id, stored.at, stored.type, stored.direction, stored.voice, stored.developer,
       stored.test, stored.agent, stored.alert, stored.notification, stored.parent_bot)
   <> (named.stream_id, arrived.at, arrived.type, arrived.direction, arrived.voice,
       arrived.developer, arrived.test, arrived.agent, arrived.alert, arrived.notification,
       arrived.parent_bot)
GROUP BY stored.source_id
"""


class Outcome(NamedTuple):
    """What became of some events: received = accepted + duplicate + len(rejections).

    ``differing`` of the duplicates say something else than the event that was stored first.
    """

    received: int
    accepted: int
    duplicate: int
    differing: int
    rejections: list[Rejection]


def store(
    chunk: Chunk, *, workspace_id: int, now: datetime, api_key_id: int | None = None
) -> Outcome:
    """Write a chunk, committed when this returns; nothing of it is stored when it raises.

    Safe to repeat: what was stored before is counted as duplicate.
    """
    with in_workspace(workspace_id), connection.cursor() as cursor:
        accepted: Counter[str] = Counter()
        differing = chunk.differing.copy()
        if chunk.sources:
            sources = name_sources(chunk.sources, workspace_id=workspace_id)
            served, unwatched = name_bots(
                chunk.bots, workspace_id=workspace_id, create=chunk.create_bots
            )
            values: Values = {
                "workspace": workspace_id,
                "now": now,
                "sources": sources,
                "bots": served,
                "unwatched": unwatched,
            }
            stage(cursor, chunk)
            cursor.execute(INSERT_STREAMS, values)
            created = [stream_id for (stream_id,) in cursor.fetchall()]
            if chunk.has_voice:
                cursor.execute(MARK_VOICE, values)
            if unwatched:
                cursor.execute(WATCH_BOTS, values)
            insert_events(cursor, values)
            names = dict(zip(sources, chunk.sources, strict=True))
            accepted.update({names[number]: count for number, count in cursor.fetchall()})
            if accepted.total() < chunk.distinct:
                cursor.execute(COUNT_DIFFERING, values)
                differing.update({names[number]: count for number, count in cursor.fetchall()})
                if created:
                    cursor.execute(REMOVE_EMPTY_STREAMS, {**values, "created": created})
        write_log(chunk, accepted, differing, workspace_id, now, api_key_id)
    return Outcome(
        received=chunk.size,
        accepted=accepted.total(),
        duplicate=chunk.size - len(chunk.rejections) - accepted.total(),
        differing=differing.total(),
        rejections=chunk.rejections,
    )


def name_sources(names: Sequence[str], *, workspace_id: int) -> list[int]:
    """Return the ids of sources, created where they are new."""
    known = EventSource.objects.for_workspace(workspace_id).filter(name__in=names)
    ids = dict(known.values_list("name", "id"))
    if missing := sorted(set(names) - ids.keys()):
        EventSource.objects.bulk_create(
            [EventSource(workspace_id=workspace_id, name=name) for name in missing],
            ignore_conflicts=True,
        )
        ids = dict(known.values_list("name", "id"))
    return [ids[name] for name in names]


def name_bots(
    keys: Sequence[str], *, workspace_id: int, create: bool
) -> tuple[list[int], list[int]]:
    """Return the ids of bots in the order of ``keys``, and those that have no row of the roll-up.

    Bots that are new are created first, where ``create`` says so.
    """
    if create:
        bots.create_missing(workspace_id=workspace_id, keys=keys)
    with connection.cursor() as cursor:
        cursor.execute(NAME_BOTS, {"workspace": workspace_id, "keys": list(keys)})
        known = cursor.fetchall()
    ids = {key: bot_id for key, bot_id, _ in known}
    return [ids[key] for key in keys], [bot_id for _, bot_id, unwatched in known if unwatched]


def stage(cursor: CursorWrapper, chunk: Chunk) -> None:
    """Copy a chunk into the temporary tables of this connection, which a commit empties."""
    cursor.execute(STAGES)
    with cursor.copy("COPY stage_stream FROM STDIN") as copy:
        copy.write(chunk.stream_lines)
    with cursor.copy("COPY stage_event FROM STDIN") as copy:
        copy.write(chunk.event_lines)


def insert_events(cursor: CursorWrapper, values: Values) -> None:
    """Insert the staged events that are not stored yet; the cursor then has their counts by source.

    The rows are in the order of their key: the first duplicate ends the first attempt, so that in
    vain are few rows where duplicates are many, and half of them where there is a single one.
    """
    try:
        with transaction.atomic():
            cursor.execute(INSERT_NEW_EVENTS, values)
    except IntegrityError:
        cursor.execute(INSERT_MISSING_EVENTS, values)


def write_log(
    chunk: Chunk,
    accepted: Counter[str],
    differing: Counter[str],
    workspace_id: int,
    now: datetime,
    api_key_id: int | None,
) -> None:
    """Write what became of the chunk: per source how many, and the rejections one by one."""
    rejected = Counter(rejection.source for rejection in chunk.rejections)
    Intake.objects.bulk_create(
        Intake(
            workspace_id=workspace_id,
            received_at=now,
            api_key_id=api_key_id,
            source=source,
            received=chunk.received[source],
            accepted=accepted[source],
            duplicate=chunk.taken[source] - accepted[source],
            differing=differing[source],
            rejected=rejected[source],
            removed=0,
        )
        for source in sorted(chunk.received)
    )
    RejectedEvent.objects.bulk_create(
        RejectedEvent(workspace_id=workspace_id, received_at=now, **rejection._asdict())
        for rejection in chunk.rejections[:KEPT_REJECTIONS]
    )
