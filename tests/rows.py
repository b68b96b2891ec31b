"""The rows of the test database: removed after a test, and put back where many begin with them."""

import copy
import functools
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import psycopg
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper
from django.db.models import Model
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
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND pid <> pg_backend_pid()
"""
# With these begins what only reads; no page or task writes by a SELECT.
READS = ("SELECT", "SET ", "SHOW", "BEGIN", "SAVEPOINT", "RELEASE", "ROLLBACK", "COMMIT")
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
    """End that connection, and what other threads and processes left open: each role its own."""
    connected().close()
    connected.cache_clear()
    write_deletion.cache_clear()
    for alias in connections:
        with psycopg.connect(address(alias), autocommit=True) as own:
            own.execute(OTHERS.encode())


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
    latest.is_shared = False
    latest.note(())


def list_filled() -> list[str]:
    """Return the tables that have rows."""
    one_by_one = (f"(SELECT '{table}' FROM {table} LIMIT 1)" for table in read_texts(EMPTIED))
    return read_texts(" UNION ALL ".join(one_by_one))


def read_texts(query: str) -> list[str]:
    """Return the first column of a query that may name ``kept`` tables."""
    found = connected().execute(query.format(kept="%(kept)s").encode(), {"kept": list(KEPT)})
    return [text for (text,) in found.fetchall()]


def made_once(make: Callable[P, T]) -> Callable[P, T]:
    """Have rows that many tests begin with put back by COPY, rather than made again and again.

    That is done where all rows that there are were made by such functions, the same ones with the
    same arguments, and were made so twice before; elsewhere they are made anew. So what decides on
    rows has to be among the arguments, as a row or shown by its `repr`; and nothing but rows may
    matter of what is done. A copy of what was returned then is returned.
    """
    name = f"{make.__module__}.{make.__qualname__}"

    @functools.wraps(make)
    def fill(*args: P.args, **kwargs: P.kwargs) -> T:
        before = latest.find()
        if before is None:
            return make(*args, **kwargs)
        after = (*before, describe(name, *args, *kwargs.items()))
        if after in known:
            put_back(known[after])
            returned: T = copy.deepcopy(known[after].returned)
        else:
            returned = make(*args, **kwargs)
            if after in seen:
                known[after] = take(copy.deepcopy(returned), since=known.get(before))
            seen.add(after)
        latest.note(after)
        return returned

    return fill


State = tuple[str, ...]  # the calls that made all rows, from an empty database on


@dataclass
class Made:
    """The rows of a state, and what its last call did."""

    returned: Any  # what a function returns is free
    rows: Rows
    added: Rows
    changed: Rows  # all rows of the tables in which some were changed
    numbers: list[str]


known: dict[State, Made] = {}
seen: set[State] = set()


class Latest:
    """The state after the latest call, while nobody has written anything since."""

    state: State | None = None
    writes = 0  # statements of this process that may have written
    noted = 0  # of them when the state was noted
    is_off = False  # where the catalog is not as the functions found it
    is_shared = False  # where other processes may write

    def note(self, state: State) -> None:
        """Note the state as it is now."""
        self.state, self.noted = state, self.writes

    def find(self) -> State | None:
        """Return the state of the database; None: rows were made in other ways too.

        Only a superuser may put rows back as they were; rows of an open transaction are not seen
        from here; and what threads do at once is not done one after the other.
        """
        if not SERVERS.postgres or self.is_off or self.is_shared:
            return None
        if connections["default"].in_atomic_block:
            return None
        if threading.current_thread() is not threading.main_thread():
            return None
        return self.state if self.writes == self.noted else None


latest = Latest()


def count_writes(run: Callable[..., Any]) -> Callable[..., Any]:  # Any: methods of cursors
    """Have a method of cursors count what may do more than read."""

    @functools.wraps(run)
    def running(cursor: psycopg.Cursor[Any], query: object, *args: Any, **kwargs: Any) -> Any:
        latest.writes += not (isinstance(query, str) and query.lstrip("( \n").startswith(READS))
        return run(cursor, query, *args, **kwargs)

    return running


for method in ("execute", "executemany", "copy"):
    setattr(psycopg.Cursor, method, count_writes(getattr(psycopg.Cursor, method)))


def describe(*values: object) -> str:
    """Return what tells a call from others; of a row its number, since names are not unique."""
    return repr([(type(of), of.pk) if isinstance(of, Model) else of for of in values])


def take(returned: object, *, since: Made | None) -> Made:
    """Return all rows, what is new of them, and statements that have numbers go on after theirs."""
    with connected().transaction():
        rows, numbers = copy_out(connected(), list_filled()), read_texts(ON_TO_LAST)
    before = since.rows if since else {}
    added, changed = {}, {}
    for table in {*before, *rows}:
        was, now = before.get(table, b""), rows.get(table, b"")
        if not now.startswith(was):
            changed[table] = now
        elif now != was:
            added[table] = now.removeprefix(was)
    return Made(returned, rows, added, changed, numbers)


def put_back(found: Made) -> None:
    """Put rows back into tables that are as they were before the last call."""
    emptied = (f"DELETE FROM {table}" for table in found.changed)
    with connected().transaction():
        connected().execute("; ".join([WITHOUT_TRIGGERS, *emptied, *found.numbers]).encode())
        copy_in(connected(), found.changed | found.added)


def replace(rows: Rows) -> None:
    """Have tables have these rows and no others; what names others is to be removed next."""
    with connected().transaction():
        if SERVERS.postgres:
            emptied = (f"DELETE FROM {table}" for table in rows)
            connected().execute("; ".join([WITHOUT_TRIGGERS, *emptied]).encode())
        else:
            connected().execute(f"TRUNCATE {', '.join(rows)} CASCADE".encode())
        copy_in(connected(), rows)


def copy_out(connection: Connection, tables: Iterable[str]) -> Rows:
    """Return the rows of some tables."""
    found = {}
    for table in tables:
        with connection.cursor().copy(f"COPY {table} TO STDOUT".encode()) as rows:
            found[table] = b"".join(rows)
    return found


def copy_in(connection: Connection, rows: Rows) -> None:
    """Put rows into their tables."""
    for table, text in rows.items():
        with connection.cursor().copy(f"COPY {table} FROM STDIN".encode()) as into:
            into.write(text)
