"""What usage costs now, less what is charged already."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from django.db import connection

from accounts.models import Workspace
from accounts.months import Calendar
from plans import day_counts
from plans.day_counts import COUNTED, PLAN_OF_DAY, QUANTITY
from plans.models import SEATS

# Primary keys of all tables.
FIND_DIFFERENCES = f"""
WITH {COUNTED}, due AS (
    SELECT counted.bot_id, counted.day, price.meter, plan.version_id, price.amount AS price,
        {QUANTITY.format(meter="price.meter", of="counted.")} AS quantity
    FROM counted
    CROSS JOIN {PLAN_OF_DAY.format(bot="counted.bot_id", day="counted.day")}
    JOIN plans_planversion version ON version.id = plan.version_id AND version.uses_credits
    JOIN plans_planmeter meter ON meter.version_id = version.id
    JOIN plans_price price ON price.version_id = version.id AND price.meter = meter.meter
        AND price.currency_id = %(currency)s
    WHERE price.meter <> ALL(%(seats)s)
        AND (%(enterprise_from)s::date IS NULL OR counted.day < %(enterprise_from)s)
), charged AS (
    SELECT bot_id, day, meter, version_id, quantity, amount, postings
    FROM plans_chargedday
    WHERE workspace_id = %(workspace)s AND bot_id IN (SELECT bot_id FROM rolled)
)
SELECT bot_id, day, meter, version_id,
    coalesce(due.quantity, 0) - coalesce(charged.quantity, 0),
    (coalesce(due.quantity * due.price, 0) - coalesce(charged.amount, 0))::numeric(20, 4),
    coalesce(charged.postings, 0)
FROM due FULL JOIN charged USING (bot_id, day, meter, version_id)
WHERE coalesce(due.quantity * due.price, 0) <> coalesce(charged.amount, 0)
ORDER BY day, bot_id, meter, version_id
"""


class Difference(NamedTuple):
    """How much more (or less) a bot's local day costs than is charged, for a meter and a version.

    ``postings``: how many there are already of these four.
    """

    bot: int
    day: date
    meter: str
    version: int
    quantity: int
    amount: Decimal
    postings: int


def find(
    *, workspace: Workspace, bots: Sequence[int], enterprise_from: date | None, calendar: Calendar
) -> list[Difference]:
    """Return the differences of some bots, by days; those without any are left out.

    The caller runs in the workspace and has removed the bots' marks.
    """
    values = day_counts.bind(workspace=workspace, bots=bots, calendar=calendar) | {
        "currency": workspace.currency,
        "seats": list(SEATS),
        "enterprise_from": enterprise_from,
    }
    with connection.cursor() as cursor:
        cursor.execute(FIND_DIFFERENCES, values)
        return [Difference(*row) for row in cursor.fetchall()]
