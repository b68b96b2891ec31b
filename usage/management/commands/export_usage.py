from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.core.management.base import CommandParser

from accounts.exports import write_csv
from accounts.management.workspace_command import WorkspaceCommand
from accounts.tenancy import in_workspace
from usage import exports, queries
from usage.management import arguments
from usage.periods import Grain, split

FORMATS = {"csv": write_csv, "json": exports.write_json}


class Command(WorkspaceCommand):
    help = "Print what each bot used in each period, zeros included."

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_workspace(parser)
        for name, what in (("from", "the first day"), ("to", "the day after the last")):
            parser.add_argument(
                f"--{name}", dest=f"{name}_", type=arguments.day, required=True, help=what
            )
        parser.add_argument("--by", required=True, choices=[grain.value for grain in Grain])
        parser.add_argument(
            "--timezone", type=arguments.zone, help="the workspace's where it is left out"
        )
        parser.add_argument("--bot", action="append", metavar="KEY")
        parser.add_argument("--format", required=True, choices=list(FORMATS))

    def handle(
        self,
        *,
        workspace: str,
        from_: date,
        to_: date,
        by: str,
        timezone: ZoneInfo | None,
        bot: list[str] | None,
        format: str,
        **options: Any,
    ) -> None:
        found = self.find_workspace(workspace)
        arguments.check_order(from_, to_)
        zone = timezone or ZoneInfo(found.timezone)
        bots = arguments.find_bots(bot, workspace=found)
        self.record_export(
            "usage.exported",
            workspace=found,
            options={
                "from": from_,
                "to": to_,
                "by": by,
                "timezone": zone.key,
                "bot": bot,
                "format": format,
            },
        )
        with in_workspace(found.pk):
            usage = queries.count_usage(
                workspace=found,
                bots=bots,
                periods=list(split(from_, to_, by=Grain(by), zone=zone)),
                now=datetime.now(UTC),
            )
            rows = map(exports.usage_values, usage)
            for text in FORMATS[format](exports.USAGE_COLUMNS, rows):
                self.stdout.write(text, ending="")
