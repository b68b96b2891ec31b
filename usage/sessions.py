"""Session rule 1: from the events of one stream to conversations and their blocks.

Pure arithmetic, without database or clock. Instants and lengths are integers of microseconds on one
time line, whichever its origin. The rule in words is docs/usage.md, whose paragraphs the function
names below follow; a change of the result is a new rule with a new number, never an edit.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from enum import IntEnum
from typing import NamedTuple

RULE = 1
SECOND = 1_000_000
SESSION = 15 * 60 * SECOND
DAY = 24 * 60 * 60 * SECOND

VOICE_CHANNELS = frozenset(
    {"ivr", "ivrvoice", "twiliovoice", "audiocodes", "korevg", "voice", "phone"}
)


class EventType(IntEnum):
    """Kinds of event; the first five are the ones of a stream, in their order at one instant."""

    STARTED = 1
    MESSAGE = 2
    TRANSFER_STARTED = 3
    TRANSFER_ENDED = 4
    ENDED = 5
    SEAT_ASSIGNED = 6
    SEAT_RELEASED = 7
    SIGNED_IN = 8
    SIGNED_OUT = 9
    ALERT_DELIVERED = 10
    ALERT_FAILED = 11
    NOTIFICATION_DELIVERED = 12


LAST_OF_STREAM = EventType.ENDED


class Direction(IntEnum):
    """Who wrote a message; ``NONE`` for events that are not messages."""

    NONE = 0
    USER = 1
    BOT = 2
    AGENT = 3


# Plain numbers: the rule compares millions of them, and members of an enumeration compare slowly.
STARTED, TRANSFER_STARTED = int(EventType.STARTED), int(EventType.TRANSFER_STARTED)
TRANSFER_ENDED, ENDED = int(EventType.TRANSFER_ENDED), int(EventType.ENDED)
USER, BOT, AGENT = int(Direction.USER), int(Direction.BOT), int(Direction.AGENT)

# What kind of event it is, as one letter; a capital one says that it was voice.
LETTERS = {
    "s": (EventType.STARTED, Direction.NONE),
    "u": (EventType.MESSAGE, Direction.USER),
    "b": (EventType.MESSAGE, Direction.BOT),
    "a": (EventType.MESSAGE, Direction.AGENT),
    "t": (EventType.TRANSFER_STARTED, Direction.NONE),
    "e": (EventType.TRANSFER_ENDED, Direction.NONE),
    "x": (EventType.ENDED, Direction.NONE),
}
PLAIN_LETTERS = "subx"
ORDERLY_LETTERS = PLAIN_LETTERS + "ate"


class Interval(NamedTuple):
    """A stretch of time, ends included; it may have no length."""

    start: int
    end: int


class StreamEvent(NamedTuple):
    """One event of a stream, as far as the rule looks at it."""

    at: int
    type: int
    direction: int = Direction.NONE
    agent: str = ""
    voice: bool = False


class Block(NamedTuple):
    """15 minutes of a clock: a usage or a voice session. Only the last block may be shorter."""

    start: int
    end: int
    completed: bool


class Conversation(NamedTuple):
    """What the rule makes of one conversation.

    ``start`` and ``end`` are its first and latest event, ``clock`` what is measured (None: nothing
    is), ``agent_time`` the disjoint stretches with a human agent in order of time, ``bot_time`` the
    clock less agent time.
    """

    start: int
    end: int
    closed: bool
    voice: bool
    clock: Interval | None
    agent_time: Sequence[Interval]
    bot_time: int
    usage: Sequence[Block]
    voice_blocks: Sequence[Block]


def count_sessions(events: Sequence[StreamEvent], *, channel: str, now: int) -> list[Conversation]:
    """Return the conversations of one stream, in order of time.

    ``events`` are those of rules 1 and 2: nothing left out by them, in their order, none later than
    ``now``. Conversations without any session are among what is returned.

    Source: session rule 1, docs/usage.md.
    """
    runs = list(find_runs(events, channel=channel))
    return [
        measure(run, closed=index < len(runs) or is_closed(run.events[-1], now=now))
        for index, run in enumerate(runs, 1)
    ]


class Run(NamedTuple):
    """The events of one conversation, with what `pair_transfers` says of them."""

    events: Sequence[StreamEvent]
    ends: Sequence[int | None]
    voice: bool


def find_runs(events: Sequence[StreamEvent], *, channel: str) -> Iterator[Run]:
    """Cut a stream into conversations."""
    for segment in split_at_ended(events):
        voice = channel in VOICE_CHANNELS or any(event.voice for event in segment)
        ends = pair_transfers(segment)
        whole = find_call(segment) if voice else []
        for event, end in zip(segment, ends, strict=True):
            if end is not None:
                whole.append(Interval(event.at, end))
        for place in cut_at_pauses(segment, whole=merge(whole)):
            yield Run(segment[place], ends[place], voice)


def split_at_ended(events: Sequence[StreamEvent]) -> Iterator[Sequence[StreamEvent]]:
    """Cut after each ``conversation.ended``: voice, transfers and calls never reach across one."""
    start = 0
    for index, event in enumerate(events):
        if event.type == ENDED:
            yield events[start : index + 1]
            start = index + 1
    if start < len(events):
        yield events[start:]


def pair_transfers(segment: Sequence[StreamEvent]) -> list[int | None]:
    """Return for each event the end of the agent interval that it starts, None where it has none.

    An end takes the latest open start of its agent, else the latest open one without agent; an end
    without agent takes the latest open start of everybody. A pair is at most 24 hours long.
    """
    ends: list[int | None] = [None] * len(segment)
    open_starts: dict[str, list[int]] = {}
    for index, event in enumerate(segment):
        if event.type == TRANSFER_STARTED:
            open_starts.setdefault(event.agent, []).append(index)
        elif event.type == TRANSFER_ENDED:
            agents = [event.agent, ""] if event.agent else list(open_starts)
            for agent in agents:
                start = take_latest(open_starts, agent, segment, since=event.at - DAY)
                if start is not None:
                    ends[start] = event.at
                    if event.agent:
                        break
    return ends


def take_latest(
    open_starts: dict[str, list[int]], agent: str, segment: Sequence[StreamEvent], *, since: int
) -> int | None:
    """Take the agent's latest open start; all of them are forgotten when it is before ``since``."""
    starts = open_starts.pop(agent, [])
    if not starts or segment[starts[-1]].at < since:
        return None
    latest = starts.pop()
    if starts:
        open_starts[agent] = starts
    return latest


