from typing import Any

from django.core.management.base import CommandParser

from accounts import workspaces
from accounts.management.workspace_command import WorkspaceCommand


class Command(WorkspaceCommand):
    help = "Create a workspace; one that exists is left as it is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="its part of every address: a-z, 0-9 and hyphens")
        parser.add_argument("--name", default="", help="the slug where it is left out")
        parser.add_argument("--timezone", default="UTC", help="of its days and months")
        parser.add_argument("--currency", default="USD", help="of its money")

    def handle(self, *, slug: str, name: str, timezone: str, currency: str, **options: Any) -> None:
        workspace, created = workspaces.create(
            slug=slug, name=name, timezone=timezone, currency=currency
        )
        self.write_json(
            {
                "workspace": workspace.slug,
                "name": workspace.name,
                "timezone": workspace.timezone,
                "currency": workspace.currency,
                "created": created,
            }
        )
