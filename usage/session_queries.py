"""Sessions as people and programs look through them: filtered, in order, a page at a time."""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from usage.models import SessionKind
from usage.periods import Period
from usage.postgres_time import from_count, to_count

ROWS_AT_ONCE = 5000
MOST_STREAMS = 10_000  # that a user or conversation id may stand for
CURSOR = re.compile(r"(-?\d{1,18})\.(\d{1,18})\.([1-4])\.(\d{1,9})", re.ASCII)

# Indexes stream_of_user and stream_of_conversation: both columns compare by bytes (collation C).
FIND_STREAMS = """
SELECT id FROM usage_stream
WHERE workspace_id = %(workspace)s AND bot_id = ANY(%(bots)s) AND agent = ''
    AND (%(user)s = '' OR "user" >= %(user)s AND "user" < %(user)s || chr(1114111))
    AND (%(conversation)s = '' OR conversation <> ''
        AND conversation >= %(conversation)s
        AND conversation < %(conversation)s || chr(1114111))
LIMIT %(limit)s
"""

# Index session_of_bot alone, bot by bot: between which instants the first sessions start.
FIND_FIRST = """
SELECT min(started_at), max(started_at), count(*) FROM (
    SELECT session.started_at
    FROM unnest(%(bots)s::bigint[]) bot(id)
    CROSS JOIN LATERAL (
        SELECT started_at FROM usage_billingsession
        WHERE workspace_id = %(workspace)s AND bot_id = bot.id
            AND started_at >= %(starts_at)s AND started_at < %(ends_at)s
            AND kind = ANY(%(kinds)s) AND completed = ANY(%(completed)s)
            AND (%(channels)s::text[] = '{}' OR channel = ANY(%(channels)s))
        ORDER BY started_at {direction} LIMIT %(limit)s
    ) session
    ORDER BY started_at {direction} LIMIT %(limit)s
) first
"""

# Primary key of the sessions: how many of its kind the conversation has.
COUNT_OF_CONVERSATION = """
(
        SELECT count(*) FROM usage_billingsession block
        WHERE block.workspace_id = session.workspace_id AND block.stream_id = session.stream_id
            AND block.kind = session.kind AND block.started_at >= session.conversation_started_at
            AND block.started_at <= conversation.ended_at
            AND block.conversation_started_at = session.conversation_started_at
    )
"""
# Index session_of_bot; all else is looked up row by row (OFFSET 0), whatever the planner believes
# of the numbers of rows.
SELECT_SESSIONS = """
SELECT bot.key, session.kind, stream."user", stream.channel, stream.conversation,
    session.conversation_started_at, conversation.ended_at, stream.key, session.started_at,
    session.ended_at, session.number, session.rule, session.completed, session.stream_id,
    bot.name, {of}
FROM usage_billingsession session
CROSS JOIN LATERAL (
    SELECT "user", channel, conversation, key FROM usage_stream
    WHERE workspace_id = session.workspace_id AND id = session.stream_id
    OFFSET 0
) stream
CROSS JOIN LATERAL (SELECT key, name FROM accounts_bot WHERE id = session.bot_id OFFSET 0) bot
LEFT JOIN LATERAL (
    SELECT ended_at FROM usage_conversation
    WHERE workspace_id = session.workspace_id AND stream_id = session.stream_id
        AND started_at = session.conversation_started_at
    OFFSET 0
) conversation ON true
WHERE session.workspace_id = %(workspace)s AND session.bot_id = ANY(%(bots)s)
    AND session.started_at >= %(starts_at)s AND session.started_at < %(ends_at)s
    AND session.kind = ANY(%(kinds)s) AND session.completed = ANY(%(completed)s)
    AND (%(channels)s::text[] = '{}' OR session.channel = ANY(%(channels)s))
"""
# Primary key of the sessions.
OF_STREAMS = "    AND session.stream_id = ANY(%(streams)s)\n"
AFTER_CURSOR = """
    AND (session.started_at, session.stream_id, session.kind, session.number)
        < (%(cursor_at)s, %(cursor_stream)s, %(cursor_kind)s, %(cursor_number)s)
"""
A_PAGE = """
ORDER BY session.started_at {direction}, session.stream_id {direction}, session.kind {direction},
    session.number {direction}
LIMIT %(limit)s OFFSET %(offset)s
"""
# The same order whatever the numbers of streams are.
ALL_OLDEST_FIRST = """
ORDER BY session.started_at, bot.key, stream.key, session.kind, session.number
"""


