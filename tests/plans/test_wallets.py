"""From which credits amounts are taken and to which they go back, without a database."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as some

from plans.models import Account, LotKind
from plans.wallets import Lot, Use, Uses, Wallets

DAY = date(2026, 3, 2)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
BOT, OTHER = 1, 2


def lot(id: int, balance: int = 10, *, bot: int | None = None, free: bool = False) -> Lot:
    kind = LotKind.FREE if free else LotKind.BOUGHT
    return Lot(id, bot, kind, Decimal(balance), None, NOON, lapsed=False)


def uses(*rows: tuple[int, int, date | None]) -> Uses:
    """Return uses of lots: number, amount, day; the later in the list the later in time."""
    found = Uses()
    for place, (of, amount, day) in enumerate(rows):
        found.add(Use(of, Decimal(amount), (place, 1)), day=day)
    return found


def give_back(of: Uses, amount: int) -> list[tuple[int, int]]:
    return [(id, int(part)) for id, part in of.give_back(Decimal(amount), day=DAY)]


def test_lots_are_in_order_of_use() -> None:
    first_last_day = lot(6)
    first_last_day.last_day = DAY
    older = lot(8)
    older.granted_at -= timedelta(days=1)
    lots = [lot(9), older, first_last_day, lot(4, bot=BOT), lot(3, free=True)]
    lots.append(lot(2, bot=BOT, free=True))

    in_order = Wallets(lots=[*lots, lot(5), lot(1, bot=OTHER)], overdrafts={}).find_lots(BOT)

    assert [found.id for found in in_order] == [2, 3, 4, 6, 8, 5, 9]


def test_the_day_s_lot_that_was_used_last_gets_back_first() -> None:
    of = uses((1, 5, DAY), (2, 5, DAY), (3, 5, None))

    assert give_back(of, 12) == [(2, 5), (1, 5), (3, 2)]


def test_no_lot_gets_back_more_than_the_bot_took_of_it() -> None:
    of = uses((1, 5, DAY), (2, 5, None), (1, -5, None))  # given back for another day

    assert give_back(of, 5) == [(2, 5)]


def test_nothing_is_given_back_that_was_not_used() -> None:
    with pytest.raises(ValueError, match="1 more"):
        give_back(uses((1, 5, DAY)), 6)


@given(
    balances=some.lists(some.integers(0, 9), max_size=4),
    amounts=some.lists(some.integers(1, 9), max_size=6),
)
def test_all_is_taken_of_lots_first_and_the_rest_is_owed(
    balances: list[int], amounts: list[int]
) -> None:
    lots = [lot(id, balance, free=id % 2 == 0) for id, balance in enumerate(balances)]
    wallets = Wallets(lots=lots, overdrafts={})

    for amount in amounts:
        entries = wallets.take(Decimal(amount), bot=BOT, day=DAY)
        assert sum(entry.amount for entry in entries) == 0
        earned = (Account.REVENUE_USAGE, Account.PROMOTION)
        assert sum(entry.amount for entry in entries if entry.account in earned) == -amount

    left = sum(of.balance for of in lots)
    assert all(of.balance >= 0 for of in lots)
    assert left - wallets.overdrafts[BOT] == sum(balances) - sum(amounts)
    assert not (left and wallets.overdrafts[BOT])
