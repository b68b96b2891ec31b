"""Dirty streams become sessions and totals again.

One worker at a time rolls up a bot: it holds the bot's row in `RolledBot`, takes some of its dirty
streams, removes their marks, and only then reads their events. An event that is committed meanwhile
has a mark of its own, which stays. A worker that dies leaves everything as it was.
"""

from collections.abc import Callable
from datetime import datetime
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
    by_index,
    open_claim,
    unpack_streams,
)
from usage.models import RolledBot
from usage.postgres_time import from_count

STREAMS_AT_ONCE = 2000

# Which bot, of those after another one, has work that is due? `SKIP LOCKED` passes by those that
# another worker rolls up. By rolled_bot_of_workspace, and of each bot one mark by the primary key
# of marks; without the inner LIMIT it is a join, which may read all of them.
CLAIM_BOT = """
SELECT bot_id FROM usage_rolledbot bot CROSS JOIN LATERAL (
    SELECT FROM usage_dirtystream mark
    WHERE mark.workspace_id = %(workspace)s AND mark.bot_id = bot.bot_id AND due_at <= %(now)s
    LIMIT 1
) due
WHERE workspace_id = %(workspace)s AND bot_id > %(after)s
ORDER BY bot_id LIMIT 1 FOR UPDATE OF bot
"""

CLAIM_STREAMS = f"""
WITH taken AS (
    DELETE FROM usage_dirtystream
    WHERE workspace_id = %(workspace)s AND bot_id = %(bot)s AND stream_id = ANY(ARRAY(
        SELECT DISTINCT stream_id FROM usage_dirtystream
        WHERE workspace_id = %(workspace)s AND bot_id = %(bot)s AND due_at <= %(now)s
        ORDER BY stream_id LIMIT %(limit)s))
    RETURNING bot_id, stream_id, due_at, marked_at, touched_from, touched_to
), ahead AS ({MARK_AHEAD}), claimed AS (
    SELECT stream_id, bot_id, channel, voice, agent, touched_from, touched_to
    FROM (
        SELECT stream_id, min(touched_from) AS touched_from, max(touched_to) AS touched_to
        FROM taken GROUP BY stream_id
    ) claim
    {STREAM_OF_CLAIM}
)
SELECT (SELECT min(greatest(due_at, marked_at)) FROM taken), {STREAM_ARRAYS}
FROM claimed GROUP BY channel
"""

# What was counted with a later clock, and has events after the given instant or had an open
# conversation at it.
PUT_CLOCK_BACK = """
INSERT INTO usage_dirtystream
    (workspace_id, bot_id, stream_id, due_at, touched_from, touched_to)
SELECT %(workspace)s, event.bot_id, stream_id, '-infinity', min(at), max(at)
FROM usage_event event
JOIN usage_rolledbot bot ON bot.workspace_id = %(workspace)s AND bot.bot_id = event.bot_id
WHERE event.workspace_id = %(workspace)s AND bot.rolled_to > %(to)s
    AND at >= %(to)s - interval '15 minutes' AND NOT developer AND NOT test
GROUP BY event.bot_id, stream_id
"""


class Portion(NamedTuple):
    """What one transaction counted: some streams of a bot."""

    bot_id: int
    streams: int


def run(
    *,
    workspace_id: int,
    now: datetime,
    wait: bool = False,
    progress: Callable[[int], None] = lambda streams: None,
) -> int:
    """Roll up what is due in a workspace at ``now``; return the number of streams counted.

    Bots take turns, and those that another worker rolls up are passed by, or waited for with
    ``wait``. ``progress`` is told how many streams each transaction counted. Safe to repeat and to
    run at once with itself.
    """
    counted = bot = 0
    while True:
        done = roll_up_next(workspace_id=workspace_id, now=now, after=bot, wait=wait)
        if done is None:
            return counted
        bot = done.bot_id
        counted += done.streams
        progress(done.streams)


def roll_up_next(
    *, workspace_id: int, now: datetime, after: int = 0, wait: bool = False
) -> Portion | None:
    """Count some dirty streams of one bot, in one transaction; None: there was nothing due.

    The bot is the next one that has any after bot ``after``, else the first. Of one that was waited
    for there may be none left.
    """
    with in_workspace(workspace_id):
        rolled = claim_bot(workspace_id=workspace_id, now=now, after=after, wait=wait)
        if rolled is None:
            return None
        workspace = Workspace.objects.get(pk=workspace_id)
        claim = open_claim(workspace=workspace, now=rolled.advance(now))
        rows = claim.execute(CLAIM_STREAMS, bot=rolled.bot_id, limit=STREAMS_AT_ONCE).fetchall()
        claim = claim._replace(streams=unpack_streams(arrays for _, *arrays in rows))
        staged = counting.count_claimed(claim)
        if counting.count_agents(claim):
            totals.note_changed(workspace_id=workspace_id, bots=[rolled.bot_id])
        staging.write(claim, staged)
        staging.replace_stored(claim)
        totals.replace_slots(
            staging.read_slots(claim),
            rolled=rolled,
            zone=ZoneInfo(workspace.timezone),
            waited_since=from_count(rows[0][0]) if rows else None,
        )
        rolled.save(update_fields=["rolled_to"])
    return Portion(rolled.bot_id, len(claim.streams.ids))


def claim_bot(
    *, workspace_id: int, now: datetime, after: int = 0, wait: bool = False
) -> RolledBot | None:
    """Lock the next bot after bot ``after`` that has due work, else the first that has any.

    It is locked to the end of the transaction.
    """
    sql = CLAIM_BOT if wait else f"{CLAIM_BOT} SKIP LOCKED"
    with by_index(), connection.cursor() as cursor:
        for place in sorted({after, 0}, reverse=True):
            cursor.execute(sql, {"workspace": workspace_id, "now": now, "after": place})
            if row := cursor.fetchone():
                return RolledBot.objects.for_workspace(workspace_id).get(bot=row[0])
    return None


def put_clock_back(*, workspace_id: int, to: datetime) -> None:
    """Have everything that was counted with a later clock counted again with this one."""
    with in_workspace(workspace_id), connection.cursor() as cursor:
        cursor.execute(PUT_CLOCK_BACK, {"workspace": workspace_id, "to": to})
        later = RolledBot.objects.for_workspace(workspace_id).filter(rolled_to__gt=to)
        later.update(rolled_to=to)
