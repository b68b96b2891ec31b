"""Events are taken in: the one road for the HTTP interface, the import command and the demo.

A `Chunk` gathers checked events, `store` writes it in one transaction: COPY into temporary tables
(a table with row-level security takes no COPY), then one INSERT for the streams and one for the
events, which also marks the streams dirty. The primary key of the events tells what is a duplicate.
"""

import hashlib
import re
from collections import Counter
from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

import msgspec
from django.db import connection
from django.db.backends.utils import CursorWrapper

from accounts.models import Bot
from accounts.tenancy import in_workspace
from usage.event_format import (
    MAX_EVENT_BYTES,
    CheckedEvent,
    EventRejected,
    Limits,
    StreamName,
    check_event,
)
from usage.models import EventSource, Intake, RejectedEvent
from usage.sessions import VOICE_CHANNELS

KEPT_REJECTIONS = 1000  # of one chunk, for the event log; the sender is told of all

STAGES = """
CREATE TEMP TABLE IF NOT EXISTS stage_stream (
    number integer, key uuid, bot_id bigint, channel text COLLATE "C", "user" text COLLATE "C",
    conversation text COLLATE "C", agent text COLLATE "C", voice boolean
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS stage_event (
    source_id bigint, event_id text COLLATE "C", stream_number integer, at timestamptz,
    type smallint, direction smallint, voice boolean, developer boolean, test boolean,
    agent text COLLATE "C", alert text COLLATE "C", notification text COLLATE "C",
    parent_bot text COLLATE "C"
) ON COMMIT DELETE ROWS
"""

# All writers insert in the order of the keys, so that they never wait for each other in a circle.
INSERT_STREAMS = """
INSERT INTO usage_stream (workspace_id, bot_id, key, channel, "user", conversation, agent, voice)
SELECT %(workspace)s, bot_id, key, channel, "user", conversation, agent, voice
FROM stage_stream ORDER BY key
ON CONFLICT (workspace_id, key) DO NOTHING
"""

# A text channel's first voice event: from now on the stream is counted whole (usage/stretches.py).
MARK_VOICE = """
UPDATE usage_stream SET voice = true
FROM stage_stream
WHERE usage_stream.workspace_id = %(workspace)s AND usage_stream.key = stage_stream.key
    AND stage_stream.voice AND NOT usage_stream.voice
"""

WATCH_BOTS = """
INSERT INTO usage_rolledbot (workspace_id, bot_id)
SELECT DISTINCT %(workspace)s::bigint, bot_id FROM stage_stream ORDER BY bot_id
ON CONFLICT DO NOTHING
"""

# The streams of a chunk by the numbers that they have there.
NAMED = """
SELECT stage.number, stream.id AS stream_id, stream.bot_id
FROM stage_stream stage CROSS JOIN LATERAL (
    SELECT id, bot_id FROM usage_stream
    WHERE workspace_id = %(workspace)s AND key = stage.key
    OFFSET 0
) stream
"""

# Failed alerts and what developers and tests did is kept, but nothing has to be counted for it.
INSERT_EVENTS = f"""
WITH named AS MATERIALIZED ({NAMED}), inserted AS (
    INSERT INTO usage_event (
        workspace_id, source_id, event_id, stream_id, bot_id, at, received_at, type, direction,
        voice, developer, test, agent, alert, notification, parent_bot)
    SELECT %(workspace)s, source_id, event_id, named.stream_id, named.bot_id, at, %(now)s, type,
        direction, voice, developer, test, agent, alert, notification, parent_bot
    FROM stage_event JOIN named ON named.number = stream_number
    ORDER BY source_id, event_id
    ON CONFLICT (workspace_id, source_id, event_id) DO NOTHING
    RETURNING source_id, stream_id, bot_id, at, developer OR test OR type = 11 AS uncounted
), marked AS (
    INSERT INTO usage_dirtystream
        (workspace_id, bot_id, stream_id, due_at, touched_from, touched_to)
    SELECT %(workspace)s, bot_id, stream_id, '-infinity', min(at), max(at)
    FROM inserted WHERE NOT uncounted GROUP BY bot_id, stream_id
)
SELECT source_id, count(*) FROM inserted GROUP BY source_id
"""

