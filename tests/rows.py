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
AND relname <> ALL({kept})
"""
SEQUENCES = """
SELECT seqrelid::regclass::text AS number, seqstart::text AS first
FROM pg_sequence
JOIN pg_depend ON pg_depend.objid = seqrelid AND pg_depend.deptype IN ('a', 'i')
JOIN pg_class ON pg_class.oid = pg_depend.refobjid
WHERE relnamespace = 'public'::regnamespace AND relname <> ALL({kept})
"""
LAST = "pg_sequence_last_value(number::regclass)"
ON_TO_LAST = f"""
SELECT format('SELECT setval(%%L, %%s)', number, {LAST})
FROM ({SEQUENCES}) known WHERE {LAST} IS NOT NULL
"""
# What is to be emptied is written out once: each plan is made once, and most tables are empty.
# Table by table, which takes a fraction of the time of one statement about all of them. The locks
# wait for what still writes.
DELETE_ROWS = """
CREATE FUNCTION pg_temp.delete_rows() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    LOCK TABLE {tables} IN EXCLUSIVE MODE;
    {deletes}
    PERFORM setval(number, first, false)
    FROM unnest('{{{sequences}}}'::regclass[], '{{{firsts}}}'::bigint[]) AS known (number, first)
    WHERE pg_sequence_last_value(number) IS NOT NULL;
END $$
"""
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


@functools.cache
def connected() -> Connection:
    """Return a connection as the owner; as a superuser where the server is the embedded one.

    It stays, since a new one reads the catalogs anew.
    """
    superuser = {"user": "postgres"} if SERVERS.postgres else {}
    return psycopg.connect(make_conninfo(address("owner"), **superuser), autocommit=True)


@functools.cache
def write_deletion() -> None:
    """Make the function that deletes all rows, for as long as the connection stays."""
    tables = read_texts(EMPTIED)
    sequences = read_texts(f"SELECT format('%%s %%s', number, first) FROM ({SEQUENCES}) known")
    numbers, firsts = zip(*(one.split() for one in sequences), strict=True)
    statement = DELETE_ROWS.format(
        tables=", ".join(tables),
        deletes=" ".join(f"DELETE FROM {table};" for table in tables),
        sequences=",".join(numbers),
        firsts=",".join(firsts),
    )
    connected().execute(statement.encode())


def disconnect() -> None:
    """End that connection, and what other threads and processes left open as far as it may be."""
    if SERVERS.postgres:
        connected().execute(OTHERS.encode())
    connected().close()
    connected.cache_clear()
    write_deletion.cache_clear()


def empty_tables() -> None:
    """Empty all tables of the test database, and have the numbers begin anew.

    On the embedded server by deleting rows, many times faster than TRUNCATE, which makes each table
    and index a new file. Only a superuser may delete what triggers keep, in any order.
    """
    assert str(owner().settings_dict["NAME"]).startswith("test_")
    if SERVERS.postgres:
        write_deletion()
    with connected().transaction():
        if SERVERS.postgres:
            connected().execute(WITHOUT_TRIGGERS.encode())
            connected().execute(b"SELECT pg_temp.delete_rows()")
        else:
            tables = ", ".join(read_texts(EMPTIED))
            connected().execute(f"TRUNCATE {tables} RESTART IDENTITY".encode())


def list_filled() -> list[str]:
    """Return the tables that have rows."""
    one_by_one = (f"(SELECT '{table}' FROM {table} LIMIT 1)" for table in read_texts(EMPTIED))
    return read_texts(" UNION ALL ".join(one_by_one))


def read_texts(query: str) -> list[str]:
    """Return the first column of a query that may name ``kept`` tables."""
    found = connected().execute(query.format(kept="%(kept)s").encode(), {"kept": list(KEPT)})
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
    with connected().transaction():
        return copy_out(connected(), list_filled()), read_texts(ON_TO_LAST)


def put_back(rows: Rows, numbers: list[str]) -> None:
    """Put rows back into empty tables."""
    with connected().transaction():
        connected().execute("; ".join([WITHOUT_TRIGGERS, *numbers]).encode())
        copy_in(connected(), rows)


def copy_out(connection: Connection, tables: Iterable[str]) -> Rows:
    """Return the rows of some tables."""
    found = {}
    for table in tables:
        with connection.cursor().copy(f"COPY {table} TO STDOUT".encode()) as copy:
            found[table] = b"".join(copy)
    return found


def copy_in(connection: Connection, rows: Rows) -> None:
    """Put rows into their tables."""
    for table, text in rows.items():
        with connection.cursor().copy(f"COPY {table} FROM STDIN".encode()) as copy:
            copy.write(text)