def find_call(segment: Sequence[StreamEvent]) -> list[Interval]:
    """Return the call of a voice segment: its last start to its hang-up, if within 24 hours."""
    if segment[-1].type != ENDED:
        return []
    starts = [event.at for event in segment if event.type == STARTED]
    if not starts or segment[-1].at - starts[-1] > DAY:
        return []
    return [Interval(starts[-1], segment[-1].at)]


def cut_at_pauses(segment: Sequence[StreamEvent], *, whole: Sequence[Interval]) -> Iterator[slice]:
    """Cut at pauses of more than 15:00, except inside one of ``whole`` (disjoint, in order).

    Yields where the conversations lie in ``segment``. The end of a transfer and the end of a
    conversation cannot begin one and are left out there.
    """
    start: int | None = None
    for index, event in enumerate(segment):
        if start is not None:
            last = segment[index - 1].at
            if event.at - last > SESSION and not covers(whole, last, event.at):
                yield slice(start, index)
                start = None
        if start is None and event.type not in (TRANSFER_ENDED, ENDED):
            start = index
    if start is not None:
        yield slice(start, len(segment))


class AgentTime(NamedTuple):
    """Time with human agents in one conversation.

    ``starts``: where each interval begins; ``union``: disjoint and in order; ``rest_from``: every
    message after this instant is with an agent to the conversation's end (None: not so).
    """

    starts: list[int]
    union: list[Interval]
    rest_from: int | None


def find_agent_time(run: Run) -> AgentTime:
    """Return the agent intervals of one conversation: transfers, and agents who just speak.

    A start without an end lasts to the same agent's next start, else to the conversation's end.
    """
    last = run.events[-1].at
    intervals: list[Interval] = []
    lasting: list[int] = []
    next_start: dict[str, int] = {}
    for event, end in zip(reversed(run.events), reversed(run.ends), strict=True):
        if event.type == TRANSFER_STARTED:
            if end is None and event.agent not in next_start:
                lasting.append(event.at)
            stop = next_start.get(event.agent, last) if end is None else end
            intervals.append(Interval(event.at, stop))
            next_start[event.agent] = event.at
    for spoken in find_unannounced(run.events, within=merge(intervals)):
        intervals.append(Interval(spoken.start, last if spoken.end is None else spoken.end))
        if spoken.end is None:
            lasting.append(spoken.start)
    return AgentTime(
        starts=[interval.start for interval in intervals],
        union=merge(intervals),
        rest_from=min(lasting, default=None),
    )


class Unannounced(NamedTuple):
    """An interval opened by an agent's message; without ``end`` no bot message follows it."""

    start: int
    end: int | None


def find_unannounced(
    events: Sequence[StreamEvent], *, within: Sequence[Interval]
) -> Iterator[Unannounced]:
    """Yield the intervals that agents' messages open, each to the next later bot message."""
    answers = [event.at for event in events if event.direction == BOT]
    open_to = -1 << 63
    for event in events:
        if event.direction != AGENT or event.at <= open_to:
            continue
        if covers(within, event.at, event.at):
            continue
        later = bisect_right(answers, event.at)
        if later == len(answers):
            yield Unannounced(event.at, None)
            return
        open_to = answers[later]
        yield Unannounced(event.at, open_to)


