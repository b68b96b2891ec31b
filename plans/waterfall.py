"""Which lot of credits paid what, and what lapses when: sums of the ledger, and what is expected.

What became of a lot is read from its entries alone, so that the parts add up to what is left.
"""

from collections import defaultdict, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from operator import attrgetter
from typing import Any, NamedTuple

from django.db import connection

from accounts.days import DAY
from accounts.models import Workspace
from accounts.tenancy import in_workspace
from plans import forecast
from plans.forecast import FURTHEST, WEEK
from plans.models import CreditLot, PostingKind
from plans.queries import TAKING

NOTHING = Decimal(0)
ADDING = (PostingKind.GRANT, PostingKind.PURCHASE)

# Index entry_of_lot, then the primary key of postings. Debits lessen a lot.
SUM_LOTS = """
SELECT entry.lot_id, posting.kind, posting.booking_month, posting.bot_id, sum(entry.amount)
FROM plans_ledgerentry entry
JOIN plans_posting posting
    ON posting.workspace_id = entry.workspace_id AND posting.id = entry.posting_id
WHERE entry.workspace_id = %(workspace)s AND entry.lot_id = ANY(%(lots)s)
GROUP BY 1, 2, 3, 4
"""


@dataclass(frozen=True)
class LotStory:
    """What became of a lot, by its entries; every amount is positive where it took from it.

    ``used``: by booking month and bot. ``other``: what none of these kinds says.
    """

    lot: CreditLot
    added: Decimal
    used: Mapping[tuple[date, int | None], Decimal]
    lapsed: Decimal
    refunded: Decimal
    other: Decimal

    @property
    def used_in_all(self) -> Decimal:
        """What usage took from it."""
        return sum(self.used.values(), NOTHING)

    @property
    def left(self) -> Decimal:
        """What is left of it."""
        return self.added - self.used_in_all - self.lapsed - self.refunded - self.other

    def used_in(self, month: date) -> Decimal:
        """Return what usage took from it in a booking month."""
        return sum((amount for (of, _), amount in self.used.items() if of == month), NOTHING)

    def used_before(self, month: date) -> Decimal:
        """Return what usage took from it before a booking month."""
        return sum((amount for (of, _), amount in self.used.items() if of < month), NOTHING)


def read_stories(workspace: Workspace, lots: Sequence[CreditLot]) -> list[LotStory]:
    """Return what became of some lots, in the order given. One statement."""
    sums: defaultdict[int, list[tuple[str, date, int | None, Decimal]]] = defaultdict(list)
    values: dict[str, Any] = {  # psycopg adapts the values
        "workspace": workspace.pk,
        "lots": [lot.pk for lot in lots],
    }
    with in_workspace(workspace.pk), connection.cursor() as cursor:
        cursor.execute(SUM_LOTS, values)
        for lot_id, *entry in cursor.fetchall():
            sums[lot_id].append(tuple(entry))
    return [tell(lot, sums[lot.pk]) for lot in lots]


def tell(lot: CreditLot, sums: Iterable[tuple[str, date, int | None, Decimal]]) -> LotStory:
    """Return what became of a lot, from the sums of its entries."""
    used: defaultdict[tuple[date, int | None], Decimal] = defaultdict(Decimal)
    of_kind: defaultdict[str, Decimal] = defaultdict(Decimal)
    for kind, month, bot, amount in sums:
        if kind in TAKING:
            used[month, bot] += amount
        else:
            of_kind[kind] += amount
    return LotStory(
        lot=lot,
        added=-sum((of_kind.pop(kind, NOTHING) for kind in ADDING), NOTHING),
        used={key: amount for key, amount in used.items() if amount},
        lapsed=of_kind.pop(PostingKind.LAPSE, NOTHING),
        refunded=of_kind.pop(PostingKind.REFUND, NOTHING),
        other=sum(of_kind.values(), NOTHING),
    )


@dataclass(frozen=True)
class Outlook:
    """What is expected of a lot, at the pace of a heavy and of a light week.

    ``used_up``: the days on which it is used up; None: not within a year, or not before it lapses.
    ``lapses``: what is left of it after its last day; zero where nothing is, None where it has no
    last day, or none within a year.
    """

    used_up: tuple[date | None, date | None]
    lapses: tuple[Decimal, Decimal] | None


