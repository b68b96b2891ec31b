"""Insight as a person walks through it: with charts, by keyboard, on a phone, without a script."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Workspace
from accounts.tenancy import in_workspace
from plans import billing, charging
from tests import make
from tests.browser.people import check_accessibility, check_width, sign_in

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "operator"]),
    pytest.mark.browser,
]

NOW = datetime.now(UTC)
MINUTES = (3, 15.2, 16.5, 31, 44)


@pytest.fixture
def acme() -> Workspace:
    acme = make.workspace("acme", name="Acme Ltd", timezone="Europe/Berlin")
    make.member(acme)
    with in_workspace(acme.pk):
        billing.open_billing(workspace=acme, at=NOW - timedelta(days=40))
    for number in range(40):
        start = NOW - timedelta(days=1 + number)
        key = ("sales", "support")[number % 2]
        length = MINUTES[number % 5]
        instants = [*range(0, int(length), 10), length]
        talk = make.talk(*instants, start=start, subject=key, user=f"u{number}")
        make.take_in(acme, *talk, now=NOW)
    make.roll_up(acme, now=NOW)
    charging.run(workspace_id=acme.pk, now=NOW)
    return acme


def test_tabs_are_accessible_and_no_wider_than_a_phone(page: Page, acme: Workspace) -> None:
    sign_in(page, "owner@acme.example")
    page.goto("/w/acme/usage/")
    page.get_by_role("link", name="Insight", exact=True).click()
    expect(page.get_by_role("heading", name="All bots, month by month")).to_be_visible()

    for tab, heading in (
        ("Other plans", "Where plans break even"),
        ("Just over 15 minutes", "By bot and channel"),
        ("Credits", "What is to come"),
    ):
        page.set_viewport_size({"width": 1440, "height": 900})
        page.get_by_role("link", name=tab, exact=True).click()
        expect(page.get_by_role("heading", name=heading)).to_be_visible()
        check_accessibility(page)
        check_width(page)


def test_what_is_asked_for_stands_in_the_address_and_is_drawn(page: Page, acme: Workspace) -> None:
    sign_in(page, "owner@acme.example")
    page.goto("/w/acme/insight/")

    page.get_by_label("Months", exact=True).select_option("2")
    page.get_by_label("Up to").select_option("running")
    page.get_by_label("Top-up, USD").fill("100")
    page.get_by_role("button", name="Replay").click()

    expect(page.get_by_text("A top-up of 100.00")).to_be_visible()
    assert "months=2" in page.url
    expect(page.locator(".chart .scatterlayer .trace")).to_have_count(3)
    page.get_by_role("link", name="sales").click()
    expect(page.get_by_role("heading", name="sales, month by month")).to_be_visible()
    assert "months=2" in page.url


def test_session_leads_to_why_it_is_one(page: Page, acme: Workspace) -> None:
    sign_in(page, "owner@acme.example")
    page.goto("/w/acme/insight/sessions/?minutes=2")

    page.get_by_role("link", name="Why 2 sessions?").first.click()

    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert "/usage/conversations/" in page.url


def test_pages_say_all_without_a_script(
    browser: Browser, live_server: LiveServer, page: Page, acme: Workspace
) -> None:
    sign_in(page, "owner@acme.example")
    context = browser.new_context(
        base_url=live_server.url,
        java_script_enabled=False,
        storage_state=page.context.storage_state(),
    )
    plain = context.new_page()

    plain.goto("/w/acme/insight/?to=running")
    expect(plain.get_by_role("cell", name="from 301 on").first).to_be_visible()
    plain.goto("/w/acme/insight/credits/")
    plain.get_by_role("link", name="By bot").first.click()
    expect(plain.get_by_role("heading", name="by bot")).to_be_visible()
    context.close()
