"""Everything derived from events is counted again from the beginning, and replaced.

What the increments of the rollup left is compared on the way: they must have led to the same.
Streams that were due anyway are no difference; what they held was known to be old.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from threading import Lock
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection

from accounts.models import Workspace
from accounts.tenancy import in_workspace
from usage import counting, staging, totals
from usage.claims import (
    MARK_AHEAD,
    STREAM_ARRAYS,
    STREAM_OF_CLAIM,
    Claim,
    Streams,
    by_index,
    clear_claim,
    open_claim,
    unpack_streams,
)
from usage.first_totals import CountedSessions
from usage.models import RolledBot
from usage.plain_sessions import Counts
from usage.postgres_time import Numbers, from_count, unpack_counts

STREAMS_AT_ONCE = 25_000
WORKERS = 3  # two that keep both cores of a small machine busy while one waits for the disk

# What a crash takes back of a rebuild it takes back whole, marks too; so no commit waits for the
# disk.
COMMIT_EARLY = "SET LOCAL synchronous_commit = off"

# A transaction that wrote to the log waits at its commit for the disk, and so for all before it:
# who is told that the rebuild is done can rely on it.
REACH_DISK = "SELECT pg_logical_emit_message(true, 'rebuild', '')"

# The size of each bot, from index stream_of_bot alone.
COUNT_STREAMS = """
SELECT bot_id, count(stream.id)
FROM usage_rolledbot LEFT JOIN usage_stream stream USING (workspace_id, bot_id)
WHERE workspace_id = %(workspace)s
GROUP BY bot_id ORDER BY bot_id
"""

# Marks go before anything is read, as in the rollup, and those of all streams at once.
TAKE_MARKS = f"""
WITH taken AS (
    DELETE FROM usage_dirtystream
    WHERE workspace_id = %(workspace)s AND bot_id = ANY(%(bots)s)
    RETURNING bot_id, stream_id, due_at, touched_from, touched_to
), ahead AS ({MARK_AHEAD})
SELECT array_agg(stream_id) FROM taken WHERE due_at <= %(now)s
"""
# Index stream_of_bot.
CLAIM_STREAMS = f"""
SELECT {STREAM_ARRAYS}
FROM (
    SELECT id AS stream_id, bot_id, channel, voice, agent,
        timestamptz '-infinity' AS touched_from, timestamptz 'infinity' AS touched_to
    FROM usage_stream
    WHERE workspace_id = %(workspace)s AND bot_id = ANY(%(bots)s)
        AND (bot_id, id) > (%(after_bot)s, %(after)s)
    ORDER BY bot_id, id LIMIT %(limit)s
) stream
GROUP BY channel
"""
# Conversations always stand with their sessions, so once there are none in the workspace, bots
# without sessions have none. Index session_of_bot and primary keys.
HAS_CONVERSATIONS = """
SELECT FROM usage_conversation WHERE workspace_id = %(workspace)s LIMIT 1
"""
HAS_SESSIONS_OR_TOTALS = " UNION ALL ".join(
    f"""(
SELECT FROM unnest(%(bots)s::bigint[]) AS bot (bot_id) CROSS JOIN LATERAL (
    SELECT FROM {table}
    WHERE workspace_id = %(workspace)s AND bot_id = bot.bot_id
    LIMIT 1
) stored
LIMIT 1
)"""
    for table in (
        "usage_billingsession",
        "usage_usagebucket",
        "usage_usagesixhours",
        "usage_usageday",
        "usage_usagedayinall",
        "usage_usagemonth",
    )
)
HAS_CHANGES = "SELECT FROM stage_change LIMIT 1"  # else the streams that were due need not be sent
# Conversations are of kind 0 here.
READ_DIFFERENCES = f"""
SELECT stream.bot_id, stream.channel, stream."user", stream.conversation, claim.kind, claim.number,
    claim.started_at, claim.stored, claim.counted
