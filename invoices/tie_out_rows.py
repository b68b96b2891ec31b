"""Rows of the tie-out as its tables and its export have them: plain values by column."""

from collections.abc import Callable
from datetime import date
from typing import Any

from accounts.exports import Value, guard
from invoices.board import Board, DayTotal, Part, Row, State
from invoices.charge_counts import DayCount
from invoices.composing import say_meter
from invoices.order_sums import OrderSum
from invoices.stretch_counts import Stretch
from plans.models import Meter
from usage.gaps import Gap
from usage.receipts import Receipt

Values = dict[str, Any]  # Any: days, instants, numbers and amounts
STANDS = ("state", "differences")
# Of the export of each tab.
COLUMNS: dict[str, tuple[str, ...]] = {
    "": (
        "day", "received", "accepted", "duplicate", "rejected", "stored", "removed", "sessions",
        "charged", "by_month", "free", "open", "running", *STANDS,
    ),
    "receipts": (
        "day", "source", "received", "accepted", "duplicate", "rejected", "stored", "removed",
        "uncounted", *STANDS,
    ),
    "sessions": (
        "day", "bot", "bot_key", "plan", "meter", "sessions", "totals", "posted", "charged",
        "stated", "open", "running", "note", *STANDS,
    ),
    "stretches": (
        "first", "last", "bot", "bot_key", "plan", "meter", "used", "included", "ordered", "late",
        "credited", "open", "order", "note", *STANDS,
    ),
    "orders": ("order", "placed_at", "net", "lines", "invoice", *STANDS),
}  # fmt: skip
MINUS = "\N{MINUS SIGN}"


def say_gap(gap: Gap) -> str:
    """Return an equation that does not hold in words."""
    sign = MINUS if gap.difference < 0 else "+"
    return f"{gap.equation}: {gap.expected:,} and {gap.found:,} ({sign}{abs(gap.difference):,})"


def stand(board: Board, row: Row) -> Values:
    """Return how a row stands."""
    return {
        "state": board.find_state(row).value,
        "differences": "; ".join(map(say_gap, row.gaps)),
        "row": row,
    }


def total_values(board: Board, total: DayTotal) -> Values:
    """Return the values of a day."""
    return {
        "day": total.day,
        "received": total.received,
        "accepted": total.accepted,
        "duplicate": total.duplicate,
        "rejected": total.rejected,
        "stored": total.stored,
        "removed": total.removed,
        "sessions": total.sessions,
        "charged": total.charged,
        "by_month": total.by_month,
        "free": total.free,
        "open": total.open,
        "running": total.running,
        "state": total.state.value,
        "differences": total.differences,
        "row": total,
    }


def receipt_values(board: Board, receipt: Receipt) -> Values:
    """Return the values of what came in on a day from a source."""
    return {
        "day": receipt.day,
        "source": receipt.source,
        "received": receipt.received,
        "accepted": receipt.accepted,
        "duplicate": receipt.duplicate,
        "rejected": receipt.rejected,
        "stored": receipt.stored,
        "removed": receipt.removed,
        "uncounted": receipt.uncounted,
        **stand(board, receipt),
    }


def count_values(board: Board, count: DayCount) -> Values:
    """Return the values of a bot's day."""
    of = count.counted
    bot = board.bots[of.bot]
    return {
        "day": of.day,
        "bot": bot.name,
        "bot_key": bot.key,
        "plan": board.plans[of.version].plan.name,
        "meter": say_meter(Meter(of.meter)),
        "sessions": of.sessions,
        "totals": of.totals,
        "posted": of.posted,
        "stated": of.stated,
        "charged": of.charged,
        "open": count.open,
        "running": of.running,
        "note": say_count(count),
        **stand(board, count),
    }


def say_count(count: DayCount) -> str:
    """Return why nothing is charged by day, in words; empty: it is."""
    if count.in_contract:
        return "Under the contract nothing is charged."
    if not count.counted.uses_credits:
        return "Ordered by the month."
    return "" if count.is_charged else "Its price is zero."


def stretch_values(board: Board, stretch: Stretch) -> Values:
    """Return the values of what a bot used on some days of a month."""
    service, ordered = stretch.service, stretch.ordered
    bot = board.bots[service.bot]
    return {
        "first": service.first,
        "last": service.last,
        "bot": bot.name,
        "bot_key": bot.key,
        "plan": board.plans[service.version].plan.name,
        "meter": say_meter(Meter(service.meter)),
        "used": stretch.used,
        "included": stretch.included,
        "ordered": ordered.ordered,
        "late": ordered.late,
        "credited": ordered.credited,
        "open": stretch.open,
        "order": "" if ordered.order is None else f"O-{ordered.order:06d}",
        "note": say_stretch(stretch),
        **stand(board, stretch),
    }


def say_stretch(stretch: Stretch) -> str:
    """Return what becomes of what is open, in words; empty: nothing is."""
    if stretch.left_out and stretch.due:
        return stretch.left_out
    if not stretch.is_closed:
        return "The month is not closed."
    if stretch.open > 0:
        return "Late usage: on the next renewal."
    return "To be given back by a credit note." if stretch.open < 0 else ""


def order_values(board: Board, order: OrderSum) -> Values:
    """Return the values of an order."""
    return {
        "order": f"O-{order.number:06d}",
        "placed_at": order.placed_at,
        "net": order.net,
        "lines": order.lines,
        "invoice": order.invoice,
        **stand(board, order),
    }


# Of which parts the rows of each tab are.
PARTS: dict[str, tuple[Part, ...]] = {
    "": tuple(Part),  # to say where else there are differences
    "receipts": (Part.RECEIPTS,),
    "sessions": (Part.COUNTS,),
    "stretches": (Part.STRETCHES,),
    "orders": (Part.ORDERS,),
}
OF_TABS: dict[str, Callable[[Board], list[Values]]] = {
    "": lambda board: [total_values(board, one) for one in board.list_days()],
    "receipts": lambda board: [receipt_values(board, one) for one in reversed(board.receipts)],
    "sessions": lambda board: [count_values(board, one) for one in reversed(board.counts)],
    "stretches": lambda board: [stretch_values(board, one) for one in board.stretches],
    "orders": lambda board: [order_values(board, one) for one in reversed(board.orders)],
}


def list_rows(board: Board, *, tab: str, differing: bool, bot: int | None = None) -> list[Values]:
    """Return the rows of a tab; ``differing``: only those that differ, ``bot``: only of one."""
    rows = OF_TABS[tab](board)
    if bot is not None:
        key = board.bots[bot].key
        rows = [row for row in rows if row.get("bot_key", key) == key]
    return [row for row in rows if not differing or row["state"] == State.DIFFERS]


def export_values(row: Values, *, tab: str) -> list[Value]:
    """Return the values of a row in the order of its tab's columns; for people."""
    return [export(row[name]) for name in COLUMNS[tab]]


def export(value: Value | date) -> Value:
    """Return a value as the export has it: days and instants by ISO 8601."""
    if isinstance(value, str):
        return guard(value)
    return value.isoformat() if isinstance(value, date) else value
