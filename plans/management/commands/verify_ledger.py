from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts import workspaces
from accounts.management.workspace_command import WorkspaceCommand
from plans import verification


class Command(WorkspaceCommand):
    help = "Compare balances and charges with the ledger; the exit status is 1 where they differ."

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_workspace(parser, required=False)

    def handle(self, *, workspace: str | None, **options: Any) -> None:
        found = [self.find_workspace(workspace)] if workspace else workspaces.find_all()
        count = 0
        for of in found:
            for difference in verification.verify(of):
                count += 1
                self.write_json({"workspace": of.slug, **difference._asdict()})
        if count:
            raise CommandError(f"The ledger differs in {count} place{'s' * (count > 1)}.")
        self.stderr.write(f"The ledgers of {len(found)} workspaces agree.")
