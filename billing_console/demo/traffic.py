"""What the traffic of a made-up bot looks like: how much of it, on which channels, when."""

import random
from dataclasses import dataclass
from datetime import date
from enum import Enum
from itertools import accumulate


class Rhythm(Enum):
    """How a day's conversations spread over its 24 local hours, as weights."""

    OFFICE = (0, 0, 0, 0, 0, 0, 1, 4, 12, 18, 19, 16, 9, 13, 17, 16, 12, 6, 2, 1, 0, 0, 0, 0)
    EVENING = (2, 1, 1, 0, 0, 1, 2, 4, 6, 7, 8, 8, 9, 8, 8, 8, 9, 11, 13, 15, 16, 14, 9, 4)
    ALL_DAY = (3, 2, 2, 2, 2, 3, 5, 8, 11, 12, 12, 11, 10, 10, 10, 11, 12, 12, 11, 10, 9, 7, 5, 4)


CUMULATIVE = {rhythm: list(accumulate(rhythm.value)) for rhythm in Rhythm}
HOURS = range(24)


@dataclass(frozen=True)
class Traffic:
    """One bot's traffic; days count from the day its workspace opened.

    ``conversations``: on a weekday, when the workspace opened. ``weekend``: a weekend day's part of
    that. ``growth``: what a year adds, as a part. ``season``: what November and December have
    more. ``transfers``: the part of conversations that an agent takes over. ``subscribers`` get an
    alert every eight hours, and ``notified`` users one notification a day. ``tests``: the part of
    conversations that developers and tests have.
    """

    channels: tuple[tuple[str, int], ...]
    conversations: float
    rhythm: Rhythm = Rhythm.ALL_DAY
    weekend: float = 0.6
    growth: float = 0.4
    season: float = 0.0
    launched: int = 0
    stopped: int | None = None
    agents: int = 0
    transfers: float = 0.0
    subscribers: int = 0
    notified: int = 0
    tests: float = 0.02
    parent: str = ""

    def runs_on(self, number: int) -> bool:
        """Tell whether the bot has traffic on a day."""
        return self.launched <= number and (self.stopped is None or number < self.stopped)

    def count_conversations(self, rng: random.Random, day: date, number: int) -> int:
        """Return how many conversations start on a day."""
        expected = self.conversations * (1 + self.growth * number / 365)
        if day.weekday() >= 5:
            expected *= self.weekend
        if day.month >= 11:
            expected *= 1 + self.season
        return max(0, round(rng.gauss(expected, expected**0.5)))

    def pick_second(self, rng: random.Random) -> float:
        """Return when in the day a conversation starts, in seconds."""
        hour = rng.choices(HOURS, cum_weights=CUMULATIVE[self.rhythm])[0]
        return (hour + rng.random()) * 3600

    def pick_user(self, rng: random.Random, number: int) -> int:
        """Return the number of a user: most come back, and every day brings some new ones."""
        known = 20 + self.conversations * (10 + number / 3)
        return int(known * rng.random() ** 1.8)
