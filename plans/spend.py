"""What usage cost that was taken from credits: sums of what is charged, for pages and exports.

Charged are whole local days, each in the zone of its month (`accounts.months`). A period of a
report has an amount only where it is made of such days.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection

from accounts.models import Bot, Membership, Role, Workspace
from accounts.months import Calendar, read_calendar
from plans.models import Currency
from plans.wording import say_exactly
from usage.periods import Period

NOTHING = Decimal(0)
SEE_SOME = (Role.MEMBER, Role.SHARED)  # others see the plans of all bots

# By bot (place NULL), by period (bot NULL), and of all (both NULL), which there is in any case.
# Primary key of the charged days.
COUNT = """
SELECT bot_id, place, coalesce(sum(amount), 0),
    (SELECT decimals FROM plans_currency WHERE code = %(currency)s)
FROM (
    SELECT bot_id, width_bucket(day, %(starts)s::date[]) - 1 AS place, amount
    FROM plans_chargedday
    WHERE workspace_id = %(workspace)s AND bot_id = ANY(%(bots)s::bigint[])
        AND day >= %(first)s AND day < %(until)s
) charged
GROUP BY GROUPING SETS ((bot_id), (place), ())
"""
COUNT_EACH = COUNT.replace("GROUPING SETS ((bot_id), (place), ())", "bot_id, place")


@dataclass(frozen=True, kw_only=True, slots=True)
class Spend:
    """What was charged for some bots in a report; `None` stands where that is not known.

    ``by_bot`` has the bots whose plan the reader may see (others are left out), ``by_period`` is in
    order of the report. ``missing``: why there are no amounts, or whom they leave out.
    """

    by_bot: dict[int, Decimal]
    by_period: list[Decimal] | None
    total: Decimal | None
    currency: Currency
    missing: str = ""

    def of_bot(self, bot_id: int) -> Decimal | None:
        """Return what a bot cost."""
        return None if self.total is None else self.by_bot.get(bot_id)

    def of_period(self, place: int) -> Decimal | None:
        """Return what all of the bots cost in a period of the report."""
        return self.by_period[place] if self.by_period is not None else None

    def show(self, amount: Decimal | None) -> str:
        """Return an amount as pages show it: exactly, with its currency."""
        return "–" if amount is None else say_exactly(amount, self.currency)


def read(
    *,
    membership: Membership,
    bots: Sequence[int],
    channels: bool,
    whole: Period,
    periods: Sequence[Period],
) -> Spend:
    """Return what was charged in a report for those bots whose plan a person sees.

    ``periods``: those of the ``whole`` that have begun; by hours there is a total only.
    ``channels``: the report is of some channels only; charges are of all. The caller runs in the
    workspace.
    """
    workspace = membership.workspace
    owned = bots
    if membership.role in SEE_SOME:
        seen = Bot.objects.for_workspace(workspace).with_plan_for(membership).filter(pk__in=bots)
        owned = list(seen.values_list("pk", flat=True))
    left_out = len(set(bots)) - len(owned)
    calendar = read_calendar(workspace)
    starts = find_days(calendar, [period.starts_at for period in periods])
    bounds = find_days(calendar, list(whole))
    if channels:
        return nothing(workspace, "Charges are for all channels together.")
    zone = calendar.zone_of(calendar.day_of(whole.starts_at)).key
    if bounds is None:
        return nothing(
            workspace, f"Charges are for whole days in {zone}: choose these to see them."
        )
    missing = [] if starts else [f"Charges are for whole days in {zone}, and have no hours."]
    if left_out:
        missing.append("Charged covers the bots that you own.")
    found = count(workspace, bots=owned, starts=starts or bounds[:1], until=bounds[1])
    by_bot = {bot: amount for bot, _, amount, _ in found if bot is not None}
    by_place = {place: amount for _, place, amount, _ in found if place is not None}
    decimals = found[0][-1]
    return Spend(
        by_bot=dict.fromkeys(owned, NOTHING) | by_bot,
        by_period=[by_place.get(place, NOTHING) for place in range(len(periods))]
        if starts
        else None,
        total=sum(by_bot.values(), NOTHING),
        currency=Currency(code=workspace.currency, decimals=2 if decimals is None else decimals),
        missing=" ".join(missing),
    )


def read_rows(
    *, workspace: Workspace, bots: Sequence[int], periods: Sequence[Period]
) -> defaultdict[tuple[int, datetime], Decimal] | None:
    """Return what was charged by bot and by start of a period.

    None: the periods are not made of charged days. The caller runs in the workspace.
    """
    calendar = read_calendar(workspace)
    days = find_days(calendar, [*(period.starts_at for period in periods), periods[-1].ends_at])
    if days is None:
        return None
    found = count(workspace, bots=bots, starts=days[:-1], until=days[-1], sql=COUNT_EACH)
    charged = ((bot, periods[place].starts_at, amount) for bot, place, amount, _ in found)
    return defaultdict(Decimal, {(bot, starts_at): amount for bot, starts_at, amount in charged})


def nothing(workspace: Workspace, missing: str) -> Spend:
    """Return that no amounts are known, and why."""
    currency = Currency(code=workspace.currency)
    return Spend(by_bot={}, by_period=None, total=None, currency=currency, missing=missing)


def find_days(calendar: Calendar, instants: Sequence[datetime]) -> list[date] | None:
    """Return the charged days that begin at some instants; None: one of them lies within a day."""
    days = [calendar.day_of(at) for at in instants]
    begin = all(calendar.start_of(day) == at for day, at in zip(days, instants, strict=True))
    return days if begin else None


def count(
    workspace: Workspace,
    *,
    bots: Sequence[int],
    starts: Sequence[date],
    until: date,
    sql: str = COUNT,
) -> list[tuple[Any, Any, Decimal, int | None]]:  # Any: numbers or None, as ``sql`` says
    """Return what was charged by bot and by place of a period; ``until`` is exclusive.

    With each row come the decimals of the currency; None: the catalog does not have it.
    """
    values: dict[str, Any] = {  # psycopg adapts the values
        "workspace": workspace.pk,
        "currency": workspace.currency,
        "bots": list(bots),
        "starts": list(starts),
        "first": starts[0],
        "until": until,
    }
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        rows: list[tuple[Any, Any, Decimal, int | None]] = cursor.fetchall()
    return rows
