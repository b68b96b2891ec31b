from typing import Any

from django.core.management.base import CommandParser

from accounts import keys
from accounts.management.workspace_command import WorkspaceCommand
from accounts.models import Scope


class Command(WorkspaceCommand):
    help = "Make an API key and print it, this once; one of the same name is left as it is."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="by which people know the program")
        self.add_workspace(parser)
        parser.add_argument(
            "--scope",
            required=True,
            nargs="+",
            action="extend",
            choices=Scope.values,
            help="what the program may do",
        )

    def handle(self, *, name: str, workspace: str, scope: list[str], **options: Any) -> None:
        key, secret = keys.create(workspace=self.find_workspace(workspace), name=name, scopes=scope)
        shown = {"key": secret} if secret else {}
        self.write_json(
            {
                "name": key.name,
                "workspace": workspace,
                "scopes": key.scopes,
                "start": key.start,
                "created": secret is not None,
                **shown,
            }
        )
