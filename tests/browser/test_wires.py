"""An order is paid by wire transfer: the buyer reads where to send it, an operator notes it."""

from datetime import UTC, datetime

import pytest
from playwright.sync_api import Page, expect

from accounts import people
from accounts.models import Membership
from invoices import wire
from invoices.models import OrderType, Payment
from invoices.templatetags.documents import fours
from tests import make
from tests.browser.people import check_accessibility, check_width, sign_in, submit
from tests.invoices import buying

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "operator"]),
    pytest.mark.browser,
]

OPERATOR = "op@console.example"
DISPLAYED = "getComputedStyle(document.querySelector('{}')).display"


@pytest.fixture
def owner() -> Membership:
    acme = make.workspace("acme", name="Acme Ltd")
    make.billing_details(acme)
    people.add_operator(email=OPERATOR, password=make.PASSWORD)
    return make.member(acme)


def check(page: Page) -> None:
    check_accessibility(page)
    check_width(page)
    page.set_viewport_size({"width": 1400, "height": 900})


def find_reference(number: int = 1) -> str:
    return fours(wire.write_reference(Payment(pk=number)))


def fill_in(page: Page, amount: str) -> None:
    """Say what came for the first wire."""
    page.get_by_role("link", name=find_reference()).click()
    page.get_by_label("Amount in USD").fill(amount)
    page.get_by_label("Value date").fill(f"{datetime.now(UTC):%Y-%m-%d}")
    submit(page, "Show what that does")


def test_order_is_paid_by_wire(page: Page, owner: Membership) -> None:
    sign_in(page, owner.user.email)
    page.goto("/w/acme/plan/funds?amount=250")
    page.get_by_label("Wire transfer").check()
    page.get_by_role("button", name="Order and pay").click()
    expect(page.get_by_text(find_reference())).to_be_visible()
    page.get_by_role("link", name="Go to the order").click()
    expect(page.get_by_text("It waits for your wire transfer.")).to_be_visible()
    page.context.clear_cookies()

    sign_in(page, OPERATOR)
    page.goto("/operator/wires/")
    page.get_by_label("Reference, order, workspace").fill(find_reference())
    page.get_by_role("button", name="Search").click()
    fill_in(page, "250")
    page.get_by_role("button", name="Complete O-000001").click()

    expect(page.get_by_text("250.00 USD are noted. O-000001 is completed.")).to_be_visible()
    assert buying.bought(owner.workspace) == [250]


def test_pages_of_the_buyer_are_accessible_and_fit_a_phone(page: Page, owner: Membership) -> None:
    buying.wire(owner.workspace, buyer=owner.user)
    sign_in(page, owner.user.email)

    for address in ("plan/funds?amount=250", "orders/1/", "orders/1/wire"):
        page.goto(f"/w/acme/{address}")
        check(page)


def test_page_of_the_buyer_is_printed_without_what_surrounds_it(
    page: Page, owner: Membership
) -> None:
    buying.wire(owner.workspace, buyer=owner.user)
    sign_in(page, owner.user.email)
    page.goto("/w/acme/orders/1/wire")
    expect(page.get_by_role("button", name="Print")).to_be_visible()

    page.emulate_media(media="print")

    expect(page.get_by_text(find_reference())).to_be_visible()
    for part in (".sidebar", ".form-buttons", "[data-copy]"):
        assert page.evaluate(DISPLAYED.format(part)) == "none"


def test_pages_of_operators_are_accessible_and_fit_a_phone(page: Page, owner: Membership) -> None:
    sign_in(page, OPERATOR)
    page.goto("/operator/wires/")
    check(page)
    buying.wire(owner.workspace, buyer=owner.user, bot=make.bot(owner.workspace))
    buying.wire(owner.workspace, "60", type=OrderType.RENEWAL)

    for address in ("", "?q=nowhere", "1/", "1/cancel"):
        page.goto(f"/operator/wires/{address}")
        check(page)
    page.goto("/operator/wires/")
    fill_in(page, "60")
    check(page)
    page.get_by_role("button", name="Make credits of it").click()
    expect(page.get_by_text("60.00 USD are noted and became credits")).to_be_visible()
    check(page)