COUNT_DIFFERING = f"""
WITH named AS MATERIALIZED ({NAMED})
SELECT arrived.source_id, count(*)
FROM stage_event arrived
JOIN named ON named.number = stream_number
CROSS JOIN LATERAL (
    SELECT * FROM usage_event
    WHERE workspace_id = %(workspace)s AND source_id = arrived.source_id
        AND event_id = arrived.event_id
    OFFSET 0
) stored
WHERE (stored.stream_id, stored.at, stored.type, stored.direction, stored.voice, stored.developer,
       stored.test, stored.agent, stored.alert, stored.notification, stored.parent_bot)
   <> (named.stream_id, arrived.at, arrived.type, arrived.direction, arrived.voice,
       arrived.developer, arrived.test, arrived.agent, arrived.alert, arrived.notification,
       arrived.parent_bot)
GROUP BY arrived.source_id
"""


class Rejection(NamedTuple):
    """An event that was refused: its place in the input, from 1, and why."""

    place: int
    code: str
    detail: str
    source: str = ""
    event_id: str = ""
    subject: str = ""


class Outcome(NamedTuple):
    """What became of some events: received = accepted + duplicate + len(rejections).

    ``differing`` of the duplicates say something else than the event that was stored first.
    """

    received: int
    accepted: int
    duplicate: int
    differing: int
    rejections: list[Rejection]


class Chunk:
    """Checked events on their way into the database, in one transaction."""

    def __init__(self, *, limits: Limits, bots: Collection[str] | None) -> None:
        """Take events of ``bots``; of any bot, to be created, where that is None."""
        self.limits = limits
        self.bots = bots
        self.streams: dict[StreamName, int] = {}
        self.voices: set[StreamName] = set()
        self.rows: dict[str, dict[str, str]] = {}  # source: event id: the rest of its COPY line
        self.repeated: Counter[str] = Counter()
        self.differing: Counter[str] = Counter()
        self.rejections: list[Rejection] = []
        self.size = 0

    def add(self, place: int, text: bytes) -> None:
        """Check one event and keep it, or the reason against it."""
        self.size += 1
        try:
            event = check_event(text, limits=self.limits)
            if self.bots is not None and event.stream.bot not in self.bots:
                raise EventRejected("unknown_bot", f"There is no bot {event.stream.bot!r}.")
        except EventRejected as error:
            self.rejections.append(Rejection(place, error.code, error.detail, *peek(text)))
        else:
            self.keep(event, escape=b"\\" in text)

    def keep(self, event: CheckedEvent, *, escape: bool) -> None:
        """Keep an event; of two with one source and id the first counts.

        ``escape``: its text has a backslash; without one nothing in it can mean something to COPY.
        """
        source, event_id, stream, at, type_, direction, voice, developer, test, *names = event
        if voice and stream.channel not in VOICE_CHANNELS:
            self.voices.add(stream)
        number = self.streams.setdefault(stream, len(self.streams))
        if escape:
            event_id, names = escape_copy(event_id), [escape_copy(name) for name in names]
        row = "\t".join(
            [
                f"{number}\t{at.isoformat()}\t{type_:d}\t{direction:d}\t{voice:d}"
                f"\t{developer:d}\t{test:d}",
                *names,
            ]
        )
        rows = self.rows.setdefault(source, {})
        first = rows.setdefault(event_id, row)
        if first is not row:
            self.repeated[source] += 1
            self.differing[source] += first != row


def escape_copy(value: str) -> str:
    """Return a text as COPY reads it."""
    return re.sub(r"[\\\t\n\r]", lambda found: ESCAPES[found[0]], value)


