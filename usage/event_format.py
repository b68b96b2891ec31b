"""What an event must look like: from one JSON text to a checked event, or to the reason against it.

CloudEvents 1.0 in JSON; docs/events.md lists the fields. What is not listed there is not read, so
texts of messages never get further than this module.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, NamedTuple

import msgspec
from msgspec import Meta

from usage.sessions import LAST_OF_STREAM, Direction, EventType

MAX_EVENT_BYTES = 64 * 1024
AHEAD = timedelta(minutes=5)
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)

TYPES = {
    "conversation.started": EventType.STARTED,
    "conversation.message": EventType.MESSAGE,
    "agent.transfer_started": EventType.TRANSFER_STARTED,
    "agent.transfer_ended": EventType.TRANSFER_ENDED,
    "conversation.ended": EventType.ENDED,
    "agent.seat_assigned": EventType.SEAT_ASSIGNED,
    "agent.seat_released": EventType.SEAT_RELEASED,
    "agent.signed_in": EventType.SIGNED_IN,
    "agent.signed_out": EventType.SIGNED_OUT,
    "alert.delivered": EventType.ALERT_DELIVERED,
    "alert.failed": EventType.ALERT_FAILED,
    "notification.delivered": EventType.NOTIFICATION_DELIVERED,
}
OF_AGENTS = frozenset(
    {EventType.SEAT_ASSIGNED, EventType.SEAT_RELEASED, EventType.SIGNED_IN, EventType.SIGNED_OUT}
)
DIRECTIONS = {"user": Direction.USER, "bot": Direction.BOT, "agent": Direction.AGENT}

Required = Annotated[str, Meta(min_length=1, max_length=256)]
RequiredShort = Annotated[str, Meta(min_length=1, max_length=128)]
RequiredLong = Annotated[str, Meta(min_length=1, max_length=512)]
Tag = Annotated[str, Meta(max_length=64)]
Name = Annotated[str, Meta(max_length=256)]
ShortName = Annotated[str, Meta(max_length=128)]

RFC_3339 = re.compile(
    r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(?:\.\d+)?([Zz]|[+-]\d\d:\d\d)?", re.ASCII
)
CANONICAL = len("2026-03-02T12:00:00.000000Z")


class EventRejected(Exception):
    """An event that is refused: a stable code, and a sentence for whoever sent it."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class EventData(msgspec.Struct, gc=False):
    """The ``data`` of an event, as far as it is read; null is the same as absent."""

    user: Name | None = None
    channel: Tag | None = None
    conversation: Name | None = None
    direction: Tag | None = None
    modality: Tag | None = None
    agent: Name | None = None
    alert: Name | None = None
    notification: Name | None = None
    developer: bool | None = None
    environment: Tag | None = None
    parent_bot: ShortName | None = None


class CloudEvent(msgspec.Struct, gc=False):
    """The envelope of an event."""

    specversion: str
    id: Required
    source: RequiredLong
    type: RequiredShort
    subject: RequiredShort
    time: RequiredShort
    data: EventData | None = None


class StreamName(msgspec.Struct, frozen=True, gc=False):
    """What tells streams apart: a conversation's partners, or an agent of a bot."""

    bot: str
    channel: str
    user: str
    conversation: str
    agent: str


class Facts(NamedTuple):
    """What an event says beside its id, stream and time: the same few of many events."""

    type: int
    direction: int
    voice: bool
    developer: bool
    test: bool
    agent: str
    alert: str
    notification: str
    parent_bot: str


class CheckedEvent(msgspec.Struct, gc=False):
    """An event that may be stored, if its bot is known; equal instants are equal texts."""

    source: str
    event_id: str
    stream: StreamName
    time: str
    facts: Facts


class Limits(NamedTuple):
    """Which times are taken: up to ``AHEAD`` of ``now`` and from ``oldest`` on."""

    now: datetime
    oldest: datetime


NO_DATA = EventData()

decode = msgspec.json.Decoder(CloudEvent).decode


