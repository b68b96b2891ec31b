"""Bundles are made by a worker: one PDF at a time, in as little memory for many as for one."""

import logging
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from functools import partial
from tempfile import TemporaryFile
from typing import IO, NamedTuple
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from django.core.files.storage import default_storage
from django.db.models.functions import Now

from accounts.exports import Value, write_csv
from accounts.tenancy import in_workspace
from invoices import claims, files, proof_files
from invoices.bundled import BundleState, DocumentBundle
from invoices.bundles import KEPT
from invoices.claims import FAILURE, LEASE, SAYS_SO, Lost, Progress
from invoices.issued import IssuedDocument
from plans.wording import write

logger = logging.getLogger(__name__)

WAITS = 30.0  # seconds in all for PDFs that other workers are making
INDEX = "index.csv"
COLUMNS = (
    "number", "kind", "issued_on", "order", "currency", "net", "tax", "gross", "state", "file",
    "sha256",
)  # fmt: skip
NOT_MADE, DAMAGED, INCLUDED = "not made yet", "damaged", "included"


class Packed(NamedTuple):
    """A document of a bundle: whether its PDF is in it, and its line of the index."""

    state: str
    line: list[Value]


def make(*, workspace_id: int, bundle_id: int, now: datetime) -> bool:
    """Make a bundle; False: there is nothing to do, or another worker does it."""
    bundle = claim(workspace_id, bundle_id)
    if bundle is None:
        return False
    try:
        with TemporaryFile() as file:
            missing = pack_proof(bundle, file) if bundle.proves_id else pack(bundle, file, now=now)
            finish(bundle, file, missing=missing)
    except Lost:
        default_storage.delete(bundle.name)
        return False
    except Exception:
        logger.exception("bundle %s of workspace %s", bundle_id, workspace_id)
        fail(bundle)
        return False
    return True


def claim(workspace_id: int, bundle_id: int) -> DocumentBundle | None:
    """Take a bundle that nobody makes; None: there is nothing to do."""
    with in_workspace(workspace_id):
        bundles = DocumentBundle.objects.for_workspace(workspace_id).filter(pk=bundle_id)
        name = f"bundles/{workspace_id}-{bundle_id}-{{attempt}}.zip"
        return claims.claim(bundles, name=name, missing=0)


def hold(bundle: DocumentBundle, **values: object) -> None:
    """Change the row of a bundle whose claim holds.

    Raises:
        Lost: it does not.
    """
    with in_workspace(bundle.workspace_id):
        claims.hold(DocumentBundle.objects.for_workspace(bundle.workspace_id), bundle, values)


def fail(bundle: DocumentBundle) -> None:
    """Say that a bundle could not be made; whoever asked may try again."""
    with suppress(Lost):
        hold(bundle, state=BundleState.FAILED, failure=FAILURE, claimed_until=None)
    default_storage.delete(bundle.name)


def pack(bundle: DocumentBundle, file: IO[bytes], *, now: datetime) -> int:
    """Write the ZIP file; return how many documents are not in it.

    PDFs that are not made are made here, or waited for while another worker makes them; what is
    not there by then is named in the index, which has a line for each document.
    """
    lines: dict[int, Packed] = {}
    progress = Progress(partial(hold, bundle))
    with ZipFile(file, "w", ZIP_STORED) as archive:  # PDFs are compressed
        for document_id in in_turn(bundle, lines):
            lines[document_id] = pack_one(bundle, document_id, archive, now=now)
            progress.tell(len(lines))
        index = [lines[document_id].line for document_id in bundle.documents]
        archive.writestr(INDEX, "".join(write_csv(COLUMNS, index)))
    return sum(packed.state != INCLUDED for packed in lines.values())


def pack_proof(bundle: DocumentBundle, file: IO[bytes]) -> int:
    """Prove a document and write the ZIP file of that; nothing can be missing in it."""
    progress = Progress(partial(hold, bundle))
    progress.fall_silent()
    bundle.result = proof_files.pack(bundle, file, progress=progress.tell)
    return 0


def in_turn(bundle: DocumentBundle, lines: dict[int, Packed]) -> Iterator[int]:
    """Yield the documents, and again those whose PDF was not there, for a while."""
    yield from bundle.documents
    give_up = time.monotonic() + WAITS
    while time.monotonic() < give_up:
        again = [one for one in bundle.documents if lines[one].state == NOT_MADE]
        if not again:
            return
        time.sleep(SAYS_SO)
        yield from again


def pack_one(
    bundle: DocumentBundle, document_id: int, archive: ZipFile, *, now: datetime
) -> Packed:
    """Add one document to the ZIP file, made before if need be."""
    make_file(bundle, document_id, now=now)
    with in_workspace(bundle.workspace_id):
        documents = IssuedDocument.objects.for_workspace(bundle.workspace_id).defer("content")
        related = documents.select_related("currency", "order", "file")
        document = related.get(pk=document_id)
        try:
            content = files.read(document)
        except files.NotMade:
            return describe(document, NOT_MADE)
        except files.Damaged as error:
            logger.error("left out of bundle %s: %s", bundle.pk, error)
            return describe(document, DAMAGED)
    day = document.issued_on
    entry = ZipInfo(f"{document.number}.pdf", (max(day.year, 1980), day.month, day.day, 0, 0, 0))
    archive.writestr(entry, content)
    return describe(document, INCLUDED)


def make_file(bundle: DocumentBundle, document_id: int, *, now: datetime) -> None:
    """Make the PDF of a document that has none; one that cannot be made is left to the index."""
    try:
        files.make(workspace_id=bundle.workspace_id, document_id=document_id, now=now)
    except Exception:
        logger.exception("document %s of bundle %s", document_id, bundle.pk)


def describe(document: IssuedDocument, state: str) -> Packed:
    """Return the line of the index of a document."""
    amounts = [
        write(amount, document.currency) for amount in (document.net, document.tax, document.gross)
    ]
    line: list[Value] = [
        document.number,
        document.kind,
        document.issued_on.isoformat(),
        str(document.order),
        document.currency_id,
        *amounts,
        state,
        f"{document.number}.pdf" if state == INCLUDED else "",
        document.file.sha256,
    ]
    return Packed(state, line)


def finish(bundle: DocumentBundle, file: IO[bytes], *, missing: int) -> None:
    """Store the ZIP file and say that it is ready.

    Raises:
        Lost: the bundle was canceled, or another worker has it.
    """
    hold(bundle, done=bundle.total, claimed_until=Now() + LEASE)
    done = claims.store(bundle, file)
    hold(bundle, missing=missing, result=bundle.result, expires_at=Now() + KEPT, **done)
