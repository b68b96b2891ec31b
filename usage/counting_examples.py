"""Worked examples of how sessions are counted: made-up events, run through the real rule."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from usage.explaining import explain, measure_stream
from usage.sessions import DAY, LETTERS, SECOND, StreamEvent
from usage.timeline import Drawing, draw, draw_alerts
from usage.wording import LocalClock, say_number

ORIGIN = datetime(2026, 3, 2, 10, tzinfo=UTC)
ZONE = ZoneInfo("UTC")
MINUTE = 60 * SECOND


class Picture(NamedTuple):
    """One time line with the sentences of the rule."""

    name: str
    caption: str
    drawing: Drawing
    sentences: Sequence[str]


class Example(NamedTuple):
    """Something that people ask about, and its answer."""

    title: str
    text: str
    pictures: Sequence[Picture]


def list_examples() -> Iterator[Example]:
    """Yield the examples in the order of the page."""
    yield Example(
        "Each started 15 minutes count",
        "Minutes 0 to 15 are one session, 16 to 30 a second, and from minute 31 on it is a third: "
        "31 minutes are 3 sessions.",
        [talk("u0 b5 u10 b15 u20 b25 u30 b31", name="blocks")],
    )
    yield Example(
        "Time with a human agent is free",
        "While an agent has the conversation the clock stands still. It goes on with the bot.",
        [talk("u0 b4 u8 t10 a12 u16 a22 e25 b26 u30 b33", name="agent")],
    )
    yield Example(
        "Idle time at the end is free",
        "The clock stops with the last message, not with the end of the conversation.",
        [talk("u0 b3 u6 b8 x20", name="idle")],
    )
    yield Example(
        "Every delivered alert is a session",
        "A report every 8 hours is 3 sessions a day. Alerts that could not be delivered and "
        "notifications are not billing sessions.",
        [draw_day_of_alerts()],
    )
    yield Example(
        "A call counts twice, in two meters",
        "Voice sessions count the whole call, agents included. Usage sessions count the time with "
        "the bot alone.",
        [talk("s0 u1 b4 t10 a20 e30 b32 x40", channel="ivr", name="call")],
    )
    yield Example(
        "Late events are counted where they belong",
        "An event may arrive after others that are younger. The conversation is then counted "
        "again, as if it had come in time; nothing is ever counted twice.",
        [
            talk("u0 b6 u12", name="before", caption="Before"),
            talk(
                "u0 b6 u12 b22", name="after", caption="After a bot message of 10:22 arrived late"
            ),
        ],
    )


def talk(text: str, *, name: str, channel: str = "web", caption: str = "") -> Picture:
    """Return the time line of a conversation: letters of events, each with its minute."""
    events = [
        StreamEvent(
            int(part[1:]) * MINUTE, *LETTERS[part[0]], agent="ana" if part[0] in "te" else ""
        )
        for part in text.split()
    ]
    (measured,) = measure_stream(events, channel=channel, now=DAY)
    clock = LocalClock(ZONE, ORIGIN, events[0].at)
    return Picture(name, caption, draw(measured, clock), explain(measured, clock))


def draw_day_of_alerts() -> Picture:
    """Return the time line of a day with three alerts."""
    eight_hours = DAY // 3
    instants = [0, eight_hours, 2 * eight_hours]
    clock = LocalClock(ZONE, datetime(2026, 3, 2, tzinfo=UTC), 0)
    said = say_number(len(instants), "alert session")
    return Picture(
        "alerts", "", draw_alerts(instants, until=DAY, clock=clock), [f"One day: {said}."]
    )