class TooManyStreams(Exception):
    """The beginning of a user or conversation id is that of too many."""


class SessionRow(NamedTuple):
    """One completed session as it is exported; alerts belong to no conversation."""

    bot: str
    kind: SessionKind
    user: str
    channel: str
    conversation: str
    conversation_started_at: datetime | None
    conversation_ended_at: datetime | None
    session_id: str
    started_at: datetime
    ended_at: datetime
    rule: int


class Chosen(NamedTuple):
    """Which sessions are meant. Without ``channels`` all; ``streams`` None: of everybody."""

    workspace_id: int
    bots: Sequence[int]
    period: Period
    kinds: Sequence[SessionKind]
    completed: Sequence[bool]
    channels: Sequence[str] = ()
    streams: Sequence[int] | None = None


class Cursor(NamedTuple):
    """The place of a session in the order in which they are listed."""

    at: datetime
    stream_id: int
    kind: int
    number: int

    def encode(self) -> str:
        """Return it as text."""
        return f"{to_count(self.at)}.{self.stream_id}.{self.kind}.{self.number}"


class ListedSession(NamedTuple):
    """One session of a list; ``of``: how many of its kind its conversation has, 0 for alerts."""

    row: SessionRow
    bot_name: str
    completed: bool
    number: int
    of: int
    conversation_id: str | None
    cursor: Cursor


def decode_cursor(text: str) -> Cursor:
    """Return the cursor of a text.

    Raises:
        ValueError: it is none.
    """
    if not (found := CURSOR.fullmatch(text)):
        raise ValueError(text)
    at, *numbers = map(int, found.groups())
    try:
        return Cursor(from_count(at), *numbers)
    except OverflowError:
        raise ValueError(text) from None


def find_streams(
    *, workspace_id: int, bots: Sequence[int], user: str, conversation: str
) -> list[int]:
    """Return the streams whose user and conversation id begin so; empty texts fit all.

    Raises:
        TooManyStreams: more than can be looked through.
    """
    values: dict[str, Any] = {  # Any: what a statement binds
        "workspace": workspace_id,
        "bots": list(bots),
        "user": user,
        "conversation": conversation,
        "limit": MOST_STREAMS + 1,
    }
    with connection.cursor() as cursor:
        cursor.execute(FIND_STREAMS, values)
        found = [stream_id for (stream_id,) in cursor.fetchall()]
    if len(found) > MOST_STREAMS:
        raise TooManyStreams
    return found


def list_sessions(
    chosen: Chosen,
    *,
    limit: int,
    offset: int = 0,
    after: Cursor | None = None,
    oldest_first: bool = False,
) -> list[ListedSession]:
    """Return some of the chosen sessions, newest first unless asked otherwise.

    ``after``: those that follow this one, the newest first. Costs as much as the rows up to the
    page, of each bot, however many lie behind it.
    """
    values = bind(chosen) | {"limit": limit, "offset": offset}
    direction = "ASC" if oldest_first else "DESC"
    condition = ""
    if after is not None:
        condition = AFTER_CURSOR
        values |= {f"cursor_{name}": value for name, value in zip(
            ("at", "stream", "kind", "number"), after, strict=True
        )}  # fmt: skip
    if chosen.streams is None:
        end = min(after.at, chosen.period.ends_at) if after else chosen.period.ends_at
        narrow = chosen._replace(period=Period(chosen.period.starts_at, end))
        values |= find_reach(narrow, limit=limit + offset, direction=direction)
    page = A_PAGE.replace("{direction}", direction)
    with connection.cursor() as cursor:
        cursor.execute(select(chosen, of=COUNT_OF_CONVERSATION) + condition + page, values)
        return [make_listed(*row) for row in cursor.fetchall()]


