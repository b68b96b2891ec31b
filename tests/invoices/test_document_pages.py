"""Invoices and credit notes as pages and PDFs, and those of a workspace under a contract."""

import hashlib
import logging
from datetime import date, timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client

from accounts import bots
from accounts.models import AuditEntry, Role, Workspace
from accounts.tenancy import in_workspace
from invoices import document_queries, documents, files, orders, refunds
from invoices.document_queries import DocumentStatus
from invoices.issued import DocumentFile, IssuedDocument
from invoices.models import Order, OrderType
from plans import billing, grants
from tests import make
from tests.invoices import buying
from tests.invoices.test_wire import note
from tests.pages import count_reads, sign_in, words

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

DAY = timedelta(days=1)
TODAY = make.NOON.date()


@pytest.fixture
def acme() -> Workspace:
    return make.workspace("acme")


@pytest.fixture
def client(acme: Workspace) -> Client:
    return sign_in(make.member(acme))


def page_of(document: IssuedDocument) -> str:
    return f"/w/{document.workspace.slug}/invoices/{document.number}/"


def pdf_of(document: IssuedDocument) -> str:
    return f"/w/{document.workspace.slug}/invoices/{document.number}.pdf"


def have_pdf(document: IssuedDocument) -> None:
    files.make(workspace_id=document.workspace_id, document_id=document.pk, now=make.NOON)


def stored(document: IssuedDocument) -> DocumentFile:
    with in_workspace(document.workspace_id):
        return DocumentFile.objects.for_workspace(document.workspace_id).get(document=document)


def status(document: IssuedDocument, today: date = TODAY) -> DocumentStatus:
    with in_workspace(document.workspace_id):
        found = document_queries.find_documents(document.workspace_id).get(pk=document.pk)
        return document_queries.find_status(found, today=today)


def downloads(of: Workspace) -> list[tuple[str, str, str]]:
    with in_workspace(of.pk):
        entries = AuditEntry.objects.for_workspace(of).filter(action__endswith=".downloaded")
        return list(entries.order_by("pk").values_list("action", "target", "actor_name"))


def begin_contract(of: Workspace) -> None:
    """Have a contract begin the day after noon."""
    with in_workspace(of.pk):
        billing.open_billing(workspace=of, at=make.NOON)
    day = (make.NOON + DAY).date()
    grants.begin_contract(workspace=of, day=day, reason="Signed.", at=make.NOON)


def renewal(of: Workspace) -> Order:
    """Place a renewal that is due at noon's day, with its invoice."""
    placed = buying.order(of, "60", type=OrderType.RENEWAL)
    documents.issue_for(order=placed, at=make.NOON)
    return placed


def test_page_says_what_the_invoice_says(acme: Workspace, client: Client) -> None:
    make.billing_details(acme, legal_name="شركة النور", street="١٢ شارع الملك فهد")
    bot = bots.create(workspace=acme, key="evil", name="<script>alert(1)</script>")[0]
    invoice = buying.invoice(buying.paid(acme, "1234.5", bot=bot))

    page = client.get(page_of(invoice))

    said = words(page).replace("\N{NO-BREAK SPACE}", " ")
    assert f"Invoice {invoice.number}" in said
    assert "Paid 1,234.50 USD" in said
    assert "What is invoiced, in USD" in said
    assert "شركة النور" in said
    assert '<span dir="auto">١٢ شارع الملك فهد</span>' in page.content.decode()
    assert "<script>alert" not in page.content.decode()
    assert "/w/acme/orders/1/" in page.content.decode()


def test_credit_note_and_invoice_lead_to_each_other(acme: Workspace, client: Client) -> None:
    placed = buying.paid(acme)
    invoice, note = buying.invoice(placed), buying.credit(placed, "40")

    assert f'href="{page_of(note)}"' in client.get(page_of(invoice)).content.decode()
    page = client.get(page_of(note))
    assert f'href="{page_of(invoice)}"' in page.content.decode()
    assert f"It corrects invoice {invoice.number}" in words(page)


