"""PDFs and ZIP files that are taken out, by a person or a program: each is in the audit log."""

import logging
from collections.abc import Callable, Mapping

from django.core.files.storage import default_storage
from django.db import transaction
from django.http import FileResponse, HttpResponse

from accounts import audit
from accounts.models import Workspace
from invoices import files
from invoices.issued import DocumentFile, IssuedDocument
from invoices.made import MadeFile
from invoices.stated import UsageStatement

logger = logging.getLogger(__name__)


def take_out(document: IssuedDocument) -> bytes:
    """Return the PDF of a document and note in the audit log that it is downloaded.

    Raises:
        NotMade: a worker has not made it yet.
        Damaged: it is missing, or not what was stored, which is logged.
    """
    content = read(lambda: files.read(document))
    audit.record(
        f"{document.kind}.downloaded",
        workspace=document.workspace,
        target=document.number,
        after={"order": str(document.order)},
    )
    return content


def take_out_statement(file: DocumentFile, statement: UsageStatement, *, bot: str) -> bytes:
    """Return the PDF of a statement, or of a bot's part, as `take_out` does of a document."""
    content = read(lambda: files.read_file(file))
    record_statement("statement.downloaded", statement, bot=bot)
    return content


def record_statement(action: str, statement: UsageStatement, *, bot: str) -> None:
    """Note in the audit log that a statement, or (by its key) a bot's part of it, is taken out."""
    after = {"bot": bot} if bot else None
    audit.record(action, workspace=statement.workspace, target=str(statement), after=after)


def read(take: Callable[[], bytes]) -> bytes:
    """Return a stored file; one that is damaged is logged."""
    try:
        return take()
    except files.Damaged as error:
        logger.error("no download: %s", error)
        raise


def send(name: str, content: bytes) -> HttpResponse:
    """Return a PDF as a file; nobody on the way keeps a copy."""
    headers = {
        "Content-Disposition": f'attachment; filename="{name}.pdf"',
        "Cache-Control": "private, no-store",
    }
    return HttpResponse(content, content_type="application/pdf", headers=headers)


def send_made(
    made: MadeFile,
    action: str,
    *,
    workspace: Workspace | None,
    target: str,
    after: Mapping[str, object],
) -> FileResponse | None:
    """Return a ZIP file that a worker made, and note that it is downloaded; None: it is gone."""
    try:
        file = default_storage.open(made.name)
    except FileNotFoundError:
        return None
    with transaction.atomic():
        audit.record(
            action, workspace=workspace, target=target, after={**after, "sha256": made.sha256}
        )
    return FileResponse(
        file, as_attachment=True, filename=str(made), content_type="application/zip"
    )
