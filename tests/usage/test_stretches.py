"""What is counted again after a change equals what the whole stream would give."""

from hypothesis import given
from hypothesis import strategies as st

from tests.usage.streams import START, any_streams, channels, plain_streams, spell
from usage.sessions import DAY, VOICE_CHANNELS, Conversation, StreamEvent, count_sessions
from usage.stretches import (
    REACH,
    Reading,
    Stretch,
    Touched,
    choose_rest,
    choose_stretch,
    find_barriers,
    find_plain_barriers,
)

NOW = START + 1000 * DAY


def replace(stored: list[Conversation], stretch: Stretch, counted: list[Conversation]) -> object:
    """Return what is stored after the stretch was counted again, as the roll-up writes it."""
    kept = [
        conversation
        for conversation in stored
        if (stretch.after is not None and conversation.start <= stretch.after)
        or (stretch.before is not None and conversation.start >= stretch.before)
    ]
    return sorted(kept + counted, key=lambda conversation: conversation.start)


@given(any_streams, channels, st.sets(st.integers(0, 13), min_size=1))
def test_counting_a_stretch_again_equals_counting_the_stream(
    events: list[StreamEvent], channel: str, arrived: set[int]
) -> None:
    new = [event for place, event in enumerate(events) if place in arrived]
    old = [event for place, event in enumerate(events) if place not in arrived]
    if not new or (any(event.voice for event in events) and channel not in VOICE_CHANNELS):
        return
    touched = Touched(new[0].at, new[-1].at)
    since, until = touched.first - REACH, touched.last + REACH
    read = [event for event in events if since <= event.at <= until]
    reading = Reading(since, events[0].at < since, events[-1].at > until)

    calls = channel in VOICE_CHANNELS
    barriers = list(find_barriers(read, calls=calls, pauses=True, reading=reading))
    stretch = choose_stretch(
        [event.at for event in read], barriers, touched=touched, reading=reading
    )

    whole = count_sessions(events, channel=channel, now=NOW)
    if stretch is not None:
        part = read[stretch.start : stretch.stop]
        counted = count_sessions(part, channel=channel, now=NOW)
        stored = count_sessions(old, channel=channel, now=NOW)
        assert replace(stored, stretch, counted) == whole


@given(plain_streams, st.booleans())
def test_short_form_finds_the_same_barriers(events: list[StreamEvent], more: bool) -> None:
    reading = Reading(START - DAY // 2, more, more)

    barriers = find_plain_barriers([event.at for event in events], spell(events), reading=reading)

    assert barriers == list(find_barriers(events, calls=False, pauses=True, reading=reading))


@given(any_streams, channels, st.integers(0, 13), st.integers(0, 3))
def test_what_follows_removed_events_is_counted_as_before(
    events: list[StreamEvent], channel: str, first: int, half_days: int
) -> None:
    if any(event.voice for event in events) and channel not in VOICE_CHANNELS:
        return
    stored = count_sessions(events, channel=channel, now=NOW)
    since = events[min(first, len(events) - 1)].at - half_days * DAY // 2 if events else START
    left = [event for event in events if event.at >= since]
    reading = Reading(since, more_before=True, more_after=False)
    barriers = list(
        find_barriers(left, calls=channel in VOICE_CHANNELS, pauses=True, reading=reading)
    )

    stretch = choose_rest([event.at for event in left], barriers, pauses=True, reading=reading)

    if stretch is not None:
        counted = count_sessions(left[stretch.start : stretch.stop], channel=channel, now=NOW)
        assert replace(stored, stretch, counted) == stored
