"""What was counted of each bot's local day, what of it is charged from credits, and stated.

Counted is anew, from the sessions themselves; beside it stand the totals that charging reads, what
is kept as charged (`ChargedDay`) and what was posted. They are kept apart from each other, so where
they agree nothing went missing between them.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection

from accounts.days import DAY, list_days
from accounts.models import Bot, Workspace
from accounts.months import Calendar
from plans.day_counts import PLAN_OF_DAY, QUANTITY
from plans.models import SEATS
from usage.gaps import Gap, find_gaps
from usage.totals import ADD_TOTALS, COUNT_SESSIONS

TOTALS = "sessions = totals"
POSTED = "sessions = posted + open"
CHARGED = "posted = charged"
STATED = "posted in closed months = on statements"

# What each meter will count when it is over; an alert is at once.
COUNT_RUNNING = """count(*) FILTER (WHERE kind = 1 AND NOT completed) AS running_usage_sessions,
            0 AS running_alert_sessions,
            count(*) FILTER (WHERE kind = 3 AND NOT completed) AS running_voice_sessions,
            count(*) FILTER (WHERE kind = 1 AND number = 1 AND NOT closed)
                AS running_conversations"""
PLAN = PLAN_OF_DAY.format(
    bot="coalesce(session.bot_id, bucket.bot_id)", day="coalesce(session.day, bucket.day)"
)
# One statement, so that all numbers are those of one instant. Of each bot one look at the index
# session_of_bot, alone, and one at the primary key of the buckets; then the indexes
# charged_day_of_workspace, posting_of_bot and statement_line_once, and the primary keys of plans
# and marks.
COUNT_DAYS = f"""
WITH asked AS MATERIALIZED (
    SELECT bot_id FROM unnest(%(bots)s::bigint[]) AS bot (bot_id)
), session AS MATERIALIZED (
    SELECT asked.bot_id, (%(days)s::date[])[counted.place] AS day, counted.*
    FROM asked CROSS JOIN LATERAL (
        SELECT width_bucket(started_at, %(starts)s::timestamptz[]) AS place, {COUNT_SESSIONS},
            {COUNT_RUNNING}
        FROM usage_billingsession
        WHERE workspace_id = %(workspace)s AND bot_id = asked.bot_id
            AND started_at >= %(first)s AND started_at < %(until)s
        GROUP BY 1
    ) counted
), bucket AS MATERIALIZED (
    SELECT asked.bot_id, (%(days)s::date[])[added.place] AS day, added.*
    FROM asked CROSS JOIN LATERAL (
        SELECT width_bucket(starts_at, %(starts)s::timestamptz[]) AS place, {ADD_TOTALS}
        FROM usage_usagebucket
        WHERE workspace_id = %(workspace)s AND bot_id = asked.bot_id
            AND starts_at >= %(first)s AND starts_at < %(until)s
        GROUP BY 1
    ) added
), metered AS (
    SELECT bot_id, day, meter.meter, plan.version_id, version.uses_credits,
        coalesce(price.amount, 0) AS price,
        {QUANTITY.format(meter="meter.meter", of="session.")} AS counted,
        {QUANTITY.format(meter="meter.meter", of="bucket.")} AS added,
        {QUANTITY.format(meter="meter.meter", of="session.running_")} AS running
    FROM session FULL JOIN bucket USING (bot_id, day)
    CROSS JOIN {PLAN}
    JOIN plans_planversion version ON version.id = plan.version_id
    JOIN plans_planmeter meter
        ON meter.version_id = version.id AND meter.meter <> ALL(%(seats)s)
    LEFT JOIN plans_price price ON price.version_id = version.id AND price.meter = meter.meter
        AND price.currency_id = %(currency)s
), charged AS (
    SELECT bot_id, day, meter, version_id, quantity
    FROM plans_chargedday
    WHERE workspace_id = %(workspace)s AND day = ANY(%(days)s)
        AND bot_id IN (SELECT bot_id FROM asked)
), posted AS (
    SELECT bot_id, service_day AS day, meter, version_id, sum(quantity) AS quantity,
        sum(quantity) FILTER (WHERE booking_month < (
            SELECT open_month FROM plans_workspacebilling WHERE workspace_id = %(workspace)s
        )) AS closed
    FROM plans_posting
    WHERE workspace_id = %(workspace)s AND kind = 'charge' AND bot_id = ANY(%(bots)s)
        AND service_day BETWEEN %(days_from)s AND %(days_to)s
    GROUP BY 1, 2, 3, 4
), stated AS (
    SELECT bot_id, service_day AS day, meter, version_id, sum(quantity) AS quantity,
        sum(quantity) FILTER (WHERE amount IS NOT NULL) AS charged
    FROM invoices_statementline
    WHERE workspace_id = %(workspace)s AND bot_id = ANY(%(bots)s) AND version_id IS NOT NULL
        AND service_day BETWEEN %(days_from)s AND %(days_to)s
        AND statement_id IN (
            SELECT id FROM invoices_usagestatement
            WHERE workspace_id = %(workspace)s
                AND month >= date_trunc('month', %(days_from)s::date)::date)
    GROUP BY 1, 2, 3, 4
), waiting AS (
    SELECT DISTINCT bot_id, true AS waits FROM usage_changedbot WHERE workspace_id = %(workspace)s
)
SELECT bot_id, day, meter, version_id, coalesce(uses_credits, true), coalesce(price, 0),
    coalesce(counted, 0), coalesce(added, 0)::bigint, coalesce(running, 0),
    coalesce(charged.quantity, 0), coalesce(posted.quantity, 0)::bigint, coalesce(waits, false),
    coalesce(posted.closed, 0)::bigint, coalesce(stated.charged, 0)::bigint,
    coalesce(stated.quantity, 0)::bigint
