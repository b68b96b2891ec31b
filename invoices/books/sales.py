"""What was invoiced and paid in a month: documents, tax on them, and payments by method.

Documents are of the month of their date, which is that of the seller's zone; payments, as all that
was posted, of the month that they were booked in.
"""

from collections.abc import Iterator
from datetime import date
from typing import Any, NamedTuple

from accounts.days import DAY, next_month
from accounts.exports import Value, guard
from accounts.tenancy import at_one_instant, read_as_operator, stream_as_operator
from invoices import numbering
from invoices.books import currencies, receivables
from invoices.books.ordered import OF_ORDER
from invoices.frozen import Denomination
from invoices.numbering import Series
from plans.wording import write

# Index document_of_workspace, of each workspace. How a document stands when the month of its
# workspace ends, or when it was issued: by the seller's zone that may have been later.
LIST = f"""
WITH {receivables.ENDS}
SELECT issued.number, issued.kind, issued.issued_on, ordered.due_on, workspace.slug,
    ordered.number AS order_number, coalesce(corrected.number, ''),
    issued.content -> 'buyer' ->> 'legal_name', issued.content -> 'buyer' ->> 'country',
    issued.content -> 'buyer' ->> 'vat_id', ordered.tax_category, ordered.tax_rate,
    issued.currency_id, issued.net, issued.tax, issued.gross,
    CASE
        WHEN issued.kind = 'credit_note' THEN CASE
            WHEN back.created_at < ends.at OR back.created_at <= issued.issued_at THEN CASE
                WHEN back.sent_at < ends.at THEN 'paid_back'
                ELSE 'to_pay_back' END
            ELSE 'set_off' END
        WHEN credited.gross >= issued.gross THEN 'credited'
        WHEN ordered.completed_at < ends.at OR ordered.completed_at <= issued.issued_at THEN 'paid'
        WHEN ordered.due_on < %(last)s THEN 'overdue'
        ELSE 'due' END
FROM ends
JOIN accounts_workspace workspace ON workspace.id = ends.workspace_id
JOIN invoices_issueddocument issued ON issued.workspace_id = ends.workspace_id
    AND issued.issued_on BETWEEN %(first)s AND %(last)s
JOIN invoices_order ordered ON ordered.id = issued.order_id
LEFT JOIN invoices_issueddocument corrected ON corrected.id = issued.corrects_id
LEFT JOIN invoices_payback back ON back.document_id = issued.id
LEFT JOIN LATERAL (
    SELECT sum(gross) AS gross FROM invoices_issueddocument note
    WHERE note.workspace_id = ends.workspace_id AND note.corrects_id = issued.id
        AND (note.issued_at < ends.at OR note.issued_on <= %(last)s)
) credited ON true
ORDER BY issued.number
"""
# Credit notes take away. Index document_of_workspace.
SUM_UP_TAX = """
SELECT issued.currency_id, issued.content -> 'buyer' ->> 'country', ordered.tax_category,
    ordered.tax_rate, count(*) FILTER (WHERE issued.kind = 'invoice'),
    count(*) FILTER (WHERE issued.kind = 'credit_note'),
    sum(CASE issued.kind WHEN 'invoice' THEN issued.net ELSE -issued.net END),
    sum(CASE issued.kind WHEN 'invoice' THEN issued.tax ELSE -issued.tax END)
FROM accounts_workspace workspace
JOIN invoices_issueddocument issued ON issued.workspace_id = workspace.id
    AND issued.issued_on BETWEEN %(first)s AND %(last)s
JOIN invoices_order ordered ON ordered.id = issued.order_id
GROUP BY 1, 2, 3, 4
ORDER BY 1, 2, 3, 4
"""
# Index entry_of_sales.
SUM_UP_PAYMENTS = f"""
SELECT entry.currency, coalesce(source.method, ''),
    count(*) FILTER (WHERE entry.amount > 0), sum(greatest(entry.amount, 0)),
    count(*) FILTER (WHERE entry.amount < 0), sum(greatest(-entry.amount, 0)), sum(entry.amount)
FROM plans_ledgerentry entry
JOIN plans_posting posting
    ON posting.workspace_id = entry.workspace_id AND posting.id = entry.posting_id
{OF_ORDER}
WHERE entry.account = 'payments' AND posting.booking_month = %(first)s
GROUP BY 1, 2
ORDER BY 1, 2
"""
DOCUMENT_COLUMNS = (
    "number", "kind", "issued_on", "due_on", "workspace", "order", "corrects", "buyer", "country",
    "vat_id", "tax_category", "tax_rate", "currency", "net", "tax", "gross", "status",
)  # fmt: skip
TAX_COLUMNS = (
    "currency", "country", "tax_category", "tax_rate", "invoices", "credit_notes", "net", "tax",
)  # fmt: skip
PAYMENT_COLUMNS = (
    "currency", "method", "payments", "received", "paybacks", "paid_back", "balance",
)  # fmt: skip
SERIES_COLUMNS = ("series", "first", "last", "documents", "duplicates", "gaps", "gapless")


