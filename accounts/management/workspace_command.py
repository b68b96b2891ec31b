"""What the commands about a workspace have in common: their results, and how they refuse."""

import json
import sys
from collections.abc import Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import actors, audit, workspaces
from accounts.actors import ActorKind
from accounts.models import Workspace
from accounts.tenancy import in_workspace


class WorkspaceCommand(BaseCommand):
    """A command whose result goes to standard output, and all else to standard error.

    What it does, the audit log has with the command's name.
    """

    def add_workspace(self, parser: CommandParser, *, required: bool = True) -> None:
        """Add the option that names the workspace."""
        parser.add_argument(
            "--workspace", required=required, metavar="SLUG", help="the workspace's slug"
        )

    def find_workspace(self, slug: str) -> Workspace:
        """Return the workspace of a slug.

        Raises:
            CommandError: there is none.
        """
        try:
            return workspaces.find(slug)
        except workspaces.NoSuchWorkspace as error:
            raise CommandError(str(error)) from None

    def record_export(
        self, action: str, *, workspace: Workspace, options: Mapping[str, object]
    ) -> None:
        """Note in the audit log that rows leave the console, before the first is printed."""
        given = {name: value for name, value in options.items() if value is not None}
        with in_workspace(workspace.pk):
            audit.record(action, workspace=workspace, target="standard output", after=given)

    def write_json(self, value: Mapping[str, object]) -> None:
        """Print one JSON object on a line."""
        self.stdout.write(json.dumps(value, ensure_ascii=False))

    def execute(self, *args: Any, **options: Any) -> str | None:  # Any: the base class has it
        """Run the command; a value that is not acceptable becomes a sentence."""
        name = type(self).__module__.rpartition(".")[2]
        try:
            with actors.acting_as(ActorKind.COMMAND, name=name):
                return super().execute(*args, **options)
        except ValidationError as error:
            raise CommandError(explain(error)) from None


def explain(error: ValidationError) -> str:
    """Return all that is wrong as sentences, each with the field that it is about."""
    if not hasattr(error, "error_dict"):
        return " ".join(error.messages)
    return " ".join(
        message if field == "__all__" else f"{field}: {message}"
        for field, messages in error.message_dict.items()
        for message in messages
    )


def read_password(*, from_stdin: bool) -> str | None:
    """Return the password given on standard input, its line end left out; None: none is given.

    Raises:
        CommandError: it was announced and is missing.
    """
    if not from_stdin:
        return None
    password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise CommandError("There is no password on standard input.")
    return password
