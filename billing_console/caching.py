"""A cache that does without Redis while that is away."""

import logging
from functools import cached_property
from typing import Any

from django.core.cache.backends.redis import RedisCache
from redis import Redis
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

    def count(self, key: str, *, seconds: int, by: int = 1) -> int | None:
        """Return how often something was counted, now ``by`` times; None: nothing can be counted.

        It is forgotten ``seconds`` after it was counted first. One trip to Redis after that, by a
        client that is kept: Django's own makes one for each call, and takes two trips.
        """
        name = self.make_and_validate_key(key)
        try:
            counted = int(self.client.incrby(name, by))
            if counted == by:
                self.client.expire(name, seconds)
            return counted
        except RedisError as error:
            warn(error)
            return None

    @cached_property
    def client(self) -> Redis:
        """What Django asks Redis with."""
        client: Redis = self._cache.get_client(write=True)
        return client


def warn(error: RedisError) -> None:
    """Note in a line of the log that Redis is away."""
    logger.warning("Nothing is cached or counted: %s", error)
