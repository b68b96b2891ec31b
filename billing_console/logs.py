"""How logs are written: as lines to read, or as JSON for a collector.

Neither holds what people sent. Addresses are logged without their query; of an error of the
database the first line alone, since what follows shows values of the row.
"""

import json
import logging
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from types import TracebackType

from django.db import Error as DjangoError
from psycopg import Error as DriverError

from accounts import actors

ExceptionInfo = (
    tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
)


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
    """Return what a record says; where it quotes its exception, as `say` does."""
    text = record.getMessage()
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


def say(error: BaseException) -> str:
    """Return the message of an exception; of one of the database without values of a row."""
    text = str(error)
    if isinstance(error, DjangoError | DriverError):
        return text.partition("\n")[0]
    return text
