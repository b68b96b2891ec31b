"""Statements are compared with the ledger and with the sessions, to the last decimal."""

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection

from accounts.days import DAY, list_months
from accounts.models import Bot, Workspace
from accounts.months import BEGINNING, Calendar, read_calendar
from accounts.tenancy import in_workspace_at_one_instant
from invoices import renewal_rating, statement_sql, statements
from invoices.stated import StatementBot, UsageStatement
from invoices.statement_contents import PlanUse, read_uses
from plans import differences
from plans.models import Meter, WorkspaceBilling
from usage.models import ChangedBot, Event
from usage.periods import Period
from usage.queries import Counts

# An event may change sessions that began so long before it, or end so long after.
REACH = timedelta(hours=25)
# Each has the rows that differ: what they are, what is stated, what the ledger says.
BALANCES = f"""
SELECT concat_ws(' ', kind, 'of', coalesce('bot ' || nullif(bot, 0), 'all bots')),
    stated.said, found.said
FROM (
    SELECT coalesce(bot_id, 0) AS bot, kind, concat_ws(' ', {statement_sql.NAMES}) AS said
    FROM invoices_statementbalance
    WHERE workspace_id = %(workspace)s AND statement_id = %(statement)s
        AND ({statement_sql.NAMES}) <> (0, 0, 0, 0, 0, 0, 0, 0)
) stated
FULL JOIN (
    SELECT coalesce(bot_id, 0) AS bot, kind, concat_ws(' ', {statement_sql.NAMES}) AS said
    FROM (
        SELECT bot_id, kind, {statement_sql.ADD_UP}
        FROM ({statement_sql.MOVED}) moved
        GROUP BY bot_id, kind
    ) wallet
    WHERE ({statement_sql.NAMES}) <> (0, 0, 0, 0, 0, 0, 0, 0)
) found USING (bot, kind)
WHERE stated.said IS DISTINCT FROM found.said
ORDER BY 1
"""
CHARGES = f"""
SELECT concat_ws(' ', 'charges of bot', bot_id, 'on', service_day, meter, 'version', version_id),
    stated.said, found.said
FROM (
    SELECT *, concat_ws(' ', quantity, amount, free, bought, overdraft) AS said
    FROM invoices_statementline
    WHERE workspace_id = %(workspace)s AND statement_id = %(statement)s AND amount IS NOT NULL
) stated
FULL JOIN (
    SELECT *, concat_ws(' ', quantity, amount, free, bought, overdraft) AS said
    FROM ({statement_sql.CHARGED}) charged
) found USING (bot_id, service_day, meter, version_id)
WHERE stated.said IS DISTINCT FROM found.said
ORDER BY 1
"""


class Difference(NamedTuple):
    """What differs on the statement of a month: what it says, and what ledger or sessions say."""

    month: str
    what: str
    stated: str | None
    found: str | None


def verify(workspace: Workspace, *, month: date | None = None) -> list[Difference]:
    """Return every difference found in a workspace's statements, or in that of one month.

    Sessions that events made after the statement are no difference: the next one has them. In a
    transaction of its own, which sees everything at one instant.
    """
    with in_workspace_at_one_instant(workspace.pk):
        billings = WorkspaceBilling.objects.for_workspace(workspace).select_related("workspace")
        held = billings.first()
        return list(Check(held).find(month)) if held else []


