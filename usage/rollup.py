"""Dirty streams become sessions and totals again.

One worker at a time rolls up a bot: it holds the bot's row in `RolledBot`, takes some of its dirty
streams, removes their marks, and only then reads their events. An event that is committed meanwhile
has a mark of its own, which stays. A worker that dies leaves everything as it was.
"""

from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from django.db import connection

from accounts.models import Workspace
from accounts.tenancy import in_workspace
from usage import counting, staging, totals
from usage.models import RolledBot
from usage.postgres_time import from_count
from usage.reading import Claim, open_claim
from usage.sessions import RULE

STREAMS_AT_ONCE = 2000

# Which bot has work that is due? `SKIP LOCKED` passes by those that another worker rolls up.
CLAIM_BOT = """
SELECT bot_id FROM usage_rolledbot bot
WHERE workspace_id = %(workspace)s AND EXISTS (
    SELECT FROM usage_dirtystream mark
    WHERE mark.workspace_id = %(workspace)s AND mark.bot_id = bot.bot_id AND due_at <= %(now)s)
ORDER BY bot_id LIMIT 1 FOR UPDATE
"""

CLAIM_STREAMS = """
WITH claimed AS (
    SELECT DISTINCT stream_id FROM usage_dirtystream
    WHERE workspace_id = %(workspace)s AND bot_id = %(bot)s AND due_at <= %(now)s
    ORDER BY stream_id LIMIT %(limit)s
), taken AS (
    DELETE FROM usage_dirtystream
    WHERE workspace_id = %(workspace)s AND ctid = ANY(ARRAY(
        SELECT mark.place FROM claimed CROSS JOIN LATERAL (
            SELECT ctid AS place FROM usage_dirtystream
            WHERE workspace_id = %(workspace)s AND bot_id = %(bot)s
                AND stream_id = claimed.stream_id
            OFFSET 0
        ) mark))
    RETURNING stream_id, touched_from, touched_to
)
INSERT INTO stage_claim
SELECT stream_id, min(touched_from), max(touched_to), true FROM taken GROUP BY stream_id
"""

# What has events after the given instant, or at it still had an open conversation.
MARK_SINCE = """
INSERT INTO usage_dirtystream
    (workspace_id, bot_id, stream_id, due_at, touched_from, touched_to)
SELECT %(workspace)s, bot_id, stream_id, '-infinity', %(since)s - interval '15 minutes', 'infinity'
FROM usage_event
WHERE workspace_id = %(workspace)s AND at >= %(since)s - interval '15 minutes'
    AND NOT developer AND NOT test
GROUP BY bot_id, stream_id
"""

REPLACE_CONVERSATIONS = f"""
{staging.REPLACE_CONVERSATIONS.format(stored=staging.STORED_CONVERSATIONS)}
SELECT count(*) FROM changed
"""
REPLACE_SESSIONS = f"""
{staging.REPLACE_SESSIONS.format(stored=staging.STORED_SESSIONS)}
SELECT DISTINCT date_bin('15 minutes', started_at, '2000-01-01Z') FROM changed ORDER BY 1
"""


def run(
    *,
    workspace_id: int,
    now: datetime,
    wait: bool = False,
    progress: Callable[[int], None] = lambda streams: None,
) -> int:
    """Roll up what is due in a workspace at ``now``; return the number of streams counted.

    Bots that another worker rolls up are passed by, or waited for with ``wait``. ``progress`` is
    told how many streams each transaction counted. Safe to repeat and to run at once with itself.
    """
    counted = 0
    while (streams := roll_up_next(workspace_id=workspace_id, now=now, wait=wait)) is not None:
        counted += streams
        progress(streams)
    return counted


def roll_up_next(*, workspace_id: int, now: datetime, wait: bool = False) -> int | None:
    """Count some dirty streams of one bot, in one transaction; None: there was nothing due."""
    with in_workspace(workspace_id):
        bot_id = claim_bot(workspace_id=workspace_id, now=now, wait=wait)
        if bot_id is None:
            return None
        workspace = Workspace.objects.get(pk=workspace_id)
        claim = open_claim(workspace=workspace, bot_id=bot_id, now=now)
        claim.execute(CLAIM_STREAMS, limit=STREAMS_AT_ONCE)
        streams = claim.cursor.rowcount
        counting.count_agents(claim)
        staging.write(claim, counting.count_claimed(claim))
        replace_counted(claim, zone=ZoneInfo(workspace.timezone))
        if streams < STREAMS_AT_ONCE:
            RolledBot.objects.for_workspace(workspace_id).filter(bot=bot_id).update(rolled_to=now)
    return streams


def claim_bot(*, workspace_id: int, now: datetime, wait: bool) -> int | None:
    """Lock a bot that has due work, to the end of the transaction."""
    sql = CLAIM_BOT if wait else f"{CLAIM_BOT} SKIP LOCKED"
    with connection.cursor() as cursor:
        cursor.execute(sql, {"workspace": workspace_id, "now": now})
        row = cursor.fetchone()
    return row[0] if row else None


def replace_counted(claim: Claim, *, zone: ZoneInfo) -> None:
    """Replace what is stored of the claimed streams by what was counted, and the totals over it."""
    claim.execute(REPLACE_CONVERSATIONS)
    slots = claim.execute(REPLACE_SESSIONS, rule=RULE).fetchall()
    claim.execute(staging.INSERT_MARKS)
    claim.execute(staging.MARK_AHEAD)
    totals.replace_slots(
        [from_count(slot) for (slot,) in slots],
        workspace_id=claim.workspace_id,
        bot_id=claim.bot_id,
        zone=zone,
    )


def mark_since(*, workspace_id: int, since: datetime) -> None:
    """Mark what may look different when the clock is put back to ``since``."""
    with in_workspace(workspace_id), connection.cursor() as cursor:
        cursor.execute(MARK_SINCE, {"workspace": workspace_id, "since": since})
