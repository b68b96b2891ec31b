"""Instants as Postgres counts them: whole microseconds since 2000-01-01 in UTC.

The rollup reads and writes millions of instants, and the session rule only adds and compares them;
so they stay numbers from the database's binary format and back to it.
"""

import struct
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from django.db import connection
from psycopg.abc import Buffer
from psycopg.adapt import Loader
from psycopg.pq import Format

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


class CountsLoader(Loader):
    """Reads a ``timestamptz[]`` without NULLs as counts."""

    format = Format.BINARY

    def load(self, data: Buffer) -> tuple[int, ...]:
        """Return the counts; each element is its length, 8, which is passed by, and its value."""
        if len(data) <= ARRAY_HEADER:
            return ()
        count = (len(data) - ARRAY_HEADER) // 12
        return struct.unpack_from(">" + "4xq" * count, data, ARRAY_HEADER)


class BytesLoader(Loader):
    """Reads a ``smallint[]`` without NULLs, whose values are small, as bytes."""

    format = Format.BINARY

    def load(self, data: Buffer) -> bytes:
        """Return the lower byte of each element, which follows its length, 2, and the upper one."""
        return bytes(data)[ARRAY_HEADER + 5 :: 6]


def counting_cursor() -> "psycopg.Cursor[tuple[Any, ...]]":
    """Return a cursor on the connection of this transaction that reads instants as counts."""
    connection.ensure_connection()
    raw = connection.connection
    cursor: psycopg.Cursor[tuple[Any, ...]] = psycopg.Cursor(raw)
    cursor.format = Format.BINARY
    cursor.adapters.register_loader("timestamptz", CountLoader)
    cursor.adapters.register_loader(raw.adapters.types["timestamptz"].array_oid, CountsLoader)
    cursor.adapters.register_loader(raw.adapters.types["int2"].array_oid, BytesLoader)
    return cursor
