"""Roll-forward of a month: what accounts had at its start, what moved, what they have at its end.

By booking month, over all workspaces and by currency. The end is compared with what is kept
beside the ledger: balances of lots and overdrafts, and what orders and their documents say.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import NamedTuple

from accounts.days import DAY, next_month
from accounts.exports import Value
from accounts.tenancy import at_one_instant, read_as_operator, stream_as_operator
from invoices.books import currencies, receivables
from invoices.books.differences import ALL, Difference
from invoices.books.receivables import Aged
from invoices.frozen import Denomination
from plans.models import OF_LOTS, Account, LotKind, PostingKind

NONE = Decimal(0)
BEFORE, PAYBACK = "", "payback"  # beside the kinds of postings
# All entries up to the month, by account.
SUM_UP = """
SELECT entry.currency, entry.account,
    CASE WHEN posting.booking_month < %(month)s THEN ''
        WHEN posting.kind = 'payment' AND entry.amount > 0 THEN 'payback'
        ELSE posting.kind END,
    sum(entry.amount)
FROM plans_posting posting
JOIN plans_ledgerentry entry
    ON entry.workspace_id = posting.workspace_id AND entry.posting_id = posting.id
WHERE posting.booking_month <= %(month)s AND entry.account = ANY(%(accounts)s)
GROUP BY 1, 2, 3
"""
# What is kept, what all entries say, and those up to the month. Index entry_of_lot.
LOTS = """
SELECT workspace.slug, 'lot ' || lot.id, lot.kind, lot.currency_id, lot.balance,
    coalesce(said.now, 0), coalesce(said.then, 0)
FROM plans_creditlot lot
JOIN accounts_workspace workspace ON workspace.id = lot.workspace_id
LEFT JOIN (
    SELECT entry.workspace_id, entry.lot_id, -sum(entry.amount) AS now,
        -sum(entry.amount) FILTER (WHERE posting.booking_month <= %(month)s) AS then
    FROM plans_ledgerentry entry
    JOIN plans_posting posting
        ON posting.workspace_id = entry.workspace_id AND posting.id = entry.posting_id
    WHERE entry.lot_id IS NOT NULL
    GROUP BY 1, 2
) said ON said.workspace_id = lot.workspace_id AND said.lot_id = lot.id
ORDER BY workspace.slug COLLATE "C", lot.id
"""
# Likewise. Index entry_of_bot.
OVERDRAFTS = """
SELECT workspace.slug, 'overdraft of bot ' || bot.key, '', workspace.currency,
    coalesce(kept.overdraft, 0), coalesce(said.now, 0), coalesce(said.then, 0)
