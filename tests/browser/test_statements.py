"""Statements as finance and a shared user walk them: list, statement, bot, PDF and CSV."""

from pathlib import Path

import pikepdf
import pytest
from playwright.sync_api import Page, expect

from accounts import bots
from accounts.models import Bot, Role, Workspace
from accounts.tenancy import in_workspace
from invoices import files
from tests import make
from tests.browser.people import check_accessibility, check_width, sign_in
from tests.invoices import buying, renewing
from tests.invoices.renewing import CLOSE, DAY

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "operator"]),
    pytest.mark.browser,
]

LIST = "/w/acme/statements/"


@pytest.fixture
def acme() -> Workspace:
    """Make a workspace with two closed months: credits, a plan with a fee, and late usage."""
    acme = renewing.workspace("acme", name="Acme Ltd")
    support = bots.create(workspace=acme, key="support", name="Support")[0]
    sales = bots.create(workspace=acme, key="sales", name="Sales & Service")[0]
    buying.paid(acme, "100", bot=support)
    renewing.has(sales, "essential")
    renewing.use(support, 8)
    renewing.use(sales, 410)
    renewing.run(acme)
    renewing.use(support, 2, rolled=CLOSE + DAY)
    renewing.run(acme, CLOSE + 30 * DAY)
    return acme


def test_finance_walks_from_the_list_to_the_files_of_a_bot(
    page: Page, acme: Workspace, tmp_path: Path
) -> None:
    sign_in(page, make.member(acme, Role.FINANCE).user.email)
    page.goto("/w/acme/usage/")
    page.get_by_role("link", name="Statements").click()
    expect(page.locator("tbody tr")).to_have_count(2)
    page.get_by_role("link", name="March 2026").click()
    expect(page.get_by_text("This is not an invoice.")).to_be_visible()
    page.get_by_role("link", name="Support", exact=True).click()
    expect(page.get_by_role("heading", name="Support: statement March 2026")).to_be_visible()

    page.get_by_role("button", name="Make PDF").click()
    expect(page.get_by_text("is being made")).to_be_visible()
    for workspace_id, file_id in files.find_unmade():
        files.make_file(workspace_id=workspace_id, file_id=file_id, now=CLOSE)
    with page.expect_download() as started:
        page.get_by_role("link", name="Download PDF").click()
    started.value.save_as(tmp_path / "statement.pdf")
    page.get_by_role("link", name="Statements").click()
    page.get_by_role("link", name="March 2026").click()
    with page.expect_download() as exported:
        page.get_by_role("link", name="CSV").click()

    with pikepdf.open(tmp_path / "statement.pdf") as file:
        assert len(file.pages) == 2
    assert exported.value.suggested_filename == "statement-acme-2026-03.csv"


def test_pages_of_statements_are_accessible_and_fit_a_phone(page: Page, acme: Workspace) -> None:
    sign_in(page, make.member(acme, Role.FINANCE).user.email)
    page.goto(f"{LIST}2026-03/")
    page.get_by_role("button", name="Make PDF").click()
    expect(page.get_by_text("is being made")).to_be_visible()
    for address in (
        LIST, f"{LIST}2026-03/", f"{LIST}2026-04/?bot=support", f"{LIST}2026-03.pdf",
        "/w/acme/usage/statements/", "/w/acme/usage/statements/2026-03/",
    ):  # fmt: skip
        page.set_viewport_size({"width": 1400, "height": 900})
        page.goto(address)
        check_accessibility(page)
        check_width(page)


def test_list_without_a_statement_is_accessible(page: Page) -> None:
    sign_in(page, make.member(renewing.workspace("new")).user.email)
    for address in ("/w/new/statements/", "/w/new/usage/statements/"):
        page.goto(address)
        check_accessibility(page)
        check_width(page)


def test_shared_user_comes_to_the_counts_from_the_usage_page(page: Page, acme: Workspace) -> None:
    guest = make.member(acme, Role.SHARED)
    with in_workspace(acme.pk):
        support = Bot.objects.for_workspace(acme).select_related("workspace").get(key="support")
    bots.share(bot=support, person=guest)
    sign_in(page, guest.user.email)
    page.goto("/w/acme/usage/")

    page.get_by_role("link", name="Closed months").click()
    page.get_by_role("link", name="March 2026").click()

    expect(page.locator("tbody tr")).to_have_count(1)
    with page.expect_download() as started:
        page.get_by_role("link", name="PDF").click()
    assert started.value.suggested_filename == "counts-acme-2026-03.pdf"
