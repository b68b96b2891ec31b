"""Session rule 1 for many streams without human agents, or with agents one by one, at once.

Most streams are such, and their rule is short: cut at ends and at pauses, measure from the first
message of the user to the last message, of a call all of it. Where one agent at a time takes over
(`find_disorder` says what that is), the clock pauses from the start of each transfer to its end. In
arrays it takes about a fiftieth of the time that the rule takes event by event. The rule itself is
usage/sessions.py; tests/usage/test_sessions.py has Hypothesis look for a stream on which the two
differ.
"""

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from usage.sessions import DAY, ORDERLY_LETTERS, SESSION

Counts = NDArray[np.int64]
Letters = NDArray[np.uint8]
Truths = NDArray[np.bool_]

STARTED, USER, BOT, ENDED, AGENT, HANDED, BACK = ORDERLY_LETTERS.encode()
NOWHERE = -1


class PlainEvents(NamedTuple):
    """The events of some streams, stream by stream in rule order.

    ``owners`` has the stream of each, ``letters`` one of `PLAIN_LETTERS` in small, or of
    `ORDERLY_LETTERS` in streams without `find_disorder`. ``calls`` tells whether its stream is
    voice, all of it or nothing; those have no agents.
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


class Transfers(NamedTuple):
    """Where agents take over and where they hand back, each pair one after another.

    ``lasting``: where they take over to the end of the conversation.
    """

    starts: Counts
    ends: Counts
    lasting: Counts


class Pauses(NamedTuple):
    """Agent time inside clocks, in order; ``conversations``: the places of what it belongs to."""

    conversations: Counts
    starts: Counts
    ends: Counts


NO_PAUSES = Pauses(*np.zeros((3, 0), dtype=np.int64))


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
    transfers = find_transfers(letters)
    begins = find_starts(events, transfers)
    first = np.flatnonzero(begins)
    last = np.append(first[1:], len(instants))[: len(first)] - 1
    # An end cannot begin a conversation, and what begins with one is nothing but that end.
    opened = letters[first] != ENDED
    first, last = first[opened], last[opened]

    starts, ends, voice = instants[first], instants[last], calls[first]
    with_bot = ~find_with_agent(instants, begins, transfers)
    asked = find_first(with_bot & (letters == USER), first, last)
    heard = with_bot & ((letters == USER) | (letters == BOT))
    said = find_last(heard | (letters == HANDED), first, last)
    clock_starts = np.where(voice, starts, instants[asked])
    clock_ends = np.where(voice, ends, instants[said])
    billed = (asked != NOWHERE) | (voice & (ends > starts))
    closed = (letters[last] == ENDED) | (now - ends > SESSION)

    kept = billed | voice
    closed, billed, voice = closed[kept], billed[kept], voice[kept]
    starts, ends, first, last = starts[kept], ends[kept], first[kept], last[kept]
    clock_starts, clock_ends = clock_starts[kept], clock_ends[kept]
    pauses = find_pauses(
        transfers, instants, np.stack((first, last)), starts=clock_starts, ends=clock_ends
    )
    bot_time = np.where(billed, clock_ends - clock_starts - add_up(pauses, len(first)), 0)
    return PlainConversations(
        owners=owners[first],
        starts=starts,
        ends=ends,
        closed=closed,
        voice=voice,
        bot_time=bot_time,
        usage=lay_blocks(clock_starts, clock_ends, closed, pauses, where=billed),
        voice_blocks=lay_blocks(starts, ends, closed, NO_PAUSES, where=voice),
    )


def find_starts(events: PlainEvents, transfers: Transfers) -> Truths:
    """Tell where a stream begins, or goes on after an end or a pause."""
    _, instants, letters, calls = events
    begins = find_segments(events)
    pauses = np.zeros_like(begins)
    pauses[1:] = ~begins[1:] & (instants[1:] - instants[:-1] > SESSION)
    if len(transfers.starts):
        within = number_stretches(transfers.starts, transfers.ends, size=len(instants)) != NOWHERE
        pauses[1:] &= ~within[:-1]
    if calls.any():
        # No pause cuts a call: from the last start before an end up to that, at most 24 hours.
        segments = np.flatnonzero(begins)
        last = np.append(segments[1:], len(instants))[: len(segments)] - 1
        started = find_last(letters == STARTED, segments, last)
        called = calls[segments] & (letters[last] == ENDED) & (started != NOWHERE)
        called &= instants[last] - instants[started] <= DAY
        since = np.where(called, started, len(instants))
        pauses[1:] &= np.arange(len(instants) - 1) < np.repeat(since, last - segments + 1)[1:]
    begins |= pauses
    return begins


def find_segments(events: PlainEvents) -> Truths:
    """Tell where a stream begins, or goes on after an end."""
    begins = np.ones(len(events.owners), dtype=np.bool_)
    begins[1:] = (events.owners[1:] != events.owners[:-1]) | (events.letters[:-1] == ENDED)
    return begins


def find_transfers(letters: Letters) -> Transfers:
    """Return the transfers of streams without `find_disorder`."""
    places = np.flatnonzero((letters == HANDED) | (letters == BACK))
    handed = letters[places] == HANDED
    paired = handed & np.append(~handed[1:], False)[: len(places)]
    return Transfers(places[paired], places[~handed], places[handed & ~paired])


def number_stretches(starts: Counts, stops: Counts, *, size: int) -> Counts:
    """Return for each of ``size`` places which stretch it lies in, NOWHERE if in none.

    They are disjoint and in order; the start lies in each, the stop does not.
    """
    numbers = np.full(size, NOWHERE)
    lengths = stops - starts
    before = np.cumsum(lengths) - lengths
    places = np.arange(lengths.sum()) + np.repeat(starts - before, lengths)
    numbers[places] = np.repeat(np.arange(len(lengths)), lengths)
    return numbers


def find_with_agent(instants: Counts, begins: Truths, transfers: Transfers) -> Truths:
    """Tell which messages lie in agent time; what is said at its last instant does not."""
    size = len(instants)
    if not (len(transfers.starts) or len(transfers.lasting)):
        return np.zeros(size, dtype=np.bool_)
    numbers = number_stretches(transfers.starts, transfers.ends, size=size)
    within = np.flatnonzero(numbers != NOWHERE)
    first = np.append(np.flatnonzero(begins), size)
    next_ones = first[np.searchsorted(first, transfers.lasting, side="right")]
    with_agent: Truths = number_stretches(transfers.lasting, next_ones, size=size) != NOWHERE
    with_agent[within] = instants[within] < instants[transfers.ends[numbers[within]]]
    return with_agent


def find_pauses(
    transfers: Transfers, instants: Counts, places: Counts, *, starts: Counts, ends: Counts
) -> Pauses:
    """Return the transfers inside clocks; none reaches across an end of its clock.

    ``places``: of the first and the last event of each conversation.
    """
    first, last = places
    owners = np.searchsorted(first, transfers.starts, side="right") - 1
    known = owners != NOWHERE
    owners, places = owners[known], transfers.starts[known]
    handed, back = instants[places], instants[transfers.ends[known]]
    inside = (places <= last[owners]) & (handed >= starts[owners]) & (back <= ends[owners])
    return Pauses(owners[inside], handed[inside], back[inside])


def find_disorder(events: PlainEvents, agents: Counts) -> Truths:
    """Tell which events keep a text stream from being counted here.

    Between two ends of conversations each start of a transfer is followed by its end, at most 24
    hours later and of the same agent if both are named; only the last one may be without. What
    agents say lies between the two, or after that last one without a pause that could cut.

    ``agents``: the number of the agent of each transfer, 0 without a name.
    """
    _, instants, letters, _ = events
    segments = np.cumsum(find_segments(events))
    cuts = np.cumsum(np.diff(instants, prepend=instants[:1]) > SESSION)
    places = np.flatnonzero((letters == HANDED) | (letters == BACK))
    handed = letters[places] == HANDED
    together = segments[places[1:]] == segments[places[:-1]]
    opened = np.append(False, handed[:-1] & together)[: len(places)]
    other = (agents[1:] != agents[:-1]) & (agents[1:] != 0) & (agents[:-1] != 0)
    late = instants[places[1:]] - instants[places[:-1]] > DAY
    wrong = handed == opened
    wrong[1:] |= ~handed[1:] & (other | late)

    spoken = np.flatnonzero(letters == AGENT)
    before = np.searchsorted(places, spoken) - 1
    lasts = ~np.append(together & ~handed[1:], False)[: len(places)]
    within = before != NOWHERE
    start = places[before[within]]
    within[within] = (
        handed[before[within]]
        & (segments[start] == segments[spoken[within]])
        & (~lasts[before[within]] | (cuts[start] == cuts[spoken[within]]))
    )
    disorder = np.zeros(len(letters), dtype=np.bool_)
    disorder[places] = wrong
    disorder[spoken] = ~within
    return disorder


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


def lay_blocks(
    starts: Counts, ends: Counts, closed: Truths, pauses: Pauses, *, where: Truths
) -> Blocks:
    """Lay blocks of 15:00 of bot time along clocks; at least one each, ``where`` so.

    A full block is completed and ends before a pause that falls there, and the next one starts
    after it. A shorter one ends with the clock, and is completed when its conversation is closed.
    """
    lengths = ends - starts - add_up(pauses, len(starts))
    counts = np.where(where, np.maximum(1, -(-lengths // SESSION)), 0)
    conversations = np.repeat(np.arange(len(starts)), counts)
    # Places of blocks less the place of their conversation's first one.
    numbers = np.arange(len(conversations)) - np.repeat(np.cumsum(counts) - counts, counts)
    passed = numbers * SESSION
    full = passed + SESSION <= lengths[conversations]
    begins = starts[conversations] + passed
    stops = begins + SESSION
    if len(pauses.starts):
        clocks = Clocks(starts, lengths, pauses)
        paused = clocks.find_paused(conversations, passed, side="right")
        begins += np.where(numbers, paused, 0)
        stops += clocks.find_paused(conversations, passed + SESSION, side="left")
    stops = np.where(full, stops, ends[conversations])
    return Blocks(conversations, numbers + 1, begins, stops, full | closed[conversations])


def add_up(pauses: Pauses, conversations: int) -> Counts:
    """Return how long the clock of each conversation pauses."""
    lengths = np.zeros(conversations, dtype=np.int64)
    np.add.at(lengths, pauses.conversations, pauses.ends - pauses.starts)
    return lengths


class Clocks:
    """Clocks that pause, all of them on one line of bot time."""

    def __init__(self, starts: Counts, lengths: Counts, pauses: Pauses) -> None:
        """Lay the clocks one behind another; ``lengths`` are their bot times."""
        owners = pauses.conversations
        self.totals = np.append(0, np.cumsum(pauses.ends - pauses.starts))
        # How long the clocks before each one paused.
        self.before = self.totals[np.searchsorted(owners, np.arange(len(starts)))]
        self.bases = np.cumsum(lengths + 1) - (lengths + 1)
        earlier = self.totals[:-1] - self.before[owners]
        self.places = self.bases[owners] + pauses.starts - starts[owners] - earlier

    def find_paused(
        self, conversations: Counts, passed: Counts, *, side: Literal["left", "right"]
    ) -> Counts:
        """Return how long clocks have paused when some bot time has passed.

        ``side``: "right" with a pause that falls there, "left" without it.
        """
        places = np.searchsorted(self.places, self.bases[conversations] + passed, side=side)
        paused: Counts = self.totals[places] - self.before[conversations]
        return paused
