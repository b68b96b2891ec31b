"""Rows of statements as values, for CSV; for people, who open the file in a spreadsheet program."""

from collections.abc import Iterator
from decimal import Decimal

from accounts.exports import Value, guard, write_csv
from accounts.tenancy import in_workspace
from invoices.stated import StatementBalance, StatementBot, StatementLine, UsageStatement
from invoices.statement_contents import PlanUse, read_heading, read_uses
from invoices.statement_queries import AMOUNTS, CountedBot, name_plan
from plans.wording import write as write_amount

ROWS_AT_ONCE = 1000
# What a row says beside its kind: of usage the first, of plans the next, of balances the last.
USAGE = ("service_day", "quantity", "amount", "free", "bought", "overdraft")
PLAN = ("first_day", "last_day", "used", "included", "ordered", "price", "net")
COLUMNS = (
    "month", "row", "bot", "bot_name", "plan", "meter", *USAGE, *PLAN, "wallet", *AMOUNTS,
    "currency",
)  # fmt: skip
COUNTS = (
    "billing_sessions",
    "usage_sessions",
    "alert_sessions",
    "voice_sessions",
    "conversations",
    "notifications",
    "agents",
    "agents_peak",
)
COUNT_COLUMNS = ("month", "bot", "bot_name", *COUNTS, "late_sessions")


def write(statement: UsageStatement, *, bot_id: int | None) -> Iterator[str]:
    """Yield the text of the export, in a transaction of its own: the view's is over by then."""
    with in_workspace(statement.workspace_id):
        rows = ([row.get(column) for column in COLUMNS] for row in list_rows(statement, bot_id))
        yield from write_csv(COLUMNS, rows)


def list_rows(statement: UsageStatement, bot_id: int | None) -> Iterator[dict[str, Value]]:
    """Yield the balances, the usage, and what plans include, of all bots or of one."""
    chosen = {"statement": statement} if bot_id is None else {"statement": statement, "bot": bot_id}
    workspace = statement.workspace_id
    common: dict[str, Value] = {"month": str(statement), "currency": statement.currency}
    bots = StatementBot.objects.for_workspace(workspace).filter(**chosen).order_by("name", "key")
    said = {of.bot_id: name_bot(of) for of in bots}
    balances = StatementBalance.objects.for_workspace(workspace).filter(**chosen).order_by("pk")
    for balance in balances.iterator(ROWS_AT_ONCE):
        yield common | say_balance(balance, statement) | said.get(balance.bot_id or 0, {})
    lines = StatementLine.objects.for_workspace(workspace).filter(**chosen)
    plans = read_heading(statement)
    for line in lines.order_by("bot", "service_day", "meter", "pk").iterator(ROWS_AT_ONCE):
        plan: dict[str, Value] = {"plan": guard(name_plan(line.version_id, plans))}
        yield common | say_line(line, statement) | plan | said[line.bot_id]
    for of in bots:
        for use in read_uses(of):
            yield common | say_use(use, statement) | said[of.bot_id]


def name_bot(of: StatementBot) -> dict[str, Value]:
    """Return the columns that name a bot."""
    return {"bot": guard(of.key), "bot_name": guard(of.name)}


def say_balance(balance: StatementBalance, statement: UsageStatement) -> dict[str, Value]:
    """Return the columns of a wallet."""
    amounts = {name: say(getattr(balance, name), statement) for name in AMOUNTS}
    return {"row": "balance", "wallet": balance.kind, **amounts}


def say_line(line: StatementLine, statement: UsageStatement) -> dict[str, Value]:
    """Return the columns of what was used on a day."""
    amounts = {name: say(getattr(line, name), statement) for name in USAGE[2:]}
    return {
        "row": "usage",
        "meter": line.meter,
        "service_day": line.service_day.isoformat(),
        "quantity": line.quantity,
        **amounts,
    }


def say_use(use: PlanUse, statement: UsageStatement) -> dict[str, Value]:
    """Return the columns of what a plan with a fee includes."""
    return {
        "row": "plan",
        "plan": guard(use.plan),
        "meter": use.meter,
        "first_day": use.first.isoformat(),
        "last_day": use.last.isoformat(),
        "used": use.used,
        "included": use.included,
        "ordered": use.ordered,
        "price": say(use.price, statement),
        "net": say(use.net, statement),
    }


def say(amount: Decimal | None, statement: UsageStatement) -> Value:
    """Return an amount unrounded; nothing where there is none."""
    if amount is None:
        return None
    return Decimal(write_amount(amount, statement.denomination))


def count_values(counted: CountedBot, statement: UsageStatement) -> list[Value]:
    """Return the values of a bot's counts in the order of their columns."""
    counts = [getattr(counted.bot, name) for name in COUNTS]
    return [
        str(statement),
        guard(counted.bot.key),
        guard(counted.bot.name),
        *counts,
        counted.late,
    ]
