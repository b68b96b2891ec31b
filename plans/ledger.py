"""Postings are written, and with them the balances that are kept for speed.

Nothing else writes postings, entries, balances of lots or overdrafts, so that these agree.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db import connection

from accounts.models import Workspace
from accounts.tenancy import in_workspace
from plans.models import Account, Meter, PostingKind

# Numbers rise in the order given. Unique key posting_key_unique.
ADD_POSTINGS = """
INSERT INTO plans_posting
    (workspace_id, key, kind, posted_at, booking_month, bot_id, service_day, meter, version_id,
     quantity, note)
SELECT %(workspace)s, key, kind, %(at)s, booking_month, bot, service_day, meter, version, quantity,
    note
FROM unnest(%(key)s::text[], %(kind)s::text[], %(booking_month)s::date[], %(bot)s::bigint[],
        %(service_day)s::date[], %(meter)s::text[], %(version)s::bigint[], %(quantity)s::int[],
        %(note)s::text[]) WITH ORDINALITY
    AS posting (key, kind, booking_month, bot, service_day, meter, version, quantity, note, place)
ORDER BY place
ON CONFLICT (workspace_id, key) DO NOTHING
RETURNING key, id
"""
ADD_ENTRIES = """
INSERT INTO plans_ledgerentry
    (workspace_id, posting_id, number, account, lot_id, bot_id, amount, currency)
SELECT %(workspace)s, posting, number, account, lot, bot, amount, %(currency)s
FROM unnest(%(posting)s::bigint[], %(number)s::smallint[], %(account)s::text[], %(lot)s::bigint[],
        %(bot)s::bigint[], %(amount)s::numeric[])
    AS entry (posting, number, account, lot, bot, amount)
"""
# Primary key; and workspace_id, for the policy.
MOVE_LOTS = """
UPDATE plans_creditlot lot SET balance = balance - moved.amount
FROM unnest(%(places)s::bigint[], %(amounts)s::numeric[]) AS moved (lot, amount)
WHERE lot.workspace_id = %(workspace)s AND lot.id = moved.lot
"""
# A new row has to be there first: what is taken back would not pass overdraft_not_negative.
HAVE_OVERDRAFTS = """
INSERT INTO plans_botbilling (workspace_id, bot_id)
SELECT %(workspace)s, bot FROM unnest(%(places)s::bigint[]) AS moved (bot) ORDER BY bot
ON CONFLICT (workspace_id, bot_id) DO NOTHING
"""
MOVE_OVERDRAFTS = """
UPDATE plans_botbilling billing SET overdraft = overdraft + moved.amount
FROM unnest(%(places)s::bigint[], %(amounts)s::numeric[]) AS moved (bot, amount)
WHERE billing.workspace_id = %(workspace)s AND billing.bot_id = moved.bot
"""


class Entry(NamedTuple):
    """A signed amount on an account, debits positive; ``lot`` and ``bot`` are ids.

    An entry of prepaid or free credits names its lot, one of the overdraft its bot, others neither.
    """

    account: Account
    amount: Decimal
    lot: int | None = None
    bot: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class NewPosting:
    """A posting that is to be written; ``bot`` and ``version`` are ids, entries sum to zero."""

    key: str
    kind: PostingKind
    booking_month: date
    entries: Sequence[Entry]
    bot: int | None = None
    service_day: date | None = None
    meter: Meter | str = ""
    version: int | None = None
    quantity: int | None = None
    note: str = ""


FIELDS = [field.name for field in fields(NewPosting) if field.name != "entries"]


def post(*, workspace: Workspace, at: datetime, **values: Any) -> bool:
    """Write one posting; ``values`` are those of `NewPosting`.

    False: the key was posted before, and nothing is done. The database refuses entries that do not
    sum to zero when the transaction ends. Whoever moves lots or overdrafts holds the lock of
    plans/billing.py.
    """
    return write(workspace=workspace, at=at, postings=[NewPosting(**values)]) == 1


def write(*, workspace: Workspace, at: datetime, postings: Sequence[NewPosting]) -> int:
    """Write postings in this order; return how many were new: others whose key stands are left out.

    As `post`, of which it is many.
    """
    if not postings:
        return 0
    columns = {name: [getattr(posting, name) for posting in postings] for name in FIELDS}
    with in_workspace(workspace.pk), connection.cursor() as cursor:
        cursor.execute(ADD_POSTINGS, {"workspace": workspace.pk, "at": at, **columns})
        numbers: dict[str, int] = dict(cursor.fetchall())
        entries = [
            (numbers[posting.key], number, entry)
            for posting in postings
            if posting.key in numbers
            for number, entry in enumerate(posting.entries, 1)
        ]
        values: dict[str, Any] = {  # psycopg adapts the values
            "workspace": workspace.pk,
            "currency": workspace.currency,
            "posting": [posting for posting, _, _ in entries],
            "number": [number for _, number, _ in entries],
            **{name: [getattr(entry, name) for _, _, entry in entries] for name in Entry._fields},
        }
        cursor.execute(ADD_ENTRIES, values)
    move_balances(workspace=workspace, entries=[entry for _, _, entry in entries])
    return len(numbers)


def move_balances(*, workspace: Workspace, entries: Iterable[Entry]) -> None:
    """Have lots and overdrafts say what the ledger says after some new entries."""
    lots: defaultdict[int, Decimal] = defaultdict(Decimal)
    overdrafts: defaultdict[int, Decimal] = defaultdict(Decimal)
    for entry in entries:
        if entry.lot is not None:
            lots[entry.lot] += entry.amount
        elif entry.bot is not None:
            overdrafts[entry.bot] += entry.amount
    with in_workspace(workspace.pk), connection.cursor() as cursor:
        for moved, statements in (
            (lots, [MOVE_LOTS]),
            (overdrafts, [HAVE_OVERDRAFTS, MOVE_OVERDRAFTS]),
        ):
            values: dict[str, Any] = {
                "workspace": workspace.pk,
                "places": list(moved),
                "amounts": list(moved.values()),
            }
            for sql in statements if moved else ():
                cursor.execute(sql, values)
