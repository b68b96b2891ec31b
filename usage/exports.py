"""Rows of usage as values and as JSON, in pieces, as accounts/exports.py writes CSV."""

import io
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from xlsxwriter import Workbook

from accounts.exports import Value, guard
from usage.queries import Counts, UsageRow
from usage.report_queries import Usage
from usage.session_queries import SessionRow

SESSION_COLUMNS = (
    "bot",
    "kind",
    "user",
    "channel",
    "conversation",
    "conversation_started_at",
    "conversation_ended_at",
    "session_id",
    "started_at",
    "ended_at",
    "rule",
)
COUNT_COLUMNS = (
    "billing_sessions",
    "usage_sessions",
    "alert_sessions",
    "voice_sessions",
    "conversations",
    "notifications",
    "agents",
)
USAGE_COLUMNS = ("bot", "period_start", "period_end", *COUNT_COLUMNS, "agents_peak")
WRITTEN_BY_OTHERS = frozenset({"bot", "user", "channel", "conversation"})


def session_values(row: SessionRow) -> list[Value]:
    """Return the values of a session in the order of its columns; instants are in UTC."""
    return [
        row.bot,
        row.kind.label,
        row.user,
        row.channel,
        row.conversation,
        format_instant(row.conversation_started_at),
        format_instant(row.conversation_ended_at),
        row.session_id,
        format_instant(row.started_at),
        format_instant(row.ended_at),
        row.rule,
    ]


def guarded_session_values(row: SessionRow) -> list[Value]:
    """Return the values of a session for people, who open the file in a spreadsheet program."""
    return [
        guard(value) if column in WRITTEN_BY_OTHERS else value
        for column, value in zip(SESSION_COLUMNS, session_values(row), strict=True)
    ]


def usage_values(row: UsageRow) -> list[Value]:
    """Return the values of a bot's period in the order of its columns; instants have offsets."""
    return [
        row.bot.key,
        row.period.starts_at.isoformat(),
        row.period.ends_at.isoformat(),
        *count_values(row.counts),
        row.agents,
        row.agents_peak,
    ]


def list_usage(
    usage: Usage, *, by_bot: bool, channels: bool
) -> tuple[Sequence[str], list[list[Value]]]:
    """Return the columns and rows of a report, by bot or by period.

    ``channels``: it is of some channels only, and then has no numbers of agents.
    """
    rows: list[list[Value]]
    if by_bot:
        rows = [
            [bot.key, bot.name, *count_values(counts), None if channels else agents]
            for bot, counts, agents in usage.by_bot
        ]
        return ("bot", "name", *COUNT_COLUMNS), rows
    rows = [
        [
            period.starts_at.isoformat(),
            period.ends_at.isoformat(),
            *count_values(counts),
            None if channels else agents,
        ]
        for period, counts, agents in usage.by_period
    ]
    return ("period_start", "period_end", *COUNT_COLUMNS), rows


def add_charged(
    columns: Sequence[str],
    rows: Iterable[Sequence[Value]],
    *,
    charged: Iterable[Value],
    currency: str,
) -> tuple[Sequence[str], list[list[Value]]]:
    """Return columns and rows of a report with what each row cost; None: that is not known."""
    pairs = zip(rows, charged, strict=True)
    return (*columns, "charged", "currency"), [[*row, amount, currency] for row, amount in pairs]


def count_values(counts: Counts) -> list[int]:
    """Return what was counted in the order of its columns."""
    return [counts.billing_sessions, *counts]


def format_instant(at: datetime | None) -> str | None:
    """Return an instant in UTC with all six digits of its microseconds."""
    return None if at is None else f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def write_xlsx(
    columns: Sequence[str], rows: Iterable[Sequence[Value]], *, sheet: str = "Usage"
) -> bytes:
    """Return an XLSX file of one sheet; texts stay texts, whatever they begin with.

    They are guarded all the same: saved as CSV from there they would be formulas again.
    """
    buffer = io.BytesIO()
    as_they_are = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with Workbook(buffer, as_they_are) as book:
        page = book.add_worksheet(sheet)
        page.freeze_panes(1, 0)
        page.write_row(0, 0, columns, book.add_format({"bold": True}))
        for place, row in enumerate(rows, 1):
            page.write_row(place, 0, map(guard, row))
        page.autofit()
    return buffer.getvalue()


def write_json_lines(columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> Iterator[str]:
    """Yield one JSON object for each row, each on a line."""
    for row in rows:
        yield json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False) + "\n"


def write_json(columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> Iterator[str]:
    """Yield the text of one JSON array with an object for each row."""
    separator = "[\n"
    for row in rows:
        yield separator + json.dumps(dict(zip(columns, row, strict=True)), ensure_ascii=False)
        separator = ",\n"
    yield "[]\n" if separator == "[\n" else "\n]\n"
