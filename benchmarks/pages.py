"""A workspace of many bots and sessions for the measurements of pages, made in the database."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg

from accounts import people, workspaces
from accounts.models import Bot, Membership, Role
from accounts.tenancy import in_workspace
from benchmarks import scratch
from usage import totals
from usage.claims import open_claim
from usage.models import Agent, RolledBot

DAYS = 400
SEATS = 5  # held at each bot, all the time
ZONE = "America/New_York"
BOTS_AT_ONCE = 50

# One for every ten sessions.
FILL_STREAMS = """
INSERT INTO usage_stream
    (workspace_id, id, bot_id, key, channel, "user", conversation, agent, voice)
SELECT %(workspace)s, n, %(bot)s, gen_random_uuid(), 'web', 'user-' || n, '', '', false
FROM generate_series(
    %(first)s::bigint / 10, (%(first)s::bigint + %(each)s::bigint - 1) / 10) AS n
ON CONFLICT DO NOTHING
"""

# Of every ten sessions six are the first of a conversation, two its second, two are alerts; spread
# over all days and the bots, of which each has two of four channels.
FILL_SESSIONS = """
INSERT INTO usage_billingsession
    (workspace_id, stream_id, bot_id, started_at, ended_at, conversation_started_at, number, kind,
     rule, closed, completed, channel)
SELECT %(workspace)s, n / 10, %(bot)s, at, at + interval '10 minutes',
    CASE WHEN n %% 10 < 8 THEN at END, CASE WHEN n %% 10 IN (6, 7) THEN 2 ELSE 1 END,
    CASE WHEN n %% 10 < 8 THEN 1 ELSE 2 END, 1, true, true,
    (ARRAY['web', 'whatsapp', 'sms', 'teams'])[1 + 2 * (%(bot)s %% 2) + n / 10 %% 2]
FROM (
    SELECT n, %(since)s::timestamptz
        + n %% %(each)s::bigint * (%(days)s * interval '1 day' / %(each)s) AS at
    FROM generate_series(%(first)s::bigint, %(first)s::bigint + %(each)s::bigint - 1) AS n
) numbered
"""


def make_workspace(
    slug: str, *, bots_count: int, sessions: int, now: datetime, days: int = DAYS
) -> Membership:
    """Return the owner of a workspace with bots and sessions in the days before ``now``."""
    workspace = workspaces.create(slug=slug, timezone=ZONE)[0]
    owner = people.add_member(
        workspace=workspace, email=f"owner@{slug}.example", role=Role.OWNER, password=None
    )[0]
    each = sessions // bots_count
    since = now - timedelta(days=days)
    with in_workspace(workspace.pk):
        Bot.objects.bulk_create(
            Bot(workspace=workspace, key=f"bot-{place:04d}", name=f"Bot {place:04d}")
            for place in range(bots_count)
        )
        numbers = list(
            Bot.objects.for_workspace(workspace).order_by("key").values_list("pk", flat=True)
        )
        RolledBot.objects.bulk_create(
            RolledBot(workspace=workspace, bot_id=bot, rolled_to=now) for bot in numbers
        )
        Agent.objects.bulk_create(
            Agent(
                workspace=workspace, bot_id=bot, stream_id=bot * SEATS + seat, signed_in=False,
                started_at=since, ended_at=None,
            )
            for bot in numbers for seat in range(SEATS)
        )  # fmt: skip
    with psycopg.connect(scratch.address("owner"), autocommit=True) as connection:
        for place, bot in enumerate(numbers):
            values = {
                "workspace": workspace.pk, "bot": bot, "since": since, "days": days, "each": each,
                "first": place * each,
            }  # fmt: skip
            connection.execute(FILL_STREAMS.encode(), values)
            connection.execute(FILL_SESSIONS.encode(), values)
    with in_workspace(workspace.pk):
        # The totals want the table of what was touched: nothing.
        open_claim(workspace=workspace, now=now)
        rolled = list(RolledBot.objects.for_workspace(workspace).order_by("bot"))
        for start in range(0, len(rolled), BOTS_AT_ONCE):
            totals.replace_all(rolled=rolled[start : start + BOTS_AT_ONCE], zone=ZoneInfo(ZONE))
    return owner
