from datetime import date
from typing import Any

from django.core.management.base import CommandParser

from invoices.books import roll_forward
from invoices.books.roll_forward import RollForward
from invoices.management.books_command import BooksCommand, refuse


class Command(BooksCommand):
    help = (
        "Print what credits, overdrafts, receivables and tax had at the start of a month, what"
        " moved, and what they had at its end; the exit status is 1 where something differs."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_month(parser)
        parser.add_argument("--format", choices=["csv", "json"], default="json")

    def handle(self, *, month: date, format: str, **options: Any) -> None:
        self.check_month(month)
        asked = {"month": f"{month:%Y-%m}", "format": format}
        self.record_books("roll_forward.exported", options=asked)
        found = roll_forward.read(month=month)
        if format == "csv":
            self.write_csv(roll_forward.COLUMNS, roll_forward.list_values(found))
        else:
            for of in found.accounts:
                self.write_account(month, of)
        if not found.accounts:
            self.stderr.write(f"Nothing was booked up to {month:%Y-%m}.")
        self.say_open(month)
        refuse("The books differ from what is kept beside them", found.all_differences)

    def write_account(self, month: date, of: RollForward) -> None:
        """Print one account as a line of JSON, amounts as texts."""
        self.write_json(
            {
                "month": f"{month:%Y-%m}",
                "currency": of.currency.code,
                "account": of.account.value,
                **{line.code: f"{line.amount:.4f}" for line in of.all_lines},
            }
        )
