"""Claimed streams are counted by the session rule, each as far as it was touched."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial

from usage.agents import hold_seats, sign_in
from usage.models import Agent, SessionKind
from usage.postgres_time import FUTURE, PAST, from_count, to_count
from usage.reading import Claim, StreamReading, read_agents, read_events, read_touched, read_whole
from usage.sessions import (
    SESSION,
    VOICE_CHANNELS,
    Conversation,
    StreamEvent,
    count_plain_sessions,
    count_sessions,
)
from usage.staging import Staged, pack_text
from usage.stretches import (
    Stretch,
    choose_rest,
    choose_stretch,
    find_barriers,
    find_plain_barriers,
)

AgentRow = tuple[int, bool, datetime, datetime | None]


def count_claimed(claim: Claim, *, whole: bool = False) -> Staged:
    """Count what was touched of the claimed streams; where no barrier is near, the whole stream.

    With ``whole`` all of them are counted whole. Streams of agents are left to `count_agents`.
    """
    staged = Staged()
    rest = count_streams(claim, staged, whole=whole)
    if rest and not whole:
        count_streams(claim, staged, whole=True, streams=rest)
    return staged


def count_streams(
    claim: Claim, staged: Staged, *, whole: bool, streams: Sequence[int] | None = None
) -> list[int]:
    """Count claimed streams, ``streams`` of them or all; return those that were not counted."""
    now = to_count(claim.now)
    rest: list[int] = []
    tied: dict[int, StreamReading] = {}
    for stream in read_whole(claim, streams=streams) if whole else read_touched(claim):
        if streams is None and (stream.alerts or stream.notifications):
            stage_instants(staged, stream)
        if stream.of_agent:
            staged.agents[stream.stream_id] = stream.bot_id
        elif stream.voice and not whole:
            rest.append(stream.stream_id)
        elif stream.plain and whole and not stream.reading.more_before:
            found = count_plain_sessions(stream.instants, stream.letters, now=now)
            stage(staged, stream, found)
        elif stream.plain:
            barriers = partial(find_plain_barriers, stream.instants, stream.letters)
            stretch = choose(stream, stream.instants, barriers, whole=whole)
            if stretch is None:
                rest.append(stream.stream_id)
                continue
            part = slice(stretch.start, stretch.stop)
            found = count_plain_sessions(stream.instants[part], stream.letters[part], now=now)
            stage(staged, stream, found, after=stretch.after, before=stretch.before)
        elif stream.tied:
            tied[stream.stream_id] = stream
        elif not count_stream(stream, stream.list_events(), staged, whole=whole, now=now):
            rest.append(stream.stream_id)
    for stream_id, events in read_events(claim, whole=whole, streams=list(tied)):
        if not count_stream(tied[stream_id], events, staged, whole=whole, now=now):
            rest.append(stream_id)
    return rest


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
    part = slice(stretch.start, stretch.stop)
    found = count_sessions(events[part], channel=stream.channel, now=now)
    stage(staged, stream, found, after=stretch.after, before=stretch.before)
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


def stage(
    staged: Staged,
    stream: StreamReading,
    found: Sequence[Conversation],
    *,
    after: int | None = None,
    before: int | None = None,
) -> None:
    """Stage what was counted in a stretch, and a mark for when its open conversation closes.

    Stored conversations that start between ``after`` and ``before`` are replaced (None: no bound).
    """
    stream_id, bot_id = stream.stream_id, stream.bot_id
    staged.add_stretch(
        stream_id,
        after=PAST if after is None else after,
        before=FUTURE if before is None else before,
    )
    channel = pack_text(stream.channel)
    for conversation in found:
        if conversation.usage or conversation.voice_blocks:
            staged.add_conversation(stream_id, bot_id, conversation, channel=channel)
            if not conversation.closed:
                end = conversation.end
                staged.add_mark(stream_id, bot_id, due=end + SESSION + 1, touched=end)


def stage_instants(staged: Staged, stream: StreamReading) -> None:
    """Stage the touched alerts and notifications of a stream: they need no rule."""
    first, last = stream.touched
    for kind, instants in (
        (SessionKind.ALERT, stream.alerts),
        (SessionKind.NOTIFICATION, stream.notifications),
    ):
        staged.add_instants(
            stream.stream_id,
            stream.bot_id,
            kind,
            (at for at in instants if first <= at <= last),
            channel=pack_text(stream.channel),
        )


def count_agents(claim: Claim, *, streams: Mapping[int, int]) -> list[int]:
    """Replace seats and sign-ins of claimed streams of agents; return the streams that changed.

    ``streams`` has the bot of each. What began before the first event that is still there stays as
    it is.
    """
    if not streams:
        return []
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
    return sorted({row[0] for row in stored ^ counted})
