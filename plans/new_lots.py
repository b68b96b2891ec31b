"""A lot is added with its posting, and pays the overdrafts that it may pay.

For plans/lots.py and plans/billing.py, which hold the lock of the workspace's billing.
"""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal

from accounts.models import Bot
from accounts.months import read_calendar
from plans import ledger
from plans.ledger import Entry, NewPosting
from plans.models import (
    OF_LOTS,
    BotBilling,
    CreditLot,
    LedgerEntry,
    LotKind,
    Posting,
    PostingKind,
    WorkspaceBilling,
)
from plans.wallets import Lot, Wallets


def is_posted(*, workspace_id: int, key: str) -> bool:
    """Tell whether a key was posted."""
    return Posting.objects.for_workspace(workspace_id).filter(key=key).exists()


def find(*, workspace_id: int, key: str) -> CreditLot | None:
    """Return the lot that was added by the posting of a key; None: it was not posted."""
    posting = Posting.objects.for_workspace(workspace_id).filter(key=key).first()
    if posting is None:
        return None
    entries = LedgerEntry.objects.for_workspace(workspace_id).filter(posting_id=posting.id)
    lot_id = entries.exclude(lot=None).values_list("lot_id", flat=True).get()
    return CreditLot.objects.for_workspace(workspace_id).get(pk=lot_id)


def add(
    *,
    billing: WorkspaceBilling,
    kind: LotKind,
    amount: Decimal,
    against: Sequence[Entry],
    at: datetime,
    key: str,
    bot: Bot | None = None,
    last_day: date | None = None,
    extends: CreditLot | None = None,
    reason: str = "",
) -> CreditLot:
    """Add a lot; ``against`` are the posting's other entries.

    The caller has looked whether the key is posted, and holds the lock of ``billing``.
    """
    workspace = billing.workspace
    lot = CreditLot.objects.create(
        workspace=workspace,
        bot=bot,
        kind=kind,
        currency_id=workspace.currency,
        amount=amount,
        granted_at=at,
        last_day=last_day,
        extends=extends,
        reason=reason,
    )
    new = Lot.of(lot)
    new.balance = amount
    today = read_calendar(workspace).day_of(at)
    month = billing.book(today)
    first = NewPosting(
        key=key,
        kind=PostingKind.GRANT if kind == LotKind.FREE else PostingKind.PURCHASE,
        booking_month=month,
        bot=new.bot,
        entries=[*against, Entry(OF_LOTS[kind], -amount, lot=new.id)],
    )
    owing = BotBilling.objects.for_workspace(workspace).filter(overdraft__gt=0)
    wallets = Wallets(lots=[new], overdrafts=dict(owing.values_list("bot_id", "overdraft")))
    payments = [
        settle(lot=new, bot=owner, cause=key, month=month, entries=entries)
        for owner, entries in wallets.pay_overdrafts(new, day=today)
    ]
    ledger.write(workspace=workspace, at=at, postings=[first, *payments])
    lot.refresh_from_db()
    return lot


def settle(*, lot: Lot, bot: int, cause: str, month: date, entries: Sequence[Entry]) -> NewPosting:
    """Return the posting by which a lot pays a bot's overdraft; ``cause``: that of its credits."""
    return NewPosting(
        key=f"settlement:{lot.id}:{bot}:{cause}",
        kind=PostingKind.SETTLEMENT,
        booking_month=month,
        bot=bot,
        entries=entries,
    )
