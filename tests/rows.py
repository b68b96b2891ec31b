"""The rows of the test database: removed after a test, and put back where many begin with them."""

import functools
from collections.abc import Callable, Iterable
from typing import Any, ParamSpec, TypeVar

import psycopg
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper
from psycopg.conninfo import make_conninfo

from benchmarks.scratch import address
from billing_console.settings import SERVERS

CATALOG = ("currency", "plan", "planversion", "planmeter", "price")  # as the migrations seed it
SELLER = "invoices_sellerprofile"  # as the tests' `django_db_setup` makes it
KEPT = (
    SELLER,
    "django_migrations",
    "django_content_type",
    "auth_permission",
    *(f"plans_{name}" for name in CATALOG),
)
EMPTIED = """
SELECT oid::regclass::text AS name
FROM pg_class
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
AND relname <> ALL(%(kept)s)
"""
# Sequences that were used.
USED = """
SELECT seqrelid AS number, seqstart AS first, pg_sequence_last_value(seqrelid) AS last
FROM pg_sequence
JOIN pg_depend ON pg_depend.objid = seqrelid AND pg_depend.deptype IN ('a', 'i')
JOIN pg_class ON pg_class.oid = pg_depend.refobjid
WHERE relnamespace = 'public'::regnamespace AND relname <> ALL(%(kept)s)
AND pg_sequence_last_value(seqrelid) IS NOT NULL
"""
BACK_TO_FIRST = f"SELECT format('SELECT setval(%%s, %%s, false)', number, first) FROM ({USED}) used"
ON_TO_LAST = f"SELECT format('SELECT setval(%%s, %%s)', number, last) FROM ({USED}) used"
OTHERS = """
SELECT pg_terminate_backend(pid, 5000)
FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
WITHOUT_TRIGGERS = "SET LOCAL session_replication_role = replica"

Connection = psycopg.Connection[Any]  # Any: a row is free
P = ParamSpec("P")
T = TypeVar("T")
Rows = dict[str, bytes]  # by table, as COPY has them


def owner() -> DatabaseWrapper:
    """Return the connection that owns the tables."""
    found = connections["owner"]
    assert isinstance(found, DatabaseWrapper)
    return found


def connect() -> Connection:
    """Connect as the owner; as a superuser where the server is the embedded one."""
    superuser = {"user": "postgres"} if SERVERS.postgres else {}
    return psycopg.connect(make_conninfo(address("owner"), **superuser))


def end_sessions() -> None:
    """End what other threads and processes left open, as far as it may be."""
    if SERVERS.postgres:
        with connect() as connected:
            connected.execute(OTHERS.encode())


def empty_tables() -> None:
    """Empty all tables of the test database: as a superuser where it is of the embedded server."""
    assert str(owner().settings_dict["NAME"]).startswith("test_")
    with connect() as connected:
        tables = read_texts(connected, EMPTIED)
        if SERVERS.postgres:
            delete_rows(connected, tables)
        else:
            connected.execute(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY".encode())


def delete_rows(connected: Connection, tables: list[str]) -> None:
    """Delete all rows, and have the numbers begin anew.

    Many times faster than TRUNCATE, which makes each table and index a new file. Only a superuser
    may delete what triggers keep, in any order.
    """
    # The locks wait for what still writes.
    connected.execute(f"LOCK TABLE {', '.join(tables)} IN EXCLUSIVE MODE".encode())
    statements = [
        WITHOUT_TRIGGERS,
        *(f"DELETE FROM {table}" for table in list_filled(connected, tables)),
        *read_texts(connected, BACK_TO_FIRST),
    ]
    connected.execute("; ".join(statements).encode())


def list_filled(connected: Connection, tables: list[str]) -> list[str]:
    """Return those of the tables that have rows."""
    one_by_one = (f"(SELECT '{table}' FROM {table} LIMIT 1)" for table in tables)
    return read_texts(connected, " UNION ALL ".join(one_by_one))


def read_texts(connected: Connection, query: str) -> list[str]:
    """Return the first column of a query that may name ``KEPT``."""
    found = connected.execute(query.encode(), {"kept": list(KEPT)})
    return [text for (text,) in found.fetchall()]


def made_once(make: Callable[P, T]) -> Callable[P, T]:
    """Have what fills an empty database do so once, and its rows put back from then on.

    Only a superuser may put them back as they were; on other servers they are made anew.
    """
    kept: dict[str, tuple[T, Rows, list[str]]] = {}

    @functools.wraps(make)
    def fill(*args: P.args, **kwargs: P.kwargs) -> T:
        named = repr((args, kwargs))
        if named in kept:
            made, rows, numbers = kept[named]
            put_back(rows, numbers)
            return made
        made = make(*args, **kwargs)
        if SERVERS.postgres:
            kept[named] = (made, *take())
        return made

    return fill


def take() -> tuple[Rows, list[str]]:
    """Return all rows, and the statements that have numbers go on after theirs."""
    with connect() as connected:
        filled = list_filled(connected, read_texts(connected, EMPTIED))
        return copy_out(connected, filled), read_texts(connected, ON_TO_LAST)


def put_back(rows: Rows, numbers: list[str]) -> None:
    """Put rows back into empty tables."""
    with connect() as connected:
        connected.execute("; ".join([WITHOUT_TRIGGERS, *numbers]).encode())
        copy_in(connected, rows)


def copy_out(connected: Connection, tables: Iterable[str]) -> Rows:
    """Return the rows of some tables."""
    found = {}
    for table in tables:
        with connected.cursor().copy(f"COPY {table} TO STDOUT".encode()) as copy:
            found[table] = b"".join(copy)
    return found


def copy_in(connected: Connection, rows: Rows) -> None:
    """Put rows into their tables."""
    for table, text in rows.items():
        with connected.cursor().copy(f"COPY {table} FROM STDIN".encode()) as copy:
            copy.write(text)
