"""What the dashboard reads: a workspace, or the bots that a member owns, at a glance."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import connection

from accounts.models import Bot, BotQuerySet, Membership, Role
from usage.cards import CARDS
from usage.periods import start_of_day
from usage.queries import Counts, Freshness, find_freshness
from usage.trends import (
    Bar,
    Concern,
    MonthSoFar,
    Weeks,
    draw_bars,
    find_concern,
    find_month,
    list_days,
    share_of,
    weeks_back,
)

Values = dict[str, int | list[int] | date | datetime]

TOP = 10
CONCERNS_SHOWN = 10
WAITING_SHOWN = 10_000  # more are not counted, but said to be more
BAR, CHART = 24, 160  # width of a day and height of the chart, in its own units

# Primary key of the days. By day over all bots.
COUNT_DAYS = """
SELECT day, sum(usage_sessions), sum(alert_sessions), sum(voice_sessions), sum(conversations)
FROM usage_usageday
WHERE workspace_id = %(workspace)s AND bot_id = ANY(%(bots)s)
    AND day >= %(first_before)s AND day <= %(today)s
GROUP BY day
"""

# Primary key of the days; the latest one of each bot is one look at it.
COUNT_BOTS = """
SELECT bot.id, this_month, before, today, last_week, week_before, latest.day
FROM unnest(%(bots)s::bigint[]) AS bot (id)
CROSS JOIN LATERAL (
    SELECT
        coalesce(sum(sessions) FILTER (WHERE day >= %(first)s), 0) AS this_month,
        coalesce(sum(sessions) FILTER (WHERE day < least(%(cut_day)s, %(first)s)), 0) AS before,
        coalesce(sum(sessions) FILTER (WHERE day = %(today)s), 0) AS today,
        coalesce(sum(sessions) FILTER (
            WHERE day >= %(last_week)s AND day < %(today)s), 0) AS last_week,
        coalesce(sum(sessions) FILTER (
            WHERE day >= %(week_before)s AND day < %(last_week)s), 0) AS week_before
    FROM (
        SELECT day, usage_sessions + alert_sessions AS sessions FROM usage_usageday
        WHERE workspace_id = %(workspace)s AND bot_id = bot.id
            AND day >= %(first_before)s AND day <= %(today)s
    ) days
) counted
CROSS JOIN LATERAL (
    SELECT max(day) AS day FROM usage_usageday
    WHERE workspace_id = %(workspace)s AND bot_id = bot.id
        AND usage_sessions + alert_sessions > 0
) latest
"""

# Primary key of the buckets, index session_of_bot: a day's whole quarters of an hour, then the
# begun one session by session.
COUNT_PART_OF_DAY = """
SELECT bot_id, sum(usage_sessions), sum(alert_sessions), sum(voice_sessions), sum(conversations)
FROM (
    SELECT bot_id, usage_sessions, alert_sessions, voice_sessions, conversations
    FROM usage_usagebucket
    WHERE workspace_id = %(workspace)s AND bot_id = ANY(%(bots)s)
        AND starts_at >= %(day)s AND starts_at < %(quarter)s
    UNION ALL
    SELECT bot_id, count(*) FILTER (WHERE kind = 1 AND completed), count(*) FILTER (WHERE kind = 2),
        count(*) FILTER (WHERE kind = 3 AND completed),
        count(*) FILTER (WHERE kind = 1 AND number = 1 AND closed)
    FROM usage_billingsession
    WHERE workspace_id = %(workspace)s AND bot_id = ANY(%(bots)s)
        AND started_at >= %(quarter)s AND started_at < %(cut)s
    GROUP BY bot_id
) parts
GROUP BY bot_id
"""

# Index intake_by_time; primary key of the marks.
FIND_TROUBLE = """
SELECT (
    SELECT coalesce(sum(rejected), 0) FROM usage_intake
    WHERE workspace_id = %(workspace)s AND received_at > %(since)s
), (
    SELECT count(*) FROM (
        SELECT FROM usage_dirtystream
        WHERE workspace_id = %(workspace)s AND bot_id = ANY(%(bots)s) AND due_at <= %(now)s
        LIMIT %(most)s
    ) waiting
)
"""


@dataclass(frozen=True)
class Figure:
    """A number of this month beside that of the equally long part of the month before."""

    label: str
    value: int
    before: int


@dataclass(frozen=True)
class TopBot:
    """A bot with many billing sessions this month; ``share`` of all of them in percent."""

    bot: Bot
    sessions: int
    before: int
    share: int


@dataclass(frozen=True)
class BotConcern:
    """A bot that needs a look, and why."""

    bot: Bot
    concern: Concern
    weeks: Weeks


@dataclass(frozen=True)
class Day:
    """Billing sessions of a day's number in both months; None: that month has no such day."""

    number: int
    sessions: int | None
    before: int | None
    bar: Bar


