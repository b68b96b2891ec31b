from datetime import UTC, datetime
from typing import Any

from django.core.management.base import CommandError

from accounts.management.workspace_command import WorkspaceCommand
from invoices import files


class Command(WorkspaceCommand):
    help = (
        "Compare the PDFs of all documents with their checksums; the exit status is 1 where one is"
        " missing, altered, or not made an hour after its document was issued."
    )

    def handle(self, **options: Any) -> None:
        count, faults = 0, 0
        for fault in files.verify(now=datetime.now(UTC)):
            count += 1
            if fault:
                faults += 1
                self.write_json(fault._asdict())
        self.write_json({"documents": count, "faults": faults})
        if faults:
            raise CommandError(f"{faults} of {count} documents have no PDF as it was stored.")
