"""What was counted is written: by binary COPY into temporary tables, then as the difference.

Only what differs from the stored rows is written. So to count again what has not changed costs
reading alone, and the rebuild can tell what it found wrong.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from psycopg import Cursor

from usage.claims import Claim, Streams
from usage.models import SessionKind
from usage.plain_sessions import Counts, PlainConversations, Truths
from usage.postgres_time import FUTURE, PAST, Numbers, from_count
from usage.reading import ALERT, Sent
from usage.sessions import RULE, SESSION, Conversation

USAGE, VOICE = int(SessionKind.USAGE), int(SessionKind.VOICE)
COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TRAILER = b"\xff\xff"

# What is stored of the claimed streams and what was counted of them are compared. One look at the
# primary key for each stretch: OFFSET 0 keeps the planner from reading the whole table instead.
COMPARE_CONVERSATIONS = """
INSERT INTO stage_change
SELECT stream_id, coalesce(counted.bot_id, stored.bot_id), started_at, 0, 0, place,
    stored.place IS NOT NULL, counted.ended_at IS NOT NULL
FROM (
    SELECT stored.* FROM stage_stretch stretch CROSS JOIN LATERAL (
        SELECT ctid AS place, stream_id, bot_id, started_at, ended_at, closed, voice, bot_time
        FROM usage_conversation
        WHERE workspace_id = %(workspace)s AND stream_id = stretch.stream_id
            AND started_at > stretch.after AND started_at < stretch.before
        OFFSET 0
    ) stored
    WHERE NOT stretch.instants
) stored
FULL JOIN stage_conversation counted USING (stream_id, started_at)
WHERE (stored.ended_at, stored.closed, stored.voice, stored.bot_time)
    IS DISTINCT FROM (counted.ended_at, counted.closed, counted.voice, counted.bot_time)
"""
COMPARE_SESSIONS = """
INSERT INTO stage_change
SELECT stream_id, coalesce(counted.bot_id, stored.bot_id), started_at, kind, number, place,
    stored.place IS NOT NULL, counted.ended_at IS NOT NULL
FROM (
    SELECT stored.* FROM stage_stretch stretch CROSS JOIN LATERAL (
        SELECT ctid AS place, stream_id, bot_id, started_at, kind, number, ended_at,
            conversation_started_at, closed, completed
        FROM usage_billingsession
        WHERE workspace_id = %(workspace)s AND stream_id = stretch.stream_id
            AND started_at > stretch.after AND started_at < stretch.before
            AND (kind IN (2, 4)) = stretch.instants
        OFFSET 0
    ) stored
) stored
FULL JOIN stage_session counted USING (stream_id, started_at, kind, number)
WHERE (stored.ended_at, stored.conversation_started_at, stored.closed, stored.completed)
    IS DISTINCT FROM
      (counted.ended_at, counted.conversation_started_at, counted.closed, counted.completed)
"""

HAS_SUPERFLUOUS = "SELECT FROM stage_change WHERE NOT counted LIMIT 1"
# Found by their place in the table, whatever the statistics say of its indexes.
DELETE_SUPERFLUOUS = """
SET LOCAL enable_indexscan = off;
SET LOCAL enable_bitmapscan = off;
SET LOCAL enable_seqscan = off;
DELETE FROM usage_conversation WHERE ctid = ANY(ARRAY(
    SELECT place FROM stage_change WHERE kind = 0 AND NOT counted));
DELETE FROM usage_billingsession WHERE ctid = ANY(ARRAY(
    SELECT place FROM stage_change WHERE kind > 0 AND NOT counted));
SET LOCAL enable_indexscan = on;
SET LOCAL enable_bitmapscan = on;
SET LOCAL enable_seqscan = on
"""
CHANGED_CONVERSATIONS = """
JOIN stage_change change USING (stream_id, started_at) WHERE change.kind = 0 AND change.counted
"""
CHANGED_SESSIONS = """
JOIN stage_change change USING (stream_id, started_at, kind, number) WHERE change.counted
"""
INSERT_CONVERSATIONS = """
INSERT INTO usage_conversation
    (workspace_id, stream_id, started_at, ended_at, bot_id, closed, voice, bot_time)
