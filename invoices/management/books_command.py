"""What the commands about the operator's books have in common."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime

from django.core.management.base import CommandError, CommandParser
from django.db import transaction

from accounts import audit
from accounts.exports import Value, write_csv
from accounts.management.workspace_command import WorkspaceCommand
from invoices.books import months
from usage.management import arguments

MOST_SAID = 20  # differences in one message; the files have all


class BooksCommand(WorkspaceCommand):
    """A command that reads the ledgers of all workspaces."""

    def add_month(self, parser: CommandParser) -> None:
        """Add the option that names the month."""
        parser.add_argument(
            "--month",
            required=True,
            type=arguments.month,
            metavar="YYYY-MM",
            help="the month in which something was booked",
        )

    def check_month(self, month: date) -> None:
        """Refuse a month that has not begun.

        Raises:
            CommandError: it has not, anywhere.
        """
        if month > months.find_current(datetime.now(UTC)):
            raise CommandError(f"{month:%Y-%m} is still to come.")

    def say_open(self, month: date) -> None:
        """Say in how many workspaces a month may still grow."""
        found = months.count_open(month)
        if found.workspaces:
            self.stderr.write(
                f"{found.workspaces:,} of {found.of:,} workspaces have not closed {month:%Y-%m}"
                " yet: figures may still grow."
            )

    def record_books(self, action: str, *, options: Mapping[str, object]) -> None:
        """Note in the installation's audit log that figures of all workspaces leave the console."""
        given = {name: value for name, value in options.items() if value is not None}
        with transaction.atomic():
            audit.record(action, workspace=None, target="standard output", after=given)

    def write_csv(self, columns: Sequence[str], rows: Iterable[Sequence[Value]]) -> None:
        """Print rows as CSV."""
        for text in write_csv(columns, rows):
            self.stdout.write(text, ending="")


def refuse(what: str, differences: Sequence[object]) -> None:
    """Let figures through that agree.

    Raises:
        CommandError: they do not; the message names the first differences.
    """
    if not differences:
        return
    said = "; ".join(map(str, differences[:MOST_SAID]))
    more = len(differences) - MOST_SAID
    raise CommandError(f"{what}: {said}{f'; and {more:,} more' if more > 0 else ''}.")
