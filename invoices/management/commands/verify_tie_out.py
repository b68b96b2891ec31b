from datetime import UTC, date, datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts import workspaces
from accounts.days import DAY
from accounts.management.workspace_command import WorkspaceCommand
from invoices import tie_out
from usage.management import arguments


class Command(WorkspaceCommand):
    help = (
        "Compare what came in with what is stored, and what was counted with what is charged and"
        " ordered; the exit status is 1 where they differ. Without --to up to today; without"
        " --from the 35 days before, and the month that is open."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_workspace(parser, required=False)
        for name, what in (("from", "the first day"), ("to", "the day after the last")):
            parser.add_argument(f"--{name}", dest=f"{name}_", type=arguments.day, help=what)

    def handle(
        self, *, workspace: str | None, from_: date | None, to_: date | None, **options: Any
    ) -> None:
        last = None if to_ is None else to_ - DAY
        if from_ and last:
            arguments.check_order(from_, last)
        found = [self.find_workspace(workspace)] if workspace else workspaces.find_all()
        count = 0
        for of in found:
            for gap in tie_out.check(of, first=from_, last=last, now=datetime.now(UTC)).list_gaps():
                count += 1
                self.write_json({"workspace": of.slug, **gap})
        if count:
            raise CommandError(f"{count} equation{'s do' if count > 1 else ' does'} not hold.")
        self.stderr.write(f"The numbers of {len(found)} workspaces tie.")
