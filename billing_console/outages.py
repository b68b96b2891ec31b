"""Which error means that a server of the installation is away."""

from enum import StrEnum

from django.db import InterfaceError, OperationalError
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import ConnectionError as RedisLost
from redis.exceptions import TimeoutError as RedisSilent

# Of PostgreSQL's codes: broken connections, a server that stops, starts or takes no more clients.
# Others, such as a deadlock's, come from a server that answers.
LOST = ("08", "57P01", "57P02", "57P03", "53300")


class Outage(StrEnum):
    """A server that is away."""

    DATABASE = "database"
    REDIS = "redis"


def find_outage(error: BaseException | None) -> Outage | None:
    """Return what is away according to an error; None: it means something else."""
    if isinstance(error, RedisLost | RedisSilent | BrokerError):
        return Outage.REDIS
    if isinstance(error, InterfaceError):  # the connection was closed meanwhile
        return Outage.DATABASE
    if isinstance(error, OperationalError):
        # Without a code no server has answered at all.
        code: str | None = getattr(error.__cause__, "sqlstate", None)
        if code is None or code.startswith(LOST):
            return Outage.DATABASE
    return None
