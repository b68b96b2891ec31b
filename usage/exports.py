"""Rows of usage as values and as JSON, in pieces, as accounts/exports.py writes CSV."""

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime

from accounts.exports import Value
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
