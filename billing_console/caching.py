"""A cache that does without Redis while that is away."""

import logging
from typing import Any

from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

logger = logging.getLogger(__name__)


class ForgivingCache(RedisCache):
    """Forgets everything while Redis is away: sign-ins are not counted then, and nobody waits."""

    def add(self, key: Any, value: Any, *args: Any, **options: Any) -> bool:
        """Say that it was added: what takes a lock this way has it."""
        try:
            return bool(super().add(key, value, *args, **options))
        except RedisError as error:
            warn(error)
            return True

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """Return the default, as for a key that there is not."""
        try:
            return super().get(key, default, version)
        except RedisError as error:
            warn(error)
            return default

    def set(self, key: Any, value: Any, *args: Any, **options: Any) -> None:
        """Remember nothing."""
        try:
            super().set(key, value, *args, **options)
        except RedisError as error:
            warn(error)

    def delete(self, key: Any, version: int | None = None) -> bool:
        """Say that there was nothing."""
        try:
            return bool(super().delete(key, version))
        except RedisError as error:
            warn(error)
            return False

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """Count, or refuse as for a key that there is not.

        Raises:
            ValueError: there is none, or no Redis; that is its cause then.
        """
        try:
            return super().incr(key, delta, version)
        except RedisError as error:
            warn(error)
            raise ValueError("not counted") from error


def warn(error: RedisError) -> None:
    """Note in a line of the log that Redis is away."""
    logger.warning("Nothing is cached or counted: %s", error)
