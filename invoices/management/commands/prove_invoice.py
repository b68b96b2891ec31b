from typing import Any

from django.core.management.base import CommandError, CommandParser

from accounts.management.workspace_command import WorkspaceCommand
from invoices import proving


class Command(WorkspaceCommand):
    help = (
        "Work an invoice or credit note out anew from events, prices and earlier orders, and"
        " compare; the exit status is 0 only where all is equal."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("number", metavar="NUMBER", help="the number of the document")

    def handle(self, *, number: str, **options: Any) -> None:
        try:
            workspace_id, document_id = proving.find(number)
        except proving.NoSuchDocument as error:
            raise CommandError(str(error)) from None
        proof = proving.prove(workspace_id=workspace_id, document_id=document_id)
        proving.record(proof, workspace_id=workspace_id)
        self.write_json(proof.describe())
        if proof.reason:
            raise CommandError(f"{number} cannot be proved: {proof.reason}")
        if not proof.equal:
            raise CommandError(f"{number} differs in {len(proof.differences)} places.")
