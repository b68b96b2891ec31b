"""Events are counted anew, stream by stream: sessions by the session rule, seats by rule 12.

Events come in the order of `sort_key`, which is checked, so that one stream at a time is in memory
and the same events are always the same bytes.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from invoices.proof.facts import CannotProve, Event, count_from
from usage.sessions import DAY, LAST_OF_STREAM, EventType, StreamEvent, count_sessions

OF_AGENTS = range(EventType.SEAT_ASSIGNED, EventType.SIGNED_OUT + 1)

StreamName = tuple[str, str, str, str, str]
Held = tuple[int, int]  # from an instant up to another, which is left out


class Usage:
    """What was counted: by bot, stretch of time and meter.

    ``cuts``: by bot the instants between which is counted; what starts outside is left out.
    """

    def __init__(self, cuts: Mapping[str, Sequence[int]], *, as_of: int) -> None:
        """Nothing is counted yet; ``as_of``: the clock."""
        self.cuts = cuts
        self.as_of = as_of
        self.counted: Counter[tuple[str, int, str]] = Counter()
        self.seats: dict[str, list[list[Held]]] = {}
        self.signed_in: dict[str, list[Held]] = {}
        self.events = 0
        self.late = 0  # events that came so late that they may have been stored after the clock
        self.sessions = 0

    def add(self, bot: str, at: int, meter: str) -> None:
        """Count one more of a meter, where it starts in one of the stretches."""
        place = bisect_right(self.cuts[bot], at) - 1
        if 0 <= place < len(self.cuts[bot]) - 1:
            self.counted[bot, place, meter] += 1
            self.sessions += meter != "conversations"

    def take(self, event: Event) -> None:
        """Note that an event was read."""
        self.events += 1
        if count_from(event["received_at"]) > self.as_of - DAY:
            ends = self.cuts.get(event["bot"], ())[-1:]  # of what is counted: the month begins
            self.late += any(count_from(event["at"]) < end for end in ends)

    def count(self, bot: str, meter: str, start: int, end: int) -> int:
        """Return how many of a meter started from a cut up to another, or held a seat between."""
        if meter == "agents":
            return sum(
                any(touches(held, start, end) for held in of_agent)
                for of_agent in self.seats.get(bot, [])
            )
        if meter == "agents_peak":
            return find_most_at_once(self.signed_in.get(bot, []), start, end)
        first, last = self.cuts[bot].index(start), self.cuts[bot].index(end)
        meters = ["usage", "alert_sessions"] if meter == "billing_sessions" else [meter]
        return sum(self.counted[bot, place, of] for of in meters for place in range(first, last))


class Positioned(NamedTuple):
    """An event that counts, at its instant as a number."""

    at: int
    event: Event


def sort_key(event: Event) -> tuple[str | int, ...]:
    """Return by what events are in order: stream, then rule order (code points)."""
    return (
        *name_stream(event),
        event["at"],
        event["type"],
        event["source"],
        event["id"],
    )


def name_stream(event: Event) -> StreamName:
    """Return what tells streams apart: an agent of a bot, or a user with it."""
    agent = event.get("agent", "") if event["type"] in OF_AGENTS else ""
    names = (event.get(name, "") for name in ("channel", "user", "conversation"))
    return (event["bot"], agent, *names)  # type: ignore[return-value]  # of a known length


def count_events(
    events: Iterable[Event], *, usage: Usage, progress: Callable[[int], None] = lambda count: None
) -> None:
    """Count events into ``usage``; ``progress`` is told after each stream how many it were so far.

    Raises:
        CannotProve: they are not in order, or one comes twice.
    """
    for name, stream in groupby(in_order(events, usage), key=name_stream):
        counting = [
            Positioned(at, event)
            for event in stream
            if is_counted(event) and (at := count_from(event["at"])) <= usage.as_of
        ]
        if name[0] in usage.cuts:
            count_stream(name, counting, usage)
        progress(usage.events)


def in_order(events: Iterable[Event], usage: Usage) -> Iterator[Event]:
    """Yield events, counted, as long as each comes after the one before."""
    before: tuple[str | int, ...] = ()
    for event in events:
        usage.take(event)
        key = sort_key(event)
        if key <= before:
            raise CannotProve(f"Event {event['id']} of {event['source']} is not in its place.")
        before = key
        yield event


def is_counted(event: Event) -> bool:
    """Tell whether an event counts: rule 1 leaves out what developers and tests do."""
    return not (event.get("developer") or event.get("test"))


def count_stream(name: StreamName, events: Sequence[Positioned], usage: Usage) -> None:
    """Count one stream."""
    bot, agent, channel, *_ = name
    if agent:
        usage.seats.setdefault(bot, []).append(list(hold_seats(events, usage.as_of)))
        usage.signed_in.setdefault(bot, []).extend(sign_in(events, usage.as_of))
        return
    for at, event in events:
        if event["type"] == EventType.ALERT_DELIVERED:
            usage.add(bot, at, "alert_sessions")
    of_rule = [
        StreamEvent(
            at,
            event["type"],
            event.get("direction", 0),
            event.get("agent", ""),
            event.get("voice", False),
        )
        for at, event in events
        if event["type"] <= LAST_OF_STREAM
    ]
    for conversation in count_sessions(of_rule, channel=channel, now=usage.as_of):
        for block in conversation.usage:
            if block.completed:
                usage.add(bot, block.start, "usage")
        for block in conversation.voice_blocks:
            if block.completed:
                usage.add(bot, block.start, "voice_sessions")
        if conversation.usage and conversation.closed:
            usage.add(bot, conversation.usage[0].start, "conversations")


def hold_seats(events: Iterable[Positioned], as_of: int) -> Iterator[Held]:
    """Yield when an agent held a seat: from its assignment up to its release, or until now."""
    since: int | None = None
    for at, event in events:
        if event["type"] == EventType.SEAT_ASSIGNED and since is None:
            since = at
        if event["type"] == EventType.SEAT_RELEASED and since is not None:
            yield since, at
            since = None
    if since is not None:
        yield since, as_of


def sign_in(events: Iterable[Positioned], as_of: int) -> Iterator[Held]:
    """Yield when an agent was signed in: at the longest for 24 hours after the latest sign-in."""
    since: int | None = None
    ends = 0
    for at, event in events:
        if since is not None and at > ends:
            yield since, ends
            since = None
        if event["type"] == EventType.SIGNED_IN:
            since = at if since is None else since
            ends = at + DAY
        if event["type"] == EventType.SIGNED_OUT and since is not None:
            yield since, at
            since = None
    if since is not None:
        yield since, min(ends, as_of)


def touches(held: Held, start: int, end: int) -> bool:
    """Tell whether something that has a length lies in a stretch of time, with some of it."""
    return held[0] < held[1] and held[0] < end and held[1] > start


def find_most_at_once(spans: Iterable[Held], start: int, end: int) -> int:
    """Return how many were signed in at one instant of a stretch of time, at the most."""
    steps: list[tuple[int, int]] = []
    for span in spans:
        if touches(span, start, end):
            steps += [(max(span[0], start), 1), (min(span[1], end), -1)]
    most = now = 0
    for _, step in sorted(steps):  # who leaves at an instant is gone before another comes
        now += step
        most = max(most, now)
    return most