class Days(NamedTuple):
    """The first and the last day of a month."""

    first: date
    last: date


def find_days(month: date) -> Days:
    """Return the days of a month."""
    return Days(month, next_month(month) - DAY)


def list_documents(month: date) -> Iterator[list[Value]]:
    """Yield the values of the documents of a month by their numbers, as they stand at its end."""
    days = find_days(month)
    with at_one_instant():
        known = currencies.read()
        values = {**days._asdict(), **receivables.find_ends(days.last)}
        for row in stream_as_operator(LIST, values):
            yield list_document(row, known=known)


def list_document(
    row: tuple[Any, ...],  # Any: what stands in a column
    *,
    known: dict[str, Denomination],
) -> list[Value]:
    """Return the values of a document in the order of its columns."""
    number, kind, issued_on, due_on, slug, order, corrects, buyer, country, vat_id = row[:10]
    category, rate, code, *amounts, status = row[10:]
    currency = currencies.find(known, code)
    return [
        number, kind, issued_on.isoformat(), due_on.isoformat() if due_on else "", guard(slug),
        f"O-{order:06d}", corrects, guard(buyer), country, guard(vat_id or ""), category,
        f"{rate:.2f}", code, *(write(amount, currency) for amount in amounts), status,
    ]  # fmt: skip


def list_tax(month: date) -> Iterator[list[Value]]:
    """Yield what the documents of a month come to by currency, country, category and rate."""
    with at_one_instant():
        known = currencies.read()
        for row in read_as_operator(SUM_UP_TAX, find_days(month)._asdict()):
            code, country, category, rate, invoices, notes, *amounts = row
            currency = currencies.find(known, code)
            said = [write(amount, currency) for amount in amounts]
            yield [code, country, category, f"{rate:.2f}", invoices, notes, *said]


def list_payments(month: date) -> Iterator[list[Value]]:
    """Yield what was received and paid back in a month by currency and method."""
    with at_one_instant():
        known = currencies.read()
        for row in read_as_operator(SUM_UP_PAYMENTS, find_days(month)._asdict()):
            code, method, count, received, backs, paid_back, balance = row
            currency = currencies.find(known, code)
            yield [
                code,
                method or "unknown",
                count,
                write(received, currency),
                backs,
                write(paid_back, currency),
                write(balance, currency),
            ]


def list_series(month: date) -> list[Series]:
    """Return the series of documents as they are at the end of a month."""
    return numbering.list_series(until=find_days(month).last)


def series_values(of: Series) -> list[Value]:
    """Return the values of a series in the order of its columns."""
    gapless = "yes" if not of.gaps and not of.duplicates else "no"
    gaps = " ".join(map(str, of.gaps))
    return [of.series, of.first, of.last, of.documents, of.duplicates, gaps, gapless]
