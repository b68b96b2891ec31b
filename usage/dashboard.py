"""What the dashboard reads: a workspace, or the bots that a member owns, at a glance."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import connection

from accounts.models import Bot, BotQuerySet, Membership, Role
from usage.cards import CARDS
from usage.periods import Grain, Period
from usage.queries import Counts, Freshness, find_bots_in_old_zone, find_freshness
from usage.report_queries import BotName, Reader
from usage.reports import Range, Report, make_report
from usage.trends import Bar, Concern, Weeks, draw_bars, find_concern, share_of, weeks_back

Values = dict[str, int | list[int] | date | datetime]

TOP = 10
CONCERNS_SHOWN = 10
WAITING_SHOWN = 10_000  # more are not counted, but said to be more
BAR, CHART = 24, 160  # width of a day and height of the chart, in its own units

# Primary key of the days; the latest one of each bot is one look at it.
COUNT_WEEKS = """
SELECT bot.id, today, last_week, week_before, latest.day
FROM unnest(%(bots)s::bigint[]) AS bot (id)
CROSS JOIN LATERAL (
    SELECT
        coalesce(sum(sessions) FILTER (WHERE day = %(today)s), 0) AS today,
        coalesce(sum(sessions) FILTER (
            WHERE day >= %(last_week)s AND day < %(today)s), 0) AS last_week,
        coalesce(sum(sessions) FILTER (WHERE day < %(last_week)s), 0) AS week_before
    FROM (
        SELECT day, usage_sessions + alert_sessions AS sessions FROM usage_usagedayinall
        WHERE workspace_id = %(workspace)s AND bot_id = bot.id
            AND day >= %(week_before)s AND day <= %(today)s
    ) days
) counted
CROSS JOIN LATERAL (
    SELECT max(day) AS day FROM usage_usagedayinall
    WHERE workspace_id = %(workspace)s AND bot_id = bot.id
        AND usage_sessions + alert_sessions > 0
) latest
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

    report: Report
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
    bots = {bot.pk: bot for bot in choose_bots(membership).order_by("name", "key")}
    old = set(find_bots_in_old_zone(workspace))
    names = [BotName(bot.pk, bot.key, bot.name, bot.pk in old) for bot in bots.values()]

    def make_reader(chosen: Range) -> Reader:
        report = make_report(range=chosen, grain=Grain.DAY, zone=zone, now=now)
        return Reader(workspace=workspace, channels=(), report=report, recounting=bool(old))

    this, last = make_reader(Range.THIS_MONTH), make_reader(Range.LAST_MONTH)
    by_bot, by_day = this.count_bots_and_periods(names)
    last_days = last.count_by_period(names)
    befores = this.count_previous_by_bot(names)
    weeks = count_weeks(workspace.pk, list(bots), now.astimezone(zone).date())
    refused, waiting = find_trouble(workspace.pk, list(bots), now)
    # Weeks of another zone's days would be compared with days of this one: they wait.
    concerns = find_concerns({pk: bot for pk, bot in bots.items() if pk not in old}, weeks)
    return Dashboard(
        report=this.report,
        bots=len(bots),
        used=any(of.last_day for of in weeks.values()),
        figures=list_figures(Counts.total(by_day), Counts.total(befores.values())),
        days=list_chart_days(by_day, last_days, whole=this.report.whole),
        top=list_top(bots, by_bot, befores),
        concerns=concerns[:CONCERNS_SHOWN],
        more_concerns=max(0, len(concerns) - CONCERNS_SHOWN),
        refused=refused,
        waiting=waiting,
        freshness=find_freshness(workspace=workspace, bots=list(bots), now=now),
    )


def count_weeks(workspace_id: int, bots: list[int], today: date) -> dict[int, Weeks]:
    """Return by bot what it did in two weeks."""
    last_week, week_before = weeks_back(today)
    values: Values = {
        "workspace": workspace_id,
        "bots": bots,
        "today": today,
        "last_week": last_week,
        "week_before": week_before,
    }
    with connection.cursor() as cursor:
        cursor.execute(COUNT_WEEKS, values)
        return {pk: Weeks(*weeks) for pk, *weeks in cursor.fetchall()}


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


def list_figures(now: Counts, before: Counts) -> list[Figure]:
    """Return the cards of this month."""
    return [Figure(label, getattr(now, name), getattr(before, name)) for label, name, _ in CARDS]


def list_chart_days(now: list[Counts], before: list[Counts], *, whole: Period) -> list[Day]:
    """Return the days of both months side by side; days to come of the ``whole`` have none yet."""
    to_come = (whole.ends_at.date() - whole.starts_at.date()).days - len(now)
    this, last = ([counts.billing_sessions for counts in days] for days in (now, before))
    bars = draw_bars([*this, *[0] * to_come], last, width=BAR, height=CHART)
    return [
        Day(
            number=place + 1,
            sessions=this[place] if place < len(this) else None,
            before=last[place] if place < len(last) else None,
            bar=bar,
        )
        for place, bar in enumerate(bars)
    ]


def list_top(
    bots: Mapping[int, Bot], now: Mapping[int, Counts], before: Mapping[int, Counts]
) -> list[TopBot]:
    """Return the bots with most billing sessions this month, first by name where some are equal."""
    sessions = {pk: now[pk].billing_sessions for pk in bots}
    whole = sum(sessions.values())
    used = sorted((pk for pk in bots if sessions[pk]), key=lambda pk: -sessions[pk])
    return [
        TopBot(bots[pk], sessions[pk], before[pk].billing_sessions, share_of(sessions[pk], whole))
        for pk in used[:TOP]
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
    this, last = board.report.whole.starts_at, board.report.previous.starts_at
    now = [day.sessions or 0 for day in board.days]
    before = [day.before or 0 for day in board.days]
    summary = (
        f"Billing sessions by day. {this:%B}: {sum(now):,} so far{find_highest(now)}. "
        f"{last:%B}: {sum(before):,}{find_highest(before)}."
    )
    return Chart(BAR * len(board.days), CHART, max([*now, *before]), summary)


def find_highest(counts: list[int]) -> str:
    """Return in words which day had most; empty where none had any."""
    top = max(counts)
    return f", most on the {counts.index(top) + 1}. with {top:,}" if top else ""
