"""The tests run against real servers: the embedded ones, or those that the environment names."""

import gc
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from celery import Celery
from django.conf import settings
from django.core.cache import cache
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper
from django.test import TransactionTestCase
from psycopg.conninfo import make_conninfo
from pytest_django.plugin import DjangoDbBlocker

from benchmarks.scratch import address
from billing_console import roles, workers
from billing_console.celery import app
from billing_console.embedded import Unavailable
from billing_console.settings import SERVERS
from tests import make

ROOT = Path(__file__).resolve().parent.parent
FILES = Path(settings.STORAGES["default"]["OPTIONS"]["location"])  # type: ignore[index]  # free settings
ALIASES = ("default", "operator")
CATALOG = ("currency", "plan", "planversion", "planmeter", "price")  # as the migrations seed it
SELLER = "invoices_sellerprofile"  # as `django_db_setup` makes it
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
USED = """
SELECT format('SELECT setval(%%s, %%s, false)', seqrelid, seqstart)
FROM pg_sequence
JOIN pg_depend ON pg_depend.objid = seqrelid AND pg_depend.deptype IN ('a', 'i')
JOIN pg_class ON pg_class.oid = pg_depend.refobjid
WHERE relnamespace = 'public'::regnamespace AND relname <> ALL(%(kept)s)
AND pg_sequence_last_value(seqrelid) IS NOT NULL
"""


def pytest_configure(config: pytest.Config) -> None:
    """Start the embedded servers, for as long as this process runs."""
    try:
        SERVERS.hold()
    except Unavailable as error:
        pytest.exit(str(error), returncode=1)
    shutil.rmtree(FILES, ignore_errors=True)
    # The exit that the servers' handler raises would count as an error of the test that runs.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_collection_finish() -> None:
    """Have the garbage collector pass over what stays: modules, the tests, their fixtures."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 10, 10)


def owner() -> DatabaseWrapper:
    """Return the connection that owns the tables."""
    found = connections["owner"]
    assert isinstance(found, DatabaseWrapper)
    return found


@pytest.fixture(scope="session")
def django_db_setup(
    django_test_environment: None,
    django_db_blocker: DjangoDbBlocker,
    django_db_modify_db_settings: None,
) -> Iterator[None]:
    """Make the test database as the owner, and have the other roles use it."""
    real = owner().settings_dict["NAME"]
    with django_db_blocker.unblock():
        roles.ensure(owner())
        name = owner().creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        for alias in ALIASES:
            connections[alias].close()
            connections[alias].settings_dict["NAME"] = name
        with connections["default"].cursor() as cursor:
            cursor.execute("SELECT current_user, current_database()")
            assert cursor.fetchone() == ("console_app", name)
        with psycopg.connect(address("owner"), autocommit=True) as connection:
            # Commits that wait for the disk only matter to who pulls the plug of the machine.
            connection.execute(f"ALTER DATABASE {name} SET synchronous_commit TO off".encode())
        for alias in ALIASES:
            connections[alias].close()
        make.seller()
    yield
    with django_db_blocker.unblock():
        for alias in ALIASES:
            connections[alias].close()
        owner().creation.destroy_test_db(real, verbosity=0)


def empty_tables() -> None:
    """Empty all tables of the test database: as a superuser where it is of the embedded server."""
    assert str(owner().settings_dict["NAME"]).startswith("test_")
    superuser = {"user": "postgres"} if SERVERS.postgres else {}
    with psycopg.connect(make_conninfo(address("owner"), **superuser)) as connected:
        tables = read_texts(connected, EMPTIED)
        if superuser:
            delete_rows(connected, tables)
        else:
            connected.execute(f"TRUNCATE {', '.join(tables)} RESTART IDENTITY".encode())


def delete_rows(connected: "psycopg.Connection[Any]", tables: list[str]) -> None:
    """Delete all rows, and have the numbers begin anew.

    Many times faster than TRUNCATE, which makes each table and index a new file. Only a superuser
    may delete what triggers keep, in any order.
    """
    # The locks wait for what still writes.
    connected.execute(f"LOCK TABLE {', '.join(tables)} IN EXCLUSIVE MODE".encode())
    rows = " UNION ALL ".join(f"(SELECT '{table}' FROM {table} LIMIT 1)" for table in tables)
    statements = [
        "SET LOCAL session_replication_role = replica",
        *(f"DELETE FROM {table}" for table in read_texts(connected, rows)),
        *read_texts(connected, USED),
    ]
    connected.execute("; ".join(statements).encode())


def read_texts(connected: "psycopg.Connection[Any]", query: str) -> list[str]:
    """Return the first column of a query that may name ``KEPT``."""
    found = connected.execute(query.encode(), {"kept": list(KEPT)})
    return [text for (text,) in found.fetchall()]


def forget_counts() -> None:
    """Forget attempts, codes and mails of a test: the people of the next ones have the same ids."""
    counts = list(workers.connect().scan_iter(cache.make_key("*")))
    if counts:
        workers.connect().delete(*counts)


@pytest.fixture(autouse=True, scope="session")
def _flush_as_owner() -> Iterator[None]:
    """Have tests with real commits cleaned up by the owner."""

    def flush(case: TransactionTestCase) -> None:
        empty_tables()
        forget_counts()

    patch = pytest.MonkeyPatch()
    patch.setattr(TransactionTestCase, "_fixture_teardown", flush)
    yield
    patch.undo()


def process_environment() -> dict[str, str]:
    """Return the environment by which another process uses the test's database and Redis."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "billing_console.settings",
        "DATABASE_URL": address("default"),
        "DATABASE_OPERATOR_URL": address("operator"),
        "REDIS_URL": settings.REDIS_ADDRESS,
        "SECRET_KEY": settings.SECRET_KEY,
        "FILES_DIR": str(FILES),
        "HTTPS": "0",
    }