FROM (SELECT * FROM plans_botbilling WHERE overdraft <> 0) kept
FULL JOIN (
    SELECT entry.workspace_id, entry.bot_id, sum(entry.amount) AS now,
        sum(entry.amount) FILTER (WHERE posting.booking_month <= %(month)s) AS then
    FROM plans_ledgerentry entry
    JOIN plans_posting posting
        ON posting.workspace_id = entry.workspace_id AND posting.id = entry.posting_id
    WHERE entry.bot_id IS NOT NULL
    GROUP BY 1, 2
) said USING (workspace_id, bot_id)
JOIN accounts_workspace workspace ON workspace.id = workspace_id
LEFT JOIN accounts_bot bot ON bot.id = bot_id
ORDER BY workspace.slug COLLATE "C", bot.key COLLATE "C"
"""
# Tax on what was sold up to the end of the month, as orders and credit notes say, and the ledger.
# Index entry_of_sales.
TAX = f"""
WITH {receivables.ENDS}, recorded AS (
    SELECT workspace_id, code, sum(tax) AS tax FROM (
        SELECT placed.workspace_id, currency_id AS code, tax
        FROM invoices_order placed JOIN ends ON ends.workspace_id = placed.workspace_id
        WHERE CASE WHEN type = 'renewal' THEN created_at ELSE completed_at END < ends.at
        UNION ALL
        SELECT note.workspace_id, currency_id, -tax
        FROM invoices_issueddocument note JOIN ends ON ends.workspace_id = note.workspace_id
        WHERE kind = 'credit_note' AND issued_at < ends.at
    ) AS said GROUP BY 1, 2
), posted AS (
    SELECT entry.workspace_id, entry.currency AS code, -sum(entry.amount) AS tax
    FROM plans_ledgerentry entry
    JOIN plans_posting posting
        ON posting.workspace_id = entry.workspace_id AND posting.id = entry.posting_id
    WHERE entry.account = 'tax_payable' AND posting.booking_month <= %(month)s
    GROUP BY 1, 2
)
SELECT workspace.slug, code, coalesce(recorded.tax, 0), coalesce(posted.tax, 0)
FROM recorded FULL JOIN posted USING (workspace_id, code)
JOIN accounts_workspace workspace ON workspace.id = workspace_id
ORDER BY workspace.slug COLLATE "C", code
"""


class Movement(NamedTuple):
    """What moves an account: postings of some kinds."""

    code: str
    label: str
    kinds: frozenset[str]


def moves(code: str, label: str, *kinds: str) -> Movement:
    """Return a movement."""
    return Movement(code, label, frozenset(kinds))


# Whoever knows the accounts as accountants do reads liabilities as positive.
LIABILITIES = {Account.PREPAID_CREDITS, Account.FREE_CREDITS, Account.TAX_PAYABLE}
MOVEMENTS: Mapping[Account, Sequence[Movement]] = {
    Account.PREPAID_CREDITS: (
        moves("bought", "Bought", PostingKind.PURCHASE),
        moves("used", "Used", PostingKind.CHARGE),
        moves("overdrafts_paid", "Overdrafts paid", PostingKind.SETTLEMENT),
        moves("lapsed", "Lapsed", PostingKind.LAPSE),
        moves("refunded", "Refunded", PostingKind.REFUND),
    ),
    Account.FREE_CREDITS: (
        moves("granted", "Granted", PostingKind.GRANT),
        moves("used", "Used", PostingKind.CHARGE),
        moves("overdrafts_paid", "Overdrafts paid", PostingKind.SETTLEMENT),
        moves("lapsed", "Lapsed", PostingKind.LAPSE),
    ),
    Account.OVERDRAFT: (
        moves("used", "Usage without credits", PostingKind.CHARGE),
        moves("overdrafts_paid", "Paid by credits", PostingKind.SETTLEMENT),
    ),
    Account.RECEIVABLE: (
        moves("renewals", "Renewals", PostingKind.SUBSCRIPTION),
        moves("paid", "Payments received", PostingKind.PAYMENT),
        moves("corrected", "Corrections", PostingKind.CORRECTION),
        moves("refunded", "Refunds", PostingKind.REFUND),
        moves("paid_back", "Paid back", PAYBACK),
    ),
    Account.TAX_PAYABLE: (
        moves("credits", "On credits bought", PostingKind.PURCHASE),
        moves("plans", "On plans and usage", PostingKind.SUBSCRIPTION),
        moves("corrected", "Corrections", PostingKind.CORRECTION),
        moves("refunded", "Refunds", PostingKind.REFUND),
    ),
}
OTHER = ("other", "Other postings")
KEPT = {
    Account.PREPAID_CREDITS: "Left in bought lots",
    Account.FREE_CREDITS: "Left in free lots",
    Account.OVERDRAFT: "Owed by bots",
    Account.RECEIVABLE: "Owed by order",
    Account.TAX_PAYABLE: "Orders less credit notes",
}
COLUMNS = ("month", "currency", "account", "line", "amount")


class Line(NamedTuple):
    """How much moved by what; as all amounts here unrounded."""

    code: str
    label: str
    amount: Decimal


@dataclass(frozen=True, kw_only=True)
class RollForward:
    """An account of a currency in a month; ``kept``: what is kept beside the ledger at its end."""

    currency: Denomination
    account: Account
    start: Decimal
    lines: list[Line]
    kept: Decimal

    @property
    def end(self) -> Decimal:
        """What it has at the end: start and movements, which are all entries up to then."""
        return self.start + sum((line.amount for line in self.lines), NONE)

    @property
    def difference(self) -> Decimal:
        """By how much the ledger differs from what is kept beside it."""
        return self.end - self.kept

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing on it and never was in this month."""
        return not any((self.start, self.kept, *(line.amount for line in self.lines)))

    @property
    def kept_label(self) -> str:
        """What is kept beside the ledger, in words."""
        return KEPT[self.account]

    @property
    def all_lines(self) -> list[Line]:
        """Its lines from the start to the comparison."""
        return [
            Line("start", "At start", self.start),
            *self.lines,
            Line("end", "At end", self.end),
            Line("kept", self.kept_label, self.kept),
            Line("difference", "Difference", self.difference),
        ]


@dataclass(frozen=True)
class Month:
    """The accounts of a month by currency, what is owed at its end, and what differs."""

    month: date
    accounts: list[RollForward]
    aged: Aged
    differences: list[Difference]

    @property
    def all_differences(self) -> list[Difference]:
        """Which accounts differ from what is kept beside them, and what of them does."""
        ends = [
            Difference(ALL, f"{of.account.label}, at end", of.currency.code, of.kept, of.end)
            for of in self.accounts
            if of.difference
        ]
        return [*ends, *self.differences]

    def by_currency(self) -> Iterator["OfCurrency"]:
        """Yield the accounts of each currency."""
        for currency in dict.fromkeys(of.currency for of in self.accounts):
            yield OfCurrency(currency, [of for of in self.accounts if of.currency == currency])


