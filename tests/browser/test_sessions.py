"""From a session to the reason, as a person does it."""

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Membership, Role
from tests import make
from tests.browser.people import check_accessibility, sign_in

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]

LIST = "/w/acme/usage/sessions/?from=2026-03-01&to=2026-04-01&kind=all"
HELP = "/w/acme/usage/how-sessions-are-counted/"


@pytest.fixture
def owner() -> Membership:
    acme = make.workspace("acme", name="Acme Ltd")
    make.take_in(
        acme,
        *make.talk(0, 8, 18, 31),
        make.event("agent.transfer_started", at=make.NOON + 10 * make.MINUTE),
        make.event("agent.transfer_ended", at=make.NOON + 14 * make.MINUTE),
        make.event("alert.delivered"),
        *make.talk(0, 20, 30, channel="ivr"),
    )
    make.roll_up(acme)
    return make.member(acme, Role.OWNER)


def test_keyboard_leads_from_the_list_to_the_reason(page: Page, owner: Membership) -> None:
    sign_in(page, owner.user.email)
    page.goto(f"{LIST}&channel=web&kind=usage")
    page.get_by_role("row").nth(1).get_by_role("link").first.focus()
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("Why 2 sessions?")
    expect(page.get_by_text("4:00 with a human agent is taken out")).to_be_visible()
    page.get_by_role("region", name="Time line").focus()
    expect(page.get_by_role("region", name="Time line")).to_be_focused()


def test_drawer_says_why_beside_the_list(page: Page, owner: Membership) -> None:
    sign_in(page, owner.user.email)
    page.goto(f"{LIST}&channel=web&kind=usage")
    number = page.get_by_role("link", name="1 of 2: why?")
    number.focus()
    page.keyboard.press("Enter")

    drawer = page.get_by_role("dialog", name="Why 2 sessions?")
    expect(drawer.get_by_text("4:00 with a human agent is taken out")).to_be_visible()
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()
    expect(number).to_be_focused()
    assert page.url.endswith("kind=usage")

    number.click()
    drawer.click(position={"x": 30, "y": 700})  # beside the text, on the panel
    expect(drawer).to_be_visible()
    page.mouse.click(50, 400)  # beside the panel
    expect(drawer).to_be_hidden()

    number.click()
    drawer.get_by_role("link", name="Open the conversation").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Why 2 sessions?")


def test_pages_are_accessible_and_fit_a_phone(
    browser: Browser, live_server: LiveServer, owner: Membership
) -> None:
    context = browser.new_context(base_url=live_server.url, viewport={"width": 390, "height": 800})
    page = context.new_page()
    sign_in(page, owner.user.email)
    page.goto(LIST)
    conversation = page.get_by_role("row").nth(1).get_by_role("link").first.get_attribute("href")

    for address in (LIST, f"{LIST}&user=nobody", f"{LIST}&bot=nobody", conversation, HELP):
        page.goto(address or "")
        check_accessibility(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.goto(LIST)
    page.get_by_role("link", name="why?").first.click()
    expect(page.get_by_role("dialog")).to_be_visible()
    check_accessibility(page)
    context.close()
