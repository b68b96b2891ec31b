from datetime import date
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts import workspaces
from accounts.management.workspace_command import WorkspaceCommand
from invoices import statement_verification
from usage.management import arguments


class Command(WorkspaceCommand):
    help = (
        "Compare usage statements with the ledger and the sessions; the exit status is 1 where one"
        " differs, or a closed month has none."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_workspace(parser, required=False)
        parser.add_argument("--month", type=arguments.month, help="only this one, such as 2026-03")

    def handle(self, *, workspace: str | None, month: date | None, **options: Any) -> None:
        found = [self.find_workspace(workspace)] if workspace else workspaces.find_all()
        count = 0
        for of in found:
            for difference in statement_verification.verify(of, month=month):
                count += 1
                self.write_json({"workspace": of.slug, **difference._asdict()})
        if count:
            raise CommandError(f"Statements differ in {count} place{'s' * (count > 1)}.")
        self.stderr.write(f"The statements of {len(found)} workspaces agree.")
