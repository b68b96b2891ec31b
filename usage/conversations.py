"""One conversation with its events, counted again by the real rule."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from django.db.models import QuerySet

from accounts.models import Bot, Workspace
from usage import retention
from usage.event_format import EARLIEST
from usage.explaining import Measured, measure_stream
from usage.models import BillingSession, Conversation, Event, Stream
from usage.postgres_time import MICROSECOND, from_count, to_count
from usage.session_queries import name_conversation
from usage.sessions import DAY, LAST_OF_STREAM, StreamEvent
from usage.stretches import REACH

CONVERSATION_ID = re.compile(r"([0-9a-f]{32})-(-?[0-9a-f]{1,15})", re.ASCII)
AROUND = REACH * MICROSECOND
FIRST, LAST = to_count(EARLIEST), to_count(datetime(2200, 1, 1, tzinfo=UTC))


class NoConversation(Exception):
    """There is no such conversation, or it is not to be seen."""


class Known(NamedTuple):
    """A conversation.

    ``measured`` None: its events were removed, and what is stored of it is all there is.
    """

    id: str
    stream: Stream
    bot: Bot
    started_at: datetime
    ended_at: datetime
    measured: Measured | None
    stored: Conversation | None
    sessions: Sequence[BillingSession]


def read_conversation(
    *, workspace: Workspace, bots: QuerySet[Bot], name: str, now: datetime
) -> Known:
    """Return the conversation of an id, of one of ``bots``.

    Late events may have moved its start: then it is the one that holds the start in the id.

    Raises:
        NoConversation: there is none.
    """
    key, start = parse(name)
    stream = Stream.objects.for_workspace(workspace).filter(key=key, agent="", bot__in=bots)
    found = stream.select_related("bot").first()
    if found is None:
        raise NoConversation
    at = from_count(start)
    border = retention.counted_from(workspace)
    measured = None
    # What the rule reads around it must still be there.
    if border is None or at - AROUND >= border:
        measured = measure_around(found, at=at, now=now)
        start = measured.conversation.start if measured else start
    sessions = list(
        BillingSession.objects.for_workspace(workspace)
        .filter(stream_id=found.id, conversation_started_at=from_count(start))
        .order_by("kind", "number")
    )
    stored = (
        Conversation.objects.for_workspace(workspace)
        .filter(stream_id=found.id, started_at=from_count(start))
        .first()
    )
    if measured is None and not sessions:
        raise NoConversation
    end = from_count(measured.conversation.end) if measured else sessions[-1].ended_at
    if measured is None and stored is not None:
        end = stored.ended_at
    name = name_conversation(found.key, from_count(start))
    return Known(name, found, found.bot, from_count(start), end, measured, stored, sessions)


def parse(name: str) -> tuple[UUID, int]:
    """Return the stream's key and the start of a conversation's id.

    Raises:
        NoConversation: it is none.
    """
    if not (found := CONVERSATION_ID.fullmatch(name)):
        raise NoConversation
    key, start = UUID(found[1]), int(found[2], 16)
    if not FIRST <= start <= LAST:
        raise NoConversation
    return key, start


def measure_around(stream: Stream, *, at: datetime, now: datetime) -> Measured | None:
    """Return the conversation that holds an instant; None: there is none.

    Reads as much around it as the rule looks at, and more where the conversation is longer.
    """
    since, until = at - AROUND, at + AROUND
    while True:
        events = read_events(stream, None if stream.voice else (since, min(until, now)), now=now)
        instant = to_count(at)
        found = choose(
            list(measure_stream(events, channel=stream.channel, now=to_count(now))), instant
        )
        if found is None or stream.voice or until >= now:
            return found
        if found.conversation.end + DAY <= to_count(until):
            return found
        until += 2 * (until - at)


def choose(conversations: Sequence[Measured], at: int) -> Measured | None:
    """Return the conversation that starts at an instant, or else the one that holds it."""
    holding = [one for one in conversations if one.conversation.start <= at <= one.conversation.end]
    return next((one for one in holding if one.conversation.start == at), next(iter(holding), None))


def read_events(
    stream: Stream, window: tuple[datetime, datetime] | None, *, now: datetime
) -> list[StreamEvent]:
    """Return a stream's events in rule order, all of them or those of a stretch of time."""
    events = Event.objects.for_workspace(stream.workspace_id).filter(
        stream_id=stream.id, developer=False, test=False, type__lte=LAST_OF_STREAM, at__lte=now
    )
    if window:
        events = events.filter(at__gte=window[0], at__lte=window[1])
    rows = events.order_by("at", "type", "source__name", "event_id").values_list(
        "at", "type", "direction", "agent", "voice"
    )
    return [
        StreamEvent(to_count(at), type_, direction, agent, voice)
        for at, type_, direction, agent, voice in rows
    ]