@pytest.fixture
def start_worker(django_db_setup: None) -> Iterator["WorkerStarter"]:
    """Return what starts real Celery workers on the test's database; they end with the test."""
    starter = WorkerStarter()
    yield starter
    starter.stop()


class WorkerStarter:
    """Starts Celery workers as processes of their own."""

    def __init__(self) -> None:
        """Start with none."""
        self.running: list[subprocess.Popen[bytes]] = []

    def __call__(self, *, concurrency: int = 2, **environment: str) -> subprocess.Popen[bytes]:
        """Start a worker, with more in its environment, and wait until it answers."""
        name = f"tests-{os.getpid()}-{len(self.running)}@localhost"
        worker = subprocess.Popen(
            [
                *(sys.executable, "-m", "celery", "-A", "billing_console", "worker"),
                *("--concurrency", str(concurrency), "--hostname", name, "--loglevel", "warning"),
                *("--without-gossip", "--without-mingle"),
            ],
            cwd=ROOT,
            env=process_environment() | environment,
            start_new_session=True,
        )
        self.running.append(worker)
        give_up = time.monotonic() + 60
        while not ping(app, name):
            assert worker.poll() is None, "the worker ended"
            assert time.monotonic() < give_up, "the worker does not answer"
        return worker

    def stop(self) -> None:
        """End all workers that still run."""
        for worker in self.running:
            worker.terminate()
        for worker in self.running:
            worker.wait(timeout=60)


def ping(application: Celery, name: str) -> bool:
    """Tell whether a worker answers."""
    return bool(application.control.ping(destination=[name], timeout=0.5))


@pytest.fixture
def own_catalog(transactional_db: None) -> Iterator[None]:
    """Let a test change the catalog and the seller; after it both are again as they were."""
    tables = [*(f"plans_{name}" for name in CATALOG), SELLER]
    with psycopg.connect(address("owner")) as connection:
        before = {table: copy_out(connection, table) for table in tables}
    yield
    with psycopg.connect(address("owner")) as connection:
        connection.execute(f"TRUNCATE {', '.join(tables)} CASCADE".encode())
        for table, rows in before.items():
            with connection.cursor().copy(f"COPY {table} FROM STDIN".encode()) as copy:
                copy.write(rows)


def copy_out(connection: "psycopg.Connection[Any]", table: str) -> bytes:
    """Return the rows of a table as COPY has them."""
    with connection.cursor().copy(f"COPY {table} TO STDOUT".encode()) as copy:
        return b"".join(copy)
