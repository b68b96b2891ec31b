"""``GET usage``: the numbers of the Usage page and of ``export_usage``, for programs."""

from datetime import UTC, date, datetime
from decimal import Decimal
from http import HTTPStatus
from typing import Annotated
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from ninja import Field, Query, Router, Schema

from accounts.access import ApiKeyAccess, ApiRefused, ApiRequest
from accounts.api import REFUSALS, Refusal
from accounts.days import DAY
from accounts.models import Bot, Workspace, known_zone
from accounts.tenancy import in_workspace
from plans import spend
from usage import queries, reports
from usage.periods import Grain
from usage.queries import UsageRow
from usage.reports import Range, RangeRefused, Report

MOST_ROWS = 100_000

router = Router(tags=["Usage"], auth=ApiKeyAccess("usage.view"))


class BotPeriod(Schema):
    """What one bot used in one period; the end of a period is exclusive."""

    bot: str
    period_start: datetime
    period_end: datetime
    billing_sessions: int
    usage_sessions: int
    alert_sessions: int
    voice_sessions: int
    conversations: int
    notifications: int
    agents: int
    agents_peak: int
    charged: Decimal | None = Field(
        description="Taken from credits. Null: the period is not made of charged days."
    )


class UsageAnswer(Schema):
    """One row for each bot and period that has begun, zeros included, in order of key and time.

    All that was received and lies before ``complete_until`` is counted; ``open_sessions`` are not.
    """

    timezone: str
    currency: str
    complete_until: datetime
    open_sessions: int
    usage: list[BotPeriod]


@router.get(
    "usage",
    response={HTTPStatus.OK: UsageAnswer, REFUSALS: Refusal},
    summary="Count usage",
)
def get_usage(
    request: ApiRequest,
    from_: Annotated[date, Query(alias="from", description="The first local day.")],
    to: Annotated[date, Query(description="The local day after the last.")],
    by: Grain = Grain.DAY,
    timezone: Annotated[str, Query(max_length=64, description="Default: the workspace's.")] = "",
    bot: Annotated[list[str], Query(description="Keys of bots. Default: all.")] = [],  # noqa: B006
) -> UsageAnswer:
    """Return what each bot used in each period."""
    now = datetime.now(UTC)
    with in_workspace(request.auth.workspace_id):
        workspace = Workspace.objects.get(pk=request.auth.workspace_id)
        zone = read_zone(timezone or workspace.timezone)
        report = read_report(from_, to, by=by, zone=zone, now=now)
        bots = find_bots(workspace, bot)
        if len(bots) * len(report.periods) > MOST_ROWS:
            raise refuse(f"These are more than {MOST_ROWS:,} rows. Ask for fewer bots or days.")
        rows = queries.count_usage(workspace=workspace, bots=bots, periods=report.periods, now=now)
        charged = spend.read_rows(
            workspace=workspace, bots=[b.pk for b in bots], periods=report.periods
        )
        fresh = queries.find_freshness(workspace=workspace, bots=[b.pk for b in bots], now=now)
        return UsageAnswer(
            timezone=zone.key,
            currency=workspace.currency,
            complete_until=fresh.complete_until,
            open_sessions=fresh.open_sessions,
            usage=[
                make_row(
                    row,
                    charged=None if charged is None else charged[row.bot.pk, row.period.starts_at],
                )
                for row in rows
            ],
        )


def refuse(sentence: str) -> ApiRefused:
    """Return the refusal of a filter."""
    return ApiRefused(HTTPStatus.BAD_REQUEST, "bad_filter", sentence)


def read_zone(name: str) -> ZoneInfo:
    """Return a time zone.

    Raises:
        ApiRefused: there is none of this name.
    """
    try:
        known_zone(name)
    except ValidationError as error:
        raise refuse(str(error.message)) from None
    return ZoneInfo(name)


def read_report(first: date, to: date, *, by: Grain, zone: ZoneInfo, now: datetime) -> Report:
    """Return the report of some local days, the last one exclusive.

    Raises:
        ApiRefused: they lie the wrong way round, are too many, or cannot be shown.
    """
    if not date(1970, 1, 1) <= first < to <= date(2200, 1, 1):
        raise refuse("The days are to lie between 1970 and 2199, from before to.")
    try:
        return reports.make_report(
            range=Range.CUSTOM, grain=by, zone=zone, now=now, first=first, last=to - DAY
        )
    except RangeRefused as error:
        raise refuse(str(error)) from None


def find_bots(workspace: Workspace, keys: list[str]) -> list[Bot]:
    """Return bots in order of their keys: those named, else all of the workspace.

    Raises:
        ApiRefused: one of them does not exist.
    """
    bots = Bot.objects.for_workspace(workspace).order_by("key")
    if not keys:
        return list(bots)
    found = list(bots.filter(key__in=[key for key in keys if "\0" not in key]))
    if missing := set(keys) - {bot.key for bot in found}:
        raise refuse(f"There is no bot {min(missing)[:128]!r}.")
    return found


def make_row(row: UsageRow, *, charged: Decimal | None) -> BotPeriod:
    """Return a row as the API writes it."""
    return BotPeriod(
        bot=row.bot.key,
        period_start=row.period.starts_at,
        period_end=row.period.ends_at,
        billing_sessions=row.counts.billing_sessions,
        **row.counts._asdict(),
        agents=row.agents,
        agents_peak=row.agents_peak,
        charged=charged,
    )
