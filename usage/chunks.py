"""Events are gathered in chunks: checked, and written as the lines that COPY reads.

Nothing here needs Django or a database, so that the process which checks the events of an import
(usage/checker.py) starts quickly.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple

import msgspec

from usage.event_format import (
    MAX_EVENT_BYTES,
    CheckedEvent,
    EventRejected,
    Facts,
    Limits,
    StreamName,
    check_event,
)
from usage.sessions import LAST_OF_STREAM, VOICE_CHANNELS

Line = tuple[int, bytes]  # an event as it came, after its place in the input


class Lines(NamedTuple):
    """Whole lines of the input as they came, the first of which has a place, from 1."""

    place: int
    text: bytes

    def events(self) -> Iterator[Line]:
        """Yield the lines that are not empty, with their places."""
        for place, line in enumerate(self.text.split(b"\n"), self.place):
            if line and not line.isspace():
                yield place, line


class Rejection(NamedTuple):
    """An event that was refused: its place in the input, from 1, and why."""

    place: int
    code: str
    detail: str
    source: str = ""
    event_id: str = ""
    subject: str = ""


class Chunk(NamedTuple):
    """Checked events on their way into the database, in one transaction.

    ``stream_lines`` and ``event_lines`` are for COPY; they name bots, sources and streams by their
    numbers in this chunk, from 1. ``create_bots``: those that are not known are created.
    ``received`` counts by source what was read, by itself: the others have to add up to it.
    ``distinct`` events have a source and an id of their own; ``taken`` counts, by source, those too
    that repeat one before them, and ``differing`` those of the latter that say something else.
    """

    size: int
    received: Counter[str]
    bots: list[str]
    create_bots: bool
    sources: list[str]
    stream_lines: bytes
    event_lines: bytes
    has_voice: bool
    distinct: int
    taken: Counter[str]
    differing: Counter[str]
    rejections: list[Rejection]


def check_events(events: Iterable[Line], *, limits: Limits, bots: Collection[str] | None) -> Chunk:
    """Check events; of two with one source and id the first counts.

    Those of ``bots`` are taken; where that is None, those of any bot, which is then created.
    """
    gathering = Gathering(limits=limits, bots=bots)
    for place, text in events:
        gathering.add(place, text)
    return gathering.close()


class Gathering:
    """The events of a chunk while they are checked."""

    def __init__(self, *, limits: Limits, bots: Collection[str] | None) -> None:
        self.limits = limits
        self.bots = bots
        self.size = 0
        self.received: list[str] = []  # the source of each event; counted at once, which is quick
        self.streams: dict[StreamName, int] = {}
        self.voices: set[StreamName] = set()
        self.rows: dict[str, dict[str, str]] = {}  # source: event id: the rest of its COPY line
        self.repeated: Counter[str] = Counter()
        self.differing: Counter[str] = Counter()
        self.rejections: list[Rejection] = []

    def add(self, place: int, text: bytes) -> None:
        """Check one event and keep it, or the reason against it."""
        self.size += 1
        try:
            event = check_event(text, limits=self.limits)
            if self.bots is not None and event.stream.bot not in self.bots:
                raise EventRejected("unknown_bot", f"There is no bot {event.stream.bot!r}.")
        except EventRejected as error:
            rejection = Rejection(place, error.code, error.detail, *peek(text))
            self.received.append(rejection.source)
            self.rejections.append(rejection)
        else:
            self.received.append(event.source)
            self.keep(event)

    def keep(self, event: CheckedEvent) -> None:
        """Keep an event, if it is the first with its source and id; count others as repeated."""
        rows = self.rows.get(event.source)
        if rows is None:
            rows = self.rows[event.source] = {}
        first = rows.get(event.event_id)
        if first is not None:
            self.repeated[event.source] += 1
            self.differing[event.source] += first != self.write_row(event)
            return
        stream = event.stream
        self.streams.setdefault(stream, len(self.streams) + 1)
        rows[event.event_id] = self.write_row(event)
        if event.facts.voice and self.counts_as_voice(event):
            self.voices.add(stream)

    def write_row(self, event: CheckedEvent) -> str:
        """Return an event's line of COPY without source and id; 0: no kept event has its stream."""
        number = self.streams.get(event.stream, 0)
        return f"{number}\t{event.time}\t{write_facts(event.facts)}"

    def counts_as_voice(self, event: CheckedEvent) -> bool:
        """Tell whether an event with voice makes its stream one: on a text channel, by the rule."""
        of_rule = event.facts.type <= LAST_OF_STREAM
        return of_rule and event.stream.channel not in VOICE_CHANNELS

    def close(self) -> Chunk:
        """Return what was gathered."""
        bots = list({stream.bot: None for stream in self.streams})
        return Chunk(
            size=self.size,
            received=Counter(self.received),
            bots=bots,
            create_bots=self.bots is None,
            sources=list(self.rows),
            stream_lines="".join(self.write_streams(bots)).encode(),
            event_lines="".join(self.write_events()).encode(),
            has_voice=bool(self.voices),
            distinct=sum(map(len, self.rows.values())),
            taken=self.repeated + Counter({name: len(rows) for name, rows in self.rows.items()}),
            differing=self.differing,
            rejections=self.rejections,
        )

    def write_streams(self, bots: list[str]) -> Iterator[str]:
        """Yield the streams as lines of COPY."""
        numbers = {bot: number for number, bot in enumerate(bots, 1)}
        for stream, number in self.streams.items():
            bot, *names = msgspec.structs.astuple(stream)
            columns = "\t".join(map(escape_copy, names))
            voice = stream in self.voices
            yield f"{number}\t{key_stream(bot, *names)}\t{numbers[bot]}\t{columns}\t{voice:d}\n"

    def write_events(self) -> Iterator[str]:
        """Yield the events as lines of COPY."""
        for number, rows in enumerate(self.rows.values(), 1):
            for event_id, row in rows.items():
                yield f"{number}\t{escape_copy(event_id)}\t{row}\n"


@lru_cache(maxsize=4096)
def write_facts(facts: Facts) -> str:
    """Return what an event says beside its stream and time, as columns of COPY."""
    type_, direction, voice, developer, test, *names = facts
    flags = f"{type_:d}\t{direction:d}\t{voice:d}\t{developer:d}\t{test:d}"
    return "\t".join([flags, *map(escape_copy, names)])


def escape_copy(value: str) -> str:
    """Return a text as COPY reads it."""
    if value.isprintable() and "\\" not in value:  # nearly always, and quickly told
        return value
    value = value.replace("\\", "\\\\").replace("\t", "\\t")
    return value.replace("\n", "\\n").replace("\r", "\\r")


def key_stream(*names: str) -> str:
    """Return the key of a stream, as COPY reads a uuid: the same for the same names, always."""
    return hashlib.blake2b("\0".join(names).encode(), digest_size=16).hexdigest()


def peek(text: bytes) -> tuple[str, str, str]:
    """Return source, id and subject of a refused event, as far as they can be read and stored."""
    try:
        fields = msgspec.json.decode(text[:MAX_EVENT_BYTES])
        values = [fields.get(name) for name in ("source", "id", "subject")]
    except (ValueError, RecursionError, AttributeError):
        return ("", "", "")
    source, event_id, subject = (
        value.replace("\0", "") if isinstance(value, str) else "" for value in values
    )
    return (source[:512], event_id[:256], subject[:128])
