"""Instants as Postgres counts them: whole microseconds since 2000-01-01 in UTC.

The rollup reads and writes millions of instants, and the session rule only adds and compares them;
so they stay numbers from the database's binary format and back to it.
"""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import numpy as np
import psycopg
from django.db import connection
from numpy.typing import NDArray
from psycopg.abc import Buffer
from psycopg.adapt import Dumper, Loader
from psycopg.pq import Format
from psycopg.types.string import ByteaBinaryLoader

ORIGIN = datetime(2000, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

PAST = -(1 << 63)  # '-infinity' as Postgres sends it
FUTURE = (1 << 63) - 1  # 'infinity'

ARRAY_HEADER = 20  # bytes before the elements of an array of one dimension


def to_count(at: datetime) -> int:
    """Return the microseconds from the origin to an aware instant."""
    return (at - ORIGIN) // MICROSECOND


def from_count(count: int) -> datetime:
    """Return the instant, in UTC, of microseconds from the origin."""
    return ORIGIN + count * MICROSECOND


class CountLoader(Loader):
    """Reads a ``timestamptz`` as a count."""

    format = Format.BINARY

    def load(self, data: Buffer) -> int:
        """Return the count, also for the infinities."""
        return int.from_bytes(data, signed=True)


class Numbers(NamedTuple):
    """A value of a statement: a ``bigint[]``."""

    counts: NDArray[np.int64]


class Instants(NamedTuple):
    """A value of a statement: a ``timestamptz[]``."""

    counts: NDArray[np.int64]


class NumbersDumper(Dumper):
    """Packs what `unpack_counts` reads."""

    format = Format.BINARY
    element = psycopg.adapters.types["int8"]
    oid = element.array_oid

    def dump(self, obj: Numbers | Instants) -> bytes:
        """Return the header and the elements of the array."""
        elements = np.zeros(len(obj.counts), dtype=element_of(">i8"))
        elements["length"], elements["value"] = 8, obj.counts
        header = np.array([1, 0, self.element.oid, len(elements), 1], dtype=">i4")
        return header.tobytes() + elements.tobytes()


class InstantsDumper(NumbersDumper):
    """The same for instants."""

    element = psycopg.adapters.types["timestamptz"]
    oid = element.array_oid


def unpack_counts(array: bytes | None) -> NDArray[np.int64]:
    """Return a ``timestamptz[]`` or ``bigint[]`` without NULLs, as `counting_cursor` reads it."""
    return unpack(array, ">i8").astype(np.int64)


def unpack_small(array: bytes | None) -> NDArray[np.uint8]:
    """Return a ``smallint[]`` without NULLs, each of which fits into a byte."""
    return unpack(array, ">i2").astype(np.uint8)


def unpack_truths(array: bytes | None) -> NDArray[np.bool_]:
    """Return a ``boolean[]`` without NULLs."""
    return unpack(array, "?").astype(np.bool_)


def unpack(array: bytes | None, kind: str) -> NDArray[Any]:
    """Return the elements of a binary array."""
    body = array[ARRAY_HEADER:] if array else b""
    return np.frombuffer(body, element_of(kind))["value"]


def element_of(kind: str) -> np.dtype[Any]:
    """Return how the elements of a binary array lie in memory."""
    return np.dtype([("length", ">i4"), ("value", kind)])


def counting_cursor() -> "psycopg.Cursor[tuple[Any, ...]]":
    """Return a cursor on the connection of this transaction that reads instants as counts.

    Arrays of instants, numbers and truth values stay as the database packs them.
    """
    connection.ensure_connection()
    raw = connection.connection
    cursor: psycopg.Cursor[tuple[Any, ...]] = psycopg.Cursor(raw)
    cursor.format = Format.BINARY
    cursor.adapters.register_loader("timestamptz", CountLoader)
    cursor.adapters.register_dumper(Numbers, NumbersDumper)
    cursor.adapters.register_dumper(Instants, InstantsDumper)
    for name in ("timestamptz", "int8", "int2", "bool"):
        cursor.adapters.register_loader(raw.adapters.types[name].array_oid, ByteaBinaryLoader)
    return cursor
