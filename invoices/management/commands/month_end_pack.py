import shutil
import sys
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any

from django.core.management.base import CommandError, CommandParser

from invoices.books import journal, pack
from invoices.management.books_command import BooksCommand, refuse

SAYS_SO = 100_000  # postings between two lines of progress


class Command(BooksCommand):
    help = (
        "Write the books of a month as a ZIP file with checksums; the exit status is 1 where"
        " something differs, which the file names."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_month(parser)
        parser.add_argument(
            "--output", required=True, metavar="PATH", help="the file; - is standard output"
        )

    def handle(self, *, month: date, output: str, **options: Any) -> None:
        self.check_month(month)
        self.record_books("month_pack.exported", options={"month": f"{month:%Y-%m}"})
        self.total, self.said = journal.count(month=month), 0
        try:
            made = self.write(month, output)
        except OSError as error:
            raise CommandError(f"{output} cannot be written: {error.strerror}.") from None
        self.stderr.write(f"{made.entries:,} entries.")
        self.say_open(month)
        refuse("The books do not agree", made.differences)

    def write(self, month: date, output: str) -> pack.Made:
        """Write the pack; a file that is there is whole."""
        if output == "-":
            with TemporaryFile() as file:
                made = pack.write(month, file, progress=self.say_progress)
                file.seek(0)
                shutil.copyfileobj(file, sys.stdout.buffer)
            return made
        # Nobody else may read it: figures of all customers.
        with TemporaryDirectory(dir=Path(output).absolute().parent) as folder:
            path = Path(folder) / "pack.zip"
            with path.open("xb") as file:
                made = pack.write(month, file, progress=self.say_progress)
            path.chmod(0o600)
            path.replace(output)
        return made

    def say_progress(self, postings: int) -> None:
        """Say now and then how far it is."""
        if postings - self.said >= SAYS_SO:
            self.said = postings
            self.stderr.write(f"{postings:,} of {self.total:,} postings")