def test_status_comes_of_the_order_and_the_credit_notes(acme: Workspace) -> None:
    placed = renewal(acme)
    invoice = buying.invoice(placed)
    assert status(invoice) == DocumentStatus.DUE
    assert status(invoice, TODAY + DAY) == DocumentStatus.OVERDUE

    note = buying.credit(placed, "20")
    assert status(note) == DocumentStatus.SET_OFF
    assert status(invoice) == DocumentStatus.DUE

    orders.complete(order=placed, at=make.NOON)
    assert status(invoice) == DocumentStatus.PAID
    assert status(note) == DocumentStatus.TO_PAY_BACK

    buying.credit(placed, "40")
    assert status(invoice) == DocumentStatus.CREDITED


def test_refunded_order_is_credited(acme: Workspace) -> None:
    placed = buying.paid(acme)

    note = refunds.refund(order=placed, expected=placed.gross, reason="Asked for.", at=make.NOON)

    assert status(buying.invoice(placed)) == DocumentStatus.CREDITED
    assert status(note) == DocumentStatus.TO_PAY_BACK


def test_pdf_is_downloaded_as_it_was_stored(acme: Workspace, client: Client) -> None:
    invoice = buying.invoice(buying.paid(acme))
    have_pdf(invoice)

    answer = client.get(pdf_of(invoice))

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/pdf"
    assert answer.headers["Content-Disposition"] == f'attachment; filename="{invoice.number}.pdf"'
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "no-store" in answer.headers["Cache-Control"]
    assert "private" in answer.headers["Cache-Control"]
    assert hashlib.sha256(answer.content).hexdigest() == stored(invoice).sha256
    assert downloads(acme) == [("invoice.downloaded", invoice.number, "owner@acme.example")]
    assert client.head(pdf_of(invoice)).status_code == 405


def test_pdf_that_is_being_made_is_waited_for(acme: Workspace, client: Client) -> None:
    invoice = buying.invoice(buying.paid(acme))
    asking = {"HX-Request": "true"}

    answer = client.get(pdf_of(invoice))
    assert (answer.status_code, answer.headers["Retry-After"]) == (202, "5")
    assert f"The PDF of {invoice.number} is being made" in words(answer)
    assert '<meta http-equiv="refresh" content="5">' in answer.content.decode()
    assert client.get(pdf_of(invoice), headers=asking).status_code == 204
    assert downloads(acme) == []

    have_pdf(invoice)
    assert "Download PDF" in words(client.get(pdf_of(invoice), headers=asking))
    assert downloads(acme) == []
    assert client.get(pdf_of(invoice)).status_code == 200


@pytest.mark.parametrize("how", ["missing", "altered"])
def test_damaged_pdf_is_not_handed_out(
    acme: Workspace, client: Client, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    invoice = buying.invoice(buying.paid(acme))
    have_pdf(invoice)
    name = stored(invoice).name
    default_storage.delete(name)
    if how == "altered":
        assert default_storage.save(name, ContentFile(b"%PDF-")) == name

    with caplog.at_level(logging.ERROR):
        answer = client.get(pdf_of(invoice))

    assert answer.status_code == 503
    assert "is missing or not what was stored" in words(answer)
    assert invoice.number in caplog.text
    assert downloads(acme) == []


def test_member_sees_documents_of_their_orders(acme: Workspace) -> None:
    member = make.member(acme, Role.MEMBER)
    theirs = buying.invoice(buying.paid(acme, buyer=member.user))
    other = buying.invoice(buying.paid(acme, buyer=make.member(acme).user))
    client = sign_in(member)

    assert client.get(page_of(theirs)).status_code == 200
    assert client.get(page_of(other)).status_code == 404
    assert client.get(pdf_of(other)).status_code == 404


def test_number_of_another_workspace_is_unknown(acme: Workspace, client: Client) -> None:
    theirs = buying.invoice(buying.paid(make.workspace("globex")))
    have_pdf(theirs)

    for path in ("", ".pdf"):
        address = f"/w/acme/invoices/{theirs.number}{path}" + ("" if path else "/")
        assert client.get(address).status_code == 404


@pytest.fixture
def contracted(acme: Workspace) -> IssuedDocument:
    """Make an invoice in a workspace that is under a contract by now."""
    invoice = buying.invoice(buying.paid(acme, buyer=make.member(acme, Role.MEMBER).user))
    begin_contract(acme)
    have_pdf(invoice)
    return invoice


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN, Role.FINANCE])
def test_documents_stay_under_a_contract(contracted: IssuedDocument, role: Role) -> None:
    client = sign_in(make.member(contracted.workspace, role))

    listed = client.get("/w/acme/settings/documents")

    assert contracted.number in words(listed)
    assert f'href="{pdf_of(contracted)}"' in listed.content.decode()
    assert client.get(page_of(contracted)).status_code == 200
    assert client.get(pdf_of(contracted)).content.startswith(b"%PDF")
    assert "/w/acme/orders/" not in client.get(page_of(contracted)).content.decode()
    assert client.get("/w/acme/orders/1/").status_code == 404


