"""Usage sessions that were opened by little more than 15 minutes: by how much is in bot time.

The last block of a conversation holds what its bot time has beyond whole 15 minutes (rule 7), agent
time left aside. Only completed sessions count, at their start (rules 9 and 10).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection

from usage.periods import Period
from usage.postgres_time import MICROSECOND
from usage.session_queries import name_conversation
from usage.wording import say_length

MINUTES = (1, 2, 5)  # what is shown; a session that was opened by less than 1 is in all of them
LONGEST = timedelta(minutes=MINUTES[-1])
MOST_LISTED = 50

# Index conversation_beyond alone, then by primary key the block that the rest fell into, the first
# of its number (an upper bound would have the planner take an index of times). OFFSET 0: one look
# for each conversation, whatever the planner believes of the numbers of rows.
FIND_SHORT = """
FROM (
    SELECT stream_id, started_at, ceil(seconds / 900)::integer AS number,
        seconds %% 900 AS beyond
    FROM usage_conversation
    CROSS JOIN LATERAL (SELECT extract(epoch FROM bot_time) AS seconds) bot
    WHERE workspace_id = %(workspace)s AND bot_id = ANY(%(bots)s::bigint[])
        AND bot_time > interval '15 minutes'
        AND ended_at >= %(starts_at)s AND started_at < %(ends_at)s
        AND seconds %% 900 > 0 AND seconds %% 900 < %(seconds)s
    OFFSET 0
) conversation
CROSS JOIN LATERAL (
    SELECT bot_id, channel, started_at FROM usage_billingsession
    WHERE workspace_id = %(workspace)s AND stream_id = conversation.stream_id
        AND started_at >= conversation.started_at AND kind = 1
        AND number = conversation.number
        AND conversation_started_at = conversation.started_at AND completed
    ORDER BY usage_billingsession.started_at LIMIT 1
) session
WHERE session.started_at >= %(starts_at)s AND session.started_at < %(ends_at)s
    AND (%(channels)s::text[] = '{}' OR session.channel = ANY(%(channels)s))
"""
COUNT_SHORT = f"""
SELECT session.bot_id, session.channel,
    width_bucket(session.started_at, %(cuts)s::timestamptz[]) - 1,
    count(*) FILTER (WHERE beyond < 60), count(*) FILTER (WHERE beyond < 120), count(*)
{FIND_SHORT}
GROUP BY 1, 2, 3
"""
# The same for the latest; their streams by primary key.
LIST_SHORT = f"""
SELECT bot.id, bot.name, short.channel, short.started_at, short.number, short.beyond, stream.key,
    short.conversation_started_at
FROM (
    SELECT session.bot_id, session.channel, session.started_at, conversation.number,
        conversation.beyond, conversation.stream_id,
        conversation.started_at AS conversation_started_at
    {FIND_SHORT}
    ORDER BY session.started_at DESC, conversation.stream_id DESC
    LIMIT %(limit)s
) short
CROSS JOIN LATERAL (
    SELECT key FROM usage_stream WHERE workspace_id = %(workspace)s AND id = short.stream_id
    OFFSET 0
) stream
CROSS JOIN LATERAL (SELECT id, name FROM accounts_bot WHERE id = short.bot_id OFFSET 0) bot
ORDER BY short.started_at DESC, short.stream_id DESC
"""
# Primary key of the buckets.
COUNT_ALL = """
SELECT bot_id, channel, sum(usage_sessions)
FROM usage_usagebucket
WHERE workspace_id = %(workspace)s AND bot_id = ANY(%(bots)s::bigint[])
    AND starts_at >= %(starts_at)s AND starts_at < %(ends_at)s
    AND (%(channels)s::text[] = '{}' OR channel = ANY(%(channels)s))
GROUP BY 1, 2
HAVING sum(usage_sessions) > 0
"""

BotChannel = tuple[int, str]


class Asked(NamedTuple):
    """Which sessions are meant. Without ``channels`` all."""

    workspace_id: int
    bots: Sequence[int]
    period: Period
    channels: Sequence[str] = ()

    def bind(self, **more: Any) -> dict[str, Any]:  # Any: what a statement binds
        """Return the values of the statements."""
        return {
            "workspace": self.workspace_id,
            "bots": list(self.bots),
            "starts_at": self.period.starts_at,
            "ends_at": self.period.ends_at,
            "channels": list(self.channels),
            "seconds": int(LONGEST.total_seconds()),
            **more,
        }


class ShortCount(NamedTuple):
    """How many sessions of a bot and channel were opened by less than 1, 2 and 5 minutes.

    ``place``: of the stretch that they start in.
    """

    bot: int
    channel: str
    place: int
    by_minutes: tuple[int, int, int]


class ShortSession(NamedTuple):
    """One of these sessions: the ``number``-th and last of its conversation, ``beyond`` long."""

    bot_id: int
    bot: str
    channel: str
    started_at: datetime
    number: int
    beyond: timedelta
    conversation_id: str

    @property
    def length(self) -> str:
        """How much bot time fell into it, in words."""
        return say_length(self.beyond // MICROSECOND)


def count_short(asked: Asked, *, cuts: Sequence[datetime]) -> list[ShortCount]:
    """Return the numbers by bot, channel and stretch; ``cuts`` are where stretches begin.

    One statement.
    """
    with connection.cursor() as cursor:
        cursor.execute(COUNT_SHORT, asked.bind(cuts=list(cuts)))
        return [
            ShortCount(bot, channel, place, tuple(numbers))
            for bot, channel, place, *numbers in cursor.fetchall()
        ]


def count_all(asked: Asked) -> dict[BotChannel, int]:
    """Return how many usage sessions there were by bot and channel; none where there were none.

    The period begins and ends at quarters of an hour.
    """
    with connection.cursor() as cursor:
        cursor.execute(COUNT_ALL, asked.bind())
        return {(bot, channel): number for bot, channel, number in cursor.fetchall()}


def list_short(asked: Asked, *, minutes: int) -> list[ShortSession]:
    """Return the latest sessions that were opened by less than some minutes."""
    values = asked.bind(seconds=60 * minutes, limit=MOST_LISTED)
    with connection.cursor() as cursor:
        cursor.execute(LIST_SHORT, values)
        return [make_short(*row) for row in cursor.fetchall()]


def make_short(
    bot_id: int,
    bot: str,
    channel: str,
    started_at: datetime,
    number: int,
    beyond: Any,  # a decimal number of seconds
    key: UUID,
    conversation_started_at: datetime,
) -> ShortSession:
    """Return a row of the database as a session."""
    return ShortSession(
        bot_id,
        bot,
        channel,
        started_at,
        number,
        timedelta(microseconds=int(beyond * 1_000_000)),
        name_conversation(key, conversation_started_at),
    )
