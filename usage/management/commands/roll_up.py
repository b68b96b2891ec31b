from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts import workspaces
from accounts.management.workspace_command import WorkspaceCommand
from accounts.models import Workspace
from usage import rebuild, rollup
from usage.exports import format_instant
from usage.management import arguments
from usage.rebuild import Difference


class Command(WorkspaceCommand):
    help = "Roll up everything that is outstanding, now and in this process."

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_workspace(parser, required=False)
        parser.add_argument(
            "--as-of",
            type=arguments.instant,
            metavar="INSTANT",
            help="what the clock shows; later events are left out",
        )
        parser.add_argument(
            "--rebuild",
            action="store_true",
            help="count everything again and print every difference that was found",
        )

    def handle(
        self,
        *,
        workspace: str | None,
        as_of: datetime | None,
        rebuild: bool,
        **options: Any,
    ) -> None:
        found = [self.find_workspace(workspace)] if workspace else workspaces.find_all()
        self.counted = 0
        try:
            self.roll_up(found, now=as_of or datetime.now(UTC), whole=rebuild)
        except KeyboardInterrupt:
            raise CommandError(
                f"Interrupted after {self.counted:,} streams; the rest is done the next time.",
                returncode=130,
            ) from None

    def roll_up(self, found: list[Workspace], *, now: datetime, whole: bool) -> None:
        """Roll up or rebuild some workspaces and print what came of it."""
        differences: list[dict[str, object]] = []
        for workspace in found:
            rollup.put_clock_back(workspace_id=workspace.pk, to=now)
            if whole:
                wrong = rebuild.run(workspace_id=workspace.pk, now=now, report=self.report)
                differences += [show(workspace, difference) for difference in wrong]
                continue
            rollup.run(workspace_id=workspace.pk, now=now, wait=True, progress=self.report)
        result: dict[str, object] = {"workspaces": len(found), "streams": self.counted}
        self.write_json({**result, "differences": differences} if whole else result)

    def report(self, streams: int) -> None:
        """Tell how far it is."""
        self.counted += streams
        self.stderr.write(f"{self.counted:,} streams counted")


def show(workspace: Workspace, difference: Difference) -> dict[str, object]:
    """Return a difference as it is printed."""
    return {
        "workspace": workspace.slug,
        **difference._asdict(),
        "started_at": format_instant(difference.started_at),
    }
