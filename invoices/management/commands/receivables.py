from datetime import UTC, date, datetime
from typing import Any

from django.core.management.base import CommandParser

from invoices.books import receivables
from invoices.books.receivables import Age, Aged
from invoices.management.books_command import BooksCommand, refuse
from usage.management import arguments


class Command(BooksCommand):
    help = (
        "Print what each order owes at the end of a day, and for how many days it is overdue; the"
        " exit status is 1 where it differs from the ledger."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--as-of",
            type=arguments.day,
            metavar="DATE",
            help="the local day of each workspace; today (UTC) where it is not given",
        )
        parser.add_argument("--format", choices=["csv", "json"], default="csv")

    def handle(self, *, as_of: date | None, format: str, **options: Any) -> None:
        day = as_of or datetime.now(UTC).date()
        self.record_books("receivables.exported", options={"as_of": day, "format": format})
        found = receivables.read(as_of=day)
        rows = (receivables.values(item, as_of=day) for item in found.items)
        if format == "csv":
            self.write_csv(receivables.COLUMNS, rows)
        else:
            for row in rows:
                self.write_json(dict(zip(receivables.COLUMNS, row, strict=True)))
        self.say_totals(found)
        refuse("Receivables differ from the ledger", found.all_differences)

    def say_totals(self, found: Aged) -> None:
        """Say what is owed by age."""
        if not found.currencies:
            self.stderr.write(f"Nothing was owed at the end of {found.as_of}.")
        for of in found.currencies:
            ages = zip(Age, of.amounts, strict=True)
            said = ", ".join(f"{age.label} {amount:.4f}" for age, amount in ages if amount)
            self.stderr.write(f"{of.currency.code}: {of.total:.4f} ({said})")
