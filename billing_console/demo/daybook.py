"""The events of one bot and day are written down, with the moment each of them arrives."""

import random
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import blake2b

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

LATE = 0.01
LATEST = 3 * DAY
DUPLICATE = 0.005
DIFFERING = 0.2  # of the duplicates


class Daybook:
    """Gathers events as (arrival, line); all instants are milliseconds since 1970."""

    def __init__(self, rng: random.Random, *, workspace: str, bot: str) -> None:
        self.rng = rng
        self.workspace = workspace
        self.bot = bot
        self.events: list[tuple[int, bytes]] = []

    def write(self, at: int, name: str, source: str, event_id: str, data: str) -> None:
        """Write down one event; now and then it arrives late, or twice."""
        start = (
            f'{{"specversion":"1.0","id":"{event_id}","source":"/{self.workspace}/{source}",'
            f'"type":"{name}","subject":"{self.bot}","time":"'
        )
        line = f'{start}{write_time(at)}","data":{{{data}}}}}\n'.encode()
        arrival = at
        luck = self.rng.random()
        if luck < LATE:
            arrival += int(MINUTE + (LATEST - MINUTE) * self.rng.random() ** 2)
        elif luck > 1 - DUPLICATE:
            again = arrival + int(self.rng.uniform(2 * SECOND, 10 * MINUTE))
            differs = self.rng.random() < DIFFERING
            other = f'{start}{write_time(at + SECOND)}","data":{{{data}}}}}\n'.encode()
            self.events.append((again, other if differs else line))
        self.events.append((arrival, line))

    def new_id(self) -> str:
        """Return an id that looks like a UUID."""
        text = f"{self.rng.getrandbits(128):032x}"
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"

    def user_id(self, number: int) -> str:
        """Return the pseudonym of a bot's user, the same on every day."""
        return f"u-{blake2b(f'{self.bot}:{number}'.encode(), digest_size=6).hexdigest()}"


def to_milliseconds(at: datetime) -> int:
    """Return an instant as milliseconds since 1970, cut off."""
    return (at - EPOCH) // timedelta(milliseconds=1)


def write_time(at: int) -> str:
    """Return an instant as RFC 3339 with milliseconds, in UTC."""
    second, rest = divmod(at, SECOND)
    day, second = divmod(second, DAY // SECOND)
    return (
        f"{write_day(day)}T{second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.{rest:03}Z"
    )


@lru_cache(maxsize=16)
def write_day(day: int) -> str:
    """Return a date by its number since 1970."""
    return (EPOCH + timedelta(days=day)).strftime("%Y-%m-%d")
