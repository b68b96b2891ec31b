"""The tie-out, as somebody in finance who looks for a difference uses it."""

import psycopg
import pytest
from playwright.sync_api import Page, expect

from accounts import people
from accounts.models import Role, Workspace
from benchmarks.scratch import address
from invoices import tie_out_checks
from plans import charging
from tests import make
from tests.browser.people import check_accessibility, check_width, sign_in
from tests.invoices import renewing
from tests.invoices.renewing import CLOSE

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "operator"]),
    pytest.mark.browser,
]

PAGE = "/w/acme/tie-out/"
MARCH = "first=2026-03-01&last=2026-04-02"
QUERIES = (
    f"?{MARCH}",
    *(f"?{MARCH}&kind=all&show={tab}" for tab in ("receipts", "sessions", "stretches", "orders")),
    "?month=1999-01",
    "?first=2026-01-01&last=2026-01-31",
    f"?{MARCH}&show=stretches",
)


@pytest.fixture
def acme() -> Workspace:
    """Have a bot charged from credits, one with a fee, refused events, and a charge too many."""
    acme = renewing.workspace(name="Acme Ltd")
    sales = make.bot(acme, "sales")
    renewing.use(sales, 31)
    paid = renewing.has(make.bot(acme, "support-with-a-rather-long-name"), "essential")
    renewing.use(paid, 405)
    make.take_in(acme, make.event("no.such.type", source="/crm"), {"source": 7}, now=CLOSE)
    renewing.run(acme)
    charging.run(workspace_id=acme.pk, now=CLOSE)
    with psycopg.connect(address("owner")) as owner:
        owner.execute("UPDATE plans_chargedday SET quantity = 33")
    make.member(acme, Role.FINANCE, email="fin@acme.example")
    return acme


def test_difference_is_found_from_its_day_to_its_sessions(page: Page, acme: Workspace) -> None:
    sign_in(page, "fin@acme.example")
    page.goto("/w/acme/")
    page.get_by_role("link", name="Tie-out").click()
    expect(page.get_by_role("heading", name="Tie-out", exact=True)).to_be_visible()
    page.get_by_label("Month").select_option("March 2026")
    page.get_by_role("button", name="Show").click()

    day = page.get_by_role("row").filter(has_text="16 Mar 2026")
    expect(day).to_contain_text("1 difference")
    day.get_by_role("link", name="sessions by bot").click()
    expect(page.get_by_role("row")).to_have_count(3)  # the heads and two bots
    page.get_by_role("link", name="Differences", exact=True).click()
    expect(page.get_by_role("row")).to_have_count(2)
    expect(page.get_by_role("row").last).to_contain_text("posted = charged: 31 and 33 (+2)")
    page.get_by_role("row").last.get_by_role("link", name="31").click()

    expect(page.get_by_role("heading", name="Sessions", exact=True)).to_be_visible()
    expect(page.get_by_role("main")).to_contain_text("Bot: sales")


def test_tabs_are_accessible_and_fit_a_phone(page: Page, acme: Workspace) -> None:
    people.add_operator(email="op@console.example", password=make.PASSWORD)
    tie_out_checks.run(workspace_id=acme.pk, now=CLOSE)
    sign_in(page, "fin@acme.example")
    for query in QUERIES:
        page.set_viewport_size({"width": 1400, "height": 900})
        page.goto(f"{PAGE}{query}")
        expect(page.get_by_role("heading", name="Tie-out", exact=True)).to_be_visible()
        check_accessibility(page)
        check_width(page)
    page.context.clear_cookies()
    sign_in(page, "op@console.example")
    for operators in ("/operator/tie-outs/", "/operator/health/"):
        page.set_viewport_size({"width": 1400, "height": 900})
        page.goto(operators)
        check_accessibility(page)
        check_width(page)