def find_reach(chosen: Chosen, *, limit: int, direction: str) -> dict[str, datetime]:
    """Return by its name the bound between which and the other one the first sessions start.

    Empty where there are fewer in all.
    """
    with connection.cursor() as cursor:
        sql = FIND_FIRST.replace("{direction}", direction)
        cursor.execute(sql, bind(chosen) | {"limit": limit})
        oldest, newest, count = cursor.fetchone() or (None, None, 0)
    if not oldest or not newest or count < limit:
        return {}
    if direction == "DESC":
        return {"starts_at": oldest}
    return {"ends_at": newest + timedelta(microseconds=1)}


def read_chosen(chosen: Chosen) -> Iterator[SessionRow]:
    """Yield all chosen sessions in order of their start, in constant memory.

    Reads with a cursor in the database, so millions take no more than some. To be consumed inside
    the transaction that admits the workspace.
    """
    with connection.chunked_cursor() as cursor:
        cursor.execute(select(chosen, of="0") + ALL_OLDEST_FIRST, bind(chosen))
        while rows := cursor.fetchmany(ROWS_AT_ONCE):
            for row in rows:
                yield make_listed(*row).row


def has_sessions(*, workspace_id: int, bots: Sequence[int]) -> bool:
    """Tell whether some bots have any session at all."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM usage_billingsession"
            " WHERE workspace_id = %s AND bot_id = ANY(%s))",
            [workspace_id, list(bots)],
        )
        row = cursor.fetchone()
    return bool(row and row[0])


def select(chosen: Chosen, *, of: str) -> str:
    """Return the statement that reads the chosen sessions, up to its order."""
    sql = SELECT_SESSIONS.replace("{of}", of)
    return sql + (OF_STREAMS if chosen.streams is not None else "")


def bind(chosen: Chosen) -> dict[str, Any]:  # Any: what a statement binds
    """Return the values of the statements about chosen sessions."""
    return {
        "workspace": chosen.workspace_id,
        "bots": list(chosen.bots),
        "starts_at": chosen.period.starts_at,
        "ends_at": chosen.period.ends_at,
        "kinds": [int(kind) for kind in chosen.kinds],
        "completed": list(chosen.completed),
        "channels": list(chosen.channels),
        "streams": list(chosen.streams or ()),
    }


def make_listed(
    bot: str, kind: int, user: str, channel: str, name: str, first: datetime | None,
    last: datetime | None, key: UUID, start: datetime, end: datetime, number: int, rule: int,
    completed: bool, stream_id: int, bot_name: str, of: int,
) -> ListedSession:  # fmt: skip
    """Return a row of the database as a session."""
    row = SessionRow(
        bot, SessionKind(kind), user, channel, name, first, last,
        name_session(key, SessionKind(kind), start, number), start, end, rule,
    )  # fmt: skip
    return ListedSession(
        row=row,
        bot_name=bot_name,
        completed=completed,
        number=number,
        of=of,
        conversation_id=name_conversation(key, first) if first else None,
        cursor=Cursor(start, stream_id, kind, number),
    )


def name_conversation(stream_key: UUID, started_at: datetime) -> str:
    """Return the id of a conversation, which follows from what it is, like that of a session."""
    return f"{stream_key.hex}-{to_count(started_at):x}"


def name_session(stream_key: UUID, kind: SessionKind, started_at: datetime, number: int) -> str:
    """Return the id of a session, which follows from what it is: counted again it has the same."""
    return f"{stream_key.hex}-{to_count(started_at):x}-{kind.label[0]}{number}"