def is_closed(latest: StreamEvent, *, now: int) -> bool:
    """Tell whether a conversation that none follows is closed, by its end or by silence."""
    return latest.type == ENDED or now - latest.at > SESSION


def measure(run: Run, *, closed: bool) -> Conversation:
    """Measure one conversation and lay its blocks."""
    agent = find_agent_time(run)
    whole = Interval(run.events[0].at, run.events[-1].at)
    users = spoken_with_bot(run.events, by=USER, agent=agent)
    clock = whole if run.voice else find_text_clock(run.events, users=users, agent=agent)
    pieces = take_out(agent.union, of=clock) if clock else []
    billed = clock is not None and bool(users or pieces)
    return Conversation(
        start=whole.start,
        end=whole.end,
        closed=closed,
        voice=run.voice,
        clock=clock,
        agent_time=agent.union,
        bot_time=sum(end - start for start, end in pieces),
        usage=lay_blocks(clock, pieces, closed=closed) if clock and billed else [],
        voice_blocks=lay_blocks(whole, take_out([], of=whole), closed=closed) if run.voice else [],
    )


def spoken_with_bot(events: Sequence[StreamEvent], *, by: int, agent: AgentTime) -> list[int]:
    """Return the instants of messages in one direction that lie outside agent time, in order."""
    return [
        event.at for event in events if event.direction == by and not is_with_agent(event.at, agent)
    ]


def find_text_clock(
    events: Sequence[StreamEvent], *, users: Sequence[int], agent: AgentTime
) -> Interval | None:
    """Return the clock of a text conversation; None where no user spoke with the bot.

    It ends with the last message of user or bot or with the last start of an agent interval, all
    outside agent time: idle time at the end is free.
    """
    if not users:
        return None
    starts = [at for at in agent.starts if not is_inside(at, agent.union)]
    answers = spoken_with_bot(events, by=BOT, agent=agent)
    return Interval(users[0], max([users[-1], *answers[-1:], *starts]))


def is_with_agent(at: int, agent: AgentTime) -> bool:
    """Tell whether a message at ``at`` lies in agent time."""
    lasting = agent.rest_from is not None and at > agent.rest_from
    return lasting or is_inside(at, agent.union)


def lay_blocks(clock: Interval, pieces: Sequence[Interval], *, closed: bool) -> list[Block]:
    """Lay blocks of 15:00 of bot time along the clock; at least one, the last one may be shorter.

    ``pieces`` is the clock without agent time. Block 1 starts with the clock; a block that is full
    ends before a pause that falls there and the next starts after it; the last ends with the clock.
    A full block is completed, since the clock never runs beyond the conversation's latest event; a
    shorter one when the conversation is ``closed``.
    """
    blocks: list[Block] = []
    start: int | None = clock.start
    missing = SESSION
    for at, end in pieces:
        if start is None:
            start = at
        while end - at >= missing:
            at += missing
            blocks.append(Block(start, at, completed=True))
            missing = SESSION
            start = at
        missing -= end - at
        if at == end:
            start = None  # the next block starts after this pause, if there is one
    if start is not None:
        blocks.append(Block(start, clock.end, completed=closed))
    return blocks


def merge(intervals: Iterable[Interval]) -> list[Interval]:
    """Return the union as disjoint intervals in order; what overlaps or touches is one."""
    union: list[Interval] = []
    for interval in sorted(intervals):
        if union and interval.start <= union[-1].end:
            union[-1] = Interval(union[-1].start, max(union[-1].end, interval.end))
        else:
            union.append(interval)
    return union


def covers(union: Sequence[Interval], start: int, end: int) -> bool:
    """Tell whether one interval of ``union`` holds ``start`` to ``end``, its own ends included."""
    index = bisect_right(union, start, key=lambda interval: interval.start) - 1
    return index >= 0 and end <= union[index].end


def is_inside(at: int, union: Sequence[Interval]) -> bool:
    """Tell whether ``at`` lies strictly inside one interval of ``union``."""
    index = bisect_left(union, at, key=lambda interval: interval.start) - 1
    return index >= 0 and at < union[index].end


def take_out(union: Sequence[Interval], *, of: Interval) -> list[Interval]:
    """Return what is left of an interval outside ``union``: pieces with a length, in order."""
    edges = [of.start]
    for interval in union:
        edges += [
            min(max(interval.start, of.start), of.end),
            max(min(interval.end, of.end), of.start),
        ]
    edges.append(of.end)
    return [Interval(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b]
