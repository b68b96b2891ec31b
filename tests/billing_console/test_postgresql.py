"""Web processes keep connections to the database in a pool."""

from collections.abc import Iterator

import pytest
from django.db import connection

from billing_console.postgresql.base import DatabaseWrapper

pytestmark = pytest.mark.django_db(transaction=True)

POOL = {"min_size": 0, "max_size": 1, "timeout": 5}


@pytest.fixture
def pooled() -> Iterator[DatabaseWrapper]:
    """Return a connection to the database of the tests, from a pool that has one."""
    settings = connection.settings_dict
    options = {**settings["OPTIONS"], "pool": POOL}
    unchecked = {"CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": False, "OPTIONS": options}
    wrapper = DatabaseWrapper({**settings, **unchecked}, alias="pooled")
    yield wrapper
    wrapper.close()
    wrapper.close_pool()


def find_process(wrapper: DatabaseWrapper) -> int:
    """Return the database's process behind a connection, which then goes back to the pool."""
    with wrapper.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (process,) = cursor.fetchone()
    wrapper.close()
    assert isinstance(process, int)
    return process


def test_connection_is_used_again(pooled: DatabaseWrapper) -> None:
    assert find_process(pooled) == find_process(pooled)


def test_connection_that_the_server_ended_is_not_handed_out(pooled: DatabaseWrapper) -> None:
    ended = find_process(pooled)
    with connection.cursor() as cursor:
        cursor.execute("SET ROLE NONE")  # who signed in may end what it began
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [ended])
        assert cursor.fetchone() == (True,)
        cursor.execute("RESET ROLE")

    assert find_process(pooled) != ended
