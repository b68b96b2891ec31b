"""Dashboard, event log and the pages of errors, as a person sees them."""

from datetime import UTC, datetime, timedelta

import pytest
from django.http import HttpRequest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Role
from billing_console.errors import answer_outage
from billing_console.outages import Outage
from tests import make
from tests.browser.people import check_accessibility, check_theme, check_width, sign_in

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]

PAGES = [
    "/w/acme/",
    "/w/acme/developers/events/",
    "/w/acme/developers/events/?show=events",
    "/w/acme/developers/events/?show=rejected&code=bad_json",
    "/w/empty/",
]
ERRORS = ["/nothing", "/w/globex/"]


@pytest.fixture
def acme() -> None:
    now = datetime.now(UTC)
    acme = make.workspace("acme", name="Acme Ltd", timezone="Asia/Kolkata")
    days = [now - number * timedelta(days=1) for number in range(40)]
    make.take_in(acme, *(make.event("alert.delivered", at=at) for at in days), now=now)
    make.take_in(acme, make.event("alert.delivered", subject="silent", at=days[20]), now=now)
    make.take_in(acme, make.event(direction="nobody"), now=now)
    make.roll_up(acme, now=now)
    member = make.member(acme, Role.OWNER, "ann@acme.example")
    make.workspace("globex", name="Globex Corp")
    make.member(make.workspace("empty", name="Empty Ltd"), Role.OWNER, member.user.email)


def check(page: Page) -> None:
    check_accessibility(page)
    check_width(page)


def test_pages_are_accessible_on_a_phone_in_both_themes(page: Page, acme: None) -> None:
    page.set_viewport_size({"width": 390, "height": 800})
    sign_in(page, "ann@acme.example")

    for address in PAGES:
        page.goto(address)
        check(page)
        closed = page.locator("main details").all()
        for one in closed:
            one.locator("summary").click()
        if closed:
            check(page)


def test_error_pages_are_accessible_on_a_phone_in_both_themes(
    browser: Browser, live_server: LiveServer, acme: None
) -> None:
    # Of its own: a page that is not there is an error of the console of the browser.
    context = browser.new_context(base_url=live_server.url, viewport={"width": 390, "height": 800})
    page = context.new_page()
    sign_in(page, "ann@acme.example")

    for address in ERRORS:
        page.goto(address)
        expect(page.get_by_role("heading", level=1)).to_have_text(
            "There is nothing at this address"
        )
        check(page)
    context.close()


@pytest.mark.parametrize("script", [True, False])
def test_page_of_an_outage_comes_back_by_itself(
    browser: Browser, live_server: LiveServer, acme: None, script: bool
) -> None:
    request = HttpRequest()
    request.method, request.path = "GET", "/sign-in"
    away = answer_outage(request, Outage.DATABASE)
    context = browser.new_context(base_url=live_server.url, java_script_enabled=script)
    page = context.new_page()
    page.route(
        "**/sign-in",
        lambda route: route.fulfill(
            status=503, body=away.content, headers={"Content-Type": "text/html"}
        ),
        times=1,
    )

    page.goto("/sign-in")
    expect(page.get_by_role("heading", level=1)).to_have_text("The database cannot be reached")
    if script:
        check_theme(page, "light")

    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in", timeout=15_000)
    context.close()


def test_numbers_of_the_chart_are_a_table_too(page: Page, acme: None) -> None:
    sign_in(page, "ann@acme.example")
    page.goto("/w/acme/")

    page.get_by_text("Show as table").click()

    expect(page.get_by_role("img", name="Billing sessions by day")).to_be_visible()
    expect(page.get_by_role("cell", name="1", exact=True).first).to_be_visible()


def test_an_event_leads_to_its_stream_and_filters_are_removed(page: Page, acme: None) -> None:
    sign_in(page, "ann@acme.example")
    page.goto("/w/acme/developers/events/?show=events")
    page.get_by_label("Type").select_option("conversation.message")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("Nothing matches")).to_be_visible()
    page.get_by_role("link", name="Remove the filter Type").click()

    page.get_by_role("table").get_by_role("link").first.click()

    expect(page.get_by_role("heading", name="Events of a stream")).to_be_visible()
    check_words = page.get_by_text("Texts of messages are never stored")
    expect(check_words).to_be_visible()
