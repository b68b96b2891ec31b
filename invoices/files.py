"""The PDFs of documents and statements: made once by a worker, stored with their checksum.

Those of documents are made when these are issued, those of statements when somebody wants them.
They are served from the storage.
"""

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage

from accounts import calls
from accounts.models import Bot
from accounts.tenancy import in_workspace, read_as_operator
from invoices import contents
from invoices.issued import DocumentFile, IssuedDocument
from invoices.stated import UsageStatement

LATE_AFTER = timedelta(hours=1)  # a PDF that is not made by then is reported
# Index document_file_unmade.
FIND_UNMADE = """
SELECT workspace_id, id FROM invoices_documentfile WHERE stored_at IS NULL
ORDER BY id LIMIT %(most)s
"""
MOST = 2000  # found at a time; the next beat finds more
LIST_STORED = """
SELECT coalesce(document.number, concat_ws(' ', 'statement', workspace.slug,
        to_char(statement.month, 'YYYY-MM'), bot.key)),
    file.name, file.sha256, file.size, file.stored_at, coalesce(document.issued_at, file.asked_at)
FROM invoices_documentfile file
LEFT JOIN invoices_issueddocument document ON document.id = file.document_id
LEFT JOIN invoices_usagestatement statement ON statement.id = file.statement_id
LEFT JOIN accounts_workspace workspace ON workspace.id = statement.workspace_id
LEFT JOIN accounts_bot bot ON bot.id = file.bot_id
ORDER BY document.id, statement.id, bot.id
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
    """A file as the database knows it; ``stored_at`` None: it is not made yet.

    ``asked_at``: since when it is to be made; of a document, when that was issued.
    """

    number: str
    name: str
    sha256: str
    size: int
    stored_at: datetime | None
    asked_at: datetime

    def find_fault(self, *, now: datetime) -> str:
        """Return what is wrong with it; empty: nothing."""
        if self.stored_at is None:
            return "late" if now - self.asked_at > LATE_AFTER else ""
        if not default_storage.exists(self.name):
            return "missing"
        with default_storage.open(self.name) as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return "" if digest == self.sha256 else "altered"


def ask_for(*, document: IssuedDocument) -> None:
    """Have the PDF of a document made once the caller's transaction is committed.

    The row is what has to be done; should the message be lost, the beat finds the row.
    """
    file = DocumentFile.objects.create(workspace=document.workspace, document=document)
    call(file)


def ask_for_statement(*, statement: UsageStatement, bot: Bot | None, at: datetime) -> DocumentFile:
    """Have the PDF of a statement, or of one bot's part, made; return its row. Safe to repeat."""
    file, created = DocumentFile.objects.for_workspace(statement.workspace_id).get_or_create(
        workspace=statement.workspace, statement=statement, bot=bot, defaults={"asked_at": at}
    )
    if created:
        call(file)
    return file


def find_of_statement(*, statement: UsageStatement, bot: Bot | None) -> DocumentFile | None:
    """Return the row of a statement's PDF, or of one bot's part; None: nobody asked for it yet."""
    files = DocumentFile.objects.for_workspace(statement.workspace_id)
    return files.filter(statement=statement, bot=bot).first()


def call(file: DocumentFile) -> None:
    """Call for a worker once the caller's transaction is committed."""
    calls.after_commit("invoices.tasks.make_file", workspace_id=file.workspace_id, file_id=file.pk)


def find_unmade() -> list[tuple[int, int]]:
    """Return workspace and id of files that are to be made, as the operator sees them."""
    return [(workspace, of) for workspace, of in read_as_operator(FIND_UNMADE, {"most": MOST})]


def make(*, workspace_id: int, document_id: int, now: datetime) -> bool:
    """Make and store the PDF of a document, as `make_file`."""
    with in_workspace(workspace_id):
        files = DocumentFile.objects.for_workspace(workspace_id).filter(document=document_id)
        file_id = files.values_list("pk", flat=True).first()
    return file_id is not None and make_file(workspace_id=workspace_id, file_id=file_id, now=now)


def make_file(*, workspace_id: int, file_id: int, now: datetime) -> bool:
    """Make and store a PDF; False: it was made before, or is being made.

    Its row is locked meanwhile: of two workers one makes it. One that dies leaves at most a file
    that no row names.
    """
    with in_workspace(workspace_id):
        files = DocumentFile.objects.for_workspace(workspace_id).filter(pk=file_id, stored_at=None)
        file = files.select_for_update(skip_locked=True).first()
        if file is None:
            return False
        content, name = draw(file)
        file.name = default_storage.save(name, ContentFile(content))
        file.sha256 = hashlib.sha256(content).hexdigest()
        file.size = len(content)
        file.stored_at = now
        file.save(update_fields=["name", "sha256", "size", "stored_at"])
    return True


def draw(file: DocumentFile) -> tuple[bytes, str]:
    """Return the content of a file, and its name in the storage."""
    # What draws is loaded by who draws: it takes a third of the time in which a command starts.
    from invoices import pdf, statement_pdf

    if file.statement is None:
        documents = IssuedDocument.objects.for_workspace(file.workspace_id)
        issued = documents.get(file=file)
        return pdf.render(contents.read_with_logo(issued)), f"documents/{issued.number}.pdf"
    content = statement_pdf.render(file.statement, bot_id=file.bot_id)
    part = f"-bot-{file.bot_id}" if file.bot_id else ""
    return content, f"statements/{file.workspace_id}/{file.statement}{part}.pdf"


def read(document: IssuedDocument) -> bytes:
    """Return the PDF of a document as it was stored; raises what `read_file` does."""
    files = DocumentFile.objects.for_workspace(document.workspace_id)
    return read_file(files.select_related("document").get(document=document))


def read_file(file: DocumentFile) -> bytes:
    """Return a PDF as it was stored.

    Raises:
        NotMade: a worker has not made it yet.
        Damaged: it is missing, or not what was stored; `verify_documents` reports it.
    """
    if file.stored_at is None:
        raise NotMade(f"The PDF of {file.says} is being made.")
    try:
        with default_storage.open(file.name) as stored:
            content: bytes = stored.read()
    except FileNotFoundError:
        raise Damaged(f"The PDF of {file.says} is missing.") from None
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise Damaged(f"The PDF of {file.says} is not what was stored.")
    return content


def verify(*, now: datetime) -> Iterator[Fault | None]:
    """Yield for each file of the installation what is wrong with its file; None: nothing."""
    for row in read_as_operator(LIST_STORED):
        stored = Stored(*row)
        fault = stored.find_fault(now=now)
        yield Fault(stored.number, fault, stored.name) if fault else None
