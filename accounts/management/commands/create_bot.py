from typing import Any

from django.core.management.base import CommandParser

from accounts import bots
from accounts.management.workspace_command import WorkspaceCommand


class Command(WorkspaceCommand):
    help = "Register a bot; one that exists is left as it is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("key", help="the subject of its events")
        self.add_workspace(parser)
        parser.add_argument("--name", default="", help="the key where it is left out")

    def handle(self, *, key: str, workspace: str, name: str, **options: Any) -> None:
        bot, created = bots.create(workspace=self.find_workspace(workspace), key=key, name=name)
        self.write_json(
            {
                "bot": bot.key,
                "name": bot.name,
                "workspace": workspace,
                "publish_status": bot.publish_status,
                "created": created,
            }
        )
