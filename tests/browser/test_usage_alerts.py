"""Usage alerts as a person makes, rehearses and removes them: by keyboard, script or without."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts import bots
from accounts.models import Role, Workspace
from tests import make
from tests.browser.people import check_accessibility, check_width, sign_in
from tests.plans import books, watching
from tests.plans.watching import MONEY, MONTH

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "operator"]),
    pytest.mark.browser,
]

PAGE = "/w/acme/usage-alerts/"
DAY = timedelta(days=1)


@pytest.fixture
def acme() -> Workspace:
    """A workspace with two bots, used on some days of the last months and today."""
    acme = books.open_without_credits(
        make.workspace("acme", name="Acme Ltd", timezone="Europe/Berlin")
    )
    make.member(acme)
    bots.change(bot=make.bot(acme, "sales"), owner=make.member(acme, Role.MEMBER).user)
    now = datetime.now(UTC)
    events = [
        event
        for days, sessions in ((95, 4), (60, 9), (41, 2), (33, 12), (20, 7), (6, 8), (0, 10))
        for bot in ("sales", "support")
        for event in watching.list_alerts(sessions, at=now - days * DAY - make.MINUTE, bot=bot)
    ]
    make.take_in(acme, *events, now=now)
    watching.charge(acme, now)
    return acme


def test_alert_is_rehearsed_saved_changed_and_removed(page: Page, acme: Workspace) -> None:
    sign_in(page, "owner@acme.example")
    page.goto("/w/acme/usage/")
    page.get_by_role("link", name="Usage alerts").click()
    expect(page.get_by_text("No usage alerts yet")).to_be_visible()
    check_accessibility(page)
    page.get_by_role("main").get_by_role("link", name="New usage alert").last.click()

    page.get_by_label("Bot").fill("sal")
    option = page.locator("#bot-options option")
    expect(option).to_have_count(1)
    expect(option).to_have_attribute("value", "sales")
    page.get_by_label("Bot").fill("sales")
    page.get_by_label("Threshold").fill("8")
    page.get_by_label("Threshold").press("Enter")

    rehearsal = page.get_by_role("region", name="Rehearsal")
    expect(rehearsal.get_by_text("would have fired 4 times")).to_be_visible()
    expect(rehearsal.locator(".trace.bars .point").first).to_be_attached(timeout=20_000)
    expect(rehearsal.locator(".shapelayer path")).to_have_count(1)
    page.get_by_role("button", name="Save usage alert").click()

    expect(page.get_by_role("status").first).to_contain_text("The usage alert is on")
    watching.look(acme, datetime.now(UTC))
    page.reload()
    history = page.get_by_role("region", name="Fired", exact=True)
    expect(history.get_by_text("10 billing sessions")).to_be_visible()

    page.get_by_role("link", name="Change", exact=True).click()
    page.get_by_role("textbox", name="Threshold").fill("12")
    page.get_by_role("button", name="Rehearse").click()
    expect(page.get_by_text("would have fired 1 time")).to_be_visible()
    expect(page.get_by_text("It has fired for this day already")).to_be_visible()
    check_accessibility(page)
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("12 billing sessions per day")

    page.get_by_role("link", name="Remove").click()
    expect(page.get_by_text("Its history of 1 firing is removed with it.")).to_be_visible()
    page.get_by_role("button", name="Remove usage alert").click()
    expect(page.get_by_text("No usage alerts yet")).to_be_visible()


def test_pages_are_accessible_and_no_wider_than_a_phone(page: Page, acme: Workspace) -> None:
    for threshold in (5, 500):
        watching.alert(acme, threshold, bot=make.bot(acme, "sales"), at=datetime.now(UTC))
    made = watching.alert(acme, "3.40", watched=MONEY, per=MONTH, at=datetime.now(UTC))
    watching.look(acme, datetime.now(UTC))
    sign_in(page, "owner@acme.example")

    for address in (
        "",
        "new",
        "new?bot=sales&watched=billing_sessions&per=day&threshold=0",
        "new?bot=sales&watched=billing_sessions&per=day&threshold=5&months=12",
        "new?bot=&watched=money&per=month&threshold=2",
        f"{made.pk}/",
        f"{made.pk}/change",
        f"{made.pk}/remove",
    ):
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto(f"{PAGE}{address}")
        check_accessibility(page)
        check_width(page)


def test_rehearsal_works_without_script(
    browser: Browser, page: Page, live_server: LiveServer, acme: Workspace
) -> None:
    sign_in(page, "owner@acme.example")
    plain = browser.new_context(
        base_url=live_server.url,
        java_script_enabled=False,
        storage_state=page.context.storage_state(),
    )
    alone = plain.new_page()
    alone.goto(f"{PAGE}new")

    alone.get_by_label("Watch").select_option("Money charged")
    alone.get_by_label("Threshold").fill("2.80")
    alone.get_by_role("button", name="Rehearse").click()
    expect(alone.get_by_text("would have fired 5 times")).to_be_visible()
    expect(alone.get_by_role("cell", name="4.80 USD").first).to_be_visible()
    alone.get_by_role("button", name="Save usage alert").click()

    expect(alone.get_by_text("The usage alert is on")).to_be_visible()
    plain.close()
