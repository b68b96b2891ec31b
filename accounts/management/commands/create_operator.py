from typing import Any

from django.core.management.base import CommandParser

from accounts import people
from accounts.management.workspace_command import WorkspaceCommand, read_password


class Command(WorkspaceCommand):
    help = "Make a person an operator of the installation; one who is stays so."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="by which the person signs in")
        parser.add_argument(
            "--password-stdin", action="store_true", help="read a new account's password"
        )

    def handle(self, *, email: str, password_stdin: bool, **options: Any) -> None:
        user, created = people.add_operator(
            email=email, password=read_password(from_stdin=password_stdin)
        )
        self.write_json({"operator": user.email, "created": created})
