"""The session rule as pure arithmetic."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.usage.streams import START, any_streams, channels, plain_streams, spell
from usage.event_format import TYPES
from usage.sessions import (
    DAY,
    LAST_OF_STREAM,
    SESSION,
    Conversation,
    Direction,
    EventType,
    StreamEvent,
    count_plain_sessions,
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


@given(plain_streams, st.integers(0, 3))
def test_short_form_of_the_rule_equals_the_rule(events: list[StreamEvent], sessions: int) -> None:
    now = (events[-1].at if events else START) + sessions * SESSION // 2
    instants = [event.at for event in events]

    short = count_plain_sessions(instants, spell(events), now=now)

    general = count_sessions(events, channel="web", now=now)
    assert [tuple(map(listed, a)) for a in short] == [tuple(map(listed, b)) for b in general]


def listed(value: object) -> object:
    """Make sequences of either form comparable."""
    is_plain = isinstance(value, (list, tuple)) and not hasattr(value, "_fields")
    return [*value] if is_plain else value  # type: ignore[misc]


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
