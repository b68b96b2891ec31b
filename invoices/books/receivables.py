"""Receivables by age: what buyers owe at the end of a day, by the ledger as it was then.

A day ends in each workspace by its own zone. What each order owes is compared with what orders,
credit notes and paybacks say, and the sum with the ledger's account.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from django.db.models import TextChoices

from accounts.days import DAY
from accounts.exports import Value, guard
from accounts.months import read_calendars
from accounts.tenancy import at_one_instant, read_as_operator
from invoices.books import currencies
from invoices.books.differences import ALL, Difference
from invoices.books.ordered import OF_ORDER
from invoices.frozen import Denomination
from plans.wording import write

NONE = Decimal(0)
ENDS = """
ends AS (
    SELECT * FROM unnest(%(workspaces)s::bigint[], %(ends)s::timestamptz[])
        AS ends (workspace_id, at)
)
"""
# Index entry_of_sales; orders, credit notes and paybacks are few beside them.
READ = f"""
WITH {ENDS}, posted AS (
    SELECT entry.workspace_id, coalesce(ordered.id, 0) AS order_id, entry.currency AS code,
        sum(entry.amount) AS amount
    FROM plans_ledgerentry entry
    JOIN ends ON ends.workspace_id = entry.workspace_id
    JOIN plans_posting posting
        ON posting.workspace_id = entry.workspace_id AND posting.id = entry.posting_id
    {OF_ORDER}
    WHERE entry.account = 'receivable' AND posting.posted_at < ends.at
    GROUP BY 1, 2, 3
), recorded AS (
    SELECT workspace_id, order_id, code, sum(amount) AS amount FROM (
        SELECT placed.workspace_id, placed.id AS order_id, currency_id AS code,
            CASE WHEN completed_at < ends.at THEN 0 ELSE gross END AS amount
        FROM invoices_order placed JOIN ends ON ends.workspace_id = placed.workspace_id
        WHERE type = 'renewal' AND created_at < ends.at
        UNION ALL
        SELECT note.workspace_id, order_id, currency_id, -gross
        FROM invoices_issueddocument note JOIN ends ON ends.workspace_id = note.workspace_id
        WHERE kind = 'credit_note' AND issued_at < ends.at
        UNION ALL
        SELECT back.workspace_id, order_id, currency_id, -amount
        FROM invoices_payback back JOIN ends ON ends.workspace_id = back.workspace_id
        WHERE document_id IS NULL AND created_at < ends.at
        UNION ALL
        SELECT back.workspace_id, order_id, currency_id, amount
        FROM invoices_payback back JOIN ends ON ends.workspace_id = back.workspace_id
        WHERE sent_at < ends.at
    ) AS said GROUP BY 1, 2, 3
)
SELECT workspace.slug, workspace.name, ordered.number, ordered.type, ordered.due_on, code,
    coalesce(posted.amount, 0), coalesce(recorded.amount, 0)
FROM posted FULL JOIN recorded USING (workspace_id, order_id, code)
JOIN accounts_workspace workspace ON workspace.id = workspace_id
LEFT JOIN invoices_order ordered ON ordered.id = order_id
WHERE coalesce(posted.amount, 0) <> 0 OR coalesce(recorded.amount, 0) <> 0
ORDER BY workspace.slug COLLATE "C", ordered.number NULLS FIRST, code
"""
# Index entry_of_sales.
SUM_UP = f"""
WITH {ENDS}
SELECT entry.currency, sum(entry.amount)
FROM plans_ledgerentry entry
JOIN ends ON ends.workspace_id = entry.workspace_id
JOIN plans_posting posting
    ON posting.workspace_id = entry.workspace_id AND posting.id = entry.posting_id
WHERE entry.account = 'receivable' AND posting.posted_at < ends.at
GROUP BY 1
"""


class Age(TextChoices):
    """By how many days something is overdue."""

    NOT_DUE = "not_due", "Not due"
    TO_14 = "1_14", "1\N{EN DASH}14 days"
    TO_30 = "15_30", "15\N{EN DASH}30 days"
    TO_60 = "31_60", "31\N{EN DASH}60 days"
    TO_90 = "61_90", "61\N{EN DASH}90 days"
    OLDER = "over_90", "Over 90 days"
    TO_PAY_BACK = "to_pay_back", "To pay back"


UP_TO = ((0, Age.NOT_DUE), (14, Age.TO_14), (30, Age.TO_30), (60, Age.TO_60), (90, Age.TO_90))
OVERDUE = frozenset(Age) - {Age.NOT_DUE, Age.TO_PAY_BACK}
COLUMNS = (
    "as_of", "workspace", "name", "order", "type", "due_on", "days_overdue", "age", "amount",
    "currency",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Item:
    """What an order owes (negative: what is owed to its buyer); ``order`` empty: of none."""

    workspace: str
    name: str
    order: str
    type: str
    due_on: date | None
    overdue: int
    amount: Decimal
    currency: Denomination

    @property
    def age(self) -> Age:
        """In which column it stands."""
        if self.amount < 0:
            return Age.TO_PAY_BACK
        return find_age(self.overdue)


class Owing(NamedTuple):
    """What one workspace owes by age, in the order of `Age`, and in all."""

    slug: str
    name: str
    amounts: list[Decimal]
    total: Decimal

    @property
    def sorts_as(self) -> tuple[Decimal, str]:
        """Who owes most first."""
        return -self.total, self.slug


@dataclass(frozen=True)
class Receivables:
    """What is owed in one currency, and what the ledger's account has."""

    currency: Denomination
    items: list[Item]
    ledger: Decimal

    @property
    def total(self) -> Decimal:
        """The sum of what orders owe."""
        return sum((item.amount for item in self.items), NONE)

    @property
    def amounts(self) -> list[Decimal]:
        """The sums by age, in the order of `Age`."""
        return add_up(self.items)

    @property
    def overdue(self) -> Decimal:
        """The sum of what is overdue."""
        return sum((item.amount for item in self.items if item.age in OVERDUE), NONE)

    @property
    def to_pay_back(self) -> Decimal:
        """The sum of what is owed to buyers, as a debt of theirs: not positive."""
        return sum((item.amount for item in self.items if item.age == Age.TO_PAY_BACK), NONE)

    @property
    def difference(self) -> Decimal:
        """By how much the sum of the orders differs from the ledger's account."""
        return self.total - self.ledger

    def by_workspace(self) -> list[Owing]:
        """Return what each workspace owes, the most first."""
        found: defaultdict[tuple[str, str], list[Item]] = defaultdict(list)
        for item in self.items:
            found[item.workspace, item.name].append(item)
        rows = [
            Owing(slug, name, amounts := add_up(items), sum(amounts, NONE))
            for (slug, name), items in found.items()
        ]
        return sorted(rows, key=lambda row: row.sorts_as)


