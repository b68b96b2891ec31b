"""The session rule as pure arithmetic."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.usage.streams import START, any_streams, channels, handled_streams, plain_streams, spell
from usage.event_format import TYPES
from usage.plain_sessions import (
    Counts,
    PlainConversations,
    PlainEvents,
    count_plain_sessions,
    find_disorder,
)
from usage.sessions import (
    DAY,
    LAST_OF_STREAM,
    SESSION,
    Block,
    Conversation,
    Direction,
    EventType,
    StreamEvent,
    count_sessions,
)

LONG_AFTER = START + 1000 * DAY


def cut(conversations: list[Conversation]) -> Iterator[tuple[int, int, bool]]:
    for conversation in conversations:
        yield from (*conversation.usage, *conversation.voice_blocks)


def count(*minutes: float, now: int = LONG_AFTER) -> list[Conversation]:
    events = [
        StreamEvent(START + int(minute * SESSION / 15), EventType.MESSAGE, Direction.USER)
        for minute in minutes
    ]
    return count_sessions(events, channel="web", now=now)


@pytest.mark.parametrize(
    ("length", "sessions"),
    [(0, 1), (1, 1), (SESSION, 1), (SESSION + 1, 2), (2 * SESSION, 2), (31 * SESSION // 15, 3)],
)
def test_started_blocks_count_whole(length: int, sessions: int) -> None:
    answers = range(START, START + length, SESSION)
    events = [StreamEvent(at, EventType.MESSAGE, Direction.USER) for at in answers]
    events.append(StreamEvent(START + length, EventType.MESSAGE, Direction.BOT))
    if not length:
        events[0] = StreamEvent(START, EventType.MESSAGE, Direction.USER)

    (conversation,) = count_sessions(events, channel="web", now=LONG_AFTER)

    assert len(conversation.usage) == sessions


def test_open_block_is_not_completed() -> None:
    (conversation,) = count(0, 10, 20, now=START + SESSION * 2)

    assert [block.completed for block in conversation.usage] == [True, False]
    assert not conversation.closed


def test_silence_closes_a_conversation_only_after_more_than_15_minutes() -> None:
    (at_15_minutes,) = count(0, now=START + SESSION)
    (later,) = count(0, now=START + SESSION + 1)

    assert not at_15_minutes.closed
    assert later.closed


@given(any_streams, channels)
def test_blocks_are_disjoint_and_inside_their_conversation(
    events: list[StreamEvent], channel: str
) -> None:
    for conversation in count_sessions(events, channel=channel, now=LONG_AFTER):
        for blocks in (conversation.usage, conversation.voice_blocks):
            edges = [(block.start, block.end) for block in blocks]
            assert all(start <= end for start, end in edges)
            assert all(a[1] <= b[0] for a, b in pairwise(edges))
            if edges:
                assert conversation.start <= edges[0][0]
                assert edges[-1][1] <= conversation.end


@given(any_streams, channels)
def test_conversations_are_in_order_and_apart(events: list[StreamEvent], channel: str) -> None:
    found = count_sessions(events, channel=channel, now=LONG_AFTER)

    assert all(a.end <= b.start for a, b in pairwise(found))
    assert all(conversation.closed for conversation in found[:-1])


@given(any_streams, channels)
def test_bot_time_is_the_clock_without_agent_time(events: list[StreamEvent], channel: str) -> None:
    for conversation in count_sessions(events, channel=channel, now=LONG_AFTER):
        assert conversation.bot_time >= 0
        if conversation.clock is not None:
            start, end = conversation.clock
            with_agent = sum(
                max(0, min(until, end) - max(since, start))
                for since, until in conversation.agent_time
            )
            assert conversation.bot_time == end - start - with_agent
        if conversation.usage:
            assert len(conversation.usage) == max(1, -(-conversation.bot_time // SESSION))


@given(any_streams, channels)
def test_only_the_last_block_may_be_short(events: list[StreamEvent], channel: str) -> None:
    for conversation in count_sessions(events, channel=channel, now=LONG_AFTER):
        for block in conversation.usage[:-1]:
            with_agent = sum(
                max(0, min(until, block.end) - max(since, block.start))
                for since, until in conversation.agent_time
            )
            assert block.end - block.start - with_agent == SESSION


def call_of(length: int) -> list[StreamEvent]:
    """Return a call with a pause of its whole length."""
    return [
        StreamEvent(START, EventType.STARTED),
        StreamEvent(START + length, EventType.ENDED),
    ]


@given(st.lists(st.tuples(plain_streams, st.booleans()), max_size=4), st.integers(0, 3))
@example([(call_of(DAY), True), (call_of(DAY + 1), True), (call_of(DAY), False)], 3)
def test_rule_for_many_plain_streams_equals_the_rule(
    streams: list[tuple[list[StreamEvent], bool]], sessions: int
) -> None:
    latest = max((event.at for events, _ in streams for event in events), default=START)
    now = latest + sessions * SESSION // 2
    every = [
        (owner, event.at, calls)
        for owner, (events, calls) in enumerate(streams)
        for event in events
    ]
    owners, instants, calls = np.array(every, dtype=np.int64).reshape(-1, 3).T
    letters = "".join(spell(events) for events, _ in streams).encode()
    plain = PlainEvents(owners, instants, np.frombuffer(letters, np.uint8), calls.astype(np.bool_))

    found = count_plain_sessions(plain, now=now)

    assert list(unpack(found)) == [
        (owner, *conversation[:4], conversation.bot_time, *conversation[-2:])
        for owner, (events, voice) in enumerate(streams)
        for conversation in count_sessions(events, channel="ivr" if voice else "web", now=now)
        if conversation.usage or conversation.voice_blocks
    ]


# A block is full just where an agent takes over: it ends there, and the next one starts after it.
FULL_AT_TRANSFER = [
    StreamEvent(START, EventType.MESSAGE, Direction.USER),
    StreamEvent(START + SESSION, EventType.TRANSFER_STARTED),
    StreamEvent(START + SESSION + 1, EventType.TRANSFER_ENDED),
    StreamEvent(START + 2 * SESSION, EventType.MESSAGE, Direction.USER),
]


# An agent who does not hand back is gone with the end of the conversation, and speaks again.
SPEAKS_AFTER_END = [
    StreamEvent(START, EventType.MESSAGE, Direction.USER),
    StreamEvent(START + 1, EventType.TRANSFER_STARTED),
    StreamEvent(START + 2, EventType.ENDED),
    StreamEvent(START + 3, EventType.MESSAGE, Direction.USER),
    StreamEvent(START + 4, EventType.MESSAGE, Direction.AGENT),
    StreamEvent(START + 5, EventType.MESSAGE, Direction.USER),
]
# The end is another agent's, so it ends nothing.
ENDED_BY_OTHER = [
    StreamEvent(START, EventType.MESSAGE, Direction.USER),
    StreamEvent(START + 1, EventType.TRANSFER_STARTED, agent="a"),
    StreamEvent(START + 2, EventType.TRANSFER_ENDED, agent="b"),
    StreamEvent(START + 3, EventType.MESSAGE, Direction.USER),
]
# Nothing of it is billed, so its agent time is nobody's.
NOBODY_SPOKE = FULL_AT_TRANSFER[1:3]


@given(st.lists(handled_streams(), max_size=3), st.integers(0, 3))
@example([FULL_AT_TRANSFER, NOBODY_SPOKE], 3)
@example([SPEAKS_AFTER_END, ENDED_BY_OTHER], 3)
def test_rule_for_many_streams_with_agents_in_order_equals_the_rule(
    streams: list[list[StreamEvent]], sessions: int
) -> None:
    latest = max((event.at for events in streams for event in events), default=START)
    now = latest + sessions * SESSION // 2
    orderly = [events for events in streams if not find_disorder(*pack([events])).any()]

    found = count_plain_sessions(pack(orderly)[0], now=now)

    assert not find_disorder(*pack(orderly)).any()
    assert list(unpack(found)) == [
        (owner, *conversation[:4], conversation.bot_time, *conversation[-2:])
        for owner, events in enumerate(orderly)
        for conversation in count_sessions(events, channel="web", now=now)
        if conversation.usage
    ]


def pack(streams: list[list[StreamEvent]]) -> tuple[PlainEvents, Counts]:
    """Return text streams in arrays, with the numbers of the agents of their transfers."""
    every = [(owner, event) for owner, events in enumerate(streams) for event in events]
    letters = "".join(map(spell, streams)).encode()
    agents = [len(event.agent) and ord(event.agent) for _, event in every if event.type in (3, 4)]
    return (
        PlainEvents(
            np.array([owner for owner, _ in every], dtype=np.int64),
            np.array([event.at for _, event in every], dtype=np.int64),
            np.frombuffer(letters, np.uint8),
            np.zeros(len(every), dtype=np.bool_),
        ),
        np.array(agents, dtype=np.int64),
    )


def unpack(found: PlainConversations) -> Iterator[tuple[object, ...]]:
    """Yield each conversation as a row, its blocks as lists."""
    *columns, usage, voice_blocks = found
    for place, row in enumerate(zip(*(column.tolist() for column in columns), strict=True)):
        blocks: list[list[Block]] = []
        for kind in (usage, voice_blocks):
            mine = kind.conversations == place
            assert kind.numbers[mine].tolist() == list(range(1, sum(mine) + 1))
            cut = (kind.starts[mine], kind.ends[mine], kind.completed[mine])
            blocks.append([Block(*block) for block in zip(*map(list, cut), strict=True)])
        yield (*row, *blocks)


@given(any_streams, channels, st.integers(-(10**15), 10**15))
def test_rule_does_not_depend_on_the_origin_of_time(
    events: list[StreamEvent], channel: str, shift: int
) -> None:
    moved = [event._replace(at=event.at + shift) for event in events]

    blocks = list(cut(count_sessions(events, channel=channel, now=LONG_AFTER)))

    moved_blocks = list(cut(count_sessions(moved, channel=channel, now=LONG_AFTER + shift)))
    assert moved_blocks == [(a + shift, b + shift, completed) for a, b, completed in blocks]


CASES: list[dict[str, Any]] = json.loads(Path(__file__).with_name("cases.json").read_text())
ORIGIN = datetime(2026, 1, 1, tzinfo=UTC)


def to_us(text: str) -> int:
    return (datetime.fromisoformat(text) - ORIGIN) // timedelta(microseconds=1)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_worked_case(case: dict[str, Any]) -> None:
    streams: dict[tuple[str, str, str], dict[str, StreamEvent]] = {}
    for name, bot, time, type_, data in case["events"]:
        if TYPES[type_] <= LAST_OF_STREAM and not data.get("developer"):
            direction = Direction[data.get("direction", "none").upper()]
            voice = data.get("modality") == "voice"
            event = StreamEvent(to_us(time), TYPES[type_], direction, data.get("agent", ""), voice)
            stream = streams.setdefault((bot, data["channel"], data["user"]), {})
            stream.setdefault(name, event)

    found = [
        [bot, kind, user, block.start, block.end]
        for (bot, channel, user), events in streams.items()
        for conversation in count_sessions(
            [event for _, event in sorted(events.items(), key=in_rule_order)],
            channel=channel,
            now=to_us("2026-06-01T00:00:00Z"),
        )
        for kind, blocks in (
            ("usage", conversation.usage),
            ("voice", conversation.voice_blocks),
        )
        for block in blocks
    ]

    expected = [[*names, to_us(start), to_us(end)] for *names, start, end in case["blocks"]]
    assert sorted(found) == sorted(expected)


def in_rule_order(named: tuple[str, StreamEvent]) -> tuple[int, int, str]:
    name, event = named
    return (event.at, event.type, name)
