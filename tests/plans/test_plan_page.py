"""The Plan page: what it shows of which bots, its filters and its export."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.test import Client

from accounts import bots
from accounts.models import AuditEntry, Bot, BotShare, Role, Workspace
from accounts.tenancy import in_workspace
from plans import extensions, lots
from plans.models import BotBilling, BotPlan, Plan, PlanVersion, WorkspaceBilling
from tests import make
from tests.pages import HUGE, count_reads, sign_in, words
from tests.rows import made_once

pytestmark = pytest.mark.django_db(transaction=True)

PLAN = "/w/acme/plan/"


def today() -> date:
    return datetime.now(UTC).date()


def grant(of: Workspace, amount: str, *, days: int = 60, bot: Bot | None = None) -> None:
    lots.grant_free(
        workspace=of,
        amount=Decimal(amount),
        at=datetime.now(UTC),
        last_day=today() + timedelta(days=days),
        key=f"test:{amount}:{days}:{bot}",
        bot=bot,
    )


def open_without_credits(of: Workspace) -> Workspace:
    """Open a workspace's billing so that it is given no free credits."""
    with in_workspace(of.pk):
        WorkspaceBilling.objects.create(
            workspace=of,
            default_plan=Plan.objects.get(code="standard"),
            open_month=today().replace(day=1),
        )
    return of


def hold(bot: Bot, plan: str, *, from_day: date) -> None:
    with in_workspace(bot.workspace_id):
        version = PlanVersion.objects.on_offer().get(plan__code=plan)
        BotPlan.objects.create(
            workspace=bot.workspace, bot=bot, starts_on=from_day, version=version
        )


def bill(bot: Bot, **values: object) -> None:
    with in_workspace(bot.workspace_id):
        BotBilling.objects.update_or_create(workspace=bot.workspace, bot=bot, defaults=values)


@made_once
def fill() -> None:
    globex = open_without_credits(make.workspace("globex", name="Globex Corp"))
    make.bot(globex, "theirbot")
    grant(globex, "777")
    acme = open_without_credits(make.workspace("acme", timezone="UTC"))
    for key in ("support", "sales", "voice"):
        make.bot(acme, key)


@pytest.fixture
def acme() -> Workspace:
    fill()
    return make.workspace("acme")


@pytest.fixture
def owner(acme: Workspace) -> Client:
    return sign_in(make.member(acme))


def read_csv(client: Client, query: str = "") -> list[dict[str, str]]:
    text = client.get(f"{PLAN}export{query}").content.decode()
    return list(csv.DictReader(io.StringIO(text)))


def test_shows_plan_and_balance_rounded_down(acme: Workspace, owner: Client) -> None:
    grant(acme, "1412.3799")

    page = words(owner.get(PLAN))

    assert "Shared free credits 1,412.37 USD" in page
    assert "support support – Standard Published Active Using free credits 1,412.37 USD" in page
    assert "globex" not in page.lower()
    assert "777" not in page


def test_each_bot_has_its_own_and_the_shared_credits(acme: Workspace, owner: Client) -> None:
    grant(acme, "100")
    grant(acme, "20.5", bot=make.bot(acme, "sales"))

    found = {row["key"]: row["remaining"] for row in read_csv(owner)}

    assert found == {"sales": "120.50", "support": "100.00", "voice": "100.00"}


def test_status_says_what_is_unpaid_or_ends(acme: Workspace, owner: Client) -> None:
    now = today()
    for key in ("support", "sales", "voice"):
        hold(make.bot(acme, key), "advanced", from_day=now - timedelta(days=50))
    bill(make.bot(acme, "support"), past_due_on=now, expires_on=now + timedelta(days=14))
    bill(make.bot(acme, "sales"), past_due_on=now, expires_on=now)
    hold(make.bot(acme, "voice"), "essential", from_day=now + timedelta(days=5))

    page = words(owner.get(PLAN))
    found = {row["key"]: (row["plan"], row["plan_status"]) for row in read_csv(owner)}

    assert found == {
        "sales": ("Advanced", "expired"),
        "support": ("Advanced", "past_due"),
        "voice": ("Advanced", "ends_on"),
    }
    assert "Changes from Advanced to Essential on" in page
    assert "past due since" in page
    assert "The plan expired on" in page


def test_icon_tells_of_what_lapses_soon_and_of_extensions(acme: Workspace, owner: Client) -> None:
    grant(acme, "300", days=14)
    grant(acme, "50", days=15)
    person = make.member(acme).user
    bot = make.bot(acme, "support")
    extensions.request(bot=bot, days=30, reason="Late.", by=person, at=datetime.now(UTC))

    page = words(owner.get(PLAN))

    assert page.count("300.00 USD of free credits, shared by all bots, lapse after") == 3
    assert "50.00 USD of free" not in page
    assert page.count("An extension of 30 days was asked for on") == 1


