"""Numbers of documents: gapless in each series, since they are taken in the issuing transaction.

A series is of one workspace, kind and year. Whoever takes a number holds the lock of the
workspace's billing row, so that the next one waits until this one is there or was never taken.
"""

from collections.abc import Iterator
from datetime import date, datetime
from itertools import count
from typing import NamedTuple
from zoneinfo import ZoneInfo

from accounts.models import Workspace
from accounts.tenancy import read_as_operator
from invoices.composing import Named
from invoices.issued import CODE_LENGTH, DocumentCode, DocumentKind, IssuedDocument
from invoices.parties import SellerProfile

MARKS = {DocumentKind.INVOICE: "", DocumentKind.CREDIT_NOTE: "C-"}
NO_CODE = "WORKSPACE"  # of a slug of signs alone
# Unique key document_sequence_unique.
LIST_SERIES = """
SELECT series, min(sequence), max(sequence), count(*),
    count(*) - count(DISTINCT sequence)
FROM invoices_issueddocument WHERE issued_on <= %(until)s GROUP BY series ORDER BY series
"""
LIST_GAPS = """
SELECT series, missing FROM (
    SELECT series, max(sequence) AS last FROM invoices_issueddocument
    WHERE issued_on <= %(until)s GROUP BY series
) AS found, generate_series(1, last) AS missing
WHERE NOT EXISTS (
    SELECT FROM invoices_issueddocument document
    WHERE document.series = found.series AND document.sequence = missing
)
ORDER BY series, missing
"""


class Taken(NamedTuple):
    """A number that was taken: the next of its series."""

    series: str
    sequence: int
    issued_on: date

    @property
    def named(self) -> Named:
        """The number as documents say it, with its day."""
        return Named(f"{self.series}-{self.sequence:06d}", self.issued_on)


class Series(NamedTuple):
    """What there is of a series."""

    series: str
    first: int
    last: int
    documents: int
    duplicates: int
    gaps: list[int]


def take(*, workspace: Workspace, kind: DocumentKind, seller: SellerProfile, at: datetime) -> Taken:
    """Return the next number of a workspace; the caller issues a document by it, under the lock.

    The day is that of ``at`` in the seller's zone, and never before the latest document's.

    Source: product doc, "Invoice", number.
    """
    documents = IssuedDocument.objects.for_workspace(workspace).filter(kind=kind)
    # Index document_of_workspace: days rise with the numbers. What it says may be long.
    latest = documents.defer("content").order_by("issued_on", "pk").last()
    day = at.astimezone(ZoneInfo(seller.timezone)).date()
    if latest:
        day = max(day, latest.issued_on)
    series = f"{find_code(workspace)}-{MARKS[kind]}{day.year}"
    sequence = latest.sequence + 1 if latest and latest.series == series else 1
    return Taken(series, sequence, day)


def find_code(workspace: Workspace) -> str:
    """Return the code of a workspace, which it is given with its first document."""
    codes = DocumentCode.objects.for_workspace(workspace)
    for code in list_codes(workspace.slug):
        if found := codes.first():
            return found.code
        # Another workspace's row is not seen, but its code is not given a second time.
        DocumentCode.objects.bulk_create(
            [DocumentCode(workspace=workspace, code=code)], ignore_conflicts=True
        )
    raise AssertionError("there is no end to codes")


def list_codes(slug: str) -> Iterator[str]:
    """Yield the codes that a workspace may have, the best first: ACME, ACME2, ACME3."""
    word = "".join(letter for letter in slug.upper() if letter.isascii() and letter.isalnum())
    yield (word or NO_CODE)[:CODE_LENGTH]
    for number in count(2):
        yield f"{(word or NO_CODE)[: CODE_LENGTH - len(str(number))]}{number}"


def list_series(*, until: date = date.max) -> list[Series]:
    """Return all series of the installation with their gaps, as the operator sees them.

    Of documents up to a day: dates of a series never go back.
    """
    gaps: dict[str, list[int]] = {}
    for series, missing in read_as_operator(LIST_GAPS, {"until": until}):
        gaps.setdefault(series, []).append(missing)
    return [
        Series(name, first, last, number, twice, gaps.get(name, []))
        for name, first, last, number, twice in read_as_operator(LIST_SERIES, {"until": until})
    ]