@dataclass(slots=True)
class Piece:
    """A lot as far as the outlook looks at it; ``place`` in the order of use."""

    place: int
    last_day: date | None
    left: Decimal
    used_up: date | None = None

    def is_over(self, day: date) -> bool:
        """Tell whether it pays for nothing on a day any more."""
        return not self.left or (self.last_day is not None and self.last_day < day)


def look_ahead(
    *, workspace: Workspace, bots: Collection[int], lots: Sequence[CreditLot], today: date
) -> dict[int, Outlook]:
    """Return by id what is expected of lots that have something left, in the order of their use.

    ``bots``: all of the workspace; ``lots``: all that its bots may use. Each weekday costs what
    `plans.forecast` says of all bots together, of which a bot has the share that it had in these
    weeks; so shared credits alone run out when the Plan page says. Empty: no pace is known yet.
    """
    with in_workspace(workspace.pk):
        together = forecast.read_costs(workspace, today=today)[None]
        of_bots = forecast.read_costs(workspace, today=today, bots=bots)
    pace = forecast.find_pace(together, today=today)
    if pace is None:
        return {}
    ends = [use_up(lots, costs=split(week, of_bots, today=today), today=today) for week in pace]
    return {lot.pk: join(lot, *(end[lot.pk] for end in ends), today=today) for lot in lots}


def split(
    week: Sequence[Decimal], of_bots: Mapping[int | None, Mapping[date, Decimal]], *, today: date
) -> dict[int, list[Decimal]]:
    """Return by bot what its weekdays cost: its share of what those of all bots do."""
    sums = {
        bot: [
            sum((cost for day, cost in costs.items() if day.weekday() == weekday), NOTHING)
            for weekday in range(WEEK)
        ]
        for bot, costs in of_bots.items()
        if bot is not None
    }
    totals = [sum((of[weekday] for of in sums.values()), NOTHING) for weekday in range(WEEK)]
    return {
        bot: [
            week[weekday] * of[weekday] / totals[weekday] if totals[weekday] else NOTHING
            for weekday in range(WEEK)
        ]
        for bot, of in sums.items()
    }


class End(NamedTuple):
    """How a lot ends: on which day it is used up (None: it is not), and what is left else."""

    day: date | None
    left: Decimal


def use_up(
    lots: Sequence[CreditLot], *, costs: Mapping[int, Sequence[Decimal]], today: date
) -> dict[int, End]:
    """Return how lots end that pay for days from ``today`` on, for a year.

    ``lots`` are in the order of their use, ``costs`` by bot and weekday from Monday.
    """
    pieces = [Piece(place, lot.last_day, lot.balance) for place, lot in enumerate(lots)]
    queues: defaultdict[int | None, deque[Piece]] = defaultdict(deque)
    for lot, piece in zip(lots, pieces, strict=True):
        queues[lot.bot_id].append(piece)
    for number in range(FURTHEST):
        day = today + number * DAY
        for bot, week in costs.items():
            cost = week[day.weekday()]
            while cost and (pays := find_next(queues[bot], queues[None], day=day)):
                taken = min(cost, pays.left)
                pays.left -= taken
                cost -= taken
                if not pays.left:
                    pays.used_up = day
    return {lot.pk: End(piece.used_up, piece.left) for lot, piece in zip(lots, pieces, strict=True)}


def find_next(own: deque[Piece], shared: deque[Piece], *, day: date) -> Piece | None:
    """Return the lot that pays next on a day; None: none does. What is over is taken out."""
    for queue in (own, shared):
        while queue and queue[0].is_over(day):
            queue.popleft()
    if own and shared:
        return min(own[0], shared[0], key=attrgetter("place"))
    return own[0] if own else shared[0] if shared else None


def join(lot: CreditLot, heavy: End, light: End, *, today: date) -> Outlook:
    """Return what is expected of a lot from how it ends at both paces."""
    within = lot.last_day is not None and lot.last_day < today + FURTHEST * DAY
    return Outlook(
        used_up=(heavy.day, light.day),
        lapses=(heavy.left, light.left) if within else None,
    )
