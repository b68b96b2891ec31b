"""Totals of bots that have none yet, counted in arrays from the sessions that are written.

What a session adds to which total is said in usage/totals.py too, for sessions that are stored. A
rebuild of what this wrote compares the two.
"""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from accounts.days import DAY, start_of_day
from usage.models import SessionKind
from usage.plain_sessions import Counts
from usage.postgres_time import MICROSECOND, ORIGIN, from_count, to_count
from usage.six_hours import QUARTER, SIX_HOURS
from usage.staging import Staged

IN_ALL = 0  # the number of no channel
LENGTH = QUARTER // MICROSECOND


class Totals(NamedTuple):
    """Totals in order of bots, places and channels; ``counts`` has a row with all five of each.

    ``bots`` are numbers, as small as ``channels``: together they fit into one of 64 bits.
    """

    bots: Counts
    places: Counts
    channels: Counts
    counts: NDArray[np.int64]

    def add_up(self, places: Counts, *, in_all: bool = False) -> "Totals":
        """Return the totals of other ``places``, one for each row; ``in_all``: of all channels."""
        channels = np.full_like(self.channels, IN_ALL) if in_all else self.channels
        if not len(places):
            return self
        quarters = (places - places.min()) // LENGTH
        keys = (self.bots * (quarters.max() + 1) + quarters) * (channels.max() + 1) + channels
        order = np.argsort(keys)
        keys = keys[order]
        firsts = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
        counts = np.add.reduceat(self.counts[order], firsts)
        found = order[firsts]
        return Totals(self.bots[found], places[found], channels[found], counts)


class LevelsOfTotals(NamedTuple):
    """The totals that are stored; days and months stand at their first midnight in UTC."""

    slots: Totals
    sixes: Totals
    days: Totals
    days_in_all: Totals
    months: Totals


class CountedSessions:
    """Gathers what the sessions of some bots add to their totals."""

    def __init__(self, bots: Sequence[int]) -> None:
        """Start with nothing; ``bots`` are in order, channels are numbered from 1 in theirs."""
        self.bots = np.array(bots, dtype=np.int64)
        self.channels: dict[str, int] = {}
        nothing = np.zeros(0, dtype=np.int64)
        self.parts = [Totals(nothing, nothing, nothing, nothing.reshape(0, 5))]

    def add(self, staged: Staged) -> None:
        """Add the sessions that were counted of some claimed streams."""
        names = staged.streams.names
        known = [self.channels.setdefault(name, len(self.channels) + 1) for name in names]
        numbers = np.array([IN_ALL, *known], dtype=np.int64)
        for rows in (staged.blocks.read(), staged.instants.read()):
            kind, completed = rows["kind"], rows["completed"].astype(np.bool_)
            usage = kind == SessionKind.USAGE
            adds = (
                usage & completed,
                kind == SessionKind.ALERT,
                (kind == SessionKind.VOICE) & completed,
                usage & (rows["number"] == 1) & rows["closed"].astype(np.bool_),
                kind == SessionKind.NOTIFICATION,
            )
            counts = np.stack(adds, axis=1).astype(np.int64)
            counting = counts.any(axis=1)
            bots = np.searchsorted(self.bots, rows["bot_id"][counting].astype(np.int64))
            starts = floor(rows["started_at"][counting].astype(np.int64), LENGTH)
            of = Totals(bots, starts, numbers[rows["channel"][counting]], counts[counting])
            self.parts.append(of.add_up(starts))

    def finish(self, *, zone: ZoneInfo) -> LevelsOfTotals:
        """Return the totals of all that was added."""
        joined = Totals(*map(np.concatenate, zip(*self.parts, strict=True)))
        slots = joined.add_up(joined.places)
        days = slots.add_up(find_days(slots.places, zone=zone))
        return LevelsOfTotals(
            slots=slots,
            sixes=slots.add_up(floor(slots.places, SIX_HOURS // MICROSECOND), in_all=True),
            days=days,
            days_in_all=days.add_up(days.places, in_all=True),
            months=days.add_up(find_months(days.places)),
        )


def floor(instants: Counts, length: int) -> Counts:
    """Return where the stretches of some length begin that hold some instants."""
    return instants // length * length


def find_days(instants: Counts, *, zone: ZoneInfo) -> Counts:
    """Return for each instant the midnight in UTC of its local day."""
    if not len(instants):
        return instants
    first, last = (
        from_count(int(instant)).astimezone(zone).date()
        for instant in (instants.min(), instants.max())
    )
    days = [first + number * DAY for number in range((last - first).days + 1)]
    starts = [to_count(start_of_day(day, zone)) for day in days]
    return count_days(days)[np.searchsorted(starts, instants, side="right") - 1]


def count_days(days: Sequence[date]) -> Counts:
    """Return the midnights in UTC of some days."""
    return np.array([(day - ORIGIN.date()) // MICROSECOND for day in days], dtype=np.int64)


def find_months(midnights: Counts) -> Counts:
    """Return for each midnight in UTC that of the first day of its month."""
    origin = np.datetime64(ORIGIN.date(), "us")
    months = (origin + midnights.astype("timedelta64[us]")).astype("datetime64[M]")
    return (months.astype("datetime64[us]") - origin).astype(np.int64)
