"""Orders & Invoices as finance uses it: a browser on the list, an order, an invoice, a ZIP file."""

import zipfile
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from accounts import bots
from accounts.models import Membership, Role, Workspace
from accounts.tenancy import in_workspace
from invoices import bundles, bundling, documents, files
from invoices.issued import DocumentFile, IssuedDocument
from invoices.models import OrderType
from tests import make
from tests.browser.people import check_accessibility, check_width, sign_in
from tests.invoices import buying

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "operator"]),
    pytest.mark.browser,
]

LIST = "/w/acme/orders/"


@pytest.fixture
def acme() -> Workspace:
    acme = make.workspace("acme", name="Acme Ltd")
    make.billing_details(acme, legal_name="شركة النور", street="١٢ شارع الملك فهد")
    return acme


@pytest.fixture
def finance(acme: Workspace) -> Membership:
    return make.member(acme, Role.FINANCE)


@pytest.fixture
def invoice(acme: Workspace) -> IssuedDocument:
    """Make orders, an invoice with its PDF, a credit note to it, and a renewal that is due."""
    bot = bots.create(workspace=acme, key="desk", name="Help <Desk>")[0]
    buying.paid(acme, "100", buyer=make.member(acme).user)
    placed = buying.paid(acme, "1250", bot=bot, at=make.NOON + timedelta(days=2))
    buying.credit(placed, "50")
    renewal = buying.order(acme, "60", type=OrderType.RENEWAL, at=make.NOON + timedelta(days=30))
    documents.issue_for(order=renewal, at=make.NOON + timedelta(days=30))
    found = buying.invoice(placed)
    files.make(workspace_id=acme.pk, document_id=found.pk, now=make.NOON)
    return found


def test_finance_filters_and_downloads_an_invoice(
    page: Page, finance: Membership, invoice: IssuedDocument, tmp_path: Path
) -> None:
    sign_in(page, finance.user.email)
    page.goto("/w/acme/usage/")
    page.get_by_role("link", name="Orders & Invoices").click()
    expect(page.locator("tbody tr")).to_have_count(3)

    page.get_by_label("Bot", exact=True).fill("desk")
    page.get_by_label("Order type").select_option("Credit purchase")
    page.get_by_role("button", name="Show").click()

    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page.get_by_text("Bot: Help <Desk>")).to_be_visible()
    with page.expect_download() as started:
        page.get_by_role("link", name=f"{invoice.number} as PDF").click()
    file = tmp_path / "invoice.pdf"
    started.value.save_as(file)
    assert started.value.suggested_filename == f"{invoice.number}.pdf"
    assert file.read_bytes().startswith(b"%PDF")

    page.get_by_role("link", name="Remove the filter Bot: Help <Desk>").click()
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_role("link", name="Clear filters").click()
    expect(page.locator("tbody tr")).to_have_count(3)


def test_by_keyboard_from_the_list_to_the_credit_note(
    page: Page, finance: Membership, invoice: IssuedDocument
) -> None:
    sign_in(page, finance.user.email)
    page.goto(LIST)

    page.get_by_role("link", name="O-000002").focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Documents").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Documents")).to_have_attribute("aria-current", "page")
    page.get_by_role("link", name=invoice.number, exact=True).focus()
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name=f"Invoice {invoice.number}")).to_be_visible()
    page.get_by_role("link", name="ACME-C-2026-000001").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Credit note ACME-C-2026-000001")).to_be_visible()


def test_pages_are_accessible_and_fit_a_phone(
    page: Page, finance: Membership, invoice: IssuedDocument
) -> None:
    sign_in(page, finance.user.email)
    due = "ACME-2026-000003"
    for address in (
        LIST, f"{LIST}?type=renewal&show=open", f"{LIST}?q=nothing", f"{LIST}?least=ten",
        f"{LIST}2/", f"{LIST}2/?tab=payments", f"{LIST}2/?tab=documents", f"{LIST}2/?tab=activity",
        f"/w/acme/invoices/{invoice.number}/", f"/w/acme/invoices/{due}/",
        f"/w/acme/invoices/{due}.pdf", f"{LIST}zips/",
    ):  # fmt: skip
        page.set_viewport_size({"width": 1400, "height": 900})
        page.goto(address)
        check_accessibility(page)
        check_width(page)


def test_pdf_that_is_being_made_appears(
    page: Page, finance: Membership, acme: Workspace, invoice: IssuedDocument
) -> None:
    sign_in(page, finance.user.email)
    page.goto("/w/acme/invoices/ACME-2026-000003.pdf")
    expect(page.get_by_text("is being made")).to_be_visible()

    with in_workspace(acme.pk):
        made = DocumentFile.objects.get(document__number="ACME-2026-000003")
    files.make_file(workspace_id=acme.pk, file_id=made.pk, now=make.NOON)

    with page.expect_download():
        page.get_by_role("link", name="Download PDF").click(timeout=10_000)


def test_zip_with_progress(
    page: Page, finance: Membership, acme: Workspace, invoice: IssuedDocument, tmp_path: Path
) -> None:
    sign_in(page, finance.user.email)
    page.goto(f"{LIST}?bot=desk")
    page.get_by_role("button", name="PDFs as ZIP").click()
    expect(page.get_by_text("0 of 2")).to_be_visible()
    page.get_by_role("button", name="Cancel").click()
    page.get_by_role("button", name="Try again").click()

    ((workspace_id, bundle_id),) = bundles.find_due()
    assert bundling.make(workspace_id=workspace_id, bundle_id=bundle_id, now=make.NOON)

    with page.expect_download() as started:
        page.get_by_role("link", name="Download ZIP").click(timeout=10_000)
    file = tmp_path / "documents.zip"
    started.value.save_as(file)
    names = zipfile.ZipFile(file).namelist()
    assert names == [f"{invoice.number}.pdf", "ACME-C-2026-000001.pdf", "index.csv"]
