"""The tests run against real servers: the embedded ones, or those that the environment names."""

import functools
import gc
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from celery import Celery
from django.conf import settings
from django.core.cache import cache
from django.db import connections
from django.test import TransactionTestCase
from pytest_django.plugin import DjangoDbBlocker

from accounts import limits
from benchmarks.scratch import address
from billing_console import roles, workers
from billing_console.celery import app
from billing_console.embedded import Unavailable
from billing_console.settings import SERVERS
from tests import make
from tests.nest import Nest, Worker
from tests.rows import (
    CATALOG,
    SELLER,
    connected,
    copy_out,
    disconnect,
    empty_tables,
    latest,
    owner,
    replace,
)

ROOT = Path(__file__).resolve().parent.parent
FILES = Path(settings.STORAGES["default"]["OPTIONS"]["location"])  # type: ignore[index]  # free settings
ALIASES = ("default", "operator")
# What processes of one run copy, rather than migrate each for itself.
MIGRATED = f"test_migrated_{os.environ.get('PYTEST_XDIST_TESTRUNUID', os.getpid())}"
ONE_AT_A_TIME = "SELECT pg_advisory_lock(hashtext('test_migrated'))"


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
        name = make_database()
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
        for one in connections.all(initialized_only=True):
            one.close()
        gc.collect()  # connections of threads that have ended
        disconnect()
        owner().creation.destroy_test_db(real, verbosity=0)
        with psycopg.connect(address("owner"), autocommit=True) as connection:
            connection.execute(ONE_AT_A_TIME)
            drop_migrated(connection)


def make_database() -> str:
    """Make the test database; of the processes of one run the first migrates, others copy."""
    with psycopg.connect(address("owner"), autocommit=True) as connection:
        connection.execute(ONE_AT_A_TIME)
        if MIGRATED in list_migrated(connection):
            name = str(owner().settings_dict["TEST"]["NAME"])
            connection.execute(f"DROP DATABASE IF EXISTS {name}".encode())
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {MIGRATED}".encode())
            owner().close()
            owner().settings_dict["NAME"] = settings.DATABASES["owner"]["NAME"] = name
            roles.ensure(owner())  # rights on a database are not copied with it
            return name
        drop_migrated(connection)
        name = owner().creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
        owner().close()
        if "PYTEST_XDIST_WORKER" in os.environ:
            connection.execute(f"CREATE DATABASE {MIGRATED} TEMPLATE {name}".encode())
        return name


def list_migrated(connection: psycopg.Connection) -> list[str]:
    """Return the databases for copying, of this run and of those that were killed."""
    rows = connection.execute("SELECT datname FROM pg_database WHERE datname ~ '^test_migrated_'")
    return [name for (name,) in rows]


def drop_migrated(connection: psycopg.Connection) -> None:
    """Drop the databases for copying."""
    for name in list_migrated(connection):
        connection.execute(f"DROP DATABASE {name}".encode())


def close_unusable_connections() -> None:
    """Close the connections that a test left in a transaction, changed or broken."""
    for one in connections.all(initialized_only=True):
        if one.connection and (one.in_atomic_block or not one.autocommit or not one.is_usable()):
            one.close()


def forget_counts() -> None:
    """Forget attempts, codes, mails and calls: the rows of the next tests have the same ids."""
    redis = workers.connect()
    redis.delete(*redis.scan_iter(cache.make_key("*")), settings.CELERY_TASK_DEFAULT_QUEUE)
    limits.taken.clear()


@pytest.fixture(autouse=True, scope="session")
def _flush_as_owner() -> Iterator[None]:
    """Have tests with real commits cleaned up by the owner."""

    def flush(case: TransactionTestCase) -> None:
        close_unusable_connections()
        empty_tables()
        forget_counts()

    patch = pytest.MonkeyPatch()
    patch.setattr(TransactionTestCase, "_fixture_teardown", flush)
    # A new connection reads the catalogs of PostgreSQL anew, which takes as long as a page.
    patch.setattr(TransactionTestCase, "_should_reload_connections", lambda case: False)
    yield
    patch.undo()


def process_environment() -> dict[str, str]:
    """Return the environment by which another process uses the test's database and Redis."""
    latest.is_shared = True
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


@functools.cache
def find_nest() -> Nest:
    """Return the nest of the workers that need nothing more in their environment."""
    return Nest(process_environment())


class WorkerStarter:
    """Starts Celery workers as processes of their own."""

    def __init__(self) -> None:
        """Start with none."""
        self.nests: list[Nest] = []
        self.running: list[Worker] = []

    def __call__(self, *, concurrency: int = 2, **environment: str) -> Worker:
        """Start a worker, with more in its environment, and wait until it answers."""
        latest.is_shared = True
        name = f"tests-{os.getpid()}-{len(self.running)}@localhost"
        worker = self.choose_nest(environment).hatch(
            *("worker", "--concurrency", str(concurrency), "--hostname", name),
            *("--loglevel", "warning", "--without-gossip", "--without-mingle"),
        )
        self.running.append(worker)
        give_up = time.monotonic() + 60
        while not ping(app, name):
            assert worker.runs(), "the worker ended"
            assert time.monotonic() < give_up, "the worker does not answer"
        return worker

    def choose_nest(self, environment: dict[str, str]) -> Nest:
        """Return the nest for an environment; what is set there is read before workers hatch."""
        if not environment:
            return find_nest()
        self.nests.append(Nest(process_environment() | environment))
        return self.nests[-1]

    def stop(self) -> None:
        """End all workers that still run."""
        for worker in self.running:
            worker.end(signal.SIGTERM)
        for nest in self.nests:
            nest.end()


def ping(application: Celery, name: str) -> bool:
    """Tell whether a worker answers."""
    return bool(application.control.ping(destination=[name], timeout=0.5))


@pytest.fixture
def own_catalog(transactional_db: None) -> Iterator[None]:
    """Let a test change the catalog and the seller; after it both are again as they were."""
    tables = [*(f"plans_{name}" for name in CATALOG), SELLER]
    before = copy_out(connected(), tables)
    latest.is_off = True
    yield
    latest.is_off = False
    replace(before)
