from typing import Any

from django.core.management.base import CommandError

from accounts.management.workspace_command import WorkspaceCommand
from invoices import documents, numbering


class Command(WorkspaceCommand):
    help = "List the series of documents with their gaps; the exit status is 1 where there is one."

    def handle(self, **options: Any) -> None:
        found = numbering.list_series()
        without = len(documents.find_missing())
        for series in found:
            self.write_json(series._asdict())
        wrong = [series.series for series in found if series.gaps or series.duplicates]
        if wrong:
            raise CommandError(f"Numbers are missing or given twice in {', '.join(wrong)}.")
        if without:
            raise CommandError(f"{without} orders have no invoice; the log says why.")
