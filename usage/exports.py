"""Rows of usage as CSV and JSON, in pieces: a million rows take no more memory than a few."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice

from usage.queries import SessionRow, UsageRow

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
USAGE_COLUMNS = (
    "bot",
    "period_start",
    "period_end",
    "billing_sessions",
    "usage_sessions",
    "alert_sessions",
    "voice_sessions",
    "conversations",
    "notifications",
    "agents",
    "agents_peak",
)
WRITTEN_BY_OTHERS = frozenset({"bot", "user", "channel", "conversation"})
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
ROWS_AT_ONCE = 1000

Value = str | int | None


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


def guard(value: Value) -> Value:
    """Return a text that no spreadsheet program takes for a formula: an apostrophe leads it."""
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return value


def usage_values(row: UsageRow) -> list[Value]:
    """Return the values of a bot's period in the order of its columns; instants have offsets."""
    return [
        row.bot.key,
        row.period.starts_at.isoformat(),
        row.period.ends_at.isoformat(),
        row.counts.billing_sessions,
        *row.counts,
        row.agents,
        row.agents_peak,
    ]


def format_instant(at: datetime | None) -> str | None:
    """Return an instant in UTC with all six digits of its microseconds."""
    return None if at is None else f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def write_csv(columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> Iterator[str]:
    """Yield the text of a CSV file: a line with the columns' names, then one for each row."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(columns)
    remaining = iter(rows)
    while True:
        writer.writerows(islice(remaining, ROWS_AT_ONCE))
        text = buffer.getvalue()
        if not text:
            return
        yield text
        buffer.seek(0)
        buffer.truncate()


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