ESCAPES = {"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}


def peek(text: bytes) -> tuple[str, str, str]:
    """Return source, id and subject of a refused event, as far as they can be read and stored."""
    try:
        fields = msgspec.json.decode(text[:MAX_EVENT_BYTES])
        values = [fields.get(name) for name in ("source", "id", "subject")]
    except (ValueError, RecursionError, AttributeError):
        return ("", "", "")
    source, event_id, subject = (
        value.replace("\0", "") if isinstance(value, str) else "" for value in values
    )
    return (source[:512], event_id[:256], subject[:128])


def store(
    chunk: Chunk, *, workspace_id: int, now: datetime, api_key_id: int | None = None
) -> Outcome:
    """Write a chunk, committed when this returns; nothing of it is stored when it raises.

    Safe to repeat: what was stored before is counted as duplicate.
    """
    with in_workspace(workspace_id), connection.cursor() as cursor:
        accepted: Counter[str] = Counter()
        differing = chunk.differing.copy()
        if chunk.rows:
            values: dict[str, int | datetime] = {"workspace": workspace_id, "now": now}
            sources = name_sources(chunk.rows, workspace_id=workspace_id)
            stage(cursor, chunk, sources=sources, workspace_id=workspace_id)
            cursor.execute(INSERT_STREAMS, values)
            if chunk.voices:
                cursor.execute(MARK_VOICE, values)
            cursor.execute(WATCH_BOTS, values)
            cursor.execute(INSERT_EVENTS, values)
            names = {number: name for name, number in sources.items()}
            accepted.update({names[number]: count for number, count in cursor.fetchall()})
            if accepted.total() < sum(map(len, chunk.rows.values())):
                cursor.execute(COUNT_DIFFERING, values)
                differing.update({names[number]: count for number, count in cursor.fetchall()})
        write_log(chunk, accepted, differing, workspace_id, now, api_key_id)
    return Outcome(
        received=chunk.size,
        accepted=accepted.total(),
        duplicate=chunk.size - len(chunk.rejections) - accepted.total(),
        differing=differing.total(),
        rejections=chunk.rejections,
    )


def name_sources(names: Collection[str], *, workspace_id: int) -> dict[str, int]:
    """Return the ids of sources, created where they are new."""
    EventSource.objects.bulk_create(
        [EventSource(workspace_id=workspace_id, name=name) for name in sorted(names)],
        ignore_conflicts=True,
    )
    known = EventSource.objects.for_workspace(workspace_id).filter(name__in=names)
    return dict(known.values_list("name", "id"))


def name_bots(keys: Collection[str], *, workspace_id: int, create: bool) -> dict[str, int]:
    """Return the ids of bots by key, created where ``create`` says so and they are new."""
    if create:
        Bot.objects.bulk_create(
            [Bot(workspace_id=workspace_id, key=key, name=key) for key in sorted(keys)],
            ignore_conflicts=True,
        )
    known = Bot.objects.for_workspace(workspace_id).filter(key__in=keys)
    return dict(known.values_list("key", "id"))


def stage(
    cursor: CursorWrapper, chunk: Chunk, *, sources: dict[str, int], workspace_id: int
) -> None:
    """Copy a chunk into the temporary tables of this connection, which a commit empties."""
    keys = {stream.bot for stream in chunk.streams}
    bots = name_bots(keys, workspace_id=workspace_id, create=chunk.bots is None)
    cursor.execute(STAGES)
    with cursor.copy("COPY stage_stream FROM STDIN") as copy:
        copy.write(
            "".join(
                f"{number}\t{key_stream(stream)}\t{bots[stream.bot]}\t"
                + "\t".join(map(escape_copy, stream[1:]))
                + f"\t{stream in chunk.voices:d}\n"
                for stream, number in chunk.streams.items()
            )
        )
    with cursor.copy("COPY stage_event FROM STDIN") as copy:
        for source, rows in chunk.rows.items():
            start = f"{sources[source]}\t"
            copy.write("".join([f"{start}{event_id}\t{row}\n" for event_id, row in rows.items()]))


def key_stream(stream: StreamName) -> str:
    """Return the key of a stream, as COPY reads a uuid: the same for the same names, always."""
    return hashlib.blake2b("\0".join(stream).encode(), digest_size=16).hexdigest()


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
            accepted=accepted[source],
            duplicate=len(chunk.rows.get(source, ())) + chunk.repeated[source] - accepted[source],
            differing=differing[source],
            rejected=rejected[source],
        )
        for source in sorted(chunk.rows.keys() | rejected.keys())
    )
    RejectedEvent.objects.bulk_create(
        RejectedEvent(workspace_id=workspace_id, received_at=now, **rejection._asdict())
        for rejection in chunk.rejections[:KEPT_REJECTIONS]
    )
