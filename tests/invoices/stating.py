"""Statements as tests read them."""

from datetime import date
from decimal import Decimal

from accounts.models import Bot, Workspace
from accounts.tenancy import in_workspace
from invoices import statement_verification
from invoices import statements as made
from invoices.stated import StatementBalance, StatementBot, StatementLine, UsageStatement
from plans import billing
from tests import make
from tests.invoices.renewing import MARCH


def make_one(of: Workspace, month: date = MARCH) -> UsageStatement:
    """Make the statement of a month without closing it, or return the one that there is."""
    with in_workspace(of.pk):
        found = UsageStatement.objects.for_workspace(of).filter(month=month).first()
        if found is not None:
            return found
        held = billing.lock(workspace=of)
        return made.make(held=held, month=month, at=make.LONG_AFTER)


def statements(of: Workspace) -> list[UsageStatement]:
    """Return the statements of a workspace, the oldest first."""
    with in_workspace(of.pk):
        found = UsageStatement.objects.for_workspace(of).select_related("workspace")
        return list(found.order_by("month"))


def statement(of: Workspace, month: date = MARCH) -> UsageStatement:
    """Return the statement of a month."""
    (found,) = (each for each in statements(of) if each.month == month)
    return found


def lines(of: Workspace, month: date = MARCH) -> list[tuple[str, date, str, int, str | None]]:
    """Return of each line its bot, service day, meter, quantity and amount."""
    with in_workspace(of.pk):
        rows = StatementLine.objects.for_workspace(of).filter(statement__month=month)
        return [
            (
                row.bot.key,
                row.service_day,
                row.meter,
                row.quantity,
                None if row.amount is None else f"{row.amount:.2f}",
            )
            for row in rows.select_related("bot").order_by("service_day", "bot", "meter", "pk")
        ]


def balances(of: Workspace, month: date = MARCH) -> dict[tuple[str, str], list[str]]:
    """Return by wallet what it had, what moved (granted, used, settled, lapsed, refunded), has."""
    names = ("opening", "granted", "used", "settled", "lapsed", "refunded", "closing")
    with in_workspace(of.pk):
        rows = StatementBalance.objects.for_workspace(of).filter(statement__month=month)
        return {
            (row.bot.key if row.bot else "shared", row.kind): [
                f"{getattr(row, name):.2f}" for name in names
            ]
            for row in rows.select_related("bot")
        }


def bot(of: Bot, month: date = MARCH) -> StatementBot:
    """Return what a statement says of a bot."""
    with in_workspace(of.workspace_id):
        rows = StatementBot.objects.for_workspace(of.workspace_id)
        return rows.get(bot=of, statement__month=month)


def closing(of: Workspace, month: date = MARCH) -> Decimal:
    """Return what a workspace has in all at the end of a month."""
    with in_workspace(of.pk):
        rows = StatementBalance.objects.for_workspace(of).filter(statement__month=month)
        return sum((row.closing for row in rows), Decimal(0))


def differences(of: Workspace) -> list[str]:
    """Return where statements differ, in short."""
    return [f"{each.month} {each.what}" for each in statement_verification.verify(of)]
