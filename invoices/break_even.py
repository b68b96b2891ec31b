"""From how many billing sessions a month on one plan costs less than another, exactly.

Pure arithmetic. Every comparison is made by the code that bills a month (`invoices.replay`); the
slopes below say only how far the next one may lie ahead, so that not each number is tried.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import permutations
from math import ceil
from typing import NamedTuple

from invoices import replay
from plans.catalog import Offer, PricedMeter
from plans.models import SEATS, Meter
from usage.queries import Counts

MONTH = date(2026, 1, 1)  # whole months cost the same, however many days they have
MOST_STRETCHES = 4  # a plan is seldom the cheaper one in more than two; beyond it nobody reads on
# Prices have four decimals, so that what rounding does comes again after so many sessions.
REPEATS = 10_000


class Stretch(NamedTuple):
    """Numbers of billing sessions, both included; ``last`` None: any that is more."""

    first: int
    last: int | None


@dataclass(frozen=True)
class Mix:
    """What a month has beside its billing sessions: as many seats, other meters in proportion.

    ``counted``: usage whose proportions hold. Without billing sessions there are none of others.
    """

    seats: int = 0
    counted: Counts = field(default_factory=Counts)

    def ratio(self, meter: Meter) -> Fraction:
        """Return how many of a meter there are for each billing session."""
        if meter == Meter.BILLING_SESSIONS:
            return Fraction(1)
        of = self.counted.billing_sessions
        return Fraction(int(getattr(self.counted, meter.value)), of) if of else Fraction(0)

    def count(self, meter: Meter, sessions: int) -> int:
        """Return how many of a meter a month with so many billing sessions has, rounded down."""
        if meter in SEATS:
            return self.seats
        return int(self.ratio(meter) * sessions)


def rate(offer: Offer, *, sessions: int, mix: Mix) -> Decimal:
    """Return what a whole month with so many billing sessions costs."""
    return replay.rate_month(
        offer, month=MONTH, count=lambda meter, _first, _last: mix.count(meter, sessions)
    )


def find_stretches(cheaper: Offer, than: Offer, *, mix: Mix) -> list[Stretch]:
    """Return for how many sessions a month one plan costs less than another, in order.

    Empty: never. More than `MOST_STRETCHES` are only where prices are finer than the currency, so
    that rounding alone decides; the rest of them is left out.
    """
    found: list[Stretch] = []
    if list_prices(cheaper, mix=mix) == list_prices(than, mix=mix):
        return found
    start = 0
    while len(found) < MOST_STRETCHES:
        first = find_next(than, cheaper, mix=mix, start=start, equal=False)
        if first is None:
            break
        end = find_next(cheaper, than, mix=mix, start=first, equal=True)
        found.append(Stretch(first, None if end is None else end - 1))
        if end is None:
            break
        start = end
    return found


def list_prices(offer: Offer, *, mix: Mix) -> tuple[Decimal, bool, list[PricedMeter]]:
    """Return all that decides what a plan costs: where it is the same, none costs less."""
    used = [
        priced
        for priced in offer.meters
        if priced.price and (mix.seats if priced.meter in SEATS else mix.ratio(priced.meter))
    ]
    return offer.fee, offer.version.uses_credits, used


def find_next(rising: Offer, other: Offer, *, mix: Mix, start: int, equal: bool) -> int | None:
    """Return from ``start`` on the least number for which one plan costs more than another.

    ``equal``: or as much. None: there is none.
    """
    sessions, tried = start, 0
    while True:
        ahead = rate(other, sessions=sessions, mix=mix) - rate(rising, sessions=sessions, mix=mix)
        if ahead < 0 or (equal and not ahead):
            return sessions
        slope = measure(rising, sessions=sessions, mix=mix)
        against = measure(other, sessions=sessions, mix=mix)
        turn = min(filter(None, (slope.until, against.until)), default=None)
        steps = leap(Fraction(ahead), slope.rise - against.rise, slope.wobble + against.wobble)
        if steps and slope.rise <= against.rise:  # one by one, since rounding alone may decide
            tried += 1
            steps = steps if tried <= REPEATS else None
        if steps is None and turn is None:
            return None
        after = sessions + steps if steps else None
        sessions = min(filter(None, (after, turn)))


def leap(ahead: Fraction, rise: Fraction, wobble: Fraction) -> int | None:
    """Return how many sessions on it is worth to look again, at least 1; None: nowhere.

    ``ahead``: how much one plan is cheaper now, ``rise``: how much of it a session takes,
    ``wobble``: how far rounding may be off this line.
    """
    if rise <= 0:
        return None if ahead > wobble or not wobble else 1
    return max(1, ceil((ahead - wobble) / rise))


class Slope(NamedTuple):
    """How a plan's cost rises from a number of sessions on, up to one where it turns (None: none).

    ``wobble``: how far from this line a cost may be by rounding.
    """

    rise: Fraction
    wobble: Fraction
    until: int | None


def measure(offer: Offer, *, sessions: int, mix: Mix) -> Slope:
    """Return how the cost of a plan rises from a number of sessions on."""
    rise, wobble = Fraction(0), Fraction(0)
    turns = []
    for priced in offer.meters:
        ratio = mix.ratio(priced.meter) if priced.meter not in SEATS else Fraction(0)
        if not ratio or not priced.price:
            continue
        if mix.count(priced.meter, sessions) < priced.included:
            turns.append(ceil(priced.included / ratio))
            continue
        rise += ratio * Fraction(priced.price)
        wobble += measure_wobble(offer, priced, ratio=ratio)
    return Slope(rise, wobble, min(turns, default=None))


def measure_wobble(offer: Offer, priced: PricedMeter, *, ratio: Fraction) -> Fraction:
    """Return how far the cost of a meter may be off its line, at both ends of a leap together."""
    unit = Fraction(1, 10**offer.currency.decimals)
    rounded = not offer.version.uses_credits and (Fraction(priced.price) / unit).denominator > 1
    broken = ratio.denominator > 1
    return (unit if rounded else Fraction(0)) + (Fraction(priced.price) if broken else Fraction(0))


Pairs = dict[tuple[int, int], list[Stretch]]


def compare(offers: Sequence[Offer], *, mix: Mix) -> Pairs:
    """Return of each two offers, by their places, where the first costs less than the second."""
    return {
        (one, other): find_stretches(offers[one], offers[other], mix=mix)
        for one, other in permutations(range(len(offers)), 2)
    }


def list_marks(pairs: Pairs) -> list[int]:
    """Return the numbers of sessions at which one plan begins or ceases to cost less, in order."""
    stretches = [stretch for found in pairs.values() for stretch in found]
    ends = {stretch.last + 1 for stretch in stretches if stretch.last is not None}
    return sorted(({stretch.first for stretch in stretches} | ends) - {0})
