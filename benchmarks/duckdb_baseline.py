"""The rebuild's baseline: all sessions and buckets by one general statement each of DuckDB."""

import time
from datetime import UTC, datetime
from pathlib import Path

import duckdb

SESSIONS = Path(__file__).with_name("sessions.sql").read_text()

# The same totals as `usage.models.UsageBucket`: completed sessions and closed conversations that
# start in 15 minutes, by bot and channel.
BUCKETS = """
SELECT
    bot,
    time_bucket(INTERVAL 15 MINUTES, started_at, TIMESTAMP '2000-01-01') AS starts_at,
    channel,
    count(*) FILTER (kind = 1 AND completed) AS usage_sessions,
    count(*) FILTER (kind = 2) AS alert_sessions,
    count(*) FILTER (kind = 3 AND completed) AS voice_sessions,
    count(*) FILTER (kind = 1 AND number = 1 AND closed) AS conversations,
    count(*) FILTER (kind = 4) AS notifications
FROM session
GROUP BY ALL
HAVING count(*) FILTER (completed) > 0
"""


def count(connection: duckdb.DuckDBPyConnection, now: datetime) -> float:
    """Make tables ``session`` and ``bucket`` from ``event`` and return the seconds it took.

    What is later than ``now`` is left out.
    """
    start = time.perf_counter()
    connection.execute(
        f"CREATE OR REPLACE TABLE session AS {SESSIONS}",
        {"now": now.astimezone(UTC).replace(tzinfo=None)},
    )
    connection.execute(f"CREATE OR REPLACE TABLE bucket AS {BUCKETS}")
    return time.perf_counter() - start