SELECT %(workspace)s, stream_id, started_at, ended_at, staged.bot_id, closed, voice, bot_time
FROM stage_conversation staged {rest}
"""
WRITE_CONVERSATIONS = f"""
{INSERT_CONVERSATIONS.format(rest=CHANGED_CONVERSATIONS)}
ORDER BY stream_id, started_at
ON CONFLICT (workspace_id, stream_id, started_at) DO UPDATE
    SET ended_at = excluded.ended_at, closed = excluded.closed, voice = excluded.voice,
        bot_time = excluded.bot_time
"""
INSERT_SESSIONS = """
INSERT INTO usage_billingsession
    (workspace_id, stream_id, bot_id, started_at, ended_at, conversation_started_at, number, kind,
     rule, closed, completed, channel)
SELECT %(workspace)s, stream_id, staged.bot_id, started_at, ended_at, conversation_started_at,
    number, kind, %(rule)s, closed, completed, (%(channels)s::text[])[channel]
FROM stage_session staged {rest}
"""
WRITE_SESSIONS = f"""
{INSERT_SESSIONS.format(rest=CHANGED_SESSIONS)}
ORDER BY stream_id, started_at, kind, number
ON CONFLICT (workspace_id, stream_id, started_at, kind, number) DO UPDATE
    SET ended_at = excluded.ended_at, rule = excluded.rule, closed = excluded.closed,
        conversation_started_at = excluded.conversation_started_at,
        completed = excluded.completed
"""

# Else usage comes before voice, and the primary key is walked several times. Conversations, which
# come nearly so, gain nothing.
IN_ORDER = "ORDER BY stream_id, started_at"
# What the rebuild has to report: all of it is missing.
LIST_MISSING = """
INSERT INTO stage_change
SELECT stream_id, bot_id, started_at, kind, number, NULL, false, true
FROM (
    SELECT stream_id, bot_id, started_at, 0 AS kind, 0 AS number FROM stage_conversation
    UNION ALL
    SELECT stream_id, bot_id, started_at, kind, number FROM stage_session
) counted
WHERE stream_id = ANY(%(streams)s)
"""

TOUCH_SLOTS = """
INSERT INTO stage_slot
SELECT bot_id, date_bin('15 minutes', started_at, '2000-01-01Z')
FROM stage_change
WHERE kind > 0
GROUP BY 1, 2
"""

INSERT_MARKS = """
INSERT INTO usage_dirtystream
    (workspace_id, bot_id, stream_id, due_at, touched_from, touched_to)
