"""The month-end pack: a ZIP file with the books of a month as CSV and the checksums of its files.

The same rows give the same bytes: nothing in it is of the clock or of who asked for it.
"""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import IO
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from accounts.exports import Value, guard, write_csv
from accounts.tenancy import at_one_instant
from invoices.books import differences, journal, months, receivables, roll_forward, sales
from invoices.books.differences import Difference
from invoices.books.journal import Row, Tally

LONG_AGO = (1980, 1, 1, 0, 0, 0)  # no earlier instant is there in a ZIP file
MODE = 0o644 << 16  # whoever unpacks it may read it
UNIX = 3
MANIFEST = "MANIFEST.sha256"
SAYS_SO = 1000  # entries between two signs of life
TOTAL_COLUMNS = ("currency", "entries", "debits", "credits")

README = """Books of {month:%Y-%m}

journal.csv         every entry that was booked in this month, by workspace, posting and entry
journal-totals.csv  debits and credits by currency; they are equal
roll-forward.csv    credits, overdrafts, receivables and tax: at start, moved by what, at end, what
                    is kept beside the ledger, and the difference (0.0000)
receivables.csv     what each order owes at the end of the last day of this month, by age; negative:
                    owed to the buyer
documents.csv       invoices and credit notes dated in this month, as they stood at its end
series.csv          their series of numbers up to the end of this month, and gaps in them
tax.csv             net and tax of these documents by country, category and rate; credit notes
                    taken away
payments.csv        what was received and paid back by method, booked in this month; counted are
                    entries: a payment for a plan whose rest became credits has two
differences.csv     what does not agree; nothing but its heading where all does
{manifest}     checksums: sha256sum -c {manifest}

A month is that in which something was booked, by the zone of each workspace; documents are of the
month of their date, by the zone of the seller. In roll-forward.csv credits that buyers have and tax
that is owed are positive, and so is what buyers owe. Currencies are never added. Texts that a
spreadsheet program would take for a formula begin with an apostrophe. Nothing in here says when or
by whom it was made: the same rows give the same bytes.

{open}
"""
CLOSED = "All workspaces have closed this month: nothing is booked in it any more."
OPEN = "{count:,} of {of:,} workspaces have not closed this month yet: figures may still grow."


@dataclass(frozen=True)
class Made:
    """What a pack has: how many entries, and what does not agree, in words."""

    entries: int
    differences: list[str]


class Archive:
    """Files in one folder of a ZIP file, whose bytes depend on nothing but its content."""

    def __init__(self, packed: ZipFile, *, folder: str) -> None:
        """Write into ``packed``."""
        self.zip = packed
        self.folder = folder
        self.checksums: list[tuple[str, str]] = []

    def add(self, name: str, pieces: Iterable[str]) -> None:
        """Add a file, a piece at a time."""
        info = ZipInfo(f"{self.folder}/{name}", LONG_AGO)
        info.compress_type = ZIP_DEFLATED
        info.external_attr = MODE
        info.create_system = UNIX
        checksum = hashlib.sha256()
        # More than 2 GiB have to be announced before.
        with self.zip.open(info, "w", force_zip64=True) as file:
            for piece in pieces:
                content = piece.encode()
                checksum.update(content)
                file.write(content)
        self.checksums.append((checksum.hexdigest(), name))

    def add_csv(self, name: str, columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> None:
        """Add rows as CSV."""
        self.add(name, write_csv(columns, rows))

    def add_manifest(self) -> None:
        """Add the checksums of all files."""
        said = [f"{checksum}  {name}\n" for checksum, name in self.checksums]
        self.add(MANIFEST, said)


def name_folder(month: date) -> str:
    """Return the name of the folder in the pack of a month, and of the file before its ending."""
    return f"books-{month:%Y-%m}"


def write(
    month: date,
    file: IO[bytes],
    *,
    progress: Callable[[int], None],
    before_reading: Callable[[], None] = lambda: None,
) -> Made:
    """Write the pack of a month, all of it as at one instant.

    ``progress`` is told how many postings of the journal are written, now and then, and
    ``before_reading`` once when they are: the whole ledger is read then. Both may raise to give up.
    """
    tally = Tally()
    with ZipFile(file, "w", ZIP_DEFLATED) as packed, at_one_instant():
        archive = Archive(packed, folder=name_folder(month))
        archive.add("README.txt", [say(month)])
        entries = tell(tally.watch(journal.read(month=month)), tally=tally, progress=progress)
        archive.add_csv("journal.csv", journal.COLUMNS, map(journal.values, entries))
        archive.add_csv("journal-totals.csv", TOTAL_COLUMNS, list_totals(tally))
        progress(tally.postings)
        before_reading()
        found = roll_forward.read(month=month)
        archive.add_csv("roll-forward.csv", roll_forward.COLUMNS, roll_forward.list_values(found))
        owed = (receivables.values(item, as_of=found.aged.as_of) for item in found.aged.items)
        archive.add_csv("receivables.csv", receivables.COLUMNS, owed)
        gaps = add_sales(archive, month)
        differing = [*list_unbalanced(tally), *found.all_differences]
        rows = ([guard(value) for value in one.values] for one in differing)
        archive.add_csv("differences.csv", differences.COLUMNS, rows)
        archive.add_manifest()
    return Made(tally.entries, [*map(str, differing), *gaps])


def add_sales(archive: Archive, month: date) -> list[str]:
    """Add what was invoiced and paid; return in words which numbers of documents are missing."""
    archive.add_csv("documents.csv", sales.DOCUMENT_COLUMNS, sales.list_documents(month))
    series = sales.list_series(month)
    archive.add_csv("series.csv", sales.SERIES_COLUMNS, map(sales.series_values, series))
    archive.add_csv("tax.csv", sales.TAX_COLUMNS, sales.list_tax(month))
    archive.add_csv("payments.csv", sales.PAYMENT_COLUMNS, sales.list_payments(month))
    return [
        f"numbers of {of.series} are missing or given twice"
        for of in series
        if of.gaps or of.duplicates
    ]


def say(month: date) -> str:
    """Return what is what, and whether the month may still grow."""
    found = months.count_open(month)
    said = OPEN.format(count=found.workspaces, of=found.of) if found.workspaces else CLOSED
    return README.format(month=month, manifest=MANIFEST, open=said)


def tell(rows: Iterable[Row], *, tally: Tally, progress: Callable[[int], None]) -> Iterator[Row]:
    """Yield the rows, and tell now and then how far they are."""
    for count, row in enumerate(rows):
        if count % SAYS_SO == 0:
            progress(tally.postings)
        yield row


def list_totals(tally: Tally) -> Iterator[list[Value]]:
    """Yield what the journal comes to by currency."""
    for currency, of in sorted(tally.sums.items()):
        yield [currency, of.entries, f"{of.debits:.4f}", f"{of.credits:.4f}"]


def list_unbalanced(tally: Tally) -> Iterator[Difference]:
    """Yield the postings whose debits and credits differ; expected are the debits."""
    for one in tally.unbalanced:
        what = f"credits of {one.key}"
        yield Difference(one.workspace, what, one.currency, one.debits, one.credits)
