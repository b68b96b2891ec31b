"""The Usage page in a browser: graph, table, filters, and without a script."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts.models import Membership, Role
from tests import make
from tests.browser.people import check_accessibility, check_width, sign_in

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.browser]


@pytest.fixture
def yesterday() -> datetime:
    """Noon of the day before the test, which may run long after this file was read."""
    return datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)


@pytest.fixture
def owner(yesterday: datetime) -> Membership:
    now = datetime.now(UTC)
    acme = make.workspace("acme", name="Acme Ltd")
    seat = make.event("agent.seat_assigned", at=yesterday, subject="alpha", agent="ann")
    alerts = [make.event("alert.delivered", at=yesterday, subject="beta") for _ in range(2)]
    talk = make.talk(0, 10, 20, 31, start=yesterday, subject="alpha")
    make.take_in(acme, *talk, seat, *alerts, now=now)
    make.roll_up(acme, now=now)
    return make.member(acme, Role.OWNER)


@pytest.fixture
def usage(page: Page, owner: Membership) -> Page:
    sign_in(page, owner.user.email)
    page.goto("/w/acme/usage/?range=7d")
    return page


def test_tooltip_of_a_point_says_four_things(usage: Page, yesterday: datetime) -> None:
    usage.set_viewport_size({"width": 1280, "height": 1200})
    point = usage.locator(".trace.bars").first.locator(".point").nth(5)
    box = point.bounding_box()
    assert box is not None

    usage.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)

    lines = usage.locator(".hovertext tspan.line")
    expect(lines).to_have_text(
        [f"Date: {yesterday:%a, %-d %b %Y}", "Sessions: 3", "Voice Sessions: 0", "Agents: 1"]
    )


def test_graph_and_table_switch_by_keyboard_and_keep_the_focus(usage: Page) -> None:
    usage.get_by_role("link", name="Table").focus()
    usage.keyboard.press("Enter")

    expect(usage.get_by_role("cell", name="Total")).to_be_visible()
    expect(usage.get_by_role("link", name="Table")).to_be_focused()
    assert "view=table" in usage.url

    usage.get_by_role("link", name="Graph").focus()
    usage.keyboard.press("Enter")

    expect(usage.locator(".trace.bars").first).to_be_visible()
    expect(usage.get_by_role("link", name="Graph")).to_be_focused()


def test_filter_is_typed_chosen_and_removed(usage: Page) -> None:
    usage.get_by_label("Bot", exact=True).press_sequentially("alp")
    expect(usage.locator("#bot-added-options option")).to_have_count(1)
    usage.get_by_label("Bot", exact=True).fill("alpha")
    usage.keyboard.press("Enter")

    chip = usage.get_by_role("link", name="Remove the filter alpha")
    expect(chip).to_be_visible()
    expect(usage.locator(".legend li")).to_have_count(1)

    chip.click()

    expect(usage.locator(".legend li")).to_have_count(2)


def test_going_back_shows_what_was_there(usage: Page) -> None:
    expect(usage.locator(".trace.bars").first).to_be_visible()
    usage.get_by_label("Period").select_option("24h")
    expect(usage.locator("#usage")).to_contain_text("by hour")

    usage.go_back()

    expect(usage.locator("#usage")).to_contain_text("by day")
    expect(usage.locator(".trace.bars").first).to_be_visible()
    expect(usage.get_by_role("navigation", name="Main")).to_be_visible()


def test_export_is_a_file(usage: Page) -> None:
    usage.locator("summary", has_text="Export").click()

    with usage.expect_download() as download:
        usage.get_by_role("link", name="XLSX").click()

    assert download.value.suggested_filename.endswith(".xlsx")


def test_page_is_accessible_and_fits_a_phone(usage: Page) -> None:
    expect(usage.locator(".trace.bars").first).to_be_visible()
    check_accessibility(usage)
    check_width(usage)
    usage.goto("/w/acme/usage/?view=table&rows=bot")
    check_accessibility(usage)
    check_width(usage)
    usage.goto("/w/acme/usage/?bot=nonsense")
    check_accessibility(usage)


def test_table_stands_there_without_a_script(
    browser: Browser, live_server: LiveServer, owner: Membership, yesterday: datetime
) -> None:
    context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
    page = context.new_page()
    sign_in(page, owner.user.email)
    page.goto("/w/acme/usage/")

    row = page.get_by_role("row").filter(has_text=f"{yesterday:%-d %b %Y}")
    expect(row.get_by_role("cell").nth(1)).to_have_text("5")
    page.get_by_label("Bot", exact=True).fill("beta")
    page.get_by_role("button", name="Apply").click()
    expect(row.get_by_role("cell").nth(1)).to_have_text("2")
    context.close()