@dataclass(frozen=True)
class Dashboard:
    """All of it. ``refused`` events in the last 24 hours; ``waiting`` changes to be counted."""

    month: MonthSoFar
    bots: int
    used: bool
    figures: list[Figure]
    days: list[Day]
    top: list[TopBot]
    concerns: list[BotConcern]
    more_concerns: int
    refused: int
    waiting: int
    freshness: Freshness


def choose_bots(membership: Membership) -> BotQuerySet:
    """Return the bots of a person's dashboard: a member's are those they own."""
    bots = Bot.objects.for_workspace(membership.workspace_id).visible_to(membership)
    return bots.filter(owner=membership.user_id) if membership.role == Role.MEMBER else bots


def read(*, membership: Membership, now: datetime) -> Dashboard:
    """Return a person's dashboard, in as many queries whatever the number of bots is."""
    workspace = membership.workspace
    zone = ZoneInfo(workspace.timezone)
    month = find_month(now, zone)
    bots = {bot.pk: bot for bot in choose_bots(membership).order_by("name", "key")}
    ids = list(bots)
    by_day = count_days(workspace.pk, ids, month)
    part = count_part_of_day(workspace.pk, ids, month, zone)
    rows = count_bots(workspace.pk, ids, month)
    befores = {pk: before + part.get(pk, Counts()).billing_sessions for pk, _, before, _ in rows}
    refused, waiting = find_trouble(workspace.pk, ids, now)
    concerns = find_concerns(bots, {pk: weeks for pk, _, _, weeks in rows})
    return Dashboard(
        month=month,
        bots=len(bots),
        used=any(weeks.last_day for _, _, _, weeks in rows),
        figures=list_figures(by_day, part.values(), month),
        days=list_chart_days(by_day, month),
        top=list_top(bots, {pk: sessions for pk, sessions, _, _ in rows}, befores),
        concerns=concerns[:CONCERNS_SHOWN],
        more_concerns=max(0, len(concerns) - CONCERNS_SHOWN),
        refused=refused,
        waiting=waiting,
        freshness=find_freshness(workspace=workspace, bots=ids, now=now),
    )


def count_days(workspace_id: int, bots: list[int], month: MonthSoFar) -> dict[date, Counts]:
    """Return what was counted by day, this month and the one before; nothing where nothing was."""
    values: Values = {
        "workspace": workspace_id,
        "bots": bots,
        "first_before": month.first_before,
        "today": month.today,
    }
    with connection.cursor() as cursor:
        cursor.execute(COUNT_DAYS, values)
        return {day: Counts(*counts) for day, *counts in cursor.fetchall()}


def count_bots(
    workspace_id: int, bots: list[int], month: MonthSoFar
) -> list[tuple[int, int, int, Weeks]]:
    """Return by bot the sessions of this month, of the whole days before, and its weeks."""
    last_week, week_before = weeks_back(month.today)
    values = {
        "workspace": workspace_id,
        "bots": bots,
        **month._asdict(),
        "last_week": last_week,
        "week_before": week_before,
    }
    with connection.cursor() as cursor:
        cursor.execute(COUNT_BOTS, values)
        return [(pk, now, before, Weeks(*weeks)) for pk, now, before, *weeks in cursor.fetchall()]


def count_part_of_day(
    workspace_id: int, bots: list[int], month: MonthSoFar, zone: ZoneInfo
) -> dict[int, Counts]:
    """Return by bot what the last, begun day of the part to compare with had up to its cut."""
    if month.whole_before:
        return {}
    day = start_of_day(month.cut_day, zone)
    quarter = month.cut - timedelta(
        minutes=month.cut.minute % 15, seconds=month.cut.second, microseconds=month.cut.microsecond
    )
    values: Values = {
        "workspace": workspace_id,
        "bots": bots,
        "day": day,
        "quarter": max(day, quarter),
        "cut": month.cut,
    }
    with connection.cursor() as cursor:
        cursor.execute(COUNT_PART_OF_DAY, values)
        return {bot: Counts(*map(int, counts)) for bot, *counts in cursor.fetchall()}


