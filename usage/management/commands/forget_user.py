from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.management.workspace_command import WorkspaceCommand
from usage import users


class Command(WorkspaceCommand):
    help = "Replace an end user's id by a random one, everywhere in a workspace and for ever."

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_workspace(parser)
        parser.add_argument("--user", required=True, help="the id that the user's events carry")

    def handle(self, *, workspace: str, user: str, **options: Any) -> None:
        place = self.find_workspace(workspace)
        try:
            forgotten = users.forget(workspace=place, user=user)
        except users.NoSuchUser as error:
            raise CommandError(str(error)) from None
        self.write_json(
            {"workspace": place.slug, "user": forgotten.user, "streams": forgotten.streams}
        )
