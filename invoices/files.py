"""The PDFs of documents: made once by a worker, stored with their checksum, served from there."""

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from accounts import calls
from accounts.tenancy import in_workspace, read_as_operator
from invoices import contents, pdf
from invoices.issued import DocumentFile, IssuedDocument

LATE_AFTER = timedelta(hours=1)  # a PDF that is not made by then is reported
# Index document_file_unmade.
FIND_UNMADE = """
SELECT workspace_id, document_id FROM invoices_documentfile WHERE stored_at IS NULL
ORDER BY document_id LIMIT %(most)s
"""
MOST = 2000  # found at a time; the next beat finds more
LIST_STORED = """
SELECT document.number, file.name, file.sha256, file.size, file.stored_at, document.issued_at
FROM invoices_documentfile file
JOIN invoices_issueddocument document ON document.id = file.document_id
ORDER BY document.id
"""


class NotMade(LookupError):
    """The PDF of a document is not made yet."""


class Damaged(ValueError):
    """A stored PDF is missing, or not what was stored."""


class Fault(NamedTuple):
    """A document whose file is not as it has to be: missing, altered or late."""

    number: str
    fault: str
    name: str


class Stored(NamedTuple):
    """A file as the database knows it; ``stored_at`` None: it is not made yet."""

    number: str
    name: str
    sha256: str
    size: int
    stored_at: datetime | None
    issued_at: datetime

    def find_fault(self, *, now: datetime) -> str:
        """Return what is wrong with it; empty: nothing."""
        if self.stored_at is None:
            return "late" if now - self.issued_at > LATE_AFTER else ""
        if not default_storage.exists(self.name):
            return "missing"
        with default_storage.open(self.name) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return "" if digest == self.sha256 else "altered"


def ask_for(*, document: IssuedDocument) -> None:
    """Have the PDF of a document made once the caller's transaction is committed.

    The row is what has to be done; should the message be lost, the beat finds the row.
    """
    DocumentFile.objects.create(workspace=document.workspace, document=document)
    calls.after_commit(
        "invoices.tasks.make_document_file",
        workspace_id=document.workspace_id,
        document_id=document.pk,
    )


def find_unmade() -> list[tuple[int, int]]:
    """Return workspace and id of documents without a PDF, as the operator sees them."""
    return [(workspace, of) for workspace, of in read_as_operator(FIND_UNMADE, {"most": MOST})]


def make(*, workspace_id: int, document_id: int, now: datetime) -> bool:
    """Make and store the PDF of a document; False: it was made before, or is being made.

    Its row is locked meanwhile: of two workers one makes it. One that dies leaves at most a file
    that no row names.
    """
    with in_workspace(workspace_id):
        files = DocumentFile.objects.for_workspace(workspace_id).filter(
            document=document_id, stored_at=None
        )
        file = files.select_for_update(skip_locked=True).first()
        if file is None:
            return False
        issued = IssuedDocument.objects.for_workspace(workspace_id).get(pk=document_id)
        content = pdf.render(contents.read_with_logo(issued))
        file.name = default_storage.save(f"documents/{issued.number}.pdf", ContentFile(content))
        file.sha256 = hashlib.sha256(content).hexdigest()
        file.size = len(content)
        file.stored_at = now
        file.save(update_fields=["name", "sha256", "size", "stored_at"])
    return True


def read(document: IssuedDocument) -> bytes:
    """Return the PDF of a document as it was stored.

    Raises:
        NotMade: a worker has not made it yet.
        Damaged: it is missing, or not what was stored; `verify_documents` reports it.
    """
    file = DocumentFile.objects.for_workspace(document.workspace_id).get(document=document)
    if file.stored_at is None:
        raise NotMade(f"The PDF of {document} is being made.")
    try:
        with default_storage.open(file.name) as stored:
            content: bytes = stored.read()
    except FileNotFoundError:
        raise Damaged(f"The PDF of {document} is missing.") from None
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise Damaged(f"The PDF of {document} is not what was stored.")
    return content


def verify(*, now: datetime) -> Iterator[Fault | None]:
    """Yield for each document of the installation what is wrong with its file; None: nothing."""
    for row in read_as_operator(LIST_STORED):
        stored = Stored(*row)
        fault = stored.find_fault(now=now)
        yield Fault(stored.number, fault, stored.name) if fault else None
