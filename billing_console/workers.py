"""What workers leave in Redis for whoever watches: that they live, and how many tasks failed."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any  # what the client returns depends on how it was made

from django.conf import settings
from redis import Redis

FOUND = "console:finder"  # the second at which a worker last looked for due work, as beat asked
SEEN = "console:workers"  # names, sorted by the second at which each was last seen
FAILED = "console:failed-tasks"  # how often each task failed, since Redis was empty
LATELY = timedelta(minutes=1)
REMEMBERED = timedelta(days=1)
MOST_SECONDS = 2  # that an answer may take: health is asked often


@cache
def connect() -> "Redis":
    """Return the client of this process."""
    return Redis.from_url(
        settings.REDIS_ADDRESS,
        decode_responses=True,
        socket_timeout=MOST_SECONDS,
        socket_connect_timeout=MOST_SECONDS,
    )


def note_alive(name: str, *, at: datetime) -> None:
    """Note that a worker lives, and forget those that were not seen for long."""
    connect().zadd(SEEN, {name: at.timestamp()})
    connect().zremrangebyscore(SEEN, "-inf", (at - REMEMBERED).timestamp())


def note_finder(*, at: datetime) -> None:
    """Note that due work was looked for: beat, a worker and the operator's role did their part."""
    connect().set(FOUND, at.timestamp())


def finder_works(*, at: datetime) -> bool:
    """Tell whether due work was looked for lately."""
    second: Any = connect().get(FOUND)
    return second is not None and at.timestamp() - float(second) <= LATELY.total_seconds()


def list_seen() -> list[tuple[str, datetime]]:
    """Return the workers of the last day and when each was last seen, the latest first."""
    seen: Any = connect().zrevrange(SEEN, 0, -1, withscores=True)
    return [(name, datetime.fromtimestamp(second, UTC)) for name, second in seen]


def count_alive(*, at: datetime) -> int:
    """Return how many workers were seen lately."""
    return int(connect().zcount(SEEN, (at - LATELY).timestamp(), "+inf"))


def note_failure(task: str) -> None:
    """Count a task that failed."""
    connect().hincrby(FAILED, task, 1)


def count_failures() -> dict[str, int]:
    """Return by task how often it failed."""
    counts: Any = connect().hgetall(FAILED)
    return {task: int(count) for task, count in counts.items()}


def count_waiting() -> int:
    """Return how many calls wait for a worker."""
    return int(connect().llen(settings.CELERY_TASK_DEFAULT_QUEUE))