def test_filters_and_their_chips(acme: Workspace, owner: Client) -> None:
    hold(make.bot(acme, "voice"), "advanced", from_day=today())
    member = make.member(acme, Role.MEMBER)
    bots.change(bot=make.bot(acme, "sales"), owner=member.user)

    def keys(query: str) -> list[str]:
        return [row["key"] for row in read_csv(owner, query)]

    assert keys("?plan=advanced") == ["voice"]
    assert keys("?plan=standard&q=SUP") == ["support"]
    assert keys("?plan_status=expired") == []
    assert keys("?balance=inactive") == ["sales", "support"]
    assert keys("?show=inactive") == ["sales", "support"]
    assert keys(f"?owner={member.user.pk}") == ["sales"]
    assert keys("?sort=-name") == ["voice", "support", "sales"]
    page = words(owner.get(f"{PLAN}?plan=advanced&q=voi"))
    assert "Remove the filter Plan: Advanced" in page
    assert "Remove the filter Name or key: voi" in page


def test_nothing_yet_differs_from_nothing_matches(acme: Workspace, owner: Client) -> None:
    empty = sign_in(make.member(make.workspace("empty")))

    assert "No bot matches" in words(owner.get(f"{PLAN}?q=nothing"))
    assert "Clear filters" in words(owner.get(f"{PLAN}?q=nothing"))
    assert "No bots yet" in words(empty.get("/w/empty/plan/"))


@pytest.mark.parametrize(
    "query",
    ["?owner=x", f"?owner={HUGE}", "?plan_status=gone", "?balance=-", "?plan=%00", "?show=x"],
)
def test_what_cannot_be_asked_for_is_said_and_left_out(
    acme: Workspace, owner: Client, query: str
) -> None:
    response = owner.get(f"{PLAN}{query}")

    assert response.status_code == 200
    assert "The list is shown without it." in words(response)
    assert "support" in words(response)


def test_archived_bots_are_under_their_tab(acme: Workspace, owner: Client) -> None:
    bots.archive(bot=make.bot(acme, "voice"), reason="Unused.", at=datetime.now(UTC))

    assert [row["key"] for row in read_csv(owner)] == ["sales", "support"]
    assert [row["key"] for row in read_csv(owner, "?show=archived")] == ["voice"]


def test_member_sees_the_bots_they_own_alone(acme: Workspace) -> None:
    member = make.member(acme, Role.MEMBER)
    bots.change(bot=make.bot(acme, "sales"), owner=member.user)
    with in_workspace(acme.pk):
        BotShare.objects.create(workspace=acme, bot=make.bot(acme, "voice"), user=member.user)
    client = sign_in(member)

    page = words(client.get(PLAN))

    assert [row["key"] for row in read_csv(client)] == ["sales"]
    assert "support" not in page
    assert " voice " not in page
    assert "Change bot owner" not in page
    assert "Add funds" not in page


def test_finance_reads_and_changes_nothing(acme: Workspace) -> None:
    page = words(sign_in(make.member(acme, Role.FINANCE)).get(PLAN))

    assert "support" in page
    assert "Change bot owner" not in page
    assert "Add funds" not in page


def test_contract_has_no_balance(acme: Workspace, owner: Client) -> None:
    grant(acme, "500")
    with in_workspace(acme.pk):
        WorkspaceBilling.objects.update_or_create(
            workspace=acme,
            defaults={
                "enterprise_from": today(),
                "default_plan": PlanVersion.objects.get(plan__code="standard").plan,
                "open_month": today().replace(day=1),
            },
        )

    page = words(owner.get(PLAN))

    assert "under contract (Enterprise) since" in page
    assert "Enterprise Published" in page
    assert "500" not in page
    assert read_csv(owner)[0]["remaining"] == ""


def test_export_says_what_was_asked_for(acme: Workspace, owner: Client) -> None:
    read_csv(owner, "?plan=standard")

    with in_workspace(acme.pk):
        entry = AuditEntry.objects.for_workspace(acme).get(action="plans.exported")
    assert entry.target == "acme-plans.csv"
    assert entry.after == {"filters": {"plan": ["standard"]}}


def test_as_many_statements_for_many_bots(acme: Workspace, owner: Client) -> None:
    grant(acme, "500", days=5)

    few = count_reads(lambda: owner.get(PLAN))
    with in_workspace(acme.pk):
        Bot.objects.bulk_create(
            Bot(workspace=acme, key=f"bot{number}", name=f"Bot {number}") for number in range(300)
        )
    many = count_reads(lambda: owner.get(PLAN))

    assert many == few
    assert few <= 45
    assert "Page 1 of 7" in words(owner.get(PLAN))
