from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from django.core.management.base import CommandParser

from invoices.books import journal
from invoices.books.journal import Row, Tally
from invoices.management.books_command import BooksCommand, refuse

SAYS_SO = 100_000  # entries between two lines of progress


class Command(BooksCommand):
    help = (
        "Print all entries that were booked in a month; the exit status is 1 where the debits and"
        " credits of a posting differ."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_month(parser)
        self.add_workspace(parser, required=False)
        parser.add_argument("--format", choices=["csv"], default="csv")

    def handle(self, *, month: date, workspace: str | None, format: str, **options: Any) -> None:
        self.check_month(month)
        asked = {"month": f"{month:%Y-%m}", "format": format}
        if workspace:
            found = self.find_workspace(workspace)
            self.record_export("journal.exported", workspace=found, options=asked)
        else:
            self.record_books("journal.exported", options=asked)
        tally = Tally()
        rows = tally.watch(journal.read(month=month, slug=workspace))
        self.write_csv(journal.COLUMNS, map(journal.values, self.say_progress(rows)))
        self.say_totals(month, tally)
        refuse(f"Debits and credits differ in {tally.differing:,} postings", tally.unbalanced)

    def say_progress(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield the rows, and say now and then how many there were."""
        for count, row in enumerate(rows, 1):
            if count % SAYS_SO == 0:
                self.stderr.write(f"{count:,} entries")
            yield row

    def say_totals(self, month: date, tally: Tally) -> None:
        """Say what the rows came to."""
        if not tally.postings:
            self.stderr.write(f"Nothing was booked in {month:%Y-%m}.")
        for currency, sums in sorted(tally.sums.items()):
            self.stderr.write(
                f"{currency}: debits {sums.debits:.4f}, credits {sums.credits:.4f},"
                f" {sums.entries:,} entries"
            )
        self.say_open(month)
