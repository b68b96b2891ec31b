from typing import Any

from django.core.management.base import CommandParser

from accounts import people
from accounts.management.workspace_command import WorkspaceCommand, read_password
from accounts.models import Role


class Command(WorkspaceCommand):
    help = "Give a person a role in a workspace; one who has a role there keeps it."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="by which the person signs in")
        self.add_workspace(parser)
        parser.add_argument("--role", required=True, choices=Role.values)
        parser.add_argument(
            "--password-stdin", action="store_true", help="read a new account's password"
        )

    def handle(
        self, *, email: str, workspace: str, role: str, password_stdin: bool, **options: Any
    ) -> None:
        member, created = people.add_member(
            workspace=self.find_workspace(workspace),
            email=email,
            role=role,
            password=read_password(from_stdin=password_stdin),
        )
        self.write_json(
            {
                "user": member.user.email,
                "workspace": workspace,
                "role": member.role,
                "created": created,
            }
        )
