"""What was counted is written: by binary COPY into temporary tables, then as the difference.

Only what differs from the stored rows is written. So to count again what has not changed costs
reading alone, and the rebuild can tell what it found wrong.
"""

import struct
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache

from usage.models import SessionKind
from usage.postgres_time import from_count
from usage.reading import Claim
from usage.sessions import RULE, Conversation

USAGE, VOICE = int(SessionKind.USAGE), int(SessionKind.VOICE)

COPY_HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
COPY_TRAILER = b"\xff\xff"
# Each value is its length in bytes and itself: 8 for an instant, 1 for a truth value, 2 and 4 for
# numbers, 16 for an interval (microseconds, days, months); -1 for NULL.
STRETCH = struct.Struct(">h iq iq iq i?")
CONVERSATION = struct.Struct(">h iq iq iq iq i? i? iqii")
SESSION = struct.Struct(">h iq iq iq iq iq ih ii i? i?")
INSTANT = struct.Struct(">h iq iq iq iq i ih ii i? i?")
MARK = struct.Struct(">h iq iq iq iq iq")

STAGE_INSTANT_STRETCHES = """
INSERT INTO stage_stretch
SELECT stream_id, greatest(touched_from, %(counted_from)s) - interval '1 microsecond',
    touched_to + interval '1 microsecond', true
FROM stage_claim
"""

# What is stored of the claimed streams and what was counted of them are compared. One look at the
# primary key for each stretch: OFFSET 0 keeps the planner from reading the whole table instead.
COMPARE_CONVERSATIONS = """
INSERT INTO stage_change
SELECT stream_id, started_at, 0, 0, place, stored.place IS NOT NULL, counted.ended_at IS NOT NULL
FROM (
    SELECT stored.* FROM stage_stretch stretch CROSS JOIN LATERAL (
        SELECT ctid AS place, stream_id, started_at, ended_at, closed, voice, bot_time
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
SELECT stream_id, started_at, kind, number, place, stored.place IS NOT NULL,
    counted.ended_at IS NOT NULL
FROM (
    SELECT stored.* FROM stage_stretch stretch CROSS JOIN LATERAL (
        SELECT ctid AS place, stream_id, started_at, kind, number, ended_at,
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
SELECT %(workspace)s, stream_id, started_at, ended_at, bot_id, closed, voice, bot_time
FROM stage_conversation {changed}
"""
WRITE_CONVERSATIONS = f"""
{INSERT_CONVERSATIONS.format(changed=CHANGED_CONVERSATIONS)}
ORDER BY stream_id, started_at
ON CONFLICT (workspace_id, stream_id, started_at) DO UPDATE
    SET ended_at = excluded.ended_at, closed = excluded.closed, voice = excluded.voice,
        bot_time = excluded.bot_time
"""
INSERT_SESSIONS = """
INSERT INTO usage_billingsession
    (workspace_id, stream_id, bot_id, started_at, ended_at, conversation_started_at, number, kind,
     rule, closed, completed, channel)
SELECT %(workspace)s, stream_id, bot_id, started_at, ended_at, conversation_started_at, number,
    kind, %(rule)s, closed, completed, channel
FROM stage_session {changed}
"""
WRITE_SESSIONS = f"""
{INSERT_SESSIONS.format(changed=CHANGED_SESSIONS)}
ORDER BY stream_id, started_at, kind, number
ON CONFLICT (workspace_id, stream_id, started_at, kind, number) DO UPDATE
    SET ended_at = excluded.ended_at, rule = excluded.rule, closed = excluded.closed,
        conversation_started_at = excluded.conversation_started_at,
        completed = excluded.completed
"""

# What the rebuild has to report: all of it is missing.
LIST_MISSING = """
INSERT INTO stage_change
SELECT stream_id, started_at, kind, number, NULL, false, true
FROM (
    SELECT stream_id, started_at, 0 AS kind, 0 AS number FROM stage_conversation
    UNION ALL
    SELECT stream_id, started_at, kind, number FROM stage_session
) counted
JOIN stage_claim USING (stream_id)
WHERE NOT due
"""

TOUCH_SLOTS = """
INSERT INTO stage_slot
SELECT bot_id, date_bin('15 minutes', started_at, '2000-01-01Z')
FROM stage_change JOIN stage_claim USING (stream_id)
WHERE kind > 0
GROUP BY 1, 2
"""

INSERT_MARKS = """
INSERT INTO usage_dirtystream
    (workspace_id, bot_id, stream_id, due_at, touched_from, touched_to)
SELECT %(workspace)s, bot_id, stream_id, due_at, touched_from, touched_to FROM stage_mark
"""

# What lies ahead of the clock is left out; the stream is counted again when the clock gets there.
# Whatever lies there has a mark that reaches to it, so no events need to be looked at.
MARK_AHEAD = """
INSERT INTO usage_dirtystream
    (workspace_id, bot_id, stream_id, due_at, touched_from, touched_to)
SELECT %(workspace)s, bot_id, stream_id, greatest(ahead_from, %(now)s + interval '1 second'),
    ahead_from, ahead_to
FROM stage_claim WHERE ahead_to IS NOT NULL
"""


