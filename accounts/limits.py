"""How many requests an API key may send. Counted in Redis, and not at all while that is away."""

import logging
import time

from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError

MINUTE = 60

logger = logging.getLogger(__name__)


def requests_per_minute() -> int:
    """Return how many requests one key may send in a minute of the clock."""
    limit: int = settings.API_REQUESTS_PER_MINUTE
    return limit


def admit_request(key_id: int) -> bool:
    """Count a request of a key; tell whether it is within the limit."""
    return admit(f"requests:{key_id}", per_minute=requests_per_minute())


def admit(what: str, *, per_minute: int) -> bool:
    """Count something that happens; tell whether it is within its limit."""
    name = f"{what}:{int(time.time() // MINUTE)}"
    try:
        cache.add(name, 0, timeout=2 * MINUTE)
        return cache.incr(name) <= per_minute
    except (RedisError, ValueError) as error:  # incr: the count was dropped in between
        # Events must get through without Redis.
        logger.warning("Requests are not counted: %s", error)
        return True