FROM (
    SELECT * FROM stage_change WHERE stream_id <> ALL(%(due)s)
) claim
{STREAM_OF_CLAIM}
ORDER BY stream.bot_id, claim.started_at, stream.id, claim.kind, claim.number
"""

KINDS = ("conversation", "usage", "alert", "voice", "notification")


class Difference(NamedTuple):
    """Something that the increments had left otherwise than it is counted now.

    ``what``: a conversation, a kind of session, agent or bucket; ``found``: it was missing,
    superfluous or different. Agents have no instant, buckets no user.
    """

    bot: str
    what: str
    found: str
    started_at: datetime | None
    number: int = 0
    channel: str = ""
    user: str = ""
    conversation: str = ""


def run(
    *,
    workspace_id: int,
    now: datetime,
    report: Callable[[int], None] = lambda streams: None,
) -> Iterator[Difference]:
    """Rebuild the bots in portions, each in a transaction; yield what the increments had wrong.

    Workers wait for a bot or pass it by while it is rebuilt, writers of events never wait.
    ``report`` is told how many streams were counted. Safe to repeat and to interrupt.
    """
    with in_workspace(workspace_id), connection.cursor() as cursor:
        cursor.execute(COUNT_STREAMS, {"workspace": workspace_id})
        portions = list(cut_portions(cursor.fetchall()))
        cursor.execute(HAS_CONVERSATIONS, {"workspace": workspace_id})
        empty = not cursor.rowcount
    lock = Lock()

    def report_one(streams: int) -> None:
        with lock:
            report(streams)

    rebuild = partial(
        rebuild_bots, workspace_id=workspace_id, now=now, empty=empty, report=report_one
    )
    if len(portions) < 2:
        for bots in portions:
            yield from rebuild(bots)
    else:
        for differences in rebuild_at_once(portions, rebuild):
            yield from differences
    with in_workspace(workspace_id), connection.cursor() as cursor:
        cursor.execute(REACH_DISK)


def cut_portions(sizes: Iterable[tuple[int, int]]) -> Iterator[list[int]]:
    """Put bots together until they have about as many streams as are counted at once."""
    portion: list[int] = []
    streams = 0
    for bot_id, size in sizes:
        if portion and streams + size > STREAMS_AT_ONCE:
            yield portion
            portion, streams = [], 0
        portion.append(bot_id)
        streams += size
    if portion:
        yield portion


def rebuild_at_once(
    portions: list[list[int]], rebuild: Callable[[list[int]], list[Difference]]
) -> list[list[Difference]]:
    """Rebuild portions by several workers: while one waits for the database, another counts.

    A worker keeps its connection, since a new one has to learn of the tables anew. What is returned
    is in the order of the portions.
    """
    waiting = iter(list(enumerate(portions)))  # to take the next one is a single step
    found: dict[int, list[Difference]] = {}

    def work() -> None:
        try:
            for number, bots in waiting:
                found[number] = rebuild(bots)
        finally:
            drop(waiting)
            connection.close()

    with ThreadPoolExecutor(WORKERS) as workers:
        try:
            for worker in [workers.submit(work) for _ in range(WORKERS)]:
                worker.result()
        finally:
            drop(waiting)
    return [found[number] for number in range(len(portions))]


def drop(waiting: Iterator[object]) -> None:
    """Have nobody take another portion: one failed, or the rebuild was interrupted."""
    for _ in waiting:
        pass


def rebuild_bots(
    bots: list[int],
    *,
    workspace_id: int,
    now: datetime,
    empty: bool,
    report: Callable[[int], None],
) -> list[Difference]:
    """Count all streams of some bots again, and all totals over them; return what was otherwise.

    ``empty``: the workspace had no conversations before the bots were locked.
    """
    differences: list[Difference] = []
    with in_workspace(workspace_id), connection.cursor() as cursor:
        cursor.execute(COMMIT_EARLY)
        workspace = Workspace.objects.get(pk=workspace_id)
        rows = RolledBot.objects.for_workspace(workspace).filter(bot__in=bots)
        # Locked in order, so that two rebuilds never wait for each other.
        locked = list(rows.order_by("bot_id").select_for_update())
        keys = dict(rows.values_list("bot_id", "bot__key"))
        clocks: dict[datetime, list[int]] = {}
        for rolled in locked:
            clocks.setdefault(rolled.advance(now), []).append(rolled.bot_id)
        first = empty and not has_sessions_or_totals(workspace, locked)
        sessions = CountedSessions([of.bot_id for of in locked]) if first else None
        for clock, alike in clocks.items():
            claim = open_claim(workspace=workspace, now=clock)
            differences += rebuild_streams(
                claim, alike, keys=keys, sessions=sessions, report=report
            )
        zone = ZoneInfo(workspace.timezone)
        if sessions:
            totals.write_first(rolled=locked, zone=zone, sessions=sessions)
        else:
            differences += [
                Difference(keys[bot_id], "bucket", "different", slot)
                for bot_id, slot in totals.replace_all(rolled=locked, zone=zone)
            ]
        RolledBot.objects.bulk_update(locked, ["rolled_to"])
    return differences


def has_sessions_or_totals(workspace: Workspace, rolled: Sequence[RolledBot]) -> bool:
    """Tell whether anything that was counted is stored of one of the bots."""
    bots = [of.bot_id for of in rolled]
    with by_index(), connection.cursor() as cursor:
        cursor.execute(HAS_SESSIONS_OR_TOTALS, {"workspace": workspace.pk, "bots": bots})
        return bool(cursor.rowcount)


def rebuild_streams(
    claim: Claim,
    bots: list[int],
    *,
    keys: dict[int, str],
    sessions: CountedSessions | None,
    report: Callable[[int], None],
) -> Iterator[Difference]:
    """Count all streams of bots that have one clock again; yield what was otherwise.

    ``sessions`` gathers them for the totals where nothing that was counted is stored yet.
    """
    due = take_marks(claim, bots)
    for streams in claim_streams(claim, bots):
        claim = claim._replace(streams=streams)
        staged = counting.count_claimed(claim, whole=True)
        if changed := counting.count_agents(claim):
            for stream_id in sorted(changed.keys() - set(due.tolist())):
                yield Difference(keys[changed[stream_id]], "agent", "different", None)
        staging.write(claim, staged, first=sessions is not None)
        if sessions:
            staging.write_first(claim, staged, due=due)
            sessions.add(staged)
        else:
            staging.replace_stored(claim)
        yield from read_differences(claim, keys, due=due)
        clear_claim(claim)
        report(len(streams.ids))


def take_marks(claim: Claim, bots: list[int]) -> Counts:
    """Remove the marks of all streams of bots; return the streams that were due.

    The caller counts all of them in this transaction. What lies ahead of the clock is marked again.
    """
    [(due,)] = claim.execute(TAKE_MARKS, bots=bots)
    return unpack_counts(due)


def claim_streams(claim: Claim, bots: list[int]) -> Iterator[Streams]:
    """Yield all streams of bots, some at a time."""
    last, claimed = (0, 0), STREAMS_AT_ONCE
    while claimed == STREAMS_AT_ONCE:
        rows = claim.execute(
            CLAIM_STREAMS, bots=bots, after_bot=last[0], after=last[1], limit=STREAMS_AT_ONCE
        )
        streams = unpack_streams(rows)
        claimed = len(streams.ids)
        if claimed:
            yield streams
            last = max(zip(streams.bots.tolist(), streams.ids.tolist(), strict=True))


def read_differences(claim: Claim, keys: dict[int, str], *, due: Counts) -> Iterator[Difference]:
    """Yield what was changed in streams that were not due."""
    if not claim.execute(HAS_CHANGES).rowcount:
        return
    for bot_id, channel, user, conversation, kind, number, start, stored, counted in claim.execute(
        READ_DIFFERENCES, due=Numbers(due)
    ):
        found = "superfluous" if not counted else "different" if stored else "missing"
        yield Difference(
            bot=keys[bot_id],
            what=KINDS[kind],
            found=found,
            started_at=from_count(start),
            number=number,
            channel=channel,
            user=user,
            conversation=conversation,
        )
