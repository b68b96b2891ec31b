from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts import workspaces
from accounts.management.workspace_command import WorkspaceCommand
from invoices import statements


class Command(WorkspaceCommand):
    help = (
        "Make the usage statements of months that were closed before there were any, from the"
        " ledger. Run again it makes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_workspace(parser, required=False)

    def handle(self, *, workspace: str | None, **options: Any) -> None:
        found = [self.find_workspace(workspace)] if workspace else workspaces.find_all()
        waiting = []
        for of in found:
            try:
                made = statements.make_missing(workspace_id=of.pk, at=datetime.now(UTC))
            except statements.StillWaiting:
                waiting.append(of.slug)
            else:
                self.write_json({"workspace": of.slug, "made": made})
        if waiting:
            raise CommandError(
                "Usage of closed months waits to be counted or charged; run it again in a minute:"
                f" {', '.join(waiting)}."
            )
