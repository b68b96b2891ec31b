"""Small streams for Hypothesis, with instants that collide and pauses of exactly 15:00."""

from itertools import accumulate

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from usage.sessions import (
    DAY,
    LETTERS,
    PLAIN_LETTERS,
    SECOND,
    SESSION,
    Direction,
    EventType,
    StreamEvent,
)

START = 800_000_000 * SECOND
STEPS = (0, 1, SECOND, 5 * 60 * SECOND, SESSION - 1, SESSION, SESSION + 1, SESSION + SECOND, DAY)
FEW_STEPS = (0, 5 * 60 * SECOND, SESSION, SESSION + 1, DAY)
Fact = tuple[int, int, str, bool]

channels = st.sampled_from(["web", "ivr"])
plain: SearchStrategy[Fact] = st.sampled_from(PLAIN_LETTERS).map(
    lambda letter: (*LETTERS[letter], "", False)
)
messages: SearchStrategy[Fact] = st.tuples(
    st.just(EventType.MESSAGE),
    st.sampled_from([Direction.USER, Direction.BOT, Direction.AGENT]),
    st.just(""),
    st.sampled_from([False] * 9 + [True]),
)
turns: SearchStrategy[Fact] = st.tuples(
    st.sampled_from(
        [EventType.STARTED, EventType.TRANSFER_STARTED, EventType.TRANSFER_ENDED, EventType.ENDED]
    ),
    st.just(Direction.NONE),
    st.sampled_from(["", "a", "b"]),
    st.just(False),
)


def lay(steps_and_facts: list[tuple[int, Fact]]) -> list[StreamEvent]:
    """Return events in rule order, each some time after the one before."""
    instants = accumulate((step for step, _ in steps_and_facts), initial=START)
    next(instants)
    events = [
        StreamEvent(at, *fact) for at, (_, fact) in zip(instants, steps_and_facts, strict=True)
    ]
    return sorted(events, key=lambda event: (event.at, event.type))


def streams_of(facts: SearchStrategy[Fact]) -> SearchStrategy[list[StreamEvent]]:
    """Return a strategy for streams of such events."""
    return st.lists(st.tuples(st.sampled_from(STEPS), facts), max_size=14).map(lay)


spoken: SearchStrategy[Fact] = st.sampled_from("uba").map(
    lambda letter: (*LETTERS[letter], "", False)
)
names = st.sampled_from(["", "a", "b"])


def hand_over(start: str, said: list[Fact], end: str | None) -> list[Fact]:
    """Return what comes of an agent who takes over, with or without an end."""
    ends = [] if end is None else [(*LETTERS["e"], end, False)]
    return [(*LETTERS["t"], start, False), *said, *ends]


handovers = st.builds(hand_over, names, st.lists(spoken, max_size=3), st.none() | names)
any_streams = streams_of(messages | turns)
plain_streams = streams_of(plain)


@st.composite
def handled_streams(draw: st.DrawFn) -> list[StreamEvent]:
    """Return a text stream with agents, who mostly come one after another.

    With these few steps blocks are often full just where an agent takes over.
    """
    alone = (plain | spoken).map(lambda fact: [fact])
    parts = draw(st.lists(handovers | alone, max_size=6))
    return lay([(draw(st.sampled_from(FEW_STEPS)), fact) for part in parts for fact in part])


def spell(events: list[StreamEvent]) -> str:
    """Return the letters of events that are not voice."""
    by_kind = {kind: letter for letter, kind in LETTERS.items()}
    return "".join(by_kind[EventType(event.type), Direction(event.direction)] for event in events)
