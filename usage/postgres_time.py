"""Instants as Postgres counts them: whole microseconds since 2000-01-01 in UTC.

The rollup reads and writes millions of instants, and the session rule only adds and compares them;
so they stay numbers from the database's binary format and back to it.
"""

import struct
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import psycopg
from django.db import connection
from psycopg.abc import Buffer
from psycopg.adapt import Loader
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


def unpack_counts(array: bytes) -> tuple[int, ...]:
    """Return the instants of a ``timestamptz[]`` without NULLs, as `counting_cursor` reads it.

    Each element is its length, 8, which is passed by, and its value.
    """
    return find_unpacker((len(array) - ARRAY_HEADER) // 12)(array, ARRAY_HEADER)


@lru_cache(1000)
def find_unpacker(count: int) -> Callable[[bytes, int], tuple[int, ...]]:
    """Return what unpacks an array of ``count`` instants."""
    return struct.Struct(">" + "4xq" * count).unpack_from


def unpack_small(array: bytes) -> bytes:
    """Return the elements of a ``smallint[]`` without NULLs, each of which fits into a byte.

    Each is its length, 2, and its upper and lower byte.
    """
    return array[ARRAY_HEADER + 5 :: 6]


def counting_cursor() -> "psycopg.Cursor[tuple[Any, ...]]":
    """Return a cursor on the connection of this transaction that reads instants as counts.

    Arrays of instants and small numbers stay as the database packs them.
    """
    connection.ensure_connection()
    raw = connection.connection
    cursor: psycopg.Cursor[tuple[Any, ...]] = psycopg.Cursor(raw)
    cursor.format = Format.BINARY
    cursor.adapters.register_loader("timestamptz", CountLoader)
    cursor.adapters.register_loader(raw.adapters.types["timestamptz"].array_oid, ByteaBinaryLoader)
    cursor.adapters.register_loader(raw.adapters.types["int2"].array_oid, ByteaBinaryLoader)
    return cursor