def check_event(text: bytes, *, limits: Limits) -> CheckedEvent:
    """Read one event and check everything about it but its bot.

    Raises:
        EventRejected: it is malformed, incomplete or out of time.
    """
    event = read_event(text)
    kind = TYPES.get(event.type)
    if kind is None:
        raise EventRejected("unknown_type", f"There is no event type {event.type!r}.")
    data = event.data or NO_DATA
    return CheckedEvent(
        event.source,
        event.id,
        name_stream(event.subject, kind, data),
        read_time(event.time, limits=limits),
        read_facts(
            kind,
            data.direction,
            data.modality,
            data.developer,
            data.environment,
            data.agent,
            data.alert,
            data.notification,
            data.parent_bot,
        ),
    )


def read_event(text: bytes) -> CloudEvent:
    """Decode one event and check the shape of all its fields."""
    if len(text) > MAX_EVENT_BYTES:
        raise EventRejected("too_long", f"An event has at most {MAX_EVENT_BYTES} bytes.")
    try:
        event = decode(text)
    except msgspec.ValidationError as error:
        raise explain(str(error)) from None
    except (ValueError, RecursionError):  # malformed JSON, or bytes that are not UTF-8
        raise EventRejected("bad_json", "This is not one JSON object in UTF-8.") from None
    if event.specversion != "1.0":
        raise EventRejected("bad_field", "The specversion must be 1.0.")
    if b"\\u0000" in text and has_nul(event):
        raise EventRejected("bad_field", "A value holds a NUL character.")
    return event


def explain(error: str) -> EventRejected:
    """Return the rejection for what the decoder found, which names the field."""
    if "missing required field" in error or "length >= 1" in error:
        return EventRejected("missing_field", f"{error}.")
    return EventRejected("too_long" if "length <=" in error else "bad_field", f"{error}.")


def has_nul(event: CloudEvent) -> bool:
    """Tell whether any text that would be stored holds the one character no column takes."""
    values = (*msgspec.structs.astuple(event), *msgspec.structs.astuple(event.data or EventData()))
    return any(isinstance(value, str) and "\0" in value for value in values)


@lru_cache(maxsize=4096)  # the same few, again and again
def read_facts(
    kind: EventType,
    direction: str | None,
    modality: str | None,
    developer: bool | None,
    environment: str | None,
    *names: str | None,
) -> Facts:
    """Return what the fields say that most events have in common with others."""
    return Facts(
        kind,
        read_direction(direction) if kind == EventType.MESSAGE else Direction.NONE,
        modality == "voice",
        developer is True,
        environment == "test",
        *(name or "" for name in names),
    )


def name_stream(bot: str, kind: EventType, data: EventData) -> StreamName:
    """Return the stream of an event; the fields that tell it apart must be there."""
    if kind <= LAST_OF_STREAM:
        if not data.user:
            raise EventRejected("missing_field", "The user is missing in data.")
        if not data.channel:
            raise EventRejected("missing_field", "The channel is missing in data.")
    elif kind in OF_AGENTS:
        if not data.agent:
            raise EventRejected("missing_field", "The agent is missing in data.")
        return StreamName(bot, "", "", "", data.agent)
    return StreamName(bot, data.channel or "", data.user or "", data.conversation or "", "")


def read_direction(direction: str | None) -> int:
    """Return the direction of a message."""
    try:
        return DIRECTIONS[direction or ""]
    except KeyError:
        raise EventRejected("bad_field", "The direction must be user, bot or agent.") from None


def read_time(text: str, *, limits: Limits) -> str:
    """Return an instant in UTC with all its microseconds; what is finer is cut off."""
    shape = RFC_3339.fullmatch(text)
    if shape is None:
        raise EventRejected("bad_time", "The time is not a date and time of RFC 3339.")
    if shape[1] is None:
        raise EventRejected("no_offset", "The time has no offset from UTC, such as Z or +05:30.")
    try:
        at = datetime.fromisoformat(text.upper())
        if at.tzinfo is not UTC:
            at = at.astimezone(UTC)
    except (ValueError, OverflowError):
        raise EventRejected("bad_time", "There is no such date and time.") from None
    if at > limits.now + AHEAD:
        raise EventRejected("in_future", "The time is more than 5 minutes ahead.")
    if at < limits.oldest:
        oldest = limits.oldest.isoformat(timespec="seconds")
        raise EventRejected("too_old", f"The time is before {oldest}, since when events are taken.")
    # To write an instant takes longer than all of the above, and most are written so already.
    if len(text) == CANONICAL and text[10] == "T" and text[-1] == "Z":
        return text
    return f"{at.replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