class Check:
    """The statements of a workspace beside what they are to say; the caller is in it."""

    def __init__(self, held: WorkspaceBilling) -> None:
        """Read what is common to all months."""
        self.workspace = held.workspace
        self.held = held
        self.calendar: Calendar = read_calendar(held.workspace)
        self.values = statements.bind(held=held, calendar=self.calendar)
        found = UsageStatement.objects.for_workspace(self.workspace)
        self.statements = {each.month: each for each in found.order_by("month")}
        changed = ChangedBot.objects.for_workspace(self.workspace)
        self.waiting = set(changed.values_list("bot_id", flat=True))

    def find(self, only: date | None) -> Iterator[Difference]:
        """Yield the differences, of all months or of one, in order of the months."""
        first = min([statements.find_first_month(self.held), *self.statements])
        for month in list_months(first, self.held.open_month):
            if only not in (None, month):
                continue
            if statement := self.statements.get(month):
                yield from self.compare(statement)
            else:
                yield Difference(f"{month:%Y-%m}", "statement", None, "closed")
        for difference in (*self.find_uncharged(), *self.find_not_stated()):
            if only in (None, date.fromisoformat(f"{difference.month}-01")):
                yield difference

    def compare(self, statement: UsageStatement) -> Iterator[Difference]:
        """Yield where a statement differs from the ledger, or from what was counted."""
        values = self.bind(statement)
        for check in (BALANCES, CHARGES):
            for row in self.read(check, values):
                yield Difference(str(statement), *row)
        bots = StatementBot.objects.for_workspace(self.workspace).filter(statement=statement)
        yield from self.compare_counts(statement, bots, values)
        yield from self.compare_plans(statement, bots)

    def compare_counts(
        self, statement: UsageStatement, bots: Iterable[StatementBot], values: dict[str, Any]
    ) -> Iterator[Difference]:
        """Yield where the counts of a month are others now, without an event that came after."""
        rows = self.read(statement_sql.COUNT_MONTH, values)
        counted = {bot: Counts(*counts) for bot, *counts in rows}
        for of in bots:
            said = Counts(*(getattr(of, name) for name in Counts._fields))
            found = counted.pop(of.bot_id, Counts())
            if said != found and not self.is_late(statement, of.bot_id):
                yield self.say_counts(statement, of.bot_id, said, found)
        for bot, found in counted.items():
            if any(found) and not self.is_late(statement, bot):
                yield self.say_counts(statement, bot, Counts(), found)

    def say_counts(
        self, statement: UsageStatement, bot: int, said: Counts, found: Counts
    ) -> Difference:
        """Return the difference of a bot's counts."""
        stated, counted = (" ".join(map(str, each)) for each in (said, found))
        return Difference(str(statement), f"sessions of bot {bot}", stated, counted)

    def compare_plans(
        self, statement: UsageStatement, bots: Iterable[StatementBot]
    ) -> Iterator[Difference]:
        """Yield where seats, or what plans include, are others now, without an event after."""
        at, end = statement.made_at, statement.ends_on
        month = Period(*map(self.calendar.start_of, (statement.month, end)))
        held = renewal_rating.count_seats(
            self.workspace, [of.bot_id for of in bots], [month], now=at
        )
        uses = statements.read_uses(statement, at=at)
        for of in bots:
            seats = [held[of.bot_id, meter][0] for meter in (Meter.AGENTS, Meter.AGENTS_PEAK)]
            for what, said, found in (
                ("seats", [of.agents, of.agents_peak], seats),
                ("plans", say_uses(read_uses(of)), say_uses(uses.get(of.bot_id, []))),
            ):
                # A seat may be held since long before.
                if said != found and not self.came_after(at, of.bot_id, None, end):
                    stated, counted = (" ".join(map(str, each)) for each in (said, found))
                    yield Difference(str(statement), f"{what} of bot {of.bot_id}", stated, counted)

    def find_uncharged(self) -> Iterator[Difference]:
        """Yield where the ledger has charged something else than was counted, by service month.

        Of bots that wait to be charged nothing is known.
        """
        bots = Bot.objects.for_workspace(self.workspace).exclude(pk__in=self.waiting)
        for of in differences.find(
            workspace=self.workspace,
            bots=list(bots.values_list("pk", flat=True)),
            enterprise_from=self.held.enterprise_from,
            calendar=self.calendar,
        ):
            what = f"sessions of bot {of.bot} on {of.day} {of.meter}"
            yield Difference(f"{of.day:%Y-%m}", what, "0", str(of.quantity))

    def find_not_stated(self) -> Iterator[Difference]:
        """Yield what credits do not pay and no statement says, by service month.

        What came after the last statement is left out: the next one says it.
        """
        if not self.statements:
            return
        last = self.statements[max(self.statements)]
        values = self.bind(last)
        for bot, day, meter, _, quantity in self.read(statement_sql.NOT_STATED, values):
            if not self.came_after(last.made_at, bot, day, day + DAY):
                what = f"sessions of bot {bot} on {day} {Meter(meter).value}"
                yield Difference(f"{day:%Y-%m}", what, "0", str(quantity))

    def is_late(self, statement: UsageStatement, bot: int) -> bool:
        """Tell whether events of a statement's month came after it."""
        return self.came_after(statement.made_at, bot, statement.month, statement.ends_on)

    def came_after(self, at: datetime, bot: int, first: date | None, end: date) -> bool:
        """Tell whether events of some days of a bot came after an instant, or wait.

        ``first``: None: from the first event on.
        """
        events = Event.objects.for_workspace(self.workspace).filter(bot=bot, received_at__gt=at)
        near = events.filter(at__lt=self.calendar.start_of(end) + REACH)
        if first:
            near = near.filter(at__gte=self.calendar.start_of(first) - REACH)
        return bot in self.waiting or near.exists()

    def bind(self, statement: UsageStatement) -> dict[str, Any]:  # Any: psycopg adapts the values
        """Return the values of the checks of a statement."""
        return self.values | {
            "statement": statement.pk,
            "month": statement.month,
            "first": BEGINNING,
            "end": statement.ends_on,
        }

    def read(self, check: str, values: dict[str, Any]) -> list[Any]:  # Any: what stands in columns
        """Return the rows of a check."""
        with connection.cursor() as cursor:
            cursor.execute(check, values)
            return list(cursor.fetchall())


def say_uses(uses: Iterable[PlanUse]) -> list[str]:
    """Return what plans include in words; the name of a plan is as it was then."""
    return [
        f"{use.meter} {use.first} {use.last} {use.used} {use.included} {use.ordered}"
        f" {use.price.normalize():f} {use.net.normalize():f}"
        for use in uses
    ]
