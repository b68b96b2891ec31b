"""Several at the same time, each with a connection of its own."""

import threading
import time
from collections.abc import Callable

from django.db import connection

# Within a transaction the server goes on telling what it told first, unless it is asked anew.
ASK_ANEW = "SELECT pg_stat_clear_snapshot()"
SOMEBODY_WAITS = """
SELECT count(*) > 0 FROM pg_stat_activity
WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


def at_once(*calls: Callable[[], object]) -> list[Exception | None]:
    """Run calls in threads that begin together; return what each raised."""
    gate = threading.Barrier(len(calls))
    raised: list[Exception | None] = [None] * len(calls)

    def run(number: int, call: Callable[[], object]) -> None:
        gate.wait()
        try:
            call()
        except Exception as error:
            raised[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return raised


def wait_until_somebody_waits() -> None:
    """Return once another connection waits for a lock."""
    give_up = time.monotonic() + 30
    waits = False
    while not waits:
        assert time.monotonic() < give_up, "nobody waits for a lock"
        with connection.cursor() as cursor:
            cursor.execute(ASK_ANEW)
            cursor.execute(SOMEBODY_WAITS)
            ((waits,),) = cursor.fetchall()
