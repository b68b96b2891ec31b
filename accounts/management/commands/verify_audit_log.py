from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts import seals
from accounts.management.workspace_command import WorkspaceCommand


class Command(WorkspaceCommand):
    help = "Compare the audit log with its seals; the exit status is 1 where they differ."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--seal",
            action="append",
            default=[],
            type=read_seal,
            metavar="NUMBER:HASH",
            help="a seal that was noted elsewhere (last_seal of an earlier run) and must be there",
        )

    def handle(self, *, seal: list[tuple[int, str]], **options: Any) -> None:
        found = seals.verify(noted=seal)
        self.write_json(
            {
                "seals": found.seals,
                "entries": found.entries,
                "waiting": found.waiting,
                "last_seal": found.last_seal,
                "late": found.late,
                "differences": [difference._asdict() for difference in found.differences],
            }
        )
        if found.differences:
            count = len(found.differences)
            raise CommandError(
                f"The audit log differs from its seals in {count} place{'s' * (count > 1)}. "
                f"The first: {found.differences[0]}."
            )


def read_seal(text: str) -> tuple[int, str]:
    """Return the number and hash of a seal.

    Raises:
        ArgumentTypeError: it is not written like that.
    """
    number, _, digest = text.partition(":")
    if not (number.isascii() and number.isdigit() and digest):
        raise ArgumentTypeError(f"{text!r} is not a seal such as 12:9f86d081...")
    return int(number), digest