def find_trouble(workspace_id: int, bots: list[int], now: datetime) -> tuple[int, int]:
    """Return how many events were refused in the last 24 hours and how many changes wait."""
    values: Values = {
        "workspace": workspace_id,
        "bots": bots,
        "now": now,
        "since": now - timedelta(hours=24),
        "most": WAITING_SHOWN + 1,
    }
    with connection.cursor() as cursor:
        cursor.execute(FIND_TROUBLE, values)
        refused, waiting = cursor.fetchone() or (0, 0)
    return int(refused), waiting


def list_figures(
    by_day: Mapping[date, Counts], parts: Iterable[Counts], month: MonthSoFar
) -> list[Figure]:
    """Return the cards of this month; ``parts`` are of the begun day of the month before."""
    now = Counts.total(counts for day, counts in by_day.items() if day >= month.first)
    whole_days = (counts for day, counts in by_day.items() if day < min(month.cut_day, month.first))
    before = Counts.total([*whole_days, *parts])
    return [Figure(label, getattr(now, name), getattr(before, name)) for label, name, _ in CARDS]


def list_chart_days(by_day: Mapping[date, Counts], month: MonthSoFar) -> list[Day]:
    """Return the days of both months side by side; days to come have none yet."""
    this, last = (
        [by_day.get(day, Counts()).billing_sessions for day in list_days(first)]
        for first in (month.first, month.first_before)
    )
    so_far = (month.today - month.first).days + 1
    return [
        Day(
            number=place + 1,
            sessions=this[place] if place < so_far else None,
            before=last[place] if place < len(last) else None,
            bar=bar,
        )
        for place, bar in enumerate(draw_bars(this, last, width=BAR, height=CHART))
    ]


def list_top(
    bots: Mapping[int, Bot], sessions: Mapping[int, int], befores: Mapping[int, int]
) -> list[TopBot]:
    """Return the bots with most billing sessions this month, first by name where some are equal."""
    whole = sum(sessions.values())
    used = [bot for bot in bots.values() if sessions[bot.pk]]
    used.sort(key=lambda bot: -sessions[bot.pk])
    return [
        TopBot(bot, sessions[bot.pk], befores[bot.pk], share_of(sessions[bot.pk], whole))
        for bot in used[:TOP]
    ]


def find_concerns(bots: Mapping[int, Bot], weeks: Mapping[int, Weeks]) -> list[BotConcern]:
    """Return the bots that need a look: the widest change first, then who fell silent last."""
    found = [
        BotConcern(bot, concern, weeks[bot.pk])
        for bot in bots.values()
        if bot.archived_at is None and (concern := find_concern(weeks[bot.pk]))
    ]
    return sorted(found, key=urgency)


def urgency(found: BotConcern) -> tuple[int, int]:
    """Return by what concerns are ordered."""
    weeks = found.weeks
    if found.concern is Concern.SILENT and weeks.last_day:
        return (1, -weeks.last_day.toordinal())
    return (0, -abs(weeks.last - weeks.before))


@dataclass(frozen=True)
class Chart:
    """What the drawing of the days says: its size, its highest day, and all of it in words."""

    width: int
    height: int
    top: int
    summary: str


def describe_chart(board: Dashboard) -> Chart:
    """Return size and words of the chart."""
    month = board.month
    now = [day.sessions or 0 for day in board.days]
    before = [day.before or 0 for day in board.days]
    summary = (
        f"Billing sessions by day. {month.first:%B}: {sum(now):,} so far{find_highest(now)}. "
        f"{month.first_before:%B}: {sum(before):,}{find_highest(before)}."
    )
    return Chart(BAR * len(board.days), CHART, max([*now, *before]), summary)


def find_highest(counts: list[int]) -> str:
    """Return in words which day had most; empty where none had any."""
    top = max(counts)
    return f", most on the {counts.index(top) + 1}. with {top:,}" if top else ""
