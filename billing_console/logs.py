"""How logs are written: as lines to read, or as JSON for a collector.

Neither holds what people sent. Addresses are logged without their query, and without the end of
those that lead to secrets or name a conversation; of an error of the database the first line alone,
since what follows shows values of the row.
"""

import json
import logging
import re
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from django.db import Error as DjangoError
from psycopg import Error as DriverError

from accounts import actors

ExceptionInfo = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)

QUERY = re.compile(r"(/[^\s?]*)\?\S*")
# Whoever knows what follows gets in, or can find out whom a conversation was with.
TELLING = re.compile(
    r"(/(?:invitations|mail/switch-off|password/new|mail-address|conversations)/)[^\s?]+"
)


def make_settings(*, format: str, level: str) -> dict[str, Any]:  # Any: logging's settings are free
    """Return the configuration of all processes; ``format`` is lines or json."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "lines": {
                "()": "billing_console.logs.Lines",
                "format": "%(asctime)s %(levelname)s %(name)s: %(message)s",
            },
            "json": {"()": "billing_console.logs.JsonLines"},
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": format}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "django": {"handlers": [], "propagate": True},
            # The web server, which puts handlers of its own where none are named.
            "_granian": {"handlers": [], "propagate": True},
            # Each step of each invoice, and letters that no font has, which `invoices.pdf` sees to.
            "weasyprint": {"level": "ERROR"},
            "weasyprint.progress": {"level": "ERROR"},
            "factur-x": {"level": "WARNING"},
            # At DEBUG it shows what it sends and gets.
            "stripe": {"level": "WARNING"},
        },
    }


class Lines(logging.Formatter):
    """Lines to read."""

    def formatException(self, ei: ExceptionInfo) -> str:  # noqa: N802  # the base class has it
        """Return an exception and what led to it, without values of the database's rows."""
        return "" if ei[1] is None else "\n".join(describe(ei[1]))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802
        """Return the line with the id of its request; an exception that it quotes is cut too."""
        request_id = actors.current().request_id
        record.message = say_message(record) + (f" [{request_id}]" if request_id else "")
        return super().formatMessage(record)


class JsonLines(Lines):
    """One JSON object a line."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object: time, level, logger, request_id, message, and any exception.

        ``request_id`` is empty where there is no request.
        """
        values = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "request_id": actors.current().request_id,
            "message": say_message(record),
        }
        if record.exc_info:
            values["exception"] = self.formatException(record.exc_info)
        return json.dumps(values, ensure_ascii=False)


def say_message(record: logging.LogRecord) -> str:
    """Return what a record says without what must not be read; as `say` what it quotes."""
    text = TELLING.sub(r"\1...", QUERY.sub(r"\1", record.getMessage()))
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        for quoted in (repr(error), str(error)):
            text = text.replace(quoted, say(error)) if quoted else text
    return text


def describe(error: BaseException) -> Iterator[str]:
    """Yield the lines of an exception and of those that led to it, the first one first."""
    earlier = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if earlier is not None:
        yield from describe(earlier)
        yield "which led to:"
    yield from "".join(traceback.format_tb(error.__traceback__)).splitlines()
    yield f"{type(error).__qualname__}: {say(error)}"
    for inner in error.exceptions if isinstance(error, BaseExceptionGroup) else ():
        yield from describe(inner)


def say(error: BaseException) -> str:
    """Return the message of an exception; of one of the database without values of a row."""
    text = str(error)
    if isinstance(error, DjangoError | DriverError):
        return text.partition("\n")[0]
    return text
