"""PDFs that are taken out, by a person or a program: each is in the audit log."""

import logging

from django.http import HttpResponse

from accounts import audit
from invoices import files
from invoices.issued import IssuedDocument

logger = logging.getLogger(__name__)


def take_out(document: IssuedDocument) -> bytes:
    """Return the PDF of a document and note in the audit log that it is downloaded.

    Raises:
        NotMade: a worker has not made it yet.
        Damaged: it is missing, or not what was stored, which is logged.
    """
    try:
        content = files.read(document)
    except files.Damaged as error:
        logger.error("no download: %s", error)
        raise
    audit.record(
        f"{document.kind}.downloaded",
        workspace=document.workspace,
        target=document.number,
        after={"order": str(document.order)},
    )
    return content


def send(document: IssuedDocument, content: bytes) -> HttpResponse:
    """Return the PDF of a document as a file; nobody on the way keeps a copy."""
    headers = {
        "Content-Disposition": f'attachment; filename="{document.number}.pdf"',
        "Cache-Control": "private, no-store",
    }
    return HttpResponse(content, content_type="application/pdf", headers=headers)
