"""The Plan pages, as a person sees and uses them: with a pointer, by keyboard, on a phone."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from playwright.sync_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from accounts import bots, people
from accounts.models import Bot, Role, Workspace
from accounts.tenancy import in_workspace
from plans import lots
from plans.models import BotPlan, CreditLot, PlanVersion
from tests import make
from tests.browser.people import check_accessibility, check_width, sign_in

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "operator"]),
    pytest.mark.browser,
]


@pytest.fixture
def acme() -> Workspace:
    acme = make.workspace("acme", name="Acme Ltd", timezone="Europe/Berlin")
    make.member(acme)
    make.member(acme, Role.MEMBER)
    now = datetime.now(UTC)
    for key in ("sales", "support"):
        make.bot(acme, key)
    bots.change(bot=make.bot(acme, "sales"), owner=make.member(acme).user)
    lots.grant_free(
        workspace=acme,
        amount=Decimal("1412.379"),
        at=now,
        last_day=now.date() + timedelta(days=5),
        key="test",
        bot=make.bot(acme, "sales"),
        reason="A trial.",
    )
    with in_workspace(acme.pk):
        for day, plan in ((-40, "advanced"), (9, "essential")):
            BotPlan.objects.create(
                workspace=acme,
                bot=make.bot(acme, "support"),
                starts_on=now.date() + timedelta(days=day),
                version=PlanVersion.objects.on_offer().get(plan__code=plan),
            )
    return acme


def find(acme: Workspace, key: str) -> Bot:
    return make.bot(acme, key)


def list_pages(acme: Workspace) -> list[str]:
    sales = find(acme, "sales").pk
    with in_workspace(acme.pk):
        lot = CreditLot.objects.for_workspace(acme).get(reason="A trial.").pk
    return [
        "/w/acme/plan/",
        "/w/acme/plan/?q=nothing&plan=advanced",
        f"/w/acme/plan/bots/{sales}/",
        f"/w/acme/plan/bots/{find(acme, 'support').pk}/",
        f"/w/acme/plan/bots/{sales}/extension",
        f"/w/acme/plan/bots/{sales}/owner",
        "/w/acme/plan/credits/",
        f"/w/acme/plan/credits/{lot}/",
    ]


def test_pages_are_accessible_and_no_wider_than_a_phone(page: Page, acme: Workspace) -> None:
    sign_in(page, "owner@acme.example")

    for address in list_pages(acme):
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto(address)
        check_accessibility(page)
        check_width(page)


def test_operator_pages_are_accessible(page: Page, acme: Workspace) -> None:
    operator = people.add_operator(email="op@console.example", password=make.PASSWORD)[0]
    sign_in(page, operator.email)

    for address in (
        "/operator/extensions/",
        "/operator/workspaces/acme/credits",
        "/operator/workspaces/acme/enterprise",
        "/operator/seller/",
    ):
        page.set_viewport_size({"width": 1440, "height": 900})
        page.goto(address)
        check_accessibility(page)
        check_width(page)


def test_information_icon_works_by_keyboard_and_without_script(
    browser: Browser, page: Page, live_server: LiveServer, acme: Workspace
) -> None:
    sign_in(page, "owner@acme.example")
    page.goto("/w/acme/plan/")
    news = page.get_by_text("Changes from Advanced to Essential on")
    expect(news).to_be_hidden()

    page.get_by_role("button", name="News about support").focus()
    page.keyboard.press("Enter")
    expect(news).to_be_visible()
    check_accessibility(page)
    page.keyboard.press("Escape")
    expect(news).to_be_hidden()

    plain = browser.new_context(
        base_url=live_server.url,
        java_script_enabled=False,
        storage_state=page.context.storage_state(),
    )
    without = plain.new_page()
    without.goto("/w/acme/plan/")
    without.get_by_role("button", name="News about support").click()
    expect(without.get_by_text("Changes from Advanced to Essential on")).to_be_visible()
    without.get_by_role("link", name="Manage sales").click(force=True)
    expect(without.get_by_role("heading", name="Plan of sales")).to_be_visible()
    plain.close()


def test_news_are_wide_enough_to_read_on_a_phone(page: Page, acme: Workspace) -> None:
    sign_in(page, "owner@acme.example")
    page.set_viewport_size({"width": 390, "height": 800})
    page.goto("/w/acme/plan/")

    page.get_by_role("button", name="News about support").click()

    box = page.locator(".bubble:popover-open").bounding_box()
    assert box is not None
    assert box["width"] > 200
    assert 0 <= box["x"] <= 390 - box["width"]


def test_manage_appears_by_hover_and_focus_and_always_by_touch(
    browser: Browser, page: Page, live_server: LiveServer, acme: Workspace
) -> None:
    sign_in(page, "owner@acme.example")
    page.goto("/w/acme/plan/")
    manage = page.get_by_role("link", name="Manage sales")
    expect(manage).to_have_css("opacity", "0")

    page.get_by_role("row").filter(has_text="sales").hover()
    expect(manage).to_have_css("opacity", "1")
    page.mouse.move(0, 0)
    expect(manage).to_have_css("opacity", "0")
    manage.focus()
    expect(manage).to_have_css("opacity", "1")
    page.keyboard.press("Enter")
    drawer = page.get_by_role("dialog", name="Plan of sales")
    expect(drawer.get_by_text("Credits that it may use")).to_be_visible()
    check_accessibility(page)
    page.keyboard.press("Escape")
    expect(drawer).to_be_hidden()

    phone = browser.new_context(
        base_url=live_server.url,
        has_touch=True,
        is_mobile=True,
        viewport={"width": 1024, "height": 900},
        storage_state=page.context.storage_state(),
    )
    touched = phone.new_page()
    touched.goto("/w/acme/plan/")
    expect(touched.get_by_role("link", name="Manage sales")).to_have_css("opacity", "1")
    phone.close()


def test_admin_changes_the_owner_from_the_menu(page: Page, acme: Workspace) -> None:
    sign_in(page, "owner@acme.example")
    page.goto("/w/acme/plan/")
    page.get_by_role("button", name="More for sales").focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Change bot owner").click()
    expect(page.get_by_text("Orders keep their buyer.")).to_be_visible()
    page.get_by_label("New owner").select_option(label="member@acme.example (Member)")
    page.get_by_label("Has no access any more").check()
    page.get_by_label("Reason").fill("She builds it.")

    page.get_by_role("button", name="Change owner").click()

    expect(page.get_by_role("status")).to_have_text("member@acme.example owns sales now.")


def test_member_asks_for_an_extension_and_sets_a_limit(page: Page, acme: Workspace) -> None:
    member = make.member(acme, Role.MEMBER)
    bots.change(bot=find(acme, "sales"), owner=member.user)
    sign_in(page, member.user.email)
    page.goto("/w/acme/plan/")
    expect(page.get_by_role("button", name="More for")).to_have_count(0)
    expect(page.get_by_text("support")).to_have_count(0)
    page.goto(f"/w/acme/plan/bots/{find(acme, 'sales').pk}/")

    page.get_by_label("Low-balance limit in USD").fill("1,5")
    page.get_by_role("button", name="Set limit").click()
    expect(page.get_by_text("Write an amount such as 1234.56.")).to_be_visible()
    page.get_by_label("Low-balance limit in USD").fill("75")
    page.get_by_role("button", name="Set limit").click()
    expect(page.get_by_role("status")).to_have_text("The low-balance limit of sales is set.")
    page.get_by_role("link", name="Request an extension").click()
    page.get_by_label("Days").fill("30")
    page.get_by_label("Reason").fill("The launch moved.")
    page.get_by_role("button", name="Request extension").click()

    expect(page.get_by_role("status")).to_have_text("An extension of 30 days is asked for sales.")
    expect(page.get_by_role("link", name="Request an extension")).to_have_count(0)


def test_finance_reads_and_is_offered_nothing(page: Page, acme: Workspace) -> None:
    sign_in(page, make.member(acme, Role.FINANCE).user.email)
    sales = find(acme, "sales").pk
    page.goto("/w/acme/plan/")
    expect(page.get_by_role("button", name="More for")).to_have_count(0)
    page.goto(f"/w/acme/plan/bots/{sales}/")

    expect(page.get_by_role("button", name="Set limit")).to_have_count(0)
    for name in ("Change plan", "Add funds", "Request an extension", "Change owner"):
        expect(page.get_by_role("link", name=name)).to_have_count(0)


def test_operator_approves_an_extension(page: Page, acme: Workspace) -> None:
    operator = people.add_operator(email="op@console.example", password=make.PASSWORD)[0]
    owner = make.member(acme)
    sign_in(page, owner.user.email)
    page.goto(f"/w/acme/plan/bots/{find(acme, 'sales').pk}/extension")
    page.get_by_label("Days").fill("20")
    page.get_by_label("Reason").fill("Late.")
    page.get_by_role("button", name="Request extension").click()
    expect(page.get_by_role("status")).to_be_visible()
    page.context.clear_cookies()
    sign_in(page, operator.email)

    page.goto("/operator/extensions/")
    page.get_by_role("link", name="sales").click()
    expect(page.get_by_text("1,412.37 USD of free credits")).to_be_visible()
    check_accessibility(page)
    page.get_by_role("button", name="Approve").click()

    expect(page.get_by_role("status")).to_have_text("The extension for sales is approved.")
    with in_workspace(acme.pk):
        lot = CreditLot.objects.get(extends__isnull=False)
        assert lot.balance == Decimal("1412.379")
