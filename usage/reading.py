"""Claimed streams are read for the session rule, as much of them as has to be counted again."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any, NamedTuple, Self

import numpy as np

from usage.agents import AgentEvent
from usage.claims import Claim
from usage.plain_sessions import Counts, Letters
from usage.postgres_time import (
    FUTURE,
    PAST,
    Instants,
    Numbers,
    unpack_counts,
    unpack_small,
)
from usage.sessions import (
    LAST_OF_STREAM,
    LETTERS,
    PLAIN_LETTERS,
    VOICE_CHANNELS,
    EventType,
    StreamEvent,
)
from usage.stretches import REACH, Reading, Touched


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
READ_TOUCHED = f"""
SELECT stream_id, instants, places, agents, touched_from, touched_to, since,
    %(removed)s AND since = %(counted_from)s OR EXISTS (
        SELECT FROM usage_event event
        WHERE event.workspace_id = %(workspace)s AND event.stream_id = claim.stream_id
            AND NOT developer AND NOT test AND type <= 5 AND at < since
    ),
    EXISTS (
        SELECT FROM usage_event event
        WHERE event.workspace_id = %(workspace)s AND event.stream_id = claim.stream_id
            AND NOT developer AND NOT test AND type <= 5 AND at > until AND at <= %(now)s
    )
FROM (
    SELECT *,
        greatest(touched_from - %(reach)s * interval '1 microsecond', %(counted_from)s) AS since,
        touched_to + %(reach)s * interval '1 microsecond' AS until
    FROM unnest(%(streams)s, %(touched_from)s, %(touched_to)s)
        AS touched (stream_id, touched_from, touched_to)
) claim
CROSS JOIN LATERAL (
    SELECT array_agg(at) AS instants, array_agg({PLACE}) AS places,
        array_agg(agent) FILTER (WHERE type IN (3, 4)) AS agents
    FROM (
        SELECT at, type, direction, voice, agent FROM usage_event
        WHERE workspace_id = %(workspace)s AND stream_id = claim.stream_id
            AND {COUNTED_EVENT} AND at >= since AND at <= least(until, %(now)s)
        ORDER BY at, type
    ) event
) part
"""

# Rule order: at one instant by type, then by source and id.
READ_EVENTS = """
SELECT event.stream_id, event.at, event.type, event.direction, event.agent, event.voice
FROM unnest(%(streams)s, %(since)s, %(until)s) AS claim (stream_id, since, until)
CROSS JOIN LATERAL (
    SELECT * FROM usage_event
    WHERE workspace_id = %(workspace)s AND stream_id = claim.stream_id
        AND NOT developer AND NOT test AND type BETWEEN %(first)s AND %(last)s
        AND at >= since AND at <= least(until, %(now)s)
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
    def until(self) -> int:
        """The instant up to which it was read."""
        return min(self.touched.last + REACH, FUTURE)

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


def read_touched(claim: Claim) -> Iterator[StreamReading]:
    """Yield the claimed streams with what lies around the touched instants.

    Streams of agents are not among them.
    """
    streams = claim.streams
    chosen = ~streams.of_agents
    rows = claim.execute(
        READ_TOUCHED,
        streams=Numbers(streams.ids[chosen]),
        touched_from=Instants(streams.touched_from[chosen]),
        touched_to=Instants(streams.touched_to[chosen]),
        reach=REACH,
        removed=claim.counted_from is not None,
    ).fetchall()
    for stream_id, instants, places, agents, first, last, *reading in rows:
        place = int(streams.find(stream_id))
        letters = LETTER_OF_PLACE[unpack_small(places)].tobytes().decode()
        stream = StreamReading(
            stream_id,
            streams.name_channel(place),
            # An event that was committed after the claim may be the stream's first one with voice.
            bool(streams.voice[place]) or letters != letters.lower(),
            Touched(first, last),
            Reading(*reading),
            unpack_counts(instants).tolist(),
            letters,
            agents or (),
        )
        has_alerts = ALERT in letters or NOTIFICATION in letters
        yield stream.without_alerts() if has_alerts else stream


def read_events(
    claim: Claim, streams: Iterable[StreamReading]
) -> Iterator[tuple[int, list[StreamEvent]]]:
    """Yield each of some streams that has events with what was read of it, in rule order."""
    spans = [(each.stream_id, each.reading.since, each.until) for each in streams]
    rows = read_spans(claim, spans, first=EventType.STARTED, last=LAST_OF_STREAM)
    for stream_id, events in groupby(rows, key=itemgetter(0)):
        yield stream_id, [StreamEvent(*event[1:]) for event in events]


def read_agents(claim: Claim, *, streams: Sequence[int]) -> Iterator[tuple[int, list[AgentEvent]]]:
    """Yield streams of agents with all their events, in order of time and type.

    Also what is older than other events are kept: a seat that is held since then has its beginning
    there.
    """
    spans = [(stream_id, PAST, FUTURE) for stream_id in streams]
    rows = read_spans(claim, spans, first=EventType.SEAT_ASSIGNED, last=EventType.SIGNED_OUT)
    found = {
        stream_id: [AgentEvent(*event[1:3]) for event in events]
        for stream_id, events in groupby(rows, key=itemgetter(0))
    }
    yield from ((stream_id, found.get(stream_id, [])) for stream_id in streams)


def read_spans(
    claim: Claim, spans: Sequence[tuple[int, int, int]], *, first: EventType, last: EventType
) -> list[tuple[Any, ...]]:
    """Return the events of some types, in rule order, of streams between two instants each."""
    if not spans:
        return []
    streams, since, until = np.array(spans, dtype=np.int64).T
    return claim.execute(
        READ_EVENTS,
        streams=Numbers(streams),
        since=Instants(since),
        until=Instants(until),
        first=first,
        last=last,
    ).fetchall()
