"""Everything derived from events is counted again from the beginning, and replaced.

What the increments of the rollup left is compared on the way: they must have led to the same.
Streams that were due anyway are no difference; what they held was known to be old.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from accounts.models import Workspace
from accounts.tenancy import in_workspace
from usage import counting, staging, totals
from usage.models import RolledBot
from usage.postgres_time import from_count
from usage.reading import STREAM_OF_CLAIM, Claim, clear_claim, open_claim

STREAMS_AT_ONCE = 20_000

# Marks go before anything is read, as in the rollup. Index stream_of_bot.
CLAIM_STREAMS = """
WITH portion AS MATERIALIZED (
    SELECT id FROM usage_stream
    WHERE workspace_id = %(workspace)s AND bot_id = %(bot)s AND id > %(after)s
    ORDER BY id LIMIT %(limit)s
), taken AS (
    DELETE FROM usage_dirtystream
    WHERE workspace_id = %(workspace)s AND bot_id = %(bot)s
        AND stream_id BETWEEN (SELECT min(id) FROM portion) AND (SELECT max(id) FROM portion)
    RETURNING stream_id, due_at, touched_from, touched_to
)
INSERT INTO stage_claim
SELECT id, '-infinity', 'infinity', coalesce(bool_or(due_at <= %(now)s), false),
    min(touched_from) FILTER (WHERE touched_to > %(now)s),
    max(touched_to) FILTER (WHERE touched_to > %(now)s)
FROM portion LEFT JOIN taken ON taken.stream_id = id
GROUP BY id
RETURNING stream_id
"""

# Conversations are of kind 0 here.
READ_DIFFERENCES = f"""
SELECT stream.channel, stream."user", stream.conversation, claim.kind, claim.number,
    claim.started_at, claim.stored, claim.counted
FROM (
    SELECT change.* FROM stage_change change JOIN stage_claim USING (stream_id) WHERE NOT due
) claim
{STREAM_OF_CLAIM}
ORDER BY claim.started_at, stream.id, claim.kind, claim.number
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
    """Rebuild one bot after the other, each in a transaction; yield what the increments had wrong.

    Workers wait for a bot or pass it by while it is rebuilt, writers of events never wait.
    ``report`` is told how many streams were counted. Safe to repeat and to interrupt.
    """
    with in_workspace(workspace_id):
        bots = list(
            RolledBot.objects.for_workspace(workspace_id)
            .order_by("bot__key")
            .values_list("bot_id", "bot__key")
        )
    for bot_id, key in bots:
        yield from rebuild_bot(
            workspace_id=workspace_id, bot_id=bot_id, key=key, now=now, report=report
        )


def rebuild_bot(
    *, workspace_id: int, bot_id: int, key: str, now: datetime, report: Callable[[int], None]
) -> list[Difference]:
    """Count all streams of a bot again, and all totals over them; return what was otherwise."""
    with in_workspace(workspace_id):
        workspace = Workspace.objects.get(pk=workspace_id)
        rolled = RolledBot.objects.for_workspace(workspace).select_for_update().get(bot=bot_id)
        claim = open_claim(workspace=workspace, bot_id=bot_id, now=rolled.advance(now))
        differences: list[Difference] = []
        explained: set[datetime] = set()
        after = 0
        while streams := claim_streams(claim, after=after):
            staged = counting.count_claimed(claim, whole=True)
            due = read_due(claim) if staged.agents else set()
            differences += [
                Difference(key, "agent", "different", None)
                for stream_id in counting.count_agents(claim, streams=staged.agents)
                if stream_id not in due
            ]
            staging.write(claim, staged)
            explained.update(staging.replace_stored(claim))
            differences += read_differences(claim, key)
            clear_claim(claim)
            after = max(streams)
            report(len(streams))
        slots = totals.replace_all(rolled=rolled, zone=ZoneInfo(workspace.timezone))
        differences += [
            Difference(key, "bucket", "different", slot) for slot in slots if slot not in explained
        ]
        rolled.save(update_fields=["rolled_to"])
    return differences


def claim_streams(claim: Claim, *, after: int) -> list[int]:
    """Claim the bot's next streams whole, and take their marks."""
    rows = claim.execute(CLAIM_STREAMS, after=after, limit=STREAMS_AT_ONCE)
    return [stream_id for (stream_id,) in rows]


def read_due(claim: Claim) -> set[int]:
    """Return the claimed streams that had a due mark."""
    rows = claim.execute("SELECT stream_id FROM stage_claim WHERE due")
    return {stream_id for (stream_id,) in rows}


def read_differences(claim: Claim, key: str) -> Iterator[Difference]:
    """Yield what was changed in streams that were not due."""
    for channel, user, conversation, kind, number, started_at, stored, counted in claim.execute(
        READ_DIFFERENCES
    ):
        found = "superfluous" if not counted else "different" if stored else "missing"
        yield Difference(
            bot=key,
            what=KINDS[kind],
            found=found,
            started_at=from_count(started_at),
            number=number,
            channel=channel,
            user=user,
            conversation=conversation,
        )