class Staged:
    """Rows for the temporary tables, gathered stream by stream; instants are counts."""

    def __init__(self) -> None:
        """Start with nothing."""
        self.stretches: list[bytes] = []
        self.conversations: list[bytes] = []
        self.sessions: list[bytes] = []
        self.marks: list[bytes] = []
        self.agents: dict[int, int] = {}  # streams of agents, each with its bot

    def add_stretch(self, stream_id: int, *, after: int, before: int) -> None:
        """Replace what is stored of a stream's conversations that start between two instants."""
        self.stretches.append(STRETCH.pack(4, 8, stream_id, 8, after, 8, before, 1, False))

    def add_conversation(
        self, stream_id: int, bot_id: int, conversation: Conversation, *, channel: bytes
    ) -> None:
        """Store a conversation and its sessions; ``channel`` is a value of `pack_text`."""
        start, end, closed, voice, _, _, bot_time, usage, voice_blocks = conversation
        self.conversations.append(
            CONVERSATION.pack(
                7, 8, stream_id, 8, bot_id, 8, start, 8, end, 1, closed, 1, voice,
                16, bot_time, 0, 0,
            )
        )  # fmt: skip
        for kind, blocks in ((USAGE, usage), (VOICE, voice_blocks)):
            for number, (block_start, block_end, completed) in enumerate(blocks, 1):
                row = SESSION.pack(
                    10, 8, stream_id, 8, bot_id, 8, block_start, 8, block_end, 8, start,
                    2, kind, 4, number, 1, closed, 1, completed,
                )  # fmt: skip
                self.sessions.append(row + channel)

    def add_instants(
        self, stream_id: int, bot_id: int, kind: int, instants: Iterable[int], *, channel: bytes
    ) -> None:
        """Store alerts or notifications: each is a session of its own, at its instant."""
        numbers: Counter[int] = Counter()
        for at in instants:
            numbers[at] += 1
            row = INSTANT.pack(
                10, 8, stream_id, 8, bot_id, 8, at, 8, at, -1, 2, kind, 4, numbers[at], 1, True,
                1, True,
            )  # fmt: skip
            self.sessions.append(row + channel)

    def add_mark(self, stream_id: int, bot_id: int, *, due: int, touched: int) -> None:
        """Have a stream counted again from ``due`` on, around an instant."""
        self.marks.append(MARK.pack(5, 8, stream_id, 8, bot_id, 8, due, 8, touched, 8, touched))


@lru_cache
def pack_text(text: str) -> bytes:
    """Return a text as a value of binary COPY."""
    value = text.encode()
    return len(value).to_bytes(4) + value


def write(claim: Claim, staged: Staged, *, first: bool = False) -> None:
    """Fill the temporary tables of this transaction.

    ``first``: nothing is stored that could be replaced.
    """
    for table, rows in (
        ("stage_stretch", () if first else staged.stretches),
        ("stage_conversation", staged.conversations),
        ("stage_session", staged.sessions),
        ("stage_mark", staged.marks),
    ):
        if not rows:
            continue
        with claim.cursor.copy(f"COPY {table} FROM STDIN (FORMAT BINARY)".encode()) as copy:
            copy.write(b"".join((COPY_HEADER, *rows, COPY_TRAILER)))


def write_first(claim: Claim) -> None:
    """Write what was staged where nothing is stored yet; see `replace_stored`.

    Only what was not due stands in stage_change.
    """
    claim.execute(INSERT_CONVERSATIONS.format(changed=""))
    claim.execute(INSERT_SESSIONS.format(changed=""), rule=RULE)
    claim.execute(LIST_MISSING)
    write_marks(claim)


def replace_stored(claim: Claim) -> None:
    """Replace what is stored by what was staged, and mark what has to be counted again.

    Until the claim is cleared, what differed stands in stage_change; to the end of the transaction
    the touched buckets stand in stage_slot.
    """
    claim.execute(STAGE_INSTANT_STRETCHES)
    changed = claim.execute(COMPARE_CONVERSATIONS).rowcount
    changed += claim.execute(COMPARE_SESSIONS).rowcount
    if changed:
        if claim.execute(HAS_SUPERFLUOUS).rowcount:
            for statement in DELETE_SUPERFLUOUS.split(";"):
                claim.execute(statement)
        claim.execute(WRITE_CONVERSATIONS)
        claim.execute(WRITE_SESSIONS, rule=RULE)
        claim.execute(TOUCH_SLOTS)
    write_marks(claim)


def write_marks(claim: Claim) -> None:
    """Mark the claimed streams that have to be counted again at a later instant."""
    claim.execute(INSERT_MARKS)
    claim.execute(MARK_AHEAD)


def read_slots(claim: Claim) -> list[datetime]:
    """Return where the buckets start whose sessions were replaced in this transaction."""
    rows = claim.execute("SELECT DISTINCT starts_at FROM stage_slot ORDER BY 1")
    return [from_count(slot) for (slot,) in rows]
