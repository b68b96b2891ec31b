"""Why a conversation is that many sessions: the sentences and the drawing."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.usage.streams import START, any_streams, channels
from usage.counting_examples import list_examples
from usage.event_format import TYPES
from usage.explaining import Measured, describe_events, explain, measure_stream
from usage.sessions import (
    DAY,
    LAST_OF_STREAM,
    LETTERS,
    SECOND,
    SESSION,
    Direction,
    StreamEvent,
    count_sessions,
)
from usage.timeline import LEFT, MOST_TICKS, RIGHT, TICK_WIDTH, draw
from usage.wording import LocalClock, say_length, say_number

ORIGIN = datetime(2000, 1, 1, tzinfo=UTC)
NOON = (datetime(2026, 3, 2, 12, tzinfo=UTC) - ORIGIN) // timedelta(microseconds=1)
MINUTE = 60 * SECOND
CASES: list[dict[str, Any]] = json.loads(Path(__file__).with_name("cases.json").read_text())


def clock(reference: int = NOON, zone: str = "UTC") -> LocalClock:
    return LocalClock(ZoneInfo(zone), ORIGIN, reference)


def measure(text: str, *, channel: str = "web", now: int = NOON + DAY) -> list[Measured]:
    """Measure events given as letters with their minutes."""
    events = [
        StreamEvent(NOON + int(float(part[1:]) * MINUTE), *LETTERS[part[0]])
        for part in text.split()
    ]
    return list(measure_stream(events, channel=channel, now=now))


def words(text: str, *, channel: str = "web", now: int = NOON + DAY) -> str:
    """Return the explanation of the only conversation."""
    (measured,) = measure(text, channel=channel, now=now)
    return " ".join(explain(measured, clock()))


def streams_of_case(case: dict[str, Any]) -> dict[tuple[str, str, str], list[StreamEvent]]:
    streams: dict[tuple[str, str, str], dict[str, StreamEvent]] = {}
    for name, bot, time, type_, data in case["events"]:
        if TYPES[type_] <= LAST_OF_STREAM and not data.get("developer"):
            at = (datetime.fromisoformat(time) - ORIGIN) // timedelta(microseconds=1)
            direction = Direction[data.get("direction", "none").upper()]
            voice = data.get("modality") == "voice"
            event = StreamEvent(at, TYPES[type_], direction, data.get("agent", ""), voice)
            key = (bot, data["channel"], data["user"])
            streams.setdefault(key, {}).setdefault(name, event)
    return {
        key: [
            event for _, event in sorted(events.items(), key=lambda e: (e[1].at, e[1].type, e[0]))
        ]
        for key, events in streams.items()
    }


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_explanation_names_the_number_that_the_rule_counts(case: dict[str, Any]) -> None:
    explained = {"usage_sessions": 0, "voice_sessions": 0}
    for (_, channel, _), events in streams_of_case(case).items():
        for measured in measure_stream(events, channel=channel, now=events[-1].at + 2 * DAY):
            said = " ".join(explain(measured, clock(measured.conversation.start)))
            usage = len(measured.conversation.usage)
            assert said.count(f"{say_number(usage, 'usage session')}.") == 1
            assert "usage session" not in said.replace(say_number(usage, "usage session"), "")
            if voice := len(measured.conversation.voice_blocks):
                assert f"{say_number(voice, 'voice session')}." in said
            explained["usage_sessions"] += usage
            explained["voice_sessions"] += voice

    assert explained == {name: case["totals"].get(name, 0) for name in explained}


@given(any_streams, channels, st.integers(0, 3))
def test_every_conversation_is_explained_and_drawn(
    events: list[StreamEvent], channel: str, sessions: int
) -> None:
    now = (events[-1].at if events else START) + sessions * SESSION // 2

    found = list(measure_stream(events, channel=channel, now=now))

    assert [one.conversation for one in found] == count_sessions(events, channel=channel, now=now)
    for measured in found:
        usage = say_number(len(measured.conversation.usage), "usage session")
        said = " ".join(explain(measured, clock(measured.conversation.start)))
        assert f"{usage}." in said
        assert ("is open" in said) is not measured.conversation.closed
        assert len(describe_events(measured)) == len(measured.run.events)
        drawing = draw(measured, clock(measured.conversation.start, "Asia/Kolkata"))
        assert all(LEFT <= bar.x <= RIGHT for bar in drawing.bars)
        assert all(LEFT <= tick.x <= RIGHT for tick in drawing.ticks)
        assert all(LEFT <= mark.x <= RIGHT for mark in drawing.marks)
        assert len(drawing.marks) <= MOST_TICKS + 1


def test_agent_time_is_said_to_be_taken_out() -> None:
    said = words("u0 b10 t12 e16 b20 u30 b31.25")

    assert (
        "from the first user message at 12:00:00 to the last bot message at 12:31:15: 31:15" in said
    )
    assert "4:00 with a human agent is taken out, which leaves 27:15 of bot time." in said
    assert "Each started 15:00 counts: 2 usage sessions." in said


def test_without_user_message_nothing_is_billed() -> None:
    assert "The user wrote nothing. The clock never starts" in words("s0 b1 b2")


def test_user_who_speaks_with_agents_alone_is_not_billed() -> None:
    said = words("t0 u1 e2")

    assert "Every message of the user was with a human agent." in said
    assert "0 usage sessions." in said


def test_agent_without_transfer_is_said() -> None:
    said = words("u0 a5 u6 b9 u10")

    assert "An agent wrote at 12:05:00 without a transfer" in said
    assert "4:00 with a human agent" in said


def test_agent_within_a_transfer_is_not_said_to_be_without() -> None:
    assert "without a transfer" not in words("u0 t4 a5 e6 b9")


def test_lasting_transfer_is_said() -> None:
    said = words("u0 b4 t5 u9 a12")

    assert "The transfer at 12:05:00 was never ended" in said
    assert "to the start of agent time at 12:05:00: 5:00" in said


def test_idle_time_at_the_end_is_free() -> None:
    said = words("u0 b2 x10")

    assert "The 8:00 from there to the last event at 12:10:00 are free" in said
    assert "ended at 12:10:00" in said


def test_call_counts_agent_time_in_voice_sessions_only() -> None:
    said = words("s0 u1 t10 e30 b32 x40", channel="ivr")

    assert "each started 15:00: 3 voice sessions." in said
    assert "20:00 with a human agent is taken out, which leaves 20:00 of bot time." in said
    assert "2 usage sessions." in said


def test_pause_cuts_on_both_sides() -> None:
    first, second = (" ".join(explain(one, clock())) for one in measure("u0 b1 u20"))

    assert "The next event came at 12:20:00, more than 15:00 after 12:01:00" in first
    assert "The event before was at 12:01:00, more than 15:00 earlier" in second
    assert "Nothing came for more than 15:00 after 12:20:00" in second


def test_end_cuts() -> None:
    _, second = (" ".join(explain(one, clock())) for one in measure("u0 x1 u2"))

    assert "The conversation before was ended at 12:01:00" in second


def test_open_block_is_said_with_its_completion() -> None:
    said = words("u0 b10 b20", now=NOON + 25 * MINUTE)

    assert "closes when more than 15:00 have passed, after 12:35:00" in said
    assert "Block 2 is open and not counted yet." in said


def test_lengths_keep_what_decides() -> None:
    assert say_length(SESSION) == "15:00"
    assert say_length(SESSION + 1000) == "15:00.001"
    assert say_length(DAY) == "24:00:00"


def test_date_and_offset_are_said_where_they_differ() -> None:
    spring = (datetime(2026, 3, 29, 0, 59, tzinfo=UTC) - ORIGIN) // timedelta(microseconds=1)
    local = clock(spring, "Europe/Berlin")

    assert local.say(spring) == "01:59:00"
    assert local.say(spring + MINUTE) == "03:00:00 (UTC+02:00)"
    assert local.say(spring + DAY) == "30 Mar 02:59:00 (UTC+02:00)"


def test_crowded_events_are_one_tick() -> None:
    events = [StreamEvent(NOON + n * SECOND, *LETTERS["ub"[n % 2]]) for n in range(5000)]
    (measured,) = measure_stream(events, channel="web", now=NOON + DAY)

    drawing = draw(measured, clock())

    assert len(drawing.ticks) <= 2 * ((RIGHT - LEFT) // TICK_WIDTH + 2)


def test_marks_are_full_local_times() -> None:
    (measured,) = measure("u0 b10 u20 b31")

    drawing = draw(measured, clock(NOON, "Asia/Kolkata"))

    assert [mark.label for mark in drawing.marks] == [
        "17:30", "17:35", "17:40", "17:45", "17:50", "17:55", "18:00",
    ]  # fmt: skip


def test_examples_are_what_their_titles_say() -> None:
    said = [
        " ".join(s for p in example.pictures for s in p.sentences) for example in list_examples()
    ]

    assert "3 usage sessions." in said[0]
    assert "is taken out" in said[1]
    assert "are free" in said[2]
    assert "3 alert sessions." in said[3]
    assert "3 voice sessions." in said[4]
    assert "1 usage session." in said[5]
    assert "2 usage sessions." in said[5]
