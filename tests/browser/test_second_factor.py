"""Each role signs in with a second factor and sees its menu; and the pages around signing in."""

import re
import time
from datetime import UTC, datetime

import pytest
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.contrib.sessions.backends.db import SessionStore
from playwright.sync_api import Browser, CDPSession, Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from accounts import idle, invitations, people, workspaces
from accounts.models import Membership, Role
from tests import make, totp
from tests.browser.people import check_accessibility, check_width, fill_in_sign_in

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.browser,
]

OWN_FACTORS = "/profile/second-factor/"
ALL = [
    "Dashboard", "Orders & Invoices", "Statements", "Plan", "Usage", "Usage alerts", "Insight",
    "Bots", "Users & roles", "Audit log", "Tie-out", "Developers", "Billing details",
    "Payment methods", "Settings",
]  # fmt: skip
MENUS = {
    Role.OWNER: ALL,
    Role.ADMIN: ALL,
    Role.FINANCE: [
        "Dashboard",
        "Orders & Invoices",
        "Statements",
        "Plan",
        "Usage",
        "Usage alerts",
        "Insight",
        "Bots",
        "Audit log",
        "Tie-out",
        "Billing details",
    ],
    Role.MEMBER: [
        "Dashboard",
        "Orders & Invoices",
        "Plan",
        "Usage",
        "Usage alerts",
        "Insight",
        "Bots",
    ],
    Role.SHARED: ["Usage", "Bots"],
}


def make_person(role: Role = Role.OWNER) -> Membership:
    acme = make.workspace("acme", name="Acme Ltd")
    # Failed and used codes are remembered by person.
    return make.member(acme, role, email=f"{role.value}{next(make.numbers)}@acme.example")


def confirm(page: Page) -> None:
    page.get_by_label("Password").fill(make.PASSWORD)
    page.get_by_role("button", name="Go on").click()


def sign_out(page: Page) -> None:
    page.locator("summary", has_text="account").click()
    page.get_by_role("button", name="Sign out", exact=True).click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def add_app(page: Page, *, asked: bool = True) -> str:
    """Add an app; who has just shown that it is them is not asked for that again."""
    page.goto(OWN_FACTORS)
    page.get_by_role("link", name="Add an app").click()
    if asked:
        confirm(page)
    secret = page.locator("#secret").inner_text()
    page.get_by_label("Code").fill(totp.code(secret))
    page.get_by_role("button", name="Add the app").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    return secret


def have_app(person: Membership) -> str:
    """Let somebody have an app without a browser, as `add_app` has it; return its secret."""
    secret: str = generate_totp_secret()
    TOTP.activate(person.user, secret)
    return secret


def enter_menu(page: Page) -> list[str]:
    """Go into the workspace; return what its menu says there."""
    expect(page.get_by_role("heading", name="Workspaces")).to_be_visible()
    page.get_by_role("link", name="Acme Ltd").click()
    return read_menu(page)


def read_menu(page: Page) -> list[str]:
    links = page.get_by_role("navigation", name="Main").get_by_role("link")
    expect(links.first).to_be_visible()
    return [text.strip() for text in links.all_inner_texts()]


