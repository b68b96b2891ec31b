"""Claimed streams are counted by the session rule, each as far as it was touched."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial

import numpy as np

from usage.agents import hold_seats, sign_in
from usage.claims import Claim
from usage.models import Agent
from usage.plain_sessions import PlainEvents, count_plain_sessions
from usage.postgres_time import FUTURE, PAST, from_count, to_count
from usage.reading import (
    ALERT,
    NOTIFICATION,
    Sent,
    StreamReading,
    read_agents,
    read_events,
    read_touched,
)
from usage.sessions import VOICE_CHANNELS, StreamEvent, count_sessions
from usage.staging import Staged
from usage.stretches import (
    Stretch,
    choose_rest,
    choose_stretch,
    find_barriers,
    find_plain_barriers,
)
from usage.whole_streams import read_whole

AgentRow = tuple[int, bool, datetime, datetime | None]


def count_claimed(claim: Claim, *, whole: bool = False) -> Staged:
    """Count what was touched of the claimed streams; where no barrier is near, the whole stream.

    With ``whole`` all of them are counted whole. Streams of agents are left to `count_agents`.
    """
    staged = Staged(claim.streams)
    if whole:
        count_whole(claim, staged)
    elif rest := count_touched(claim, staged):
        count_whole(claim, staged, streams=rest)
    return staged


def count_whole(claim: Claim, staged: Staged, *, streams: Sequence[int] | None = None) -> None:
    """Count claimed streams whole, ``streams`` of them or all with what was sent to them."""
    read = read_whole(claim, streams=streams)
    if streams is None:
        staged.add_sent(read.sent)
    # What is older than the events that are kept stays as it is.
    after = read.reading.since
    if not read.reading.more_before:
        staged.add_stretches(read.silent, after=after, before=FUTURE)
    simple = read.find_simple()
    staged.add_stretches(read.ids[simple], after=after, before=FUTURE)
    staged.add_plain(count_plain_sessions(read.take(simple), now=to_count(claim.now)))
    count_each(claim, staged, read.read_each(~simple), whole=True)


def count_touched(claim: Claim, staged: Staged) -> list[int]:
    """Count what was touched of the claimed streams; return those that have to be read whole."""
    streams = list(read_touched(claim))
    staged.add_sent(find_sent(streams))
    rest = [stream.stream_id for stream in streams if stream.voice]
    text = [stream for stream in streams if not stream.voice]
    return rest + count_each(claim, staged, text, whole=False)


def count_each(
    claim: Claim, staged: Staged, streams: Iterable[StreamReading], *, whole: bool
) -> list[int]:
    """Count streams one by one; return those of which not enough was read for that."""
    now = to_count(claim.now)
    rest: list[int] = []
    plain: list[tuple[StreamReading, slice]] = []
    tied: dict[int, StreamReading] = {}
    for stream in streams:
        if stream.plain:
            barriers = partial(find_plain_barriers, stream.instants, stream.letters)
            stretch = choose(stream, stream.instants, barriers, whole=whole)
            if stretch is None:
                rest.append(stream.stream_id)
            else:
                add_stretch(staged, stream, stretch)
                plain.append((stream, slice(stretch.start, stretch.stop)))
        elif stream.tied:
            tied[stream.stream_id] = stream
        elif not count_stream(stream, stream.list_events(), staged, whole=whole, now=now):
            rest.append(stream.stream_id)
    for stream_id, events in read_events(claim, tied.values()):
        if not count_stream(tied[stream_id], events, staged, whole=whole, now=now):
            rest.append(stream_id)
    if plain:
        staged.add_plain(count_plain_sessions(join_plain(plain), now=now))
    return rest


def join_plain(parts: Sequence[tuple[StreamReading, slice]]) -> PlainEvents:
    """Return parts of text streams, one each, without agents and voice as arrays."""
    lengths = [len(stream.letters[part]) for stream, part in parts]
    letters = "".join(stream.letters[part] for stream, part in parts).encode()
    return PlainEvents(
        owners=np.repeat([stream.stream_id for stream, _ in parts], lengths),
        instants=np.concatenate(
            [np.array(stream.instants[part], dtype=np.int64) for stream, part in parts]
        ),
        letters=np.frombuffer(letters, dtype=np.uint8),
        calls=np.zeros(len(letters), dtype=np.bool_),
    )


def count_stream(
    stream: StreamReading, events: Sequence[StreamEvent], staged: Staged, *, whole: bool, now: int
) -> bool:
    """Count a stream of any kind; tell whether enough of it was read for that."""
    barriers = partial(
        find_barriers,
        events,
        calls=stream.channel in VOICE_CHANNELS,
        pauses=not stream.voice,
    )
    stretch = choose(stream, [event.at for event in events], barriers, whole=whole)
    if stretch is None:
        return False
    add_stretch(staged, stream, stretch)
    part = events[stretch.start : stretch.stop]
    for conversation in count_sessions(part, channel=stream.channel, now=now):
        staged.add_conversation(stream.stream_id, conversation)
    return True


def choose(
    stream: StreamReading,
    instants: Sequence[int],
    find: Callable[..., Iterable[int]],
    *,
    whole: bool,
) -> Stretch | None:
    """Return the stretch to count: what was touched, or all of the ``whole`` stream.

    ``find`` returns the barriers, as far as they are needed.
    """
    reading = stream.reading
    if not whole:
        barriers = list(find(reading=reading))
        return choose_stretch(instants, barriers, touched=stream.touched, reading=reading)
    barriers = list(find(reading=reading)) if reading.more_before else []
    return choose_rest(instants, barriers, pauses=not stream.voice, reading=reading)


def add_stretch(staged: Staged, stream: StreamReading, stretch: Stretch) -> None:
    """Have the stored conversations in a stretch of a stream replaced."""
    staged.add_stretch(
        stream.stream_id,
        after=PAST if stretch.after is None else stretch.after,
        before=FUTURE if stretch.before is None else stretch.before,
    )


def find_sent(streams: Sequence[StreamReading]) -> Sent:
    """Return the touched alerts and notifications of some streams."""
    sent = [
        (stream.stream_id, instant, ord(letter))
        for stream in streams
        for letter, instants in ((ALERT, stream.alerts), (NOTIFICATION, stream.notifications))
        for instant in instants
        if stream.touched.first <= instant <= stream.touched.last
    ]
    return Sent(*np.array(sent, dtype=np.int64).reshape(-1, 3).T)


def count_agents(claim: Claim) -> dict[int, int]:
    """Replace seats and sign-ins of the claimed streams of agents.

    Return those that changed, each with its bot.

    What began before the first event that is still there stays as it is.
    """
    streams = claim.streams.find_agents()
    if not streams:
        return {}
    counted: set[AgentRow] = set()
    firsts: dict[int, datetime] = {}
    for stream_id, events in read_agents(claim, streams=list(streams)):
        firsts[stream_id] = from_count(events[0].at) if events else claim.now
        for signed_in, spans in ((False, hold_seats(events)), (True, sign_in(events))):
            for start, end in spans:
                ended_at = None if end is None else from_count(end)
                counted.add((stream_id, signed_in, from_count(start), ended_at))
    rows = Agent.objects.for_workspace(claim.workspace_id).filter(stream_id__in=firsts)
    stored = {
        row
        for row in rows.values_list("stream_id", "signed_in", "started_at", "ended_at")
        if claim.counted_from is None or row[2] >= firsts[row[0]]
    }
    rows.filter(pk__in=[(claim.workspace_id, *row[:3]) for row in stored - counted]).delete()
    Agent.objects.bulk_create(
        Agent(
            workspace_id=claim.workspace_id,
            bot_id=streams[stream_id],
            stream_id=stream_id,
            signed_in=signed_in,
            started_at=started_at,
            ended_at=ended_at,
        )
        for stream_id, signed_in, started_at, ended_at in counted - stored
    )
    return {row[0]: streams[row[0]] for row in stored ^ counted}
