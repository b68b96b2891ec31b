"""Rows as CSV, in pieces: a million take no more memory than a few. What bots and entries have."""

import csv
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC
from decimal import Decimal
from http import HTTPStatus
from itertools import islice

from django.forms import Form
from django.http import HttpResponse, QueryDict

from accounts import audit
from accounts.models import AuditEntry, Workspace
from accounts.tables import BotRow

BOT_COLUMNS = (
    "name",
    "key",
    "owner",
    "publish_status",
    "shares",
    "month",
    "sessions",
    "created_on",
)
AUDIT_COLUMNS = (
    "at",
    "action",
    "target",
    "actor_kind",
    "actor_name",
    "before",
    "after",
    "address",
    "request_id",
)
ROWS_AT_ONCE = 1000
OF_EVENTS = frozenset({"user", "conversation"})  # filters that hold what events say
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")

Value = str | int | Decimal | None


def list_sentences(form: Form) -> list[str]:
    """Return what is wrong with a form: a sentence for each bad value, with the field's name."""
    return [
        f"{form.fields[name].label or name.capitalize()}: {sentence}"
        if name in form.fields
        else sentence
        for name, errors in form.errors.items()
        for sentence in map(str, errors)
    ]


def refuse(form: Form) -> HttpResponse:
    """Answer that there is no file of what a form asks for, and why, a sentence a line."""
    return HttpResponse(
        "\n".join(list_sentences(form)),
        status=HTTPStatus.BAD_REQUEST,
        content_type="text/plain; charset=utf-8",
    )


def write_csv(columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> Iterator[str]:
    """Yield the text of a CSV file: a line with the columns' names, then one for each row."""
    lines = Lines()
    writer = csv.writer(lines, lineterminator=Lines.END)
    writer.writerow(columns)
    remaining = iter(rows)
    while True:
        writer.writerows(islice(remaining, ROWS_AT_ONCE))
        if not lines.written:
            return
        yield "".join(lines.written)
        lines.written.clear()


class Lines:
    """Takes the lines of a CSV file, which end with a line feed.

    The writer is told otherwise: it quotes what lines end with, and a carriage return that is not
    quoted begins a row of its own in spreadsheet programs, with whatever follows it.
    """

    END = "\r\n"

    def __init__(self) -> None:
        self.written: list[str] = []

    def write(self, line: str) -> None:
        """Take one line."""
        self.written.append(f"{line.removesuffix(self.END)}\n")


def guard(value: Value) -> Value:
    """Return a text that no spreadsheet program takes for a formula: an apostrophe leads it."""
    if isinstance(value, str) and value.startswith(FORMULA_STARTS):
        return f"'{value}"
    return value


def record_download(
    action: str, *, workspace: Workspace, file: str, form: Form, query: QueryDict
) -> None:
    """Note in the audit log that a person downloads a file, before its first byte is sent.

    With the filters in force; of what events say only that it was asked for. The view takes GET
    alone: HEAD would be noted too, and nobody has the file by it.
    """
    filters = {
        name: ["..."] if name in OF_EVENTS else values
        for name in form.fields
        if (values := [value for value in query.getlist(name) if value.strip()])
    }
    audit.record(action, workspace=workspace, target=file, after={"filters": filters})


def bot_values(row: BotRow, *, month: str) -> list[Value]:
    """Return the values of a bot in the order of its columns; ``month`` is that of its sessions.

    They are for people, who open the file in a spreadsheet program.
    """
    return [
        guard(row.bot.name),
        guard(row.bot.key),
        guard(row.owner),
        row.bot.publish_status,
        row.shares,
        month,
        row.sessions,
        row.created_on.isoformat(),
    ]


def audit_values(entry: AuditEntry) -> list[Value]:
    """Return the values of an entry in the order of its columns, the instant in UTC; for people."""
    return [
        f"{entry.at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z",
        entry.action,
        guard(entry.target),
        entry.actor_kind,
        guard(entry.actor_name),
        write_json(entry.before),
        write_json(entry.after),
        entry.address,
        guard(entry.request_id),  # whoever sends a request may name it
    ]


def write_json(values: object) -> str:
    """Return values as JSON; nothing is an empty text."""
    return "" if values is None else json.dumps(values, ensure_ascii=False)