@pytest.fixture
def authenticator(page: Page) -> CDPSession:
    """Give the browser a device that keeps passkeys, and a person who touches it."""
    session = page.context.new_cdp_session(page)
    session.send("WebAuthn.enable")
    session.send(
        "WebAuthn.addVirtualAuthenticator",
        {
            "options": {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
        },
    )
    return session


def test_each_role_signs_in_with_an_app_and_sees_its_menu(page: Page) -> None:
    for role in Role:
        person = make_person(role)
        secret = have_app(person)

        fill_in_sign_in(page, person.user.email)
        expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
        page.get_by_label("Code").fill(totp.code(secret))
        page.get_by_role("button", name="Sign in").click()

        assert enter_menu(page) == MENUS[role], role
        page.context.clear_cookies()


def test_app_that_a_person_added_is_asked_for(page: Page) -> None:
    person = make_person(Role.SHARED)
    fill_in_sign_in(page, person.user.email)
    expect(page.get_by_role("heading", name="Workspaces")).to_be_visible()
    secret = add_app(page)
    sign_out(page)

    fill_in_sign_in(page, person.user.email)
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    page.get_by_label("Code").fill(totp.code(secret))
    page.get_by_role("button", name="Sign in").click()

    expect(page.get_by_role("heading", name="Workspaces")).to_be_visible()


def test_each_role_signs_in_with_a_passkey_alone(page: Page, authenticator: CDPSession) -> None:
    person, other = make_person(), make_person()
    fill_in_sign_in(page, person.user.email)
    expect(page.get_by_role("heading", name="Workspaces")).to_be_visible()
    page.goto(OWN_FACTORS)
    page.get_by_role("link", name="Add a passkey").click()
    confirm(page)
    page.get_by_label("Name").fill("Laptop")
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()

    for role in Role:
        people.change_role(member=person, role=role, by=other, reason="", at=datetime.now(UTC))
        sign_out(page)
        page.get_by_role("button", name="Use a passkey").click()

        assert enter_menu(page) == MENUS[role], role


def test_passkey_is_asked_for_after_the_password(page: Page, authenticator: CDPSession) -> None:
    person = make_person()
    fill_in_sign_in(page, person.user.email)
    expect(page.get_by_role("heading", name="Workspaces")).to_be_visible()
    page.goto(f"{OWN_FACTORS}passkeys/new")
    confirm(page)
    page.get_by_role("button", name="Add the passkey").click()
    expect(page.get_by_role("heading", name="Recovery codes")).to_be_visible()
    sign_out(page)

    fill_in_sign_in(page, person.user.email)
    page.get_by_role("button", name="Use a passkey").click()

    expect(page.get_by_role("heading", name="Workspaces")).to_be_visible()


def test_workspace_that_requires_it_leads_to_a_second_factor(page: Page) -> None:
    person = make_person()
    workspaces.change(workspace=person.workspace, requires_second_factor=True)
    fill_in_sign_in(page, person.user.email)

    page.get_by_role("link", name="Acme Ltd").click()
    expect(page.get_by_role("status")).to_have_text(
        "Acme Ltd requires a second factor. Add one to go on."
    )
    add_app(page)
    page.goto("/w/acme/")

    expect(page.get_by_role("heading", name="Dashboard")).to_be_visible()


def test_pages_are_accessible_and_fit_a_phone(
    browser: Browser, live_server: LiveServer, request: pytest.FixtureRequest
) -> None:
    person = make_person()
    invited = make.invitation(person.workspace)
    member = make.member(person.workspace, Role.MEMBER)
    context = browser.new_context(base_url=live_server.url, viewport={"width": 390, "height": 800})
    request.addfinalizer(context.close)
    page = context.new_page()
    problems: list[str] = []
    page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
    for address in ("/sign-in", "/password/forgot", "/password/forgot/sent", "/sign-in/inactive"):
        page.goto(address)
        check_accessibility(page)
        check_width(page)
    fill_in_sign_in(page, person.user.email)
    expect(page.get_by_role("heading", name="Workspaces")).to_be_visible()
    page.goto("/sign-in/again")
    check_accessibility(page)
    confirm(page)
    person_page = f"/w/acme/people/{member.pk}"
    for address in (
        "/profile/",
        "/profile/password",
        "/profile/mail-address",
        OWN_FACTORS,
        f"{OWN_FACTORS}app/new",
        f"{OWN_FACTORS}passkeys/new",
        "/w/acme/people/",
        "/w/acme/people/?q=nobody",
        "/w/acme/people/invite",
        f"{person_page}/role",
        f"{person_page}/remove",
        f"{person_page}/transfer",
    ):
        page.goto(address)
        check_accessibility(page)
        check_width(page)
    page.goto("/w/acme/people/")
    page.get_by_role("button", name=f"Send again to {invited.email}").click()
    expect(page.get_by_text("This installation has no mail server")).to_be_visible()
    check_accessibility(page)
    link = page.locator("#secret").inner_text()
    add_app(page, asked=False)
    check_accessibility(page)
    for address in (f"{OWN_FACTORS}codes/new", f"{OWN_FACTORS}app/remove", OWN_FACTORS):
        page.goto(address)
        check_accessibility(page)
        check_width(page)
    sign_out(page)
    fill_in_sign_in(page, person.user.email)
    expect(page.get_by_role("heading", name="Second factor")).to_be_visible()
    check_accessibility(page)
    assert problems == []
    page.context.clear_cookies()
    page.goto(link)
    check_accessibility(page)
    check_width(page)


def test_invited_person_joins(page: Page, live_server: LiveServer) -> None:
    make.member(make.workspace("acme", name="Acme Ltd"))
    invited = make.invitation(make.workspace("acme"), Role.FINANCE, at=datetime.now(UTC))
    page.goto(invitations.write_path(invited))
    page.get_by_label("Your name").fill("New Person")
    page.get_by_label("Password").fill(make.PASSWORD)
    page.get_by_role("button", name="Join Acme Ltd").click()

    expect(page.get_by_text("Welcome to Acme Ltd.")).to_be_visible()
    assert re.search("/w/acme/$", page.url)
    assert read_menu(page) == MENUS[Role.FINANCE]


def test_idle_person_is_warned_and_stays(page: Page) -> None:
    person = make_person()
    page.clock.install()
    fill_in_sign_in(page, person.user.email)
    expect(page.get_by_role("heading", name="Workspaces")).to_be_visible()
    left = {"seconds": 60}

    def answer(route: Route) -> None:
        if route.request.method == "GET":
            route.fulfill(json=left)
        else:
            route.continue_()

    page.route("**/session", answer)
    page.clock.fast_forward("14:01")
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Are you still there?")
    check_accessibility(page)

    left["seconds"] = 900
    dialog.get_by_role("button", name="Stay signed in").click()

    expect(dialog).to_have_count(0)


def test_idle_person_is_signed_out_with_words(
    browser: Browser, live_server: LiveServer, request: pytest.FixtureRequest
) -> None:
    # A page of its own: that the script is refused in the end stands in the console.
    context = browser.new_context(base_url=live_server.url)
    request.addfinalizer(context.close)
    page = context.new_page()
    person = make_person()
    page.clock.install()
    fill_in_sign_in(page, person.user.email)
    page.goto("/w/acme/bots/")
    [cookie] = [one for one in page.context.cookies() if one["name"] == "sessionid"]
    session = SessionStore(cookie["value"])
    session[idle.SEEN] = time.time() - 15 * 60 + 3
    session.save()

    page.clock.fast_forward("14:01")
    expect(page.get_by_role("dialog")).to_contain_text("Are you still there?")
    page.clock.resume()

    said = page.get_by_text("You were signed out after 15 minutes without a request.")
    expect(said).to_be_visible(timeout=20_000)
    assert page.url.endswith("/sign-in?next=/w/acme/bots/")