SELECT %(workspace)s, bot_id, stream_id, due_at, touched_from, touched_to
FROM stage_mark
"""


class Layout:
    """How the rows of a temporary table stand in binary COPY: each value behind its length.

    ``lengths``: 8 bytes for an instant, 1 for a truth value, 2 and 4 for numbers, 16 for an
    interval, of which only the microseconds are given; -1 for NULL, which is not given.
    """

    def __init__(self, **lengths: int) -> None:
        self.names = [name for name, length in lengths.items() if length > 0]
        fields = [("columns", ">i2")]
        for name, length in lengths.items():
            fields.append((f"length of {name}", ">i4"))
            if length > 0:
                fields.append((name, f">i{min(length, 8)}"))
            if length == 16:
                fields.append((f"days and months of {name}", ">i8"))
        self.empty = np.zeros(1, dtype=fields)
        self.empty["columns"] = len(lengths)
        for name, length in lengths.items():
            self.empty[f"length of {name}"] = length

    def pack(self, columns: Sequence[ArrayLike]) -> bytes:
        """Return rows; ``columns`` has their values, or one for all of them."""
        rows = np.repeat(self.empty, np.size(columns[0]))
        for name, values in zip(self.names, columns, strict=True):
            rows[name] = values
        return rows.tobytes()


STRETCH = Layout(stream_id=8, after=8, before=8, instants=1)
CONVERSATION = Layout(
    stream_id=8, bot_id=8, started_at=8, ended_at=8, closed=1, voice=1, bot_time=16
)
BLOCK = Layout(
    stream_id=8, bot_id=8, channel=4, started_at=8, ended_at=8, conversation_started_at=8, kind=2,
    number=4, closed=1, completed=1,
)  # fmt: skip
INSTANT = Layout(
    stream_id=8, bot_id=8, channel=4, started_at=8, ended_at=8, conversation_started_at=-1, kind=2,
    number=4, closed=1, completed=1,
)  # fmt: skip
TOTAL = Layout(
    bot_id=8, level=2, place=8, channel=4, usage_sessions=4, alert_sessions=4, voice_sessions=4,
    conversations=4, notifications=4,
)  # fmt: skip
MARK = Layout(stream_id=8, bot_id=8, due_at=8, touched_from=8, touched_to=8)


class Rows:
    """Rows of one layout, gathered in columns or one by one.

    The first column is the stream of each row, one of ``streams``; where a layout has a bot and a
    channel, they are the stream's.
    """

    def __init__(self, layout: Layout, streams: Streams) -> None:
        """Start with nothing."""
        self.layout = layout
        self.streams = streams
        self.parts: list[bytes] = []
        self.single: list[tuple[int, ...]] = []

    def extend(self, streams: ArrayLike, *columns: ArrayLike) -> None:
        """Add many rows."""
        places = self.streams.find(streams)
        known = {"bot_id": self.streams.bots, "channel": self.streams.channels}
        found = [values[places] for name, values in known.items() if name in self.layout.names]
        self.parts.append(self.layout.pack([streams, *found, *columns]))

    def append(self, *values: int) -> None:
        """Add one row."""
        self.single.append(values)

    def pack(self) -> bytes:
        """Return all rows."""
        if self.single:
            self.extend(*np.array(self.single, dtype=np.int64).T)
            self.single = []
        # Joined once, however often it is asked for.
        self.parts = [b"".join(self.parts)]
        return self.parts[0]

    def read(self) -> NDArray[Any]:  # Any: the fields are those of the layout
        """Return all rows as a structured array."""
        return np.frombuffer(self.pack(), self.layout.empty.dtype)


class Staged:
    """Rows of claimed streams for the temporary tables; instants are counts."""

    def __init__(self, streams: Streams) -> None:
        """Start with nothing."""
        self.streams = streams
        self.stretches = Rows(STRETCH, streams)
        self.conversations = Rows(CONVERSATION, streams)
        self.blocks = Rows(BLOCK, streams)
        self.instants = Rows(INSTANT, streams)
        self.marks = Rows(MARK, streams)

    def add_stretch(self, stream_id: int, *, after: int, before: int) -> None:
        """Replace what is stored of a stream's conversations that start between two instants."""
        self.stretches.append(stream_id, after, before, False)

    def add_stretches(self, streams: ArrayLike, *, after: int, before: int) -> None:
        """Replace what is stored of many streams' conversations, each between the same instants."""
        self.stretches.extend(streams, after, before, False)

    def have_sessions(self) -> Truths:
        """Tell which of the streams have some."""
        found = np.zeros(len(self.streams.ids), dtype=np.bool_)
        for rows in (self.blocks.read(), self.instants.read()):
            found[self.streams.find(rows["stream_id"].astype(np.int64))] = True
        return found

    def add_touched(self, *, since: int) -> None:
        """Replace the alerts and notifications at the instants touched, from ``since`` on."""
        first = np.maximum(self.streams.touched_from, max(since, PAST + 1)) - 1
        last = np.minimum(self.streams.touched_to, FUTURE - 1) + 1
        self.stretches.extend(self.streams.ids, first, last, True)

    def add_conversation(self, stream_id: int, conversation: Conversation) -> None:
        """Store a conversation and its sessions, and mark when it closes if it is open."""
        start, end, closed, voice, _, _, bot_time, usage, voice_blocks = conversation
        if not (usage or voice_blocks):
            return
        self.conversations.append(stream_id, start, end, closed, voice, bot_time)
        for kind, blocks in ((USAGE, usage), (VOICE, voice_blocks)):
            for number, block in enumerate(blocks, 1):
                self.blocks.append(
                    stream_id, block.start, block.end, start, kind, number, closed, block.completed
                )
        if not closed:
            self.marks.append(stream_id, end + SESSION + 1, end, end)

    def add_plain(self, found: PlainConversations) -> None:
        """Store conversations and their sessions, and mark when they close if they are open."""
        streams, starts, ends, closed, voice, bot_time, usage, voice_blocks = found
        self.conversations.extend(streams, starts, ends, closed, voice, bot_time)
        for kind, blocks in ((USAGE, usage), (VOICE, voice_blocks)):
            of = blocks.conversations
            self.blocks.extend(
                streams[of], blocks.starts, blocks.ends, starts[of], kind, blocks.numbers,
                closed[of], blocks.completed,
            )  # fmt: skip
        ends = ends[~closed]
        self.marks.extend(streams[~closed], ends + SESSION + 1, ends, ends)

    def add_sent(self, sent: Sent) -> None:
        """Store all alerts and notifications of some streams: each is a session, at its instant."""
        kinds = np.where(sent.letters == ord(ALERT), SessionKind.ALERT, SessionKind.NOTIFICATION)
        order = np.lexsort((sent.instants, kinds, sent.owners))
        streams, instants, kinds = sent.owners[order], sent.instants[order], kinds[order]
        # Those at one instant are numbered from 1.
        rows = np.stack((streams, instants, kinds))
        others = np.any(rows[:, 1:] != rows[:, :-1], axis=0)
        firsts = np.flatnonzero(np.append(True, others)[: len(order)])
        counts = np.diff(np.append(firsts, len(order)))
        numbers = np.arange(len(order)) - np.repeat(firsts, counts) + 1
        self.instants.extend(streams, instants, instants, kinds, numbers, True, True)


