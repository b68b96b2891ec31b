"""From the sign-in to the numbers, as a person does it."""

import pytest
from playwright.sync_api import Page, expect

from accounts.models import Membership, Role
from tests import make
from tests.browser.people import check_accessibility, check_width, fill_in_sign_in

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


@pytest.fixture
def owner() -> Membership:
    acme = make.workspace("acme", name="Acme Ltd")
    make.take_in(acme, *make.talk(0, 10, 20, 31))
    make.roll_up(acme)
    return make.member(acme, Role.OWNER)


def test_person_signs_in_and_sees_their_numbers(page: Page, owner: Membership) -> None:
    fill_in_sign_in(page, owner.user.email)
    page.get_by_role("link", name="Acme Ltd").click()
    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()
    page.get_by_role("link", name="Usage", exact=True).click()

    expect(page.get_by_role("heading", name="Usage")).to_be_visible()


def test_keyboard_is_enough(page: Page, owner: Membership) -> None:
    page.goto("/")
    expect(page.get_by_label("Mail address")).to_be_focused()
    page.keyboard.type(owner.user.email)
    page.keyboard.press("Tab")
    page.keyboard.type(make.PASSWORD)
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Workspaces")).to_be_visible()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()


def test_sign_out_ends_it(page: Page, owner: Membership) -> None:
    fill_in_sign_in(page, owner.user.email)
    page.locator("summary", has_text="account").click()
    page.get_by_role("button", name="Sign out").click()

    page.goto("/w/acme/")

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_workspaces_are_accessible_and_fit_a_phone(page: Page, owner: Membership) -> None:
    fill_in_sign_in(page, owner.user.email)
    expect(page.get_by_role("heading", name="Workspaces")).to_be_visible()

    check_accessibility(page)
    check_width(page)
