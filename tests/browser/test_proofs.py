"""An invoice is proved in a browser: from its order to the result and the bundle."""

import io
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Membership, Role, Workspace
from invoices import bundles, bundling
from invoices.issued import IssuedDocument
from tests import make
from tests.browser.people import check_accessibility, check_width, sign_in
from tests.invoices import renewing
from tests.invoices.test_proving import documents, tamper

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "operator"]),
    pytest.mark.browser,
]


@pytest.fixture
def acme() -> Workspace:
    return renewing.workspace("acme", name="Acme Ltd")


@pytest.fixture
def finance(acme: Workspace) -> Membership:
    return make.member(acme, Role.FINANCE)


@pytest.fixture
def invoice(acme: Workspace) -> IssuedDocument:
    """The invoice of a close."""
    renewing.use(renewing.has(make.bot(acme), "essential"), 412)
    renewing.run(acme)
    return documents(acme)[-1]


def make_proof() -> None:
    """Do what a worker does."""
    ((workspace_id, bundle_id),) = bundles.find_due()
    assert bundling.make(workspace_id=workspace_id, bundle_id=bundle_id, now=make.NOON)


def check(page: Page) -> None:
    check_accessibility(page)
    check_width(page)


def test_finance_proves_an_invoice_from_its_order(
    page: Page, finance: Membership, invoice: IssuedDocument, tmp_path: Path
) -> None:
    sign_in(page, finance.user.email)
    page.goto(f"/w/acme/orders/{invoice.order.number}/?tab=documents")
    check(page)
    page.get_by_role("link", name=f"Prove {invoice.number}").click()
    expect(page.get_by_role("heading", name="Not proved yet")).to_be_visible()
    check(page)
    page.get_by_role("button", name="Prove this invoice").press("Enter")
    expect(page.get_by_role("heading", name="Being proved")).to_be_visible()
    check(page)

    make_proof()

    expect(page.get_by_role("heading", name="Equal")).to_be_visible(timeout=10_000)
    check(page)
    with page.expect_download() as started:
        page.get_by_role("link", name="Download ZIP").click()
    file = tmp_path / "proof.zip"
    started.value.save_as(file)
    names = zipfile.ZipFile(io.BytesIO(file.read_bytes())).namelist()
    assert names[:2] == ["README.txt", "check_invoice.py"]


def test_difference_reads_well_on_a_phone(
    page: Page, finance: Membership, invoice: IssuedDocument
) -> None:
    tamper("invoices_orderline", "quantity = 13", "kind = 'usage'")
    sign_in(page, finance.user.email)
    page.goto(f"/w/acme/invoices/{invoice.number}/")
    page.get_by_role("link", name="Prove this invoice").click()
    page.get_by_role("button", name="Prove this invoice").click()
    expect(page.get_by_role("heading", name="Being proved")).to_be_visible()

    make_proof()

    expect(page.get_by_role("heading", name="It differs")).to_be_visible(timeout=10_000)
    check(page)