def test_member_has_no_documents_under_a_contract(contracted: IssuedDocument) -> None:
    client = sign_in(make.member(contracted.workspace, Role.MEMBER))

    for address in (page_of(contracted), pdf_of(contracted), "/w/acme/orders/1/"):
        assert client.get(address).status_code == 404
    assert client.get("/w/acme/settings/documents").status_code == 403
    assert downloads(contracted.workspace) == []


def test_what_is_owed_can_be_paid_under_a_contract(acme: Workspace, client: Client) -> None:
    placed = renewal(acme)
    begin_contract(acme)

    assert "Go to the payment page" in words(client.get(f"/w/acme/orders/{placed.number}/"))
    orders.complete(order=placed, at=make.NOON)
    assert client.get(f"/w/acme/orders/{placed.number}/").status_code == 404


def test_without_a_contract_documents_are_with_the_orders(acme: Workspace, client: Client) -> None:
    answer = client.get("/w/acme/settings/documents")

    assert (answer.status_code, answer.headers["Location"]) == (302, "/w/acme/orders/")


def test_tabs_of_an_order(acme: Workspace, client: Client) -> None:
    placed = buying.paid(acme, bot=make.bot(acme))
    number, note = buying.invoice(placed).number, buying.credit(placed, "10")
    address = f"/w/acme/orders/{placed.number}/"

    assert "Credits for support" in words(client.get(address))
    assert "No payments yet" in words(client.get(f"{address}?tab=payments"))
    said = words(client.get(f"{address}?tab=documents"))
    assert f"{number} Invoice 2 Mar 2026 Paid" in said
    assert f"{note.number} Credit note 2 Mar 2026 Set off" in said
    said = words(client.get(f"{address}?tab=activity"))
    for what in ("Order: placed", "Order: completed", f"Invoice: issued, {number}",
                 f"Credit note: issued, {note.number}"):  # fmt: skip
        assert what in said
    assert words(client.get(f"{address}?tab=nothing")) == words(client.get(address))


def test_activity_has_what_was_noted_of_a_transfer(acme: Workspace, client: Client) -> None:
    payment = buying.wire(acme)
    note(payment, f"{payment.order.gross}")

    said = words(client.get(f"/w/acme/orders/{payment.order.number}/?tab=activity"))

    assert "Transfer: noted" in said
    assert "Order: completed" in said


def test_activity_names_nobody_to_a_member(acme: Workspace) -> None:
    member = make.member(acme, Role.MEMBER)
    placed = buying.paid(acme, buyer=member.user)
    invoice = buying.invoice(placed)
    have_pdf(invoice)
    for who in (make.member(acme), member):
        sign_in(who).get(pdf_of(invoice))

    said = words(sign_in(member).get(f"/w/acme/orders/{placed.number}/?tab=activity"))

    assert f"Invoice: downloaded, {invoice.number} You" in said
    assert f"Invoice: downloaded, {invoice.number} Somebody else" in said
    assert "owner@acme.example" not in said
    assert "Before and after" not in said


def test_activity_is_of_this_order_alone(acme: Workspace, client: Client) -> None:
    buying.paid(make.workspace("globex"), key="same")
    other = buying.invoice(buying.paid(acme, key="other"))
    placed = buying.paid(acme, key="same")

    said = words(client.get(f"/w/acme/orders/{placed.number}/?tab=activity"))

    assert said.count("Order: placed") == 1
    assert other.number not in said


def test_documents_need_as_many_queries_for_one_as_for_many(
    contracted: IssuedDocument, client: Client
) -> None:
    address = "/w/acme/settings/documents"
    client.get(address)
    few = count_reads(lambda: client.get(address))
    for number in range(5):
        placed = buying.paid(contracted.workspace, key=f"many:{number}")
        buying.credit(placed, "1")

    assert count_reads(lambda: client.get(address)) == few
