"""Which stretch of a stream has to be counted again when events arrive in it.

Pure arithmetic, like usage/sessions.py. A *barrier* is a place between two neighboring events that
nothing reaches across, whatever else the stream holds: what lies before it and what lies after it
are counted independently. Calls and agent intervals end within 24 hours, so barriers are found by
looking at little more than a day; the voice of a text channel reaches further, and such streams are
counted whole (`Stream.voice`).
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from usage.sessions import DAY, SESSION, EventType, StreamEvent

REACH = 2 * DAY  # read this much around what arrived: a day to know a barrier, a day to find one


class Touched(NamedTuple):
    """The first and the last instant at which something in a stream changed."""

    first: int
    last: int


class Reading(NamedTuple):
    """What was read of a stream: since when, and whether it holds more before and after."""

    since: int
    more_before: bool
    more_after: bool


class Stretch(NamedTuple):
    """Places ``start`` to ``stop`` of what was read.

    Stored conversations of the stream that start after ``after`` and before ``before`` are replaced
    (None: without bound).
    """

    start: int
    stop: int
    after: int | None
    before: int | None


def find_barriers(
    events: Sequence[StreamEvent], *, calls: bool, pauses: bool, reading: Reading
) -> Iterator[int]:
    """Yield each place before which a barrier lies, in order.

    One lies after each ``conversation.ended`` and, with ``pauses``, in each pause of more than
    15:00 that no agent interval and, where there are ``calls``, no call can reach over which began
    in the 24 hours before it.
    """
    openings = {EventType.TRANSFER_STARTED, *([EventType.STARTED] if calls else [])}
    last_opening = None if not reading.more_before else reading.since
    for place in range(1, len(events)):
        before = events[place - 1]
        if before.type in openings:
            last_opening = before.at
        settled = last_opening is None or before.at - last_opening > DAY
        if before.type == EventType.ENDED or (
            settled and pauses and events[place].at - before.at > SESSION
        ):
            yield place


def find_plain_barriers(instants: Sequence[int], letters: str, *, reading: Reading) -> list[int]:
    """Return what `find_barriers` yields for a text stream without agents and voice."""
    known = reading.since + (DAY if reading.more_before else -1)
    return [
        place
        for place in range(1, len(instants))
        if letters[place - 1] == "x"
        or (instants[place] - instants[place - 1] > SESSION and instants[place - 1] > known)
    ]


def choose_stretch(
    instants: Sequence[int], barriers: Sequence[int], *, touched: Touched, reading: Reading
) -> Stretch | None:
    """Return the smallest stretch between barriers that holds all that was touched.

    Both barriers have an untouched event before them, so they stood before the change as well and
    the conversations stored between them are just those to replace. None: no such barriers were
    read, the stream has to be counted whole.
    """
    before = bisect_left(barriers, touched.first, key=lambda place: instants[place - 1])
    after = bisect_right(barriers, touched.last, key=lambda place: instants[place - 1])
    if (before == 0 and reading.more_before) or (after == len(barriers) and reading.more_after):
        return None
    start = barriers[before - 1] if before else 0
    stop = barriers[after] if after < len(barriers) else len(instants)
    return Stretch(
        start=start,
        stop=stop,
        after=instants[start - 1] if start else None,
        before=instants[stop] if stop < len(instants) else None,
    )


def choose_rest(
    instants: Sequence[int], barriers: Sequence[int], *, pauses: bool, reading: Reading
) -> Stretch | None:
    """Return all of a stream that was read to its end, but for what reaches back to before that.

    None: everything may reach back to events that are no longer there, so nothing can be counted.
    """
    if not reading.more_before:
        return Stretch(start=0, stop=len(instants), after=None, before=None)
    if instants and instants[0] > reading.since + DAY and pauses:
        return Stretch(start=0, stop=len(instants), after=reading.since, before=None)
    if not barriers:
        return None
    start = barriers[0]
    return Stretch(start=start, stop=len(instants), after=instants[start - 1], before=None)