@dataclass(frozen=True)
class Aged:
    """What is owed at the end of a day by currency, and where ledger and orders differ."""

    as_of: date
    currencies: list[Receivables]
    differences: list[Difference]

    @property
    def all_differences(self) -> list[Difference]:
        """Where the sum of a currency differs from the ledger's account, and which orders do."""
        sums = [
            Difference(ALL, "receivable, by order", of.currency.code, of.total, of.ledger)
            for of in self.currencies
            if of.difference
        ]
        return [*sums, *self.differences]

    @property
    def items(self) -> Iterable[Item]:
        """All of it, by currency."""
        return (item for of in self.currencies for item in of.items)


def find_age(overdue: int) -> Age:
    """Return the column of what is overdue by some days; on the due day nothing is."""
    return next((age for days, age in UP_TO if overdue <= days), Age.OLDER)


def add_up(items: Iterable[Item]) -> list[Decimal]:
    """Return the sums by age, in the order of `Age`."""
    sums = dict.fromkeys(Age, NONE)
    for item in items:
        sums[item.age] += item.amount
    return list(sums.values())


def read(*, as_of: date) -> Aged:
    """Return what was owed at the end of a day, by the postings that there were by then.

    Currencies are in order of their codes, orders in that of workspaces and numbers.
    """
    with at_one_instant():
        ends = find_ends(as_of)
        denominations = currencies.read()
        ledger = dict(read_as_operator(SUM_UP, ends))
        items: defaultdict[str, list[Item]] = defaultdict(list)
        differences: list[Difference] = []
        for row in read_as_operator(READ, ends):
            item, recorded = read_item(row, as_of=as_of, denominations=denominations)
            if item.amount:
                items[item.currency.code].append(item)
            if item.amount != recorded:
                differences.append(differ(item, recorded))
    found = [
        Receivables(currencies.find(denominations, code), items[code], ledger.get(code, NONE))
        for code in sorted({*items, *ledger})
        if items[code] or ledger.get(code)
    ]
    return Aged(as_of, found, differences)


def find_ends(day: date) -> dict[str, list[int] | list[datetime]]:
    """Return of each workspace the instant at which a local day of it ends."""
    calendars = read_calendars()
    ends = [calendar.start_of(day + DAY).astimezone(UTC) for calendar in calendars.values()]
    return {"workspaces": list(calendars), "ends": ends}


def read_item(
    row: tuple[Any, ...],  # Any: what stands in a column
    *,
    as_of: date,
    denominations: Mapping[str, Denomination],
) -> tuple[Item, Decimal]:
    """Return what an order owes by the ledger, and by what it and its documents say."""
    slug, name, number, type, due_on, code, posted, recorded = row
    item = Item(
        workspace=slug,
        name=name,
        order=f"O-{number:06d}" if number else "",
        type=type or "",
        due_on=due_on,
        overdue=(as_of - due_on).days if due_on else 0,
        amount=posted,
        currency=currencies.find(denominations, code),
    )
    return item, recorded


def differ(item: Item, recorded: Decimal) -> Difference:
    """Return that the ledger says something else of an order than its records."""
    what = f"receivable of order {item.order}" if item.order else "receivable of no order"
    return Difference(item.workspace, what, item.currency.code, recorded, item.amount)


def values(item: Item, *, as_of: date) -> list[Value]:
    """Return the values of an order in the order of its columns."""
    return [
        as_of.isoformat(),
        guard(item.workspace),
        guard(item.name),
        item.order,
        item.type,
        item.due_on.isoformat() if item.due_on else "",
        max(item.overdue, 0) if item.amount > 0 else 0,
        item.age.value,
        write(item.amount, item.currency),
        item.currency.code,
    ]
