"""How often something may happen. Counted in Redis, and not at all while that is away."""

import time
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple, Protocol, cast

from django.conf import settings
from django.core.cache import caches

MINUTE = 60  # seconds
HOUR = 60 * MINUTE
SHARES = 100  # that the processes take of a key's limit

# The minute of each key's last share, and what this process has left of it: numbers of requests.
taken: dict[int, tuple[int, Iterator[int]]] = {}


class Budget(NamedTuple):
    """What a key may send in the minute of the clock that it is; ``used`` has this request in it.

    ``resets_at`` is in seconds since 1970, as programs compare it.
    """

    limit: int
    used: int
    resets_at: int

    @property
    def spent(self) -> bool:
        """This request is one too many."""
        return self.used > self.limit

    def list_headers(self, *, at: datetime) -> dict[str, str]:
        """Return the headers that tell a program where it stands, by the names most of them know.

        The names that a draft of the IETF has changed from one version to the next.
        """
        headers = {
            "X-RateLimit-Limit": str(self.limit),
            "X-RateLimit-Remaining": str(max(0, self.limit - self.used)),
            "X-RateLimit-Reset": str(self.resets_at),
        }
        if self.spent:
            headers["Retry-After"] = str(max(1, self.resets_at - int(at.timestamp())))
        return headers


def requests_per_minute() -> int:
    """Return how many requests one key may send in a minute of the clock."""
    limit: int = settings.API_REQUESTS_PER_MINUTE
    return limit


def count_request(key_id: int, *, at: datetime) -> Budget | None:
    """Count a request of a key; return what is left, or None while nothing can be counted.

    A process takes a hundredth of the limit at a time, since a trip to Redis takes a good part of
    what some answers do. So a key never sends more than its limit; where several processes serve
    it, it may be told a hundredth for each of them too early that it has spent it.
    """
    minute = int(at.timestamp()) // MINUTE
    limit = requests_per_minute()
    since, numbers = taken.get(key_id, (minute, iter(())))
    used = next(numbers, None) if since == minute else None
    if used is None:
        share = max(1, limit // SHARES)
        last = count(f"requests:{key_id}:{minute}", seconds=MINUTE, by=share)
        if last is None:
            return None
        used = last - share + 1
        taken[key_id] = minute, iter(range(used + 1, last + 1))
    return Budget(limit, used, (minute + 1) * MINUTE)


def admit(what: str, *, most: int, seconds: int) -> bool:
    """Count something that happens; tell whether it is within its limit, or cannot be counted."""
    used = count_recent(what, seconds=seconds)
    return used is None or used <= most


def count_recent(what: str, *, seconds: int) -> int | None:
    """Count something in a stretch of the clock; return how often it came, or None as `count`."""
    return count(f"{what}:{int(time.time()) // seconds}", seconds=seconds)


class Counting(Protocol):
    """The cache, which counts (billing_console/caching.py)."""

    def count(self, key: str, *, seconds: int, by: int) -> int | None:
        """Return how often something was counted; None: nothing can be counted."""


def count(name: str, *, seconds: int, by: int = 1) -> int | None:
    """Count something that is remembered for a while; None: nothing can be counted.

    Events and people get through while Redis is away, which is asked once then. Remembered twice as
    long as it is counted, so that no count is forgotten in between.
    """
    return cast(Counting, caches["default"]).count(name, seconds=2 * seconds, by=by)
