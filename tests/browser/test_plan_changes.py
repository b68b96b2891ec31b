"""Plans change, credits are granted and a contract is set in a browser, by those who may."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from accounts import bots, people
from accounts.models import BotShare, Role, Workspace
from accounts.tenancy import in_workspace
from tests import make
from tests.browser.people import check_accessibility, check_width, sign_in

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "operator"]),
    pytest.mark.browser,
]


@pytest.fixture
def acme() -> Workspace:
    acme = make.workspace("acme", name="Acme Ltd")
    make.billing_details(acme)
    make.bot(acme)
    return acme


def enter(page: Page, acme: Workspace, role: Role) -> str:
    """Sign in with a role, a member as the bot's owner; return the address of its plan."""
    bot, person = make.bot(acme), make.member(acme, role)
    if role is Role.MEMBER:
        bots.change(bot=bot, owner=person.user)
    if role is Role.SHARED:
        with in_workspace(acme.pk):
            BotShare.objects.create(workspace=acme, bot=bot, user=person.user)
    sign_in(page, person.user.email)
    return f"/w/acme/plan/bots/{bot.pk}/change"


@pytest.mark.parametrize("role", [Role.ADMIN, Role.MEMBER])
def test_upgrade_is_paid_and_a_downgrade_scheduled_and_undone(
    page: Page, acme: Workspace, worker: None, role: Role
) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    address = enter(page, acme, role)

    page.goto(address)
    page.get_by_role("link", name="Choose Essential").click()
    expect(page.get_by_text("left, today included")).to_be_visible()
    expect(page.get_by_role("region", name="Next invoices").locator("tbody")).to_have_count(3)
    check_accessibility(page)
    check_width(page)
    page.get_by_role("button", name="Order and pay").click()
    page.get_by_role("button", name="Accept", exact=True).click()
    expect(page.locator(".order-status .badge")).to_have_text("Completed", timeout=30_000)

    page.goto(address)
    card = page.get_by_role("region", name="Essential")
    expect(card.get_by_text("Current plan")).to_be_visible()
    page.get_by_role("link", name="Choose Standard").click()
    page.get_by_role("button", name="Change to Standard on").click()
    expect(page.get_by_role("status")).to_contain_text("Until then that can be undone.")
    page.get_by_role("button", name="Keep Essential").click()
    expect(page.get_by_role("status")).to_have_text("support keeps its plan.")


@pytest.mark.parametrize("role", [Role.FINANCE, Role.SHARED])
def test_others_change_no_plan(page: Page, acme: Workspace, role: Role) -> None:
    address = enter(page, acme, role)

    answer = page.request.get(address)

    assert answer.status == (404 if role is Role.SHARED else 403)
    assert "Choose" not in answer.text()


def test_operator_grants_credits_and_sets_a_contract(page: Page, acme: Workspace) -> None:
    operator = people.add_operator(email="op@console.example", password=make.PASSWORD)[0]
    sign_in(page, operator.email)
    in_a_month = f"{datetime.now(UTC) + timedelta(days=30):%Y-%m-%d}"

    page.goto("/operator/workspaces/acme/credits")
    page.get_by_label("Amount in USD").fill("20,000")
    page.get_by_label("Last day").fill(in_a_month)
    page.get_by_label("Reason").fill("A fair.")
    page.get_by_role("button", name="Grant credits").click()
    expect(page.get_by_text("Write an amount such as 1234.56.")).to_be_visible()
    page.get_by_label("Amount in USD").fill("250")
    page.get_by_role("button", name="Grant credits").click()
    expect(page.get_by_role("status")).to_contain_text("250.00")

    page.goto("/operator/workspaces/acme/enterprise")
    page.get_by_label("From").fill(in_a_month)
    page.get_by_label("Reason").fill("A contract is signed.")
    page.get_by_role("button", name="Set").click()
    expect(page.get_by_role("status")).to_be_visible()
