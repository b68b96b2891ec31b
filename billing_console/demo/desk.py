"""Made-up agents: when they hold a seat, and when they are signed in on a day."""

import random
from dataclasses import dataclass

from billing_console.demo.daybook import HOUR, MINUTE, Daybook
from billing_console.demo.traffic import Traffic

SOURCE = "agent-desk"
FIRST_DAYS = 0.6  # of the agents are there from the first day on; the others come over the year
LOST_SIGN_OUT = 0.02


@dataclass(frozen=True)
class Shift:
    """One agent's time at the desk on one day, in milliseconds since 1970."""

    agent: str
    from_: int
    to: int


@dataclass(frozen=True)
class Tenure:
    """The days on which an agent has a seat; ``last`` is None while they stay."""

    agent: str
    first: int
    last: int | None

    def holds_on(self, number: int) -> bool:
        """Tell whether the agent has a seat on a day."""
        return self.first <= number and (self.last is None or number <= self.last)


def list_tenures(seed: str, bot: str, traffic: Traffic) -> list[Tenure]:
    """Return who has a seat when: always the same for the same seed and bot."""
    rng = random.Random(f"{seed}:{bot}:agents")  # noqa: S311
    tenures = []
    for number in range(traffic.agents):
        joined = 0 if number < traffic.agents * FIRST_DAYS else rng.randrange(20, 360)
        first = max(traffic.launched, joined)
        last = first + rng.randrange(60, 300) if rng.random() < 0.25 else traffic.stopped
        tenures.append(Tenure(f"agent-{bot}-{number + 1:02}", first, last))
    return tenures


def write_day(
    book: Daybook, tenures: list[Tenure], *, number: int, midnight: int, workday: bool
) -> list[Shift]:
    """Write the seats that change and who signs in and out; return who works when.

    ``midnight``: where the local day starts.
    """
    shifts = []
    for tenure in tenures:
        if tenure.first == number:
            write(book, midnight + 7 * HOUR, "seat_assigned", tenure.agent)
        if tenure.holds_on(number) and book.rng.random() < (0.88 if workday else 0.3):
            shifts.append(write_shift(book, tenure.agent, midnight))
        if tenure.last == number:
            write(book, midnight + 20 * HOUR, "seat_released", tenure.agent)
    return shifts


def write_shift(book: Daybook, agent: str, midnight: int) -> Shift:
    """Write one agent's sign-in and sign-out of a day; now and then the latter is lost."""
    start = book.rng.choice((7, 8, 8, 9, 11)) * HOUR
    from_ = midnight + start + int(book.rng.uniform(-10, 25) * MINUTE)
    to = from_ + int(book.rng.uniform(6.5, 9) * HOUR)
    write(book, from_, "signed_in", agent)
    if book.rng.random() >= LOST_SIGN_OUT:
        write(book, to, "signed_out", agent)
    return Shift(agent, from_, to)


def write(book: Daybook, at: int, name: str, agent: str) -> None:
    """Write one event of an agent."""
    book.write(at, f"agent.{name}", SOURCE, book.new_id(), f'"agent":"{agent}"')
