"""Claimed streams are read for the session rule, as much of them as has to be counted again."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any, NamedTuple, Self

import numpy as np
from django.db import connection
from psycopg import Cursor

from accounts.models import Workspace
from usage import retention
from usage.agents import AgentEvent
from usage.plain_sessions import Counts, Letters
from usage.postgres_time import counting_cursor, unpack_counts, unpack_small
from usage.sessions import (
    LAST_OF_STREAM,
    LETTERS,
    PLAIN_LETTERS,
    VOICE_CHANNELS,
    EventType,
    StreamEvent,
)
from usage.stretches import REACH, Reading, Touched

# The streams claimed in this transaction and what in them was touched, and what was counted. Nobody
# keeps statistics of these tables; so where rows are looked up one by one, the statements say so
# (LATERAL with OFFSET 0), and everywhere else the planner must not.
STAGES = """
SET LOCAL enable_nestloop = off;
CREATE TEMP TABLE IF NOT EXISTS stage_claim (
    stream_id bigint, bot_id bigint, of_agent boolean, channel text, voice boolean,
    touched_from timestamptz, touched_to timestamptz
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS stage_stretch (
    stream_id bigint, after timestamptz, before timestamptz, instants boolean
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS stage_conversation (
    stream_id bigint, started_at timestamptz, ended_at timestamptz, closed boolean, voice boolean,
    bot_time interval
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS stage_session (
    stream_id bigint, started_at timestamptz, ended_at timestamptz,
    conversation_started_at timestamptz, kind smallint, number integer, closed boolean,
    completed boolean
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS stage_change (
    stream_id bigint, started_at timestamptz, kind smallint, number integer, place tid,
    stored boolean, counted boolean
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS stage_slot (
    bot_id bigint, starts_at timestamptz
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS stage_mark (
    stream_id bigint, due_at timestamptz, touched_from timestamptz, touched_to timestamptz
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS stage_total (
    bot_id bigint, level smallint, place timestamptz, channel integer, usage_sessions integer,
    alert_sessions integer, voice_sessions integer, conversations integer, notifications integer
) ON COMMIT DELETE ROWS
"""

CLEAR = """
TRUNCATE stage_claim, stage_stretch, stage_conversation, stage_session, stage_change, stage_mark
"""

# Claimed streams, all or some, and as much of them as is read.
CLAIMED = """
SELECT *,
    CASE WHEN %(whole)s THEN %(counted_from)s::timestamptz
        ELSE greatest(touched_from - %(reach)s * interval '1 microsecond', %(counted_from)s)
        END AS since,
    CASE WHEN %(whole)s THEN 'infinity'
        ELSE touched_to + %(reach)s * interval '1 microsecond' END AS until
FROM stage_claim
WHERE %(streams)s::bigint[] IS NULL OR stream_id = ANY(%(streams)s)
"""

# For a statement that took marks: what lies ahead of the clock is left out; the stream is counted
# again when the clock gets there. Whatever lies there has a mark that reaches to it, so no events
# need to be looked at.
MARK_AHEAD = """
INSERT INTO usage_dirtystream
    (workspace_id, bot_id, stream_id, due_at, touched_from, touched_to)
SELECT %(workspace)s, bot_id, stream_id,
    greatest(min(touched_from), %(now)s + interval '1 second'), min(touched_from), max(touched_to)
FROM taken WHERE touched_to > %(now)s
GROUP BY bot_id, stream_id
"""

STREAM_OF_CLAIM = """
CROSS JOIN LATERAL (
    SELECT * FROM usage_stream
    WHERE workspace_id = %(workspace)s AND id = claim.stream_id
    OFFSET 0
) stream
"""


def list_letters() -> bytes:
    """Return the letter of each kind of event at the place that `PLACE` computes."""
    letters = bytearray(b"?" * 256)
    sent = {ALERT: EventType.ALERT_DELIVERED, NOTIFICATION: EventType.NOTIFICATION_DELIVERED}
    for letter, type_ in sent.items():  # voice or not: they need no rule
        place = place_of(type_)
        letters[place : place + 2] = 2 * letter.encode()
    for letter, (type_, direction) in LETTERS.items():
        place = place_of(type_, direction)
        letters[place : place + 2] = (letter + letter.upper()).encode()
    return bytes(letters)


def place_of(type_: int, direction: int = 0) -> int:
    """Return the number of a kind of event that was not voice; that of voice is the next one."""
    return 8 * type_ + 2 * direction


PLACE = "(8 * type + 2 * direction + voice::integer)::smallint"
ALERT, NOTIFICATION = "!", "."  # no letters of the rule
LETTER_OF_PLACE = np.frombuffer(list_letters(), dtype=np.uint8)
# The type and direction of each letter, whether an agent belongs to it, and whether it is voice.
KIND_OF_LETTER = {
    cased: (type_, direction, letter in "te", cased != letter)
    for letter, (type_, direction) in LETTERS.items()
    for cased in (letter, letter.upper())
}
WITHOUT_ALERTS = str.maketrans("", "", ALERT + NOTIFICATION)

# Events of the rule, alerts and notifications; 11 are failed alerts.
COUNTED_EVENT = "NOT developer AND NOT test AND type <> 11"
# Reads index event_of_stream alone, in its order. What is later than the clock is left out.
EVENTS_OF_CLAIM = f"""
SELECT at, type, direction, voice, agent FROM usage_event
WHERE workspace_id = %(workspace)s AND stream_id = claim.stream_id
    AND {COUNTED_EVENT}
    AND at >= {{since}} AND at <= {{until}}
ORDER BY at, type
"""
READ_TOUCHED = f"""
SELECT claim.stream_id, channel, claim.voice, instants, places, agents,
    claim.touched_from, claim.touched_to, claim.since,
    %(removed)s AND claim.since = %(counted_from)s OR EXISTS (
        SELECT FROM usage_event event
        WHERE event.workspace_id = %(workspace)s AND event.stream_id = claim.stream_id
            AND NOT developer AND NOT test AND type <= 5 AND at < claim.since
    ),
    EXISTS (
        SELECT FROM usage_event event
        WHERE event.workspace_id = %(workspace)s AND event.stream_id = claim.stream_id
            AND NOT developer AND NOT test AND type <= 5
            AND at > claim.until AND at <= %(now)s
    )
FROM ({CLAIMED}) claim
CROSS JOIN LATERAL (
    SELECT array_agg(at) AS instants, array_agg({PLACE}) AS places,
        array_agg(agent) FILTER (WHERE type IN (3, 4)) AS agents
    FROM (
        {EVENTS_OF_CLAIM.format(since="claim.since", until="least(claim.until, %(now)s)")}
    ) event
) part
WHERE NOT of_agent
"""
FIND_AGENTS = "SELECT stream_id, bot_id FROM stage_claim WHERE of_agent"

# Rule order: at one instant by type, then by source and id.
READ_EVENTS = f"""
SELECT event.stream_id, event.at, event.type, event.direction, event.agent, event.voice
FROM ({CLAIMED}) claim
CROSS JOIN LATERAL (
    SELECT * FROM usage_event
    WHERE workspace_id = %(workspace)s AND stream_id = claim.stream_id
        AND NOT developer AND NOT test AND type BETWEEN %(first)s AND %(last)s
        AND at >= claim.since AND at <= least(claim.until, %(now)s)
    OFFSET 0
) event
JOIN usage_eventsource source
    ON source.workspace_id = %(workspace)s AND source.id = event.source_id
ORDER BY event.stream_id, event.at, event.type, source.name, event.event_id
"""


class Sent(NamedTuple):
    """Alerts and notifications, which need no rule: the stream and the letter of each."""

    owners: Counts
    instants: Counts
    letters: Letters


class StreamReading(NamedTuple):
    """What was read of one stream, in order of time and type.

    ``letters`` has one of `LETTERS` for each instant, ``agents`` a name for each transfer.
    """

    stream_id: int
    channel: str
    voice: bool
    touched: Touched
    reading: Reading
    instants: Sequence[int]
    letters: str
    agents: Sequence[str]
    alerts: Sequence[int] = ()
    notifications: Sequence[int] = ()

    @property
    def plain(self) -> bool:
        """It is a text stream without agents and voice."""
        return not (
            self.voice or self.channel in VOICE_CHANNELS or self.letters.strip(PLAIN_LETTERS)
        )

    @property
    def tied(self) -> bool:
        """Source and id decide the order: two transfers or two ends are at one instant."""
        kinds = zip(self.instants, self.letters.lower(), strict=True)
        return any(a == b and a[1] in "tex" for a, b in pairwise(kinds))

    def without_alerts(self) -> Self:
        """Return the events of the rule, with alerts and notifications beside them."""
        at: dict[str, list[int]] = {ALERT: [], NOTIFICATION: []}
        rest: list[int] = []
        for instant, letter in zip(self.instants, self.letters, strict=True):
            at.get(letter, rest).append(instant)
        return self._replace(
            instants=rest,
            letters=self.letters.translate(WITHOUT_ALERTS),
            alerts=at[ALERT],
            notifications=at[NOTIFICATION],
        )

    def list_events(self) -> list[StreamEvent]:
        """Return the events one by one; in rule order, unless they are tied."""
        agents = iter(self.agents)
        return [
            StreamEvent(at, type_, direction, next(agents) if transfer else "", voice)
            for at, (type_, direction, transfer, voice) in zip(
                self.instants, map(KIND_OF_LETTER.__getitem__, self.letters), strict=True
            )
        ]


class Claim(NamedTuple):
    """The streams claimed in the transaction of ``cursor`` (in stage_claim), and the clock.

    ``counted_from``: what lies before it stays as it is, since its events may be gone.
    """

    cursor: Cursor[tuple[Any, ...]]
    workspace_id: int
    now: datetime
    counted_from: datetime | None

    def execute(self, sql: str, **values: object) -> Cursor[tuple[Any, ...]]:
        """Run one statement about the claimed streams."""
        values |= {
            "workspace": self.workspace_id,
            "now": self.now,
            "reach": REACH,
            "removed": self.counted_from is not None,
            "counted_from": self.counted_from or "-infinity",
        }
        # A prepared plan would be kept from one size of the temporary tables to another.
        return self.cursor.execute(sql.encode(), values, prepare=False)


def open_claim(*, workspace: Workspace, now: datetime) -> Claim:
    """Return a claim of no streams yet, in the transaction that holds the lock of their bots."""
    with connection.cursor() as cursor:
        cursor.execute(STAGES)
    return Claim(
        counting_cursor(), workspace.pk, now, counted_from=retention.counted_from(workspace)
    )


def clear_claim(claim: Claim) -> None:
    """Empty the temporary tables, so that the transaction can claim other streams."""
    claim.execute(CLEAR)


def read_touched(claim: Claim) -> Iterator[StreamReading]:
    """Yield the claimed streams with what lies around the touched instants.

    Streams of agents are not among them.
    """
    rows = claim.execute(READ_TOUCHED, whole=False, streams=None).fetchall()
    for stream_id, channel, voice, instants, places, agents, first, last, *reading in rows:
        letters = LETTER_OF_PLACE[unpack_small(places)].tobytes().decode()
        stream = StreamReading(
            stream_id,
            channel,
            # An event that was committed after the claim may be the stream's first one with voice.
            voice or letters != letters.lower(),
            Touched(first, last),
            Reading(*reading),
            unpack_counts(instants).tolist(),
            letters,
            agents or (),
        )
        has_alerts = ALERT in letters or NOTIFICATION in letters
        yield stream.without_alerts() if has_alerts else stream


def find_agents(claim: Claim) -> dict[int, int]:
    """Return the claimed streams of agents, each with its bot."""
    return dict(claim.execute(FIND_AGENTS).fetchall())


def read_events(
    claim: Claim, *, whole: bool, streams: Sequence[int]
) -> Iterator[tuple[int, list[StreamEvent]]]:
    """Yield each of some claimed streams that has events with them, all in rule order."""
    if not streams:
        return
    rows = claim.execute(
        READ_EVENTS, whole=whole, streams=streams, first=EventType.STARTED, last=LAST_OF_STREAM
    )
    for stream_id, events in groupby(rows.fetchall(), key=itemgetter(0)):
        yield stream_id, [StreamEvent(*event[1:]) for event in events]


def read_agents(claim: Claim, *, streams: Sequence[int]) -> Iterator[tuple[int, list[AgentEvent]]]:
    """Yield claimed streams of agents with all their events, in order of time and type.

    Also what is older than other events are kept: a seat that is held since then has its beginning
    there.
    """
    rows = claim._replace(counted_from=None).execute(
        READ_EVENTS,
        whole=True,
        streams=streams,
        first=EventType.SEAT_ASSIGNED,
        last=EventType.SIGNED_OUT,
    )
    found = {
        stream_id: [AgentEvent(*event[1:3]) for event in events]
        for stream_id, events in groupby(rows.fetchall(), key=itemgetter(0))
    }
    yield from ((stream_id, found.get(stream_id, [])) for stream_id in streams)
