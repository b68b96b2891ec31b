"""The journal: every entry of the ledgers that was booked in a month, as the operator sees it."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import groupby
from typing import NamedTuple

from accounts.exports import Value, guard
from accounts.tenancy import at_one_instant, read_as_operator, stream_as_operator
from invoices.books.ordered import OF_ORDER
from usage.exports import format_instant

COLUMNS = (
    "workspace", "posting", "entry", "key", "kind", "posted_at", "booking_month", "service_day",
    "bot", "meter", "quantity", "account", "lot", "debit", "credit", "currency", "order",
    "document", "note",
)  # fmt: skip
MOST_NAMED = 100  # postings that do not balance; more are counted
NONE = Decimal(0)
# Index posting_of_month, of each workspace.
FIND_WORKSPACES = """
SELECT workspace.id, workspace.slug FROM accounts_workspace workspace
CROSS JOIN LATERAL (
    SELECT FROM plans_posting
    WHERE workspace_id = workspace.id AND booking_month = %(month)s LIMIT 1
) booked
WHERE %(slug)s::text IS NULL OR workspace.slug = %(slug)s
ORDER BY workspace.slug COLLATE "C"
"""
COUNT = """
SELECT coalesce(sum(booked.postings), 0) FROM accounts_workspace workspace
CROSS JOIN LATERAL (
    SELECT count(*) AS postings FROM plans_posting
    WHERE workspace_id = workspace.id AND booking_month = %(month)s
) booked
"""
# Index posting_of_month and the primary key of entries. A credit note is that of its posting, an
# invoice that of the order.
READ = f"""
SELECT posting.id, posting.key, posting.kind, posting.posted_at, posting.booking_month,
    posting.service_day, bot.key, posting.meter, posting.quantity, posting.note,
    entry.number, entry.account, entry.lot_id, entry.amount, entry.currency, ordered.number,
    document.number
FROM plans_posting posting
LEFT JOIN plans_ledgerentry entry
    ON entry.workspace_id = posting.workspace_id AND entry.posting_id = posting.id
LEFT JOIN accounts_bot bot ON bot.id = coalesce(posting.bot_id, entry.bot_id)
{OF_ORDER}
LEFT JOIN LATERAL (
    SELECT number FROM invoices_issueddocument issued
    WHERE issued.workspace_id = posting.workspace_id AND issued.order_id = ordered.id
        AND CASE posting.kind
            WHEN 'correction' THEN 'credit_note:' || issued.number = posting.key
            WHEN 'refund' THEN issued.key = posting.key
            ELSE issued.kind = 'invoice'
        END
    ORDER BY issued.id LIMIT 1
) document ON true
WHERE posting.workspace_id = %(workspace)s AND posting.booking_month = %(month)s
ORDER BY posting.id, entry.number
"""


class Row(NamedTuple):
    """An entry with its posting; without ``account``: the posting has no entries."""

    workspace: str
    posting: int
    key: str
    kind: str
    posted_at: datetime
    booking_month: date
    service_day: date | None
    bot: str | None
    meter: str
    quantity: int | None
    note: str
    entry: int | None
    account: str | None
    lot: int | None
    amount: Decimal
    currency: str
    order: int | None
    document: str | None


@dataclass(slots=True)
class Sums:
    """What entries in one currency come to."""

    entries: int = 0
    debits: Decimal = NONE
    credits: Decimal = NONE


class Unbalanced(NamedTuple):
    """A posting whose debits and credits differ; of one without entries there are none."""

    workspace: str
    posting: int
    key: str
    currency: str
    debits: Decimal
    credits: Decimal

    def __str__(self) -> str:
        if not self.currency:
            return f"{self.key} of {self.workspace} has no entries"
        return (
            f"{self.key} of {self.workspace}: debits {self.debits:.4f}, credits {self.credits:.4f}"
            f" {self.currency}"
        )


class Tally:
    """What the rows of a journal come to while they go by, in no more memory for millions."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.postings = 0
        self.sums: dict[str, Sums] = {}
        self.differing = 0
        self.unbalanced: list[Unbalanced] = []

    @property
    def entries(self) -> int:
        """How many entries went by."""
        return sum(of.entries for of in self.sums.values())

    def watch(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield the entries, and count and compare them by posting."""
        for _, group in groupby(rows, key=lambda row: (row.workspace, row.posting)):
            entries = list(group)
            self.postings += 1
            self.add(entries)
            yield from (row for row in entries if row.account is not None)

    def add(self, entries: Sequence[Row]) -> None:
        """Add all entries of one posting."""
        own: dict[str, Sums] = {}
        for row in entries:
            if row.account is None:
                own[""] = Sums()
                continue
            for sums in (own.setdefault(row.currency, Sums()), self.of(row.currency)):
                sums.entries += 1
                sums.debits += max(row.amount, NONE)
                sums.credits -= min(row.amount, NONE)
        for currency, sums in own.items():
            if not sums.entries or sums.debits != sums.credits:
                self.note(entries[0], currency, sums)

    def of(self, currency: str) -> Sums:
        """Return the sums of a currency."""
        return self.sums.setdefault(currency, Sums())

    def note(self, row: Row, currency: str, sums: Sums) -> None:
        """Keep that a posting does not balance; of very many, how many do not."""
        self.differing += 1
        if len(self.unbalanced) < MOST_NAMED:
            self.unbalanced.append(
                Unbalanced(row.workspace, row.posting, row.key, currency, sums.debits, sums.credits)
            )


def read(*, month: date, slug: str | None = None) -> Iterator[Row]:
    """Yield what was booked in a month by workspace, posting and entry, all as at one instant.

    A few rows at a time, in an order that is the same each time. ``slug``: of one workspace.
    """
    with at_one_instant():
        for workspace_id, name in read_as_operator(FIND_WORKSPACES, {"month": month, "slug": slug}):
            values = {"workspace": workspace_id, "month": month}
            yield from (Row(name, *row) for row in stream_as_operator(READ, values))


def count(*, month: date) -> int:
    """Return how many postings were booked in a month."""
    ((postings,),) = read_as_operator(COUNT, {"month": month})
    return int(postings)


def values(row: Row) -> list[Value]:
    """Return the values of an entry in the order of its columns; the instant is in UTC."""
    return [
        guard(row.workspace),
        row.posting,
        row.entry,
        guard(row.key),
        row.kind,
        format_instant(row.posted_at),
        f"{row.booking_month:%Y-%m}",
        row.service_day.isoformat() if row.service_day else "",
        guard(row.bot or ""),
        row.meter,
        row.quantity,
        row.account,
        row.lot,
        f"{row.amount:.4f}" if row.amount > 0 else "",
        f"{-row.amount:.4f}" if row.amount < 0 else "",
        row.currency,
        f"O-{row.order:06d}" if row.order else "",
        row.document or "",
        guard(row.note),
    ]
