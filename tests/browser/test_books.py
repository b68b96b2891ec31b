"""An operator reads the books of a month, and has a worker make its pack."""

import re

import pytest
from playwright.sync_api import Page, expect

from accounts import people
from tests import make
from tests.browser.people import check_accessibility, check_width, sign_in
from tests.conftest import WorkerStarter
from tests.invoices import history

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "operator"]),
    pytest.mark.browser,
]

OPERATOR = "op@console.example"


@pytest.fixture(autouse=True)
def _operator() -> None:
    history.make_all()
    people.add_operator(email=OPERATOR, password=make.PASSWORD)


def check(page: Page) -> None:
    check_accessibility(page)
    check_width(page)
    page.set_viewport_size({"width": 1400, "height": 900})


def test_operator_reads_the_books_of_a_month(page: Page) -> None:
    sign_in(page, OPERATOR)
    page.goto("/operator/")
    page.get_by_role("link", name="Books").click()
    page.get_by_role("combobox", name="Month").select_option("2026-05")
    page.get_by_role("button", name="Show").click()

    expect(page).to_have_url(re.compile(r"month=2026-05"))
    owed = page.get_by_role("table", name="Receivable, EUR")
    expect(owed.get_by_role("row", name="At end")).to_contain_text("53.55\N{NO-BREAK SPACE}EUR")
    check(page)

    page.get_by_role("link", name="By workspace").click()
    page.get_by_role("link", name="USD").click()
    expect(page.get_by_role("link", name="acme")).to_be_visible()
    check(page)


def test_pack_is_made_by_a_worker(page: Page, start_worker: WorkerStarter) -> None:
    start_worker(concurrency=1)
    sign_in(page, OPERATOR)
    page.goto("/operator/books/?month=2026-05")
    page.get_by_role("button", name="Make pack").click()

    link = page.get_by_role("link", name="Download pack")
    expect(link).to_be_visible(timeout=60_000)
    with page.expect_download() as download:
        link.click()

    assert download.value.suggested_filename == "books-2026-05.zip"
    check(page)
