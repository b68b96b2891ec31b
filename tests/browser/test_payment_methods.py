"""Payment methods in a browser: added by the sandbox and by Stripe's page, chosen, removed."""

from collections.abc import Iterator
from copy import deepcopy
from decimal import Decimal

import pytest
from django.test import Client
from playwright.sync_api import Page, expect
from pytest_django.fixtures import Settings
from pytest_django.live_server_helper import LiveServer

from accounts.models import Membership
from accounts.tenancy import in_workspace
from invoices import auto_reload
from invoices.models import AutoReload, MethodSetup, Payment, SavedMethod
from invoices.sandbox import SavedAnswer
from tests import make
from tests.browser.people import check_accessibility, check_width, sign_in, submit
from tests.invoices import buying, stripe_events, stripe_server
from tests.invoices.stripe_server import Account

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "operator"]),
    pytest.mark.browser,
]

PAGE = "/w/acme/settings/payment-methods"


@pytest.fixture
def owner() -> Membership:
    acme = make.workspace("acme", name="Acme Ltd")
    make.billing_details(acme)
    make.bot(acme, "support")
    return make.member(acme)


@pytest.fixture
def stripe(settings: Settings, live_server: LiveServer) -> Iterator[Account]:
    with stripe_server.run() as account:
        settings.STRIPE_SECRET_KEY = stripe_server.KEY
        settings.STRIPE_WEBHOOK_SECRETS = [stripe_server.SECRET]
        settings.STRIPE_API_ADDRESS = account.address
        settings.PUBLIC_ADDRESS = live_server.url
        policy = deepcopy(settings.CONTENT_SECURITY_POLICY)
        policy["DIRECTIVES"]["form-action"].append(account.address)
        settings.CONTENT_SECURITY_POLICY = policy
        yield account


def fill(owner: Membership) -> None:
    """Have two methods, one of which reloads a wallet, and one that was removed."""
    acme = owner.workspace
    buying.kept_method(acme, by=owner.user, answers=SavedAnswer.LATE)
    buying.remove(acme, by=owner.user)
    saved = buying.kept_method(acme, by=owner.user, as_default=True)
    buying.kept_method(acme, by=owner.user, answers=SavedAnswer.DECLINE)
    auto_reload.turn_on(
        workspace=acme,
        bot=make.bot(acme, "support"),
        amount=Decimal(100),
        limit=Decimal(50),
        saved_method=saved,
        by=owner.user,
        at=make.NOON,
    )


def test_method_is_added_used_and_removed_by_keyboard_alone(
    page: Page, owner: Membership, worker: None
) -> None:
    sign_in(page, owner.user.email)
    page.goto(PAGE)
    expect(page.get_by_text("No saved payment method")).to_be_visible()

    page.get_by_role("link", name="Add payment method").first.press("Enter")
    page.get_by_label("I agree that this payment method is saved").press("Space")
    page.get_by_role("button", name="Agree and continue").press("Enter")
    expect(page.get_by_text("No card is charged")).to_be_visible()
    page.get_by_role("button", name="Save", exact=True).press("Enter")
    expect(page.get_by_text("Sandbox, accepts is saved.")).to_be_visible(timeout=20_000)
    expect(page.get_by_text("Renewals are paid by Sandbox, accepts.")).to_be_visible()

    page.get_by_role("link", name="Remove").press("Enter")
    expect(page.get_by_text("Renewals are paid by hand from now on")).to_be_visible()
    page.get_by_role("button", name="Remove payment method").press("Enter")
    expect(page.get_by_text("is not charged any more")).to_be_visible()
    expect(page.get_by_role("heading", name="Removed")).to_be_visible()
    for _ in range(100):
        with in_workspace(owner.workspace_id):
            if SavedMethod.objects.get().let_go_at:
                break
        page.wait_for_timeout(100)
    else:
        pytest.fail("no worker told the provider of the removal")


def test_another_method_is_chosen(page: Page, owner: Membership) -> None:
    fill(owner)
    sign_in(page, owner.user.email)
    page.goto(PAGE)

    page.get_by_role("button", name="Use for renewals").click()

    expect(page.get_by_text("Renewals are paid by Sandbox, Declines").first).to_be_visible()
    card = page.get_by_role("region", name="Sandbox, Declines")
    expect(card.get_by_text("Default")).to_be_visible()


def test_credits_are_bought_on_stripes_page(page: Page, owner: Membership, stripe: Account) -> None:
    sign_in(page, owner.user.email)
    page.goto("/w/acme/plan/funds?amount=250")
    page.get_by_label("Card").check()
    page.get_by_role("button", name="Order and pay").click()

    page.wait_for_url(f"{stripe.address}/pay/*")
    with in_workspace(owner.workspace_id):
        payment = Payment.objects.select_related("order").get()
    body = stripe_events.completed(payment)
    answer = Client().post(
        "/stripe/events",
        body,
        content_type="application/json",
        headers={"Stripe-Signature": stripe_server.sign(body)},
    )
    assert answer.status_code == 200
    page.goto(stripe.calls[0].params["success_url"])
    expect(page.get_by_text("The payment is there.")).to_be_visible()
    assert buying.bought(owner.workspace) == [250]


def test_card_is_added_on_stripes_page(page: Page, owner: Membership, stripe: Account) -> None:
    sign_in(page, owner.user.email)
    page.goto(f"{PAGE}/new")
    page.get_by_label("Card").check()
    page.get_by_label("I agree that this payment method is saved").check()
    page.get_by_role("button", name="Agree and continue").click()

    page.wait_for_url(f"{stripe.address}/pay/*")
    page.goto(stripe.calls[0].params["success_url"])
    expect(page.get_by_text("The payment provider is awaited")).to_be_visible()
    stripe.save_card("seti_1")
    with in_workspace(owner.workspace_id):
        body = stripe_events.set_up(MethodSetup.objects.get())
    Client().post(
        "/stripe/events",
        body,
        content_type="application/json",
        headers={"Stripe-Signature": stripe_server.sign(body)},
    )
    expect(page.get_by_text("Visa ending in 4242, to 08/2031 is saved.")).to_be_visible()


def test_pages_are_accessible_and_fit_a_phone(page: Page, owner: Membership) -> None:
    sign_in(page, owner.user.email)
    page.goto(PAGE)
    check_accessibility(page)
    fill(owner)
    with in_workspace(owner.workspace_id):
        saved = AutoReload.objects.get().saved_method_id

    for address in (PAGE, f"{PAGE}/new", f"{PAGE}/{saved}/remove"):
        page.set_viewport_size({"width": 1400, "height": 900})
        page.goto(address)
        check_accessibility(page)
        check_width(page)
    page.goto(f"{PAGE}/new")
    page.get_by_label("I agree that this payment method is saved").check()
    submit(page, "Agree and continue")
    check_accessibility(page)
    check_width(page)
