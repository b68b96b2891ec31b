"""Claimed streams are read from their first event to their last, all of them into a few arrays."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from usage.claims import Claim, Streams
from usage.plain_sessions import Counts, Letters, PlainEvents, Truths, find_disorder
from usage.postgres_time import (
    FUTURE,
    PAST,
    Numbers,
    unpack_counts,
)
from usage.reading import (
    ALERT,
    COUNTED_EVENT,
    LETTER_OF_PLACE,
    NOTIFICATION,
    PLACE,
    Sent,
    StreamReading,
)
from usage.sessions import DAY, PLAIN_LETTERS, VOICE_CHANNELS
from usage.stretches import Reading, Touched

EVERYWHERE = Touched(PAST, FUTURE)
# For each letter whether it is one of some: of small ones, or as it was read for what was sent.
IS_PLAIN, IS_TRANSFER, IS_SENT = (
    np.isin(np.arange(256), list(letters.encode()))
    for letters in (PLAIN_LETTERS, "te", ALERT + NOTIFICATION)
)
SMALL = np.uint8(0x20)  # the bit by which a small letter differs from its capital

# Of so many streams the events come in one row, which PostgreSQL limits to a gigabyte.
STREAMS_AT_ONCE = 4000

# Index event_of_stream alone, in its order. The streams are named, since to look each of them up by
# a join takes half as long again. A stream and the place of a letter travel as one number.
READ_WHOLE = f"""
SELECT array_agg(stream_id * 256 + {PLACE}), array_agg(at),
    array_agg(agent) FILTER (WHERE type IN (3, 4))
FROM (
    SELECT stream_id, at, type, direction, voice, agent FROM usage_event
    WHERE workspace_id = %(workspace)s AND stream_id = ANY(%(ids)s)
        AND {COUNTED_EVENT} AND at >= %(counted_from)s AND at <= %(now)s
    ORDER BY stream_id, at, type
) event
"""


class WholeStreams(NamedTuple):
    """Streams with their events of the rule, stream by stream in order of time and type.

    ``starts`` has the place of each one's first event and, at last, where all end; each has one.
    ``places`` has that of each one in ``streams``.
    ``letters`` and ``agents`` are as in `StreamReading`. ``silent`` are streams without any event.
    """

    streams: Streams
    places: Counts
    ids: Counts
    calls: Truths
    voice: Truths
    starts: Counts
    instants: Counts
    letters: Letters
    agents: Sequence[str]
    reading: Reading
    silent: Counts
    sent: Sent

    def find_simple(self) -> Truths:
        """Tell which streams `count_plain_sessions` counts: whole, and all voice or all text."""
        handled = self.have(~IS_PLAIN[self.letters | SMALL])
        simple = ~handled & (self.calls | ~self.voice)
        if self.reading.more_before:
            return (
                simple & (self.instants[self.starts[:-1]] > self.reading.since + DAY) & ~self.voice
            )
        text = ~(self.calls | self.voice)
        return simple | (handled & text & ~self.find_disorderly(handled & text))

    def find_disorderly(self, streams: Truths) -> Truths:
        """Tell which of some text streams have agents that do not come one after another."""
        events = np.repeat(streams, np.diff(self.starts))
        named = IS_TRANSFER[self.letters | SMALL]
        numbers = {"": 0}
        agents = [numbers.setdefault(agent, len(numbers)) for agent in self.agents]
        disorder = np.zeros(len(self.letters), dtype=np.bool_)
        disorder[events] = find_disorder(
            self.take(streams), np.array(agents, dtype=np.int64)[events[named]]
        )
        return self.have(disorder)

    def have(self, events: Truths) -> Truths:
        """Tell which streams have one of some events."""
        return np.logical_or.reduceat(events, self.starts[:-1]) if len(events) else events

    def take(self, streams: Truths) -> PlainEvents:
        """Return the events of some streams."""
        lengths = np.diff(self.starts)
        taken = np.repeat(streams, lengths)
        return PlainEvents(
            owners=np.repeat(self.ids, lengths)[taken],
            instants=self.instants[taken],
            letters=self.letters[taken] | SMALL,
            calls=np.repeat(self.calls, lengths)[taken],
        )

    def read_each(self, streams: Truths) -> Iterator[StreamReading]:
        """Yield some streams one by one."""
        named = np.append(0, np.cumsum(IS_TRANSFER[self.letters | SMALL]))
        for place in np.flatnonzero(streams).tolist():
            start, stop = self.starts[place : place + 2].tolist()
            yield StreamReading(
                stream_id=int(self.ids[place]),
                channel=self.streams.name_channel(self.places[place]),
                voice=bool(self.voice[place]),
                touched=EVERYWHERE,
                reading=self.reading,
                instants=self.instants[start:stop].tolist(),
                letters=self.letters[start:stop].tobytes().decode(),
                agents=self.agents[named[start] : named[stop]],
            )


def read_whole(claim: Claim, *, streams: Sequence[int] | None = None) -> WholeStreams:
    """Return the claimed streams, or some of them, with all that is counted of them.

    Streams of agents are not among them.
    """
    claimed = claim.streams
    chosen = ~claimed.of_agents if streams is None else np.isin(claimed.ids, streams)
    ids = claimed.ids[chosen]
    owners, instants, letters, agents = read_events_of(claim, ids)
    is_sent = IS_SENT[letters]
    sent = Sent(owners[is_sent], instants[is_sent], letters[is_sent])
    owners, instants, letters = owners[~is_sent], instants[~is_sent], letters[~is_sent]

    starts = np.flatnonzero(np.append(True, owners[1:] != owners[:-1])[: len(owners)])
    found = owners[starts]
    places = claimed.find(found)
    of_calls = np.array([False, *(name in VOICE_CHANNELS for name in claimed.names)])
    whole = WholeStreams(
        streams=claimed,
        places=places,
        ids=found,
        calls=of_calls[claimed.channels[places]],
        voice=claimed.voice[places],
        starts=np.append(starts, len(owners)),
        instants=instants,
        letters=letters,
        agents=agents,
        reading=Reading(claim.since, more_before=claim.counted_from is not None, more_after=False),
        silent=ids[~np.isin(ids, found, assume_unique=True)],
        sent=sent,
    )
    # An event that was committed after the claim may be the stream's first one with voice.
    return whole._replace(voice=whole.voice | whole.have(letters & SMALL == 0))


def read_events_of(claim: Claim, ids: Counts) -> tuple[Counts, Counts, Letters, list[str]]:
    """Return streams, instants and letters of all events, and the agents of those that have one.

    ``ids``: the streams in order. Each one's events are in order of time and type.
    """
    kinds, instants = [unpack_counts(None)], [unpack_counts(None)]
    agents: list[str] = []
    for start in range(0, len(ids), STREAMS_AT_ONCE):
        part = ids[start : start + STREAMS_AT_ONCE]
        [row] = claim.execute(READ_WHOLE, ids=Numbers(part))
        kinds.append(unpack_counts(row[0]))
        instants.append(unpack_counts(row[1]))
        agents += row[2] or ()
    joined = np.concatenate(kinds)
    return joined >> 8, np.concatenate(instants), LETTER_OF_PLACE[joined & 255], agents
