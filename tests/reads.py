"""What statements read of the tables, as the server counts it."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

COUNT_WHOLE = "SELECT relname, seq_scan FROM pg_stat_xact_user_tables"


@contextmanager
def tables_read_whole() -> Iterator[set[str]]:
    """Name the tables that this transaction meanwhile read from one end to the other."""
    found: set[str] = set()
    before = count_whole()
    yield found
    found |= {table for table, count in count_whole().items() if count > before.get(table, 0)}


def count_whole() -> dict[str, int]:
    """Return by table how often it was read whole since this connection last told the server."""
    with connection.cursor() as cursor:
        cursor.execute(COUNT_WHOLE)
        return dict(cursor.fetchall())
