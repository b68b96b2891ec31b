"""What is claimed: streams of locked bots, in one transaction that counts them again."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
from django.db import connection
from numpy.typing import ArrayLike
from psycopg import Cursor

from accounts.models import Workspace
from usage import retention
from usage.plain_sessions import Counts, Truths
from usage.postgres_time import PAST, counting_cursor, to_count, unpack_counts, unpack_truths

# What was counted of the streams claimed in this transaction. Nobody keeps statistics of these
# tables; so where rows are looked up one by one, the statements say so (LATERAL with OFFSET 0), and
# everywhere else the planner must not.
STAGES = """
SET LOCAL enable_nestloop = off;
CREATE TEMP TABLE IF NOT EXISTS stage_stretch (
    stream_id bigint, after timestamptz, before timestamptz, instants boolean
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS stage_conversation (
    stream_id bigint, bot_id bigint, started_at timestamptz, ended_at timestamptz, closed boolean,
    voice boolean, bot_time interval
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS stage_session (
    stream_id bigint, bot_id bigint, channel integer, started_at timestamptz, ended_at timestamptz,
    conversation_started_at timestamptz, kind smallint, number integer, closed boolean,
    completed boolean
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS stage_change (
    stream_id bigint, bot_id bigint, started_at timestamptz, kind smallint, number integer,
    place tid, stored boolean, counted boolean
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS stage_slot (
    bot_id bigint, starts_at timestamptz
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS stage_mark (
    stream_id bigint, bot_id bigint, due_at timestamptz, touched_from timestamptz,
    touched_to timestamptz
) ON COMMIT DELETE ROWS;
CREATE TEMP TABLE IF NOT EXISTS stage_total (
    bot_id bigint, level smallint, place timestamptz, channel integer, usage_sessions integer,
    alert_sessions integer, voice_sessions integer, conversations integer, notifications integer
) ON COMMIT DELETE ROWS
"""

CLEAR = """
TRUNCATE stage_stretch, stage_conversation, stage_session, stage_change, stage_mark
"""

# For a statement that took marks: what lies ahead of the clock is left out; the stream is counted
# again when the clock gets there. Whatever lies there has a mark that reaches to it, so no events
# need to be looked at.
MARK_AHEAD = """
INSERT INTO usage_dirtystream
    (workspace_id, bot_id, stream_id, due_at, touched_from, touched_to)
SELECT %(workspace)s, bot_id, stream_id,
    greatest(min(touched_from), %(now)s + interval '1 second'), min(touched_from), max(touched_to)
FROM taken WHERE touched_to > %(now)s
GROUP BY bot_id, stream_id
"""

STREAM_OF_CLAIM = """
CROSS JOIN LATERAL (
    SELECT * FROM usage_stream
    WHERE workspace_id = %(workspace)s AND id = claim.stream_id
    OFFSET 0
) stream
"""
# What `unpack_streams` reads: the streams of each channel.
STREAM_ARRAYS = """
    channel, array_agg(stream_id), array_agg(bot_id), array_agg(voice), array_agg(agent <> ''),
    array_agg(touched_from), array_agg(touched_to)
"""


class Streams(NamedTuple):
    """Streams in order of their ids, and where each was touched.

    ``channels`` are places in ``names``, from 1. ``of_agents``: they have no conversations.
    """

    ids: Counts
    bots: Counts
    channels: Counts
    names: Sequence[str]
    voice: Truths
    of_agents: Truths
    touched_from: Counts
    touched_to: Counts

    def find(self, ids: ArrayLike) -> Counts:
        """Return the places of some ids, all of which are among them."""
        return np.searchsorted(self.ids, ids)

    def find_among(self, ids: Counts) -> Truths:
        """Tell which of the streams, of which there are some, are among other ids."""
        found = np.zeros(len(self.ids), dtype=np.bool_)
        places = np.minimum(self.find(ids), len(self.ids) - 1)
        found[places[self.ids[places] == ids]] = True
        return found

    def find_agents(self) -> dict[int, int]:
        """Return the streams of agents, each with its bot."""
        streams, bots = self.ids[self.of_agents], self.bots[self.of_agents]
        return dict(zip(streams.tolist(), bots.tolist(), strict=True))

    def name_channel(self, place: int | np.int64) -> str:
        """Return the channel of the stream at a place."""
        return self.names[int(self.channels[place]) - 1]


def unpack_streams(rows: Iterable[Sequence[Any]]) -> Streams:
    """Return the streams of `STREAM_ARRAYS`, grouped by channel."""
    none, neither = unpack_counts(None), unpack_truths(None)
    names: list[str] = []
    parts = [(none, none, none, neither, neither, none, none)]
    for name, ids, bots, voice, of_agents, touched_from, touched_to in rows:
        names.append(name)
        streams = unpack_counts(ids)
        parts.append(
            (
                streams,
                unpack_counts(bots),
                np.full_like(streams, len(names)),
                unpack_truths(voice),
                unpack_truths(of_agents),
                unpack_counts(touched_from),
                unpack_counts(touched_to),
            )
        )
    columns = [np.concatenate(column) for column in zip(*parts, strict=True)]
    order = np.argsort(columns[0])
    ids, bots, channels, voice, of_agents, first, last = (column[order] for column in columns)
    return Streams(ids, bots, channels, names, voice, of_agents, first, last)


NO_STREAMS = unpack_streams(())


class Claim(NamedTuple):
    """The streams claimed in the transaction of ``cursor``, and the clock.

    ``counted_from``: what lies before it stays as it is, since its events may be gone.
    """

    cursor: Cursor[tuple[Any, ...]]
    workspace_id: int
    now: datetime
    counted_from: datetime | None
    streams: Streams = NO_STREAMS

    @property
    def since(self) -> int:
        """From where on events are counted."""
        return PAST if self.counted_from is None else to_count(self.counted_from)

    def execute(self, sql: str, **values: object) -> Cursor[tuple[Any, ...]]:
        """Run one statement about the claimed streams."""
        values |= {
            "workspace": self.workspace_id,
            "now": self.now,
            "counted_from": self.counted_from or "-infinity",
        }
        # A prepared plan would be kept from one size of the temporary tables to another.
        return self.cursor.execute(sql.encode(), values, prepare=False)


@contextmanager
def by_index() -> Iterator[None]:
    """Have no table read whole, nor bots sorted, where one row of each bot is looked for.

    The planner takes it that each bot has many, and reads a whole table for one that has none; and
    to sort the bots it would look at each of them before the first. In the caller's transaction.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
        yield
        cursor.execute("SET LOCAL enable_seqscan = on; SET LOCAL enable_sort = on")


def open_claim(*, workspace: Workspace, now: datetime) -> Claim:
    """Return a claim of no streams yet, in the transaction that holds the lock of their bots."""
    with connection.cursor() as cursor:
        cursor.execute(STAGES)
    return Claim(
        counting_cursor(), workspace.pk, now, counted_from=retention.counted_from(workspace)
    )


def clear_claim(claim: Claim) -> None:
    """Empty the temporary tables, so that the transaction can claim other streams."""
    claim.execute(CLEAR)
