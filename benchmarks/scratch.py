"""A database of its own for the measurements, on the servers that the console uses."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import connections
from django.db.backends.postgresql.base import DatabaseWrapper
from django.test.utils import override_settings
from psycopg.conninfo import make_conninfo

NAME = "benchmark_billing_console"
ALIASES = ("owner", "default", "operator")


def address(alias: str) -> str:
    """Return the address of the scratch database for one of the three roles."""
    connection = connections[alias]
    assert isinstance(connection, DatabaseWrapper)
    parameters = connection.get_connection_params()
    for name in ("cursor_factory", "context", "prepare_threshold"):
        parameters.pop(name, None)
    return make_conninfo(**parameters)


def execute_as_owner(*statements: str) -> None:
    """Run statements one by one, each in a transaction of its own."""
    with psycopg.connect(address("owner"), autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement.encode())


@contextmanager
def database() -> Iterator[None]:
    """Run the block with an empty, migrated database, which is dropped at the end."""
    names = {alias: connections[alias].settings_dict["NAME"] for alias in ALIASES}
    execute_as_owner(f"DROP DATABASE IF EXISTS {NAME}", f"CREATE DATABASE {NAME}")
    use(dict.fromkeys(ALIASES, NAME))
    try:
        call_command("migrate", verbosity=0)
        yield
    finally:
        use(names)
        execute_as_owner(f"DROP DATABASE {NAME}")


@contextmanager
def files() -> Iterator[None]:
    """Run the block with a storage of its own for files, which goes with the run's."""
    storages = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": tempfile.mkdtemp()},
        },
    }
    with override_settings(STORAGES=storages):
        yield


def use(names: dict[str, str]) -> None:
    """Have the roles use other databases."""
    for alias, name in names.items():
        connections[alias].close()
        connections[alias].settings_dict["NAME"] = name


def empty() -> None:
    """Remove all rows of usage, and leave nothing for a vacuum to do."""
    with psycopg.connect(address("owner"), autocommit=True) as connection:
        rows = connection.execute(
            "SELECT string_agg(tablename, ', ') FROM pg_tables WHERE tablename LIKE 'usage\\_%'"
        ).fetchone()
        assert rows is not None
        connection.execute(f"TRUNCATE {rows[0]}".encode())


def settle() -> None:
    """Have the statistics and the visibility of rows as they are some minutes after a load."""
    execute_as_owner("VACUUM ANALYZE")