FROM metered
FULL JOIN charged USING (bot_id, day, meter, version_id)
FULL JOIN posted USING (bot_id, day, meter, version_id)
FULL JOIN stated USING (bot_id, day, meter, version_id)
LEFT JOIN waiting USING (bot_id)
ORDER BY day, bot_id, meter, version_id
"""


class Counted(NamedTuple):
    """A row of the statement: a bot's local day, a meter of its plan, and what is said of it.

    ``price``: of one more; 0: the plan has none in the workspace's currency, so nothing is charged.
    ``running``: of the day, not completed. ``waits``: something of the bot changed that was not
    charged yet. ``closed``: posted in months that are closed, which statements are to have:
    ``stated_charged``. ``stated``: on statements in all, also of plans without credits.
    """

    bot: int
    day: date
    meter: str
    version: int
    uses_credits: bool
    price: Decimal
    sessions: int
    totals: int
    running: int
    charged: int
    posted: int
    waits: bool
    closed: int
    stated_charged: int
    stated: int


@dataclass(frozen=True, slots=True)
class DayCount:
    """What was counted of a bot's local day and meter, and what of it is charged.

    ``in_contract``: nothing is charged for the day, since a contract holds.
    """

    counted: Counted
    in_contract: bool

    @property
    def is_charged(self) -> bool:
        """Tell whether usage of the day is taken from credits."""
        counted = self.counted
        return counted.uses_credits and counted.price > 0 and not self.in_contract

    @property
    def expected(self) -> int:
        """How many are to be charged by now."""
        return self.counted.sessions if self.is_charged else 0

    @property
    def open(self) -> int:
        """How many are to be charged still, by the next run; negative: to be given back."""
        return self.expected - self.counted.posted if self.counted.waits else 0

    @property
    def gaps(self) -> list[Gap]:
        """The equations that do not hold."""
        counted = self.counted
        left = (counted.sessions, counted.posted, counted.closed, self.expected)
        right = (counted.totals, counted.charged, counted.stated_charged)
        if left == (*right, counted.posted + self.open):
            return []  # nearly always, and of thousands quickly told
        return find_gaps(
            Gap(TOTALS, counted.sessions, counted.totals),
            Gap(POSTED, self.expected, counted.posted + self.open),
            Gap(CHARGED, counted.posted, counted.charged),
            Gap(STATED, counted.closed, counted.stated_charged),
        )

    @property
    def says_something(self) -> bool:
        """Tell whether there is a number: a day of another plan by now has none."""
        counted = self.counted
        return any((*counted[6:11], counted.closed, counted.stated))


def read(
    workspace: Workspace,
    *,
    calendar: Calendar,
    first: date,
    last: date,
    contract_from: date | None,
) -> list[DayCount]:
    """Return what was counted on local days, the last included, by day, bot and meter.

    Also of plans that are not charged by day. The caller runs in the workspace.
    """
    days = list_days(first, last)
    bots = Bot.objects.for_workspace(workspace).values_list("pk", flat=True)
    starts = [calendar.start_of(day) for day in [*days, last + DAY]]
    values: dict[str, Any] = {  # psycopg adapts the values
        "workspace": workspace.pk,
        "currency": workspace.currency,
        "bots": sorted(bots),
        "days": days,
        "days_from": first,
        "days_to": last,
        "starts": starts[:-1],
        "first": starts[0],
        "until": starts[-1],
        "seats": sorted(SEATS),
    }
    with connection.cursor() as cursor:
        cursor.execute(COUNT_DAYS, values)
        rows = map(Counted._make, cursor.fetchall())
    counts = (DayCount(row, contract_from is not None and contract_from <= row.day) for row in rows)
    return [count for count in counts if count.says_something]
