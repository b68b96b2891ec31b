import contextlib
import hashlib
import json
import signal
import time
from datetime import UTC, datetime, timedelta
from io import BytesIO, StringIO
from typing import Any

import pikepdf
import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import DatabaseError

from accounts.models import Workspace
from accounts.tenancy import in_workspace
from invoices import files, orders, tasks
from invoices.issued import DocumentFile, IssuedDocument
from tests import make
from tests.at_once import at_once
from tests.conftest import WorkerStarter
from tests.invoices import buying

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])


def issue(of: Workspace) -> IssuedDocument:
    placed = buying.order(of)
    orders.complete(order=placed, at=make.NOON)
    with in_workspace(of.pk):
        return IssuedDocument.objects.for_workspace(of).get(order=placed)


def file_of(document: IssuedDocument) -> DocumentFile:
    with in_workspace(document.workspace_id):
        return DocumentFile.objects.for_workspace(document.workspace_id).get(document=document)


def make_file(document: IssuedDocument) -> bool:
    return files.make(workspace_id=document.workspace_id, document_id=document.pk, now=make.NOON)


def read(document: IssuedDocument) -> bytes:
    with in_workspace(document.workspace_id):
        return files.read(document)


def verify() -> list[dict[str, Any]]:
    """Return the faults that the command prints; it fails where there are some."""
    said = StringIO()
    with contextlib.suppress(CommandError):
        call_command("verify_documents", stdout=said)
    *faults, summary = [json.loads(line) for line in said.getvalue().splitlines()]
    assert summary["faults"] == len(faults)
    return faults


@pytest.fixture
def acme() -> Workspace:
    return make.workspace("acme")


def test_pdf_is_made_once_and_served_as_it_was_stored(acme: Workspace) -> None:
    document = issue(acme)
    with pytest.raises(files.NotMade):
        read(document)

    assert make_file(document)
    assert not make_file(document)

    content = read(document)
    stored = file_of(document)
    assert stored.sha256 == hashlib.sha256(content).hexdigest()
    assert (stored.size, stored.stored_at) == (len(content), make.NOON)
    with pikepdf.open(BytesIO(content)) as pdf:
        assert "factur-x.xml" in pdf.attachments
    assert verify() == []


def test_workers_make_the_pdfs_of_what_was_issued(
    acme: Workspace, start_worker: WorkerStarter
) -> None:
    start_worker()

    document = issue(acme)

    wait_for(document)
    assert read(document).startswith(b"%PDF")


def test_beat_finds_what_redis_lost(acme: Workspace, start_worker: WorkerStarter) -> None:
    from billing_console.celery import app

    document = issue(acme)
    app.control.purge()
    start_worker()

    tasks.find_unmade_files.delay()

    wait_for(document)


def test_worker_killed_while_it_makes_a_pdf_leaves_it_to_the_next(
    acme: Workspace, start_worker: WorkerStarter
) -> None:
    documents = [issue(acme) for _ in range(4)]
    killed = start_worker()
    tasks.find_unmade_files.delay()
    time.sleep(0.4)
    killed.end(signal.SIGKILL)
    start_worker()

    tasks.find_unmade_files.delay()

    for document in documents:
        wait_for(document)
    assert verify() == []


def wait_for(document: IssuedDocument) -> None:
    give_up = time.monotonic() + 60
    while file_of(document).stored_at is None:
        assert time.monotonic() < give_up, "no worker made the PDF"
        time.sleep(0.2)


def test_two_workers_at_once_make_one_pdf(acme: Workspace) -> None:
    document = issue(acme)
    made: list[bool] = []

    raised = at_once(*[lambda: made.append(make_file(document))] * 3)

    assert raised == [None] * 3
    assert sorted(made) == [False, False, True]


def test_missing_altered_and_late_files_are_reported(acme: Workspace) -> None:
    missing, altered, late = (issue(acme) for _ in range(3))
    for document in (missing, altered):
        make_file(document)
    default_storage.delete(file_of(missing).name)
    name = file_of(altered).name
    default_storage.delete(name)
    assert default_storage.save(name, ContentFile(b"%PDF-1.7 another")) == name

    with pytest.raises(CommandError, match="3 of 3 documents have no PDF as it was stored"):
        call_command("verify_documents", stdout=StringIO())
    faults = verify()

    assert [(fault["number"], fault["fault"]) for fault in faults] == [
        (missing.number, "missing"), (altered.number, "altered"), (late.number, "late"),
    ]  # fmt: skip
    for document in (missing, altered):
        with pytest.raises(files.Damaged):
            read(document)


def test_file_of_the_last_hour_is_not_late(acme: Workspace) -> None:
    placed = buying.order(acme)
    orders.complete(order=placed, at=datetime.now(UTC) - timedelta(minutes=59))

    assert verify() == []


def test_where_a_file_is_is_said_once(acme: Workspace) -> None:
    document = issue(acme)
    make_file(document)

    with pytest.raises(DatabaseError, match="never changed"), in_workspace(acme.pk):
        DocumentFile.objects.filter(document=document).update(sha256="0" * 64)


def test_other_workspaces_files_are_not_made(acme: Workspace) -> None:
    document = issue(acme)
    globex = make.workspace("globex")

    assert not files.make(workspace_id=globex.pk, document_id=document.pk, now=make.NOON)
    assert file_of(document).stored_at is None
