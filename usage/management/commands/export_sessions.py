from datetime import date
from typing import Any

from django.core.management.base import CommandParser

from accounts.exports import write_csv
from accounts.management.workspace_command import WorkspaceCommand
from accounts.tenancy import in_workspace
from usage import exports
from usage.management import arguments
from usage.models import SessionKind
from usage.session_queries import Chosen, read_chosen

KINDS = {kind.label: kind for kind in (SessionKind.USAGE, SessionKind.ALERT, SessionKind.VOICE)}
FORMATS = {"csv": write_csv, "jsonl": exports.write_json_lines}


class Command(WorkspaceCommand):
    help = "Print the completed sessions of a workspace in order of their start."

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_workspace(parser)
        for name, what in (("from", "started at or after"), ("to", "started before")):
            parser.add_argument(
                f"--{name}",
                dest=f"{name}_",
                type=arguments.day_or_instant,
                metavar="DATE|INSTANT",
                help=f"{what} this instant, or this local date",
            )
        parser.add_argument("--bot", action="append", metavar="KEY")
        parser.add_argument("--kind", action="append", choices=list(KINDS))
        parser.add_argument("--format", required=True, choices=list(FORMATS))

    def handle(
        self,
        *,
        workspace: str,
        from_: date | None,
        to_: date | None,
        bot: list[str] | None,
        kind: list[str] | None,
        format: str,
        **options: Any,
    ) -> None:
        found = self.find_workspace(workspace)
        period = arguments.to_period(from_, to_, of=found)
        bots = arguments.find_bots(bot, workspace=found)
        self.record_export(
            "sessions.exported",
            workspace=found,
            options={"from": from_, "to": to_, "bot": bot, "kind": kind, "format": format},
        )
        with in_workspace(found.pk):
            chosen = Chosen(
                workspace_id=found.pk,
                bots=[bot.pk for bot in bots],
                period=period,
                kinds=[KINDS[name] for name in kind or KINDS],
                completed=[True],
            )
            rows = map(exports.session_values, read_chosen(chosen))
            for text in FORMATS[format](exports.SESSION_COLUMNS, rows):
                self.stdout.write(text, ending="")
