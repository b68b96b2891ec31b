"""Invoices over HTTP, for programs."""

import hashlib
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.http import HttpResponse
from django.test import Client

from accounts.models import AuditEntry, Scope, Workspace
from accounts.tenancy import in_workspace
from invoices import documents, files
from invoices.issued import DocumentFile, IssuedDocument
from invoices.models import OrderType
from tests import make
from tests.invoices import buying
from tests.invoices.test_document_pages import begin_contract
from tests.pages import count_reads

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])


@pytest.fixture
def acme() -> Workspace:
    return make.workspace("acme")


class Program:
    """A program with a key of a workspace."""

    def __init__(self, of: Workspace) -> None:
        secret = make.api_key(of, Scope.READ_INVOICES, name="books")
        self.headers = {"Authorization": f"Bearer {secret}"}

    def get(self, query: str = "") -> HttpResponse:
        return Client().get(f"/api/v1/invoices{query}", headers=self.headers)  # type: ignore[return-value]  # as the client wraps it

    def read(self, query: str = "") -> list[dict[str, Any]]:
        answer = self.get(query)
        assert answer.status_code == 200, answer.content
        found: list[dict[str, Any]] = answer.json()["invoices"]  # type: ignore[attr-defined]
        return found

    def numbers(self, query: str = "") -> list[str]:
        return [one["number"] for one in self.read(query)]


@pytest.fixture
def program(acme: Workspace) -> Program:
    return Program(acme)


def have_pdf(document: IssuedDocument) -> None:
    files.make(workspace_id=document.workspace_id, document_id=document.pk, now=make.NOON)


def test_documents_are_listed_newest_first(acme: Workspace, program: Program) -> None:
    placed = buying.paid(acme, "1234.5")
    invoice, note = buying.invoice(placed), buying.credit(placed, "34.5")
    have_pdf(invoice)

    found = program.read()

    assert [one["number"] for one in found] == [note.number, invoice.number]
    with in_workspace(acme.pk):
        sha256 = DocumentFile.objects.get(document=invoice).sha256
    assert found[1] == {
        "number": "ACME-2026-000001",
        "kind": "invoice",
        "issued_on": "2026-03-02",
        "due_on": None,
        "order": "O-000001",
        "currency": "USD",
        "net": "1234.50",
        "tax": "0.00",
        "gross": "1234.50",
        "credited": "34.50",
        "status": "paid",
        "corrects": None,
        "pdf": "/api/v1/invoices/ACME-2026-000001.pdf",
        "sha256": sha256,
    }
    assert (found[0]["kind"], found[0]["corrects"]) == ("credit_note", invoice.number)
    assert found[0]["sha256"] is None


def test_pages_by_cursor(acme: Workspace, program: Program) -> None:
    for number in range(5):
        buying.paid(acme, key=f"many:{number}")

    first = program.get("?limit=2").json()  # type: ignore[attr-defined]
    buying.paid(acme, key="newer")
    second = program.get(f"?limit=2&cursor={first['next']}").json()  # type: ignore[attr-defined]
    third = program.get(f"?limit=2&cursor={second['next']}").json()  # type: ignore[attr-defined]

    pages = [[one["number"][-1] for one in page["invoices"]] for page in (first, second, third)]
    assert pages == [["5", "4"], ["3", "2"], ["1"]]
    assert third["next"] is None
    assert program.get("?cursor=x").status_code == 400


def test_filters(acme: Workspace, program: Program) -> None:
    old = buying.invoice(buying.paid(acme))
    placed = buying.order(acme, "60", type=OrderType.RENEWAL, at=make.LONG_AFTER)
    documents.issue_for(order=placed, at=make.LONG_AFTER)
    late = buying.invoice(placed)
    day = late.issued_on.isoformat()

    assert program.numbers(f"?since={day}") == [late.number]
    assert program.numbers(f"?until={day}") == [old.number]
    assert program.numbers("?kind=credit_note") == []
    assert program.read(f"?since={day}")[0]["due_on"] == placed.due_on.isoformat()  # type: ignore[union-attr]
    assert program.get("?since=2026-02-30").status_code == 422


def test_nothing_of_another_workspace(acme: Workspace, program: Program) -> None:
    theirs = buying.invoice(buying.paid(make.workspace("globex")))
    have_pdf(theirs)

    assert program.numbers() == []
    assert program.get(f"/{theirs.number}.pdf").status_code == 404


def test_pdf_is_downloaded_and_audited(acme: Workspace, program: Program) -> None:
    invoice = buying.invoice(buying.paid(acme))
    path = f"/{invoice.number}.pdf"
    assert program.get(path).json()["code"] == "not_made"  # type: ignore[attr-defined]
    have_pdf(invoice)

    answer = program.get(path)

    assert answer.headers["Content-Type"] == "application/pdf"
    assert hashlib.sha256(answer.content).hexdigest() == program.read()[0]["sha256"]
    with in_workspace(acme.pk):
        entry = AuditEntry.objects.for_workspace(acme).get(action="invoice.downloaded")
        name = DocumentFile.objects.get(document=invoice).name
    assert (entry.actor_kind, entry.actor_name, entry.target) == ("key", "books", invoice.number)
    default_storage.delete(name)
    assert program.get(path).status_code == 503


def test_documents_stay_under_a_contract(acme: Workspace, program: Program) -> None:
    invoice = buying.invoice(buying.paid(acme))
    begin_contract(acme)
    have_pdf(invoice)

    assert program.numbers() == [invoice.number]
    assert program.get(f"/{invoice.number}.pdf").status_code == 200


def test_as_many_queries_for_one_as_for_many(acme: Workspace, program: Program) -> None:
    buying.paid(acme)
    program.get()
    few = count_reads(program.get)
    for number in range(5):
        buying.credit(buying.paid(acme, key=f"many:{number}"), "1")

    assert count_reads(program.get) == few
