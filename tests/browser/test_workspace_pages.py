"""Bots, API keys and settings, as a person uses them."""

import pytest
from playwright.sync_api import Page, expect

from accounts import bots
from accounts.models import Bot, Membership, Role
from accounts.tenancy import in_workspace
from tests import make
from tests.browser.people import check_accessibility, check_theme, check_width, sign_in

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]

PAGES = [
    "bots/",
    "bots/?q=nowhere",
    "bots/new",
    "bots/{bot}/",
    "bots/{bot}/archive",
    "audit-log/",
    "audit-log/?who=nobody",
    "developers/",
    "developers/keys/new",
    "developers/keys/{key}/revoke",
    "settings/",
    "settings/billing-details",
    "mails",
]


@pytest.fixture
def owner() -> Membership:
    acme = make.workspace("acme", name="Acme Ltd")
    bot = make.bot(acme, "support")
    make.bot(acme, "a-key-as-long-as-it-may-be-" + "x" * 100)
    make.api_key(acme, name="Platform")
    bots.share(bot=bot, person=make.member(acme, Role.SHARED))
    return make.member(acme, Role.OWNER)


def find_addresses(owner: Membership) -> list[str]:
    with in_workspace(owner.workspace_id):
        bot = Bot.objects.for_workspace(owner.workspace_id).get(key="support")
        key = owner.workspace.apikey_set.get()
    return [f"/w/acme/{page.format(bot=bot.pk, key=key.pk)}" for page in PAGES]


def test_pages_are_accessible_and_fit_a_phone(page: Page, owner: Membership) -> None:
    sign_in(page, owner.user.email)

    for address in find_addresses(owner):
        page.set_viewport_size({"width": 1280, "height": 720})
        page.goto(address)
        check_accessibility(page)
        check_width(page)


def test_key_is_created_and_copied(page: Page, owner: Membership) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    sign_in(page, owner.user.email)
    page.goto("/w/acme/developers/")
    page.get_by_role("link", name="New API key").first.click()
    page.get_by_role("textbox", name="Name").fill("Platform EU")
    page.get_by_role("checkbox", name="events:write").check()
    page.get_by_role("button", name="Create API key").click()
    expect(page.get_by_text("only time")).to_be_visible()
    check_theme(page, "light")

    page.get_by_role("button", name="Copy key").click()

    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    secret = page.evaluate("navigator.clipboard.readText()")
    assert secret.startswith("bck_")
    assert secret == page.locator("#secret").inner_text()
    page.get_by_role("link", name="back to the keys").click()
    expect(page.get_by_role("row").filter(has_text="Platform EU")).to_contain_text(secret[:12])
    expect(page.get_by_text(secret)).to_have_count(0)


def test_first_request_is_copied(page: Page, owner: Membership) -> None:
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    sign_in(page, owner.user.email)
    page.goto("/w/acme/developers/")

    page.get_by_role("button", name="Copy").click()

    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    text = page.evaluate("navigator.clipboard.readText()")
    assert text.startswith("curl http://")
    assert '"subject": "support"' in text


def test_bot_is_shared_and_taken_back_by_keyboard(page: Page, owner: Membership) -> None:
    member = make.member(owner.workspace, Role.MEMBER)
    sign_in(page, owner.user.email)
    page.goto("/w/acme/bots/")
    page.get_by_role("link", name="support").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="support")).to_be_visible()

    page.get_by_label("Share with").focus()
    page.keyboard.type(member.user.email)
    page.keyboard.press("Tab")
    expect(page.get_by_role("button", name="Share", exact=True)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_have_text(f"{member.user.email} sees support now.")

    take_back = page.get_by_role("button", name=f"Take back from {member.user.email}")
    take_back.focus()
    page.keyboard.press("Enter")

    expect(page.get_by_role("status")).to_contain_text("not shared with them any more")
    expect(take_back).to_have_count(0)


def test_entry_of_the_audit_log_is_opened_by_keyboard(page: Page, owner: Membership) -> None:
    sign_in(page, owner.user.email)
    page.goto("/w/acme/audit-log/?action=bot.shared")
    expect(page.get_by_role("row")).to_have_count(2)

    page.locator("td summary").focus()
    page.keyboard.press("Enter")

    expect(page.get_by_text("Action code")).to_be_visible()
    expect(page.get_by_role("definition").first).to_have_text("shared@acme.example")
    check_theme(page, "light")
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