class OfCurrency(NamedTuple):
    """The accounts of one currency."""

    currency: Denomination
    accounts: list[RollForward]

    @property
    def shown(self) -> list[RollForward]:
        """Those with something on them."""
        return [of for of in self.accounts if not of.is_empty]

    @property
    def empty(self) -> str:
        """The others, by name."""
        return ", ".join(str(of.account.label) for of in self.accounts if of.is_empty)


Key = tuple[str, Account]  # the code of a currency, and an account


class Kept:
    """What is kept beside the ledger at the end of a month, and where that differs."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.sums: defaultdict[Key, Decimal] = defaultdict(Decimal)
        self.differences: list[Difference] = []

    def add(
        self, key: Key, *, workspace: str, what: str, kept: Decimal, now: Decimal, then: Decimal
    ) -> None:
        """Add what is kept now, less what entries moved since.

        ``now``: what all entries say of it, ``then``: those up to the end of the month.
        """
        self.sums[key] += kept - (now - then)
        if kept != now:
            self.differences.append(Difference(workspace, what, key[0], kept, now))


def read(*, month: date) -> Month:
    """Return the roll-forward of a month; what agrees with nothing is named."""
    with at_one_instant():
        denominations = currencies.read()
        moved = sum_up(month)
        aged = receivables.read(as_of=find_last_day(month))
        kept = compare(month, aged)
    keys = {key[:2] for key in moved} | {key for key, amount in kept.sums.items() if amount}
    codes = sorted({code for code, _ in keys})
    accounts = [
        roll(currencies.find(denominations, code), account, moved=moved, kept=kept)
        for code in codes
        for account in MOVEMENTS
    ]
    return Month(month, accounts, aged, kept.differences)


def sum_up(month: date) -> dict[tuple[str, Account, str], Decimal]:
    """Return what entries up to a month come to: by currency, account and kind of posting.

    Liabilities are positive; the kind of those before the month is empty.
    """
    accounts = [account.value for account in MOVEMENTS]
    rows = read_as_operator(SUM_UP, {"month": month, "accounts": accounts})
    return {
        (code, Account(account), kind): -amount if Account(account) in LIABILITIES else amount
        for code, account, kind, amount in rows
    }


def compare(month: date, aged: Aged) -> Kept:
    """Return what is kept beside the ledger, compared with it, at the end of a month."""
    kept = Kept()
    of_lots = {kind.value: OF_LOTS[kind] for kind in LotKind}
    for statement in (LOTS, OVERDRAFTS):
        for row in stream_as_operator(statement, {"month": month}):
            slug, what, kind, code, balance, now, then = row
            account = of_lots.get(kind, Account.OVERDRAFT)
            kept.add((code, account), workspace=slug, what=what, kept=balance, now=now, then=then)
    compare_receivables(kept, aged)
    compare_tax(kept, month=month)
    return kept


def find_last_day(month: date) -> date:
    """Return the last day of a month."""
    return next_month(month) - DAY


def compare_receivables(kept: Kept, aged: Aged) -> None:
    """Add what orders, credit notes and paybacks say is owed."""
    kept.differences += aged.all_differences
    for owed in aged.currencies:
        kept.sums[owed.currency.code, Account.RECEIVABLE] += owed.total
    for of in aged.differences:
        kept.sums[of.currency, Account.RECEIVABLE] += of.expected - of.ledger


def compare_tax(kept: Kept, *, month: date) -> None:
    """Add the tax on orders, less that on credit notes, up to the end of a month."""
    values = {"month": month, **receivables.find_ends(find_last_day(month))}
    for slug, code, recorded, posted in read_as_operator(TAX, values):
        key = code, Account.TAX_PAYABLE
        what = "tax on orders, less credit notes"
        kept.add(key, workspace=slug, what=what, kept=recorded, now=posted, then=posted)


def roll(
    currency: Denomination,
    account: Account,
    *,
    moved: Mapping[tuple[str, Account, str], Decimal],
    kept: Kept,
) -> RollForward:
    """Return one account of one currency; other postings have a line where there are any."""
    own = {
        kind: amount
        for (code, of, kind), amount in moved.items()
        if (code, of) == (currency.code, account)
    }
    start = own.pop(BEFORE, NONE)
    lines = [
        Line(move.code, move.label, sum((own.pop(kind, NONE) for kind in move.kinds), NONE))
        for move in MOVEMENTS[account]
    ]
    if other := sum(own.values(), NONE):
        lines.append(Line(*OTHER, other))
    return RollForward(
        currency=currency,
        account=account,
        start=start,
        lines=lines,
        kept=kept.sums[currency.code, account],
    )


def list_values(month: Month) -> Iterable[list[Value]]:
    """Yield the values of all lines in the order of their columns."""
    for of in month.accounts:
        for line in of.all_lines:
            yield [
                f"{month.month:%Y-%m}",
                of.currency.code,
                of.account.value,
                line.code,
                f"{line.amount:.4f}",
            ]
