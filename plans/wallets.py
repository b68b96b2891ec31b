"""From which credits an amount is taken, and to which it goes back. No database, no clock.

Source: product doc, "Charging": free before bought, own before shared, earliest last day (none
last), oldest, number; a lot never goes below zero, the rest stands in the bot's overdraft.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from plans.ledger import Entry
from plans.models import OF_LOTS, Account, CreditLot, LotKind

NOTHING = Decimal(0)


@dataclass(slots=True)
class Lot:
    """A credit lot and what is left of it; ``bot`` None: all bots share it."""

    id: int
    bot: int | None
    kind: str
    balance: Decimal
    last_day: date | None
    granted_at: datetime
    lapsed: bool

    @classmethod
    def of(cls, lot: CreditLot) -> "Lot":
        """Return a stored lot as it is used here."""
        return cls(
            id=lot.pk,
            bot=lot.bot_id,
            kind=lot.kind,
            balance=lot.balance,
            last_day=lot.last_day,
            granted_at=lot.granted_at,
            lapsed=lot.lapsed_at is not None,
        )

    @property
    def place(self) -> tuple[bool, bool, date, datetime, int]:
        """Where it stands in the order of use."""
        last_day = self.last_day or date.max
        return (
            self.kind != LotKind.FREE,
            self.bot is None,
            last_day,
            self.granted_at,
            self.id,
        )

    def serves(self, day: date) -> bool:
        """Tell whether usage of a day may take from it."""
        return not self.lapsed and (self.last_day is None or self.last_day >= day)

    def move(self, amount: Decimal, against: Account) -> list[Entry]:
        """Take an amount (negative: give it back) against an account; return the entries."""
        self.balance -= amount
        account = OF_LOTS[LotKind(self.kind)]
        return [Entry(account, amount, lot=self.id), Entry(against, -amount)]

    def use(self, amount: Decimal) -> list[Entry]:
        """Take an amount (negative: give it back) for usage; free credits are never revenue."""
        free = self.kind == LotKind.FREE
        return self.move(amount, Account.PROMOTION if free else Account.REVENUE_USAGE)

    def pay(self, amount: Decimal, *, bot: int) -> list[Entry]:
        """Pay a part of a bot's overdraft, whose usage is revenue so far.

        With free credits it is revenue no longer.
        """
        if self.kind == LotKind.BOUGHT:
            self.balance -= amount
            return [
                Entry(Account.PREPAID_CREDITS, amount, lot=self.id),
                Entry(Account.OVERDRAFT, -amount, bot=bot),
            ]
        return [
            *self.use(amount),
            Entry(Account.REVENUE_USAGE, amount),
            Entry(Account.OVERDRAFT, -amount, bot=bot),
        ]

    def lapse(self) -> list[Entry]:
        """Let what is left lapse."""
        free = self.kind == LotKind.FREE
        return self.move(self.balance, Account.PROMOTION if free else Account.REVENUE_LAPSED)


@dataclass(slots=True)
class Use:
    """How much of a lot some usage took; ``latest`` orders uses in time."""

    lot: int
    amount: Decimal
    latest: tuple[int, int]


class Uses:
    """What a bot took of which lots: in all, and for some of its days."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.in_all: dict[int, Use] = {}
        self.of_days: defaultdict[date, dict[int, Use]] = defaultdict(dict)

    def add(self, use: Use, *, day: date | None) -> None:
        """Add what was used on a day, or (None) on all days that are not asked for."""
        if day is not None:
            self.of_days[day][use.lot] = use
        total = self.in_all.setdefault(use.lot, Use(use.lot, NOTHING, use.latest))
        total.amount += use.amount
        total.latest = max(total.latest, use.latest)

    def give_back(self, amount: Decimal, *, day: date) -> Iterator[tuple[int, Decimal]]:
        """Yield to which lots how much goes back: first to the day's, the last used first.

        Then to others the bot used, likewise: what was used on the day may have been paid later, or
        been given back already when another day was corrected.
        """
        for uses in (self.of_days[day], self.in_all):
            for use in sorted(uses.values(), key=lambda use: use.latest, reverse=True):
                part = min(amount, use.amount, self.in_all[use.lot].amount)
                if part > 0:
                    amount -= part
                    self.in_all[use.lot].amount -= part
                    if uses is not self.in_all:
                        use.amount -= part
                    yield use.lot, part
        if amount:
            raise ValueError(f"{amount} more is to be given back than was used")


class Wallets:
    """The lots that some bots may use, and overdrafts, while amounts are taken and given back."""

    def __init__(self, *, lots: Iterable[Lot], overdrafts: Mapping[int, Decimal]) -> None:
        self.lots = {lot.id: lot for lot in lots}
        self.overdrafts = defaultdict(Decimal, overdrafts)
        self.in_order = sorted(self.lots.values(), key=lambda lot: lot.place)
        self.of_bot: dict[int, list[Lot]] = {}

    def find_lots(self, bot: int) -> list[Lot]:
        """Return the lots that a bot may use, in order of use."""
        if bot not in self.of_bot:
            self.of_bot[bot] = [lot for lot in self.in_order if lot.bot in (bot, None)]
        return self.of_bot[bot]

    def take(self, amount: Decimal, *, bot: int, day: date) -> list[Entry]:
        """Take an amount for a bot's usage of a day; return the entries."""
        entries: list[Entry] = []
        for lot in self.find_lots(bot):
            if not amount:
                break
            if lot.balance > 0 and lot.serves(day):
                part = min(amount, lot.balance)
                amount -= part
                entries += lot.use(part)
        if amount:
            entries += self.overdraw(amount, bot=bot)
        return entries

    def overdraw(self, amount: Decimal, *, bot: int) -> list[Entry]:
        """Add to a bot's overdraft, or take from it."""
        self.overdrafts[bot] += amount
        return [
            Entry(Account.OVERDRAFT, amount, bot=bot),
            Entry(Account.REVENUE_USAGE, -amount),
        ]

    def give_back(self, amount: Decimal, *, bot: int, day: date, uses: Uses) -> list[Entry]:
        """Give an amount back that a bot's usage of a day had cost; return the entries.

        First to the overdraft, then to lots.
        """
        entries: list[Entry] = []
        to_overdraft = min(amount, self.overdrafts[bot])
        if to_overdraft:
            entries += self.overdraw(-to_overdraft, bot=bot)
        for lot_id, part in uses.give_back(amount - to_overdraft, day=day):
            entries += self.lots[lot_id].use(-part)
        return entries

    def pay_overdrafts(self, lot: Lot, *, day: date) -> Iterator[tuple[int, list[Entry]]]:
        """Pay overdrafts with what a lot has, where it may be used on ``day`` (today).

        Yields each bot, in order of their ids, with the entries.
        """
        for bot in sorted(self.overdrafts) if lot.serves(day) else ():
            part = min(lot.balance, self.overdrafts[bot])
            if part and lot.bot in (bot, None):
                self.overdrafts[bot] -= part
                yield bot, lot.pay(part, bot=bot)
