import json
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import UTC, datetime
from io import BufferedReader
from pathlib import Path
from typing import IO, Any

from django.core.management.base import CommandError, CommandParser

from accounts.management.workspace_command import WorkspaceCommand
from usage import importing
from usage.checker import CheckerEnded
from usage.importing import Counts
from usage.intake import Outcome


class Command(WorkspaceCommand):
    help = "Import events, one JSON object a line, plain or gzip. Safe to repeat."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("path", help="the file; - is standard input")
        self.add_workspace(parser)
        parser.add_argument(
            "--create-bots", action="store_true", help="register bots that are not known"
        )
        parser.add_argument(
            "--rejects", type=Path, metavar="PATH", help="write what was rejected, and why"
        )

    def handle(
        self,
        *,
        path: str,
        workspace: str,
        create_bots: bool,
        rejects: Path | None,
        **options: Any,
    ) -> None:
        found = self.find_workspace(workspace)
        self.counts = Counts()
        try:
            with open_input(path) as file, open_rejects(rejects) as rejected:

                def report(counts: Counts, outcome: Outcome) -> None:
                    self.counts = counts
                    write_rejects(rejected, outcome)
                    self.stderr.write(f"{counts.received:,} events read")

                importing.import_events(
                    file,
                    workspace=found,
                    create_bots=create_bots,
                    now=datetime.now(UTC),
                    report=report,
                )
        except OSError as error:
            raise CommandError(f"{error.filename or path}: {error.strerror}.") from None
        except (importing.Unreadable, CheckerEnded) as error:
            raise CommandError(f"{error} {self.describe_progress()}") from None
        except KeyboardInterrupt:
            raise CommandError(f"Interrupted. {self.describe_progress()}", returncode=130) from None
        self.write_json(self.counts._asdict())

    def describe_progress(self) -> str:
        """Say what is imported although the command did not come to its end."""
        return f"{self.counts.received:,} events were read before that; what they said is stored."


@contextmanager
def open_input(path: str) -> Iterator[BufferedReader]:
    """Open the file of events, or standard input."""
    if path == "-":
        with open(sys.stdin.fileno(), "rb", closefd=False) as file:
            yield file
        return
    with Path(path).open("rb") as file:
        yield file


def open_rejects(path: Path | None) -> AbstractContextManager[IO[str] | None]:
    """Open the file for what is rejected, if it is wanted."""
    return nullcontext(None) if path is None else path.open("w", encoding="utf-8")


def write_rejects(file: IO[str] | None, outcome: Outcome) -> None:
    """Write one JSON object for each event that was rejected; ``place`` is its line."""
    if file is not None:
        for rejection in outcome.rejections:
            file.write(json.dumps(rejection._asdict(), ensure_ascii=False) + "\n")