def write(claim: Claim, staged: Staged, *, first: bool = False) -> None:
    """Fill the temporary tables of this transaction.

    ``first``: nothing is stored that could be replaced.
    """
    if not first:
        staged.add_touched(since=claim.since)
    for table, *gathered in (
        ("stage_stretch", *(() if first else (staged.stretches,))),
        ("stage_conversation", staged.conversations),
        ("stage_session", staged.blocks, staged.instants),
        ("stage_mark", staged.marks),
    ):
        rows = b"".join(each.pack() for each in gathered)
        if rows:
            copy_rows(claim.cursor, table, rows)


def copy_rows(cursor: Cursor[Any], table: str, rows: bytes) -> None:  # Any: it returns nothing
    """Fill a temporary table of this transaction with packed rows."""
    with cursor.copy(f"COPY {table} FROM STDIN (FORMAT BINARY)".encode()) as copy:
        copy.write(b"".join((COPY_HEADER, rows, COPY_TRAILER)))


def write_first(claim: Claim, staged: Staged, *, due: Counts) -> None:
    """Write what was staged where nothing is stored yet; see `replace_stored`.

    Only what is not of ``due`` streams stands in stage_change.
    """
    claim.execute(INSERT_CONVERSATIONS.format(rest=""))
    claim.execute(INSERT_SESSIONS.format(rest=IN_ORDER), rule=RULE, channels=claim.streams.names)
    not_due = staged.have_sessions() & ~claim.streams.find_among(due)
    if not_due.any():
        missing = claim.streams.ids[not_due]
        claim.execute(LIST_MISSING, streams=Numbers(missing))
    claim.execute(INSERT_MARKS)


def replace_stored(claim: Claim) -> None:
    """Replace what is stored by what was staged, and mark what has to be counted again.

    Until the claim is cleared, what differed stands in stage_change; to the end of the transaction
    the touched buckets stand in stage_slot.
    """
    changed = claim.execute(COMPARE_CONVERSATIONS).rowcount
    changed += claim.execute(COMPARE_SESSIONS).rowcount
    if changed:
        if claim.execute(HAS_SUPERFLUOUS).rowcount:
            for statement in DELETE_SUPERFLUOUS.split(";"):
                claim.execute(statement)
        claim.execute(WRITE_CONVERSATIONS)
        claim.execute(WRITE_SESSIONS, rule=RULE, channels=claim.streams.names)
        claim.execute(TOUCH_SLOTS)
    claim.execute(INSERT_MARKS)


def read_slots(claim: Claim) -> list[datetime]:
    """Return where the buckets start whose sessions were replaced in this transaction."""
    rows = claim.execute("SELECT DISTINCT starts_at FROM stage_slot ORDER BY 1")
    return [from_count(slot) for (slot,) in rows]
