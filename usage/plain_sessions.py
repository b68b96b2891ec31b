"""Session rule 1 for many streams without human agents at once.

Most streams are such, and their rule is short: cut at ends and at pauses, measure from the first
message of the user to the last message, of a call all of it. In arrays it takes about a fiftieth
of the time that the rule takes event by event. The rule itself is usage/sessions.py;
tests/usage/test_sessions.py has Hypothesis look for a stream on which the two differ.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from usage.sessions import DAY, PLAIN_LETTERS, SESSION

Counts = NDArray[np.int64]
Letters = NDArray[np.uint8]
Truths = NDArray[np.bool_]

STARTED, USER, BOT, ENDED = PLAIN_LETTERS.encode()
NOWHERE = -1


class PlainEvents(NamedTuple):
    """The events of streams without human agents, stream by stream in rule order.

    ``owners`` has the stream of each, ``letters`` one of `PLAIN_LETTERS` in small, and ``calls``
    tells whether its stream is voice: all of it or nothing.
    """

    owners: Counts
    instants: Counts
    letters: Letters
    calls: Truths


class Blocks(NamedTuple):
    """Sessions of one kind; ``conversations`` are the places of what each belongs to."""

    conversations: Counts
    numbers: Counts
    starts: Counts
    ends: Counts
    completed: Truths


class PlainConversations(NamedTuple):
    """Conversations with sessions, in the order of their events; columns of `Conversation`."""

    owners: Counts
    starts: Counts
    ends: Counts
    closed: Truths
    voice: Truths
    bot_time: Counts
    usage: Blocks
    voice_blocks: Blocks


def count_plain_sessions(events: PlainEvents, *, now: int) -> PlainConversations:
    """Return what `count_sessions` returns for each stream, without what has no session."""
    owners, instants, letters, calls = events
    first = find_starts(events)
    last = np.append(first[1:], len(instants))[: len(first)] - 1
    # An end cannot begin a conversation, and what begins with one is nothing but that end.
    opened = letters[first] != ENDED
    first, last = first[opened], last[opened]

    starts, ends, voice = instants[first], instants[last], calls[first]
    asked = find_first(letters == USER, first, last)
    said = find_last((letters == USER) | (letters == BOT), first, last)
    clock_starts = np.where(voice, starts, instants[asked])
    clock_ends = np.where(voice, ends, instants[said])
    billed = (asked != NOWHERE) | (voice & (ends > starts))
    bot_time = np.where(billed, clock_ends - clock_starts, 0)
    closed = (letters[last] == ENDED) | (now - ends > SESSION)

    kept = billed | voice
    closed, billed, voice = closed[kept], billed[kept], voice[kept]
    starts, ends = starts[kept], ends[kept]
    return PlainConversations(
        owners=owners[first[kept]],
        starts=starts,
        ends=ends,
        closed=closed,
        voice=voice,
        bot_time=bot_time[kept],
        usage=lay_blocks(clock_starts[kept], clock_ends[kept], closed, where=billed),
        voice_blocks=lay_blocks(starts, ends, closed, where=voice),
    )


def find_starts(events: PlainEvents) -> Counts:
    """Return the places at which a stream begins, or goes on after an end or a pause."""
    owners, instants, letters, calls = events
    begins = np.ones(len(instants), dtype=np.bool_)
    begins[1:] = (owners[1:] != owners[:-1]) | (letters[:-1] == ENDED)
    pauses = np.zeros_like(begins)
    pauses[1:] = ~begins[1:] & (instants[1:] - instants[:-1] > SESSION)
    if calls.any():
        # No pause cuts a call: from the last start before an end up to that, at most 24 hours.
        segments = np.flatnonzero(begins)
        last = np.append(segments[1:], len(instants))[: len(segments)] - 1
        started = find_last(letters == STARTED, segments, last)
        called = calls[segments] & (letters[last] == ENDED) & (started != NOWHERE)
        called &= instants[last] - instants[started] <= DAY
        since = np.where(called, started, len(instants))
        pauses[1:] &= np.arange(len(instants) - 1) < np.repeat(since, last - segments + 1)[1:]
    return np.flatnonzero(begins | pauses)


def find_first(wanted: Truths, first: Counts, last: Counts) -> Counts:
    """Return for each stretch the first place in it that is wanted; NOWHERE: there is none."""
    places = np.append(np.flatnonzero(wanted), len(wanted))
    found = places[np.searchsorted(places, first)]
    return np.where(found <= last, found, NOWHERE)


def find_last(wanted: Truths, first: Counts, last: Counts) -> Counts:
    """Return for each stretch the last place in it that is wanted; NOWHERE: there is none."""
    places = np.insert(np.flatnonzero(wanted), 0, NOWHERE)
    found = places[np.searchsorted(places, last, side="right") - 1]
    return np.where(found >= first, found, NOWHERE)


def lay_blocks(starts: Counts, ends: Counts, closed: Truths, *, where: Truths) -> Blocks:
    """Lay blocks of 15:00 along clocks without agent time; at least one each, ``where`` so.

    A full block is completed, a shorter one when its conversation is closed.
    """
    counts = np.where(where, np.maximum(1, -((starts - ends) // SESSION)), 0)
    conversations = np.repeat(np.arange(len(starts)), counts)
    # Places of blocks less the place of their conversation's first one.
    numbers = np.arange(len(conversations)) - np.repeat(np.cumsum(counts) - counts, counts)
    begins = starts[conversations] + numbers * SESSION
    full = begins + SESSION
    ends = np.minimum(full, ends[conversations])
    return Blocks(conversations, numbers + 1, begins, ends, (ends == full) | closed[conversations])
