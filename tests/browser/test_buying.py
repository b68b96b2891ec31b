"""Credits are bought with each answer of the sandbox: a browser, a worker, callbacks over HTTP."""

import re

import pytest
from playwright.sync_api import Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Membership, Role
from accounts.tenancy import in_workspace
from invoices.models import Order
from tests import make
from tests.browser.people import check_accessibility, check_width, sign_in
from tests.invoices import buying

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "operator"]),
    pytest.mark.browser,
]

BUTTONS = {
    "Accept": "Completed",
    "Decline": "Failed",
    "Hold in review": "In review",
    "Accept in 10 seconds": "Completed",
    "Accept, and say so twice": "Completed",
    "Cancel and go back": "Canceled",
}
PAGES = ["plan/funds", "plan/funds?amount=5", "plan/funds?amount=250", "orders/1/", "plan/reload"]


@pytest.fixture
def owner() -> Membership:
    acme = make.workspace("acme", name="Acme Ltd")
    make.billing_details(acme)
    make.bot(acme, "support")
    return make.member(acme, Role.OWNER)


def check_out(page: Page, *, amount: str = "250", save: bool = False) -> None:
    """Order credits, up to the page of the sandbox."""
    page.goto("/w/acme/plan/funds")
    page.get_by_label("Amount").fill(amount)
    page.get_by_role("button", name="Continue").click()
    if save:
        page.get_by_label("Save this payment method").check()
    page.get_by_role("button", name="Order and pay").click()
    expect(page.get_by_text("No card is charged")).to_be_visible()


def badge(page: Page) -> Locator:
    """Return where a page shows how far its order is."""
    return page.locator(".order-status .badge")


def test_each_answer(page: Page, owner: Membership, worker: None) -> None:
    sign_in(page, owner.user.email)

    for number, (button, status) in enumerate(BUTTONS.items(), 1):
        check_out(page)
        page.get_by_role("button", name=button, exact=True).click()
        expect(page.get_by_role("heading", name=f"Order O-{number:06d}")).to_be_visible()
        expect(badge(page)).to_have_text(status, timeout=30_000)
    # One each for accepted at once, late, and twice.
    assert buying.bought(owner.workspace) == [250, 250, 250]


def test_answer_before_the_browser_is_back(page: Page, owner: Membership, worker: None) -> None:
    sign_in(page, owner.user.email)
    check_out(page)

    page.get_by_role("button", name="Accept before I go back").click()

    expect(page.get_by_text("The console was told already")).to_be_visible()
    page.wait_for_timeout(2000)
    with in_workspace(owner.workspace_id):
        assert Order.objects.for_workspace(owner.workspace).get().status == "completed"
    page.get_by_role("link", name="Go back to the order").click()
    expect(badge(page)).to_have_text("Completed")


def test_without_a_script(
    page: Page, owner: Membership, worker: None, live_server: LiveServer
) -> None:
    assert page.context.browser is not None
    context = page.context.browser.new_context(base_url=live_server.url, java_script_enabled=False)
    plain = context.new_page()
    sign_in(plain, owner.user.email)
    check_out(plain)

    plain.get_by_role("button", name="Accept", exact=True).click()

    expect(badge(plain)).to_have_text("Completed", timeout=15_000)
    context.close()


def test_review_is_ended_and_auto_reload_turned_on(
    page: Page, owner: Membership, worker: None
) -> None:
    sign_in(page, owner.user.email)
    check_out(page, save=True)
    page.get_by_label("When the saved method is charged later").select_option("declines")
    page.get_by_role("button", name="Accept", exact=True).click()

    page.get_by_role("link", name="Set up auto-reload").click(timeout=20_000)
    page.get_by_label("Amount").fill("100")
    page.get_by_label("Limit").fill("25")
    expect(page.get_by_label("Payment method")).to_contain_text("Sandbox, declines")
    page.get_by_role("button", name="Turn on").click()

    expect(page.get_by_text("Auto-reload is on.")).to_be_visible()
    expect(page.get_by_text(re.compile("leaves less than 25.00.USD"))).to_be_visible()
    page.get_by_role("button", name="Turn off").click()
    expect(page.get_by_text("Auto-reload is off.")).to_be_visible()


def test_pages_are_accessible_and_fit_a_phone(page: Page, owner: Membership) -> None:
    buying.saved_method(owner.workspace)
    sign_in(page, owner.user.email)
    page.set_viewport_size({"width": 390, "height": 800})

    for address in PAGES:
        page.goto(f"/w/acme/{address}")
        check_page(page)
    page.goto("/w/acme/plan/funds?amount=250")
    page.get_by_label("Save this payment method").check()
    page.get_by_role("button", name="Order and pay").click()
    check_page(page)


def check_page(page: Page) -> None:
    check_accessibility(page)
    check_width(page)
