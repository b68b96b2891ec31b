"""The pages on which plans are compared and changed."""

import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
import time_machine
from django.test import Client

from accounts import bots
from accounts.models import Bot, Role, Workspace
from accounts.tenancy import in_workspace
from invoices.models import Order
from plans import billing, catalog, subscriptions
from plans.models import BotPlan, Plan, PlanVersion, WorkspaceBilling
from tests import make
from tests.invoices import buying
from tests.pages import GARBAGE, sign_in, words
from tests.rows import made_once

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _at_noon() -> object:
    with time_machine.travel(NOON, tick=False):
        yield


def version(code: str) -> PlanVersion:
    return PlanVersion.objects.on_offer().select_related("plan").get(plan__code=code)


@pytest.fixture
@made_once
def acme() -> Workspace:
    acme = make.workspace("acme")
    make.billing_details(acme)
    make.bot(acme)
    make.bot(make.workspace("globex"), "theirs")
    return acme


@pytest.fixture
def owner(acme: Workspace) -> Client:
    return sign_in(make.member(acme))


def bot(of: Workspace) -> Bot:
    return make.bot(of, "support" if of.slug == "acme" else "theirs")


def address(of: Workspace) -> str:
    return f"/w/acme/plan/bots/{bot(of).pk}/change"


def fields(client: Client, of: Workspace, code: str) -> dict[str, str]:
    """Return what the page of a change would send."""
    page = client.get(f"{address(of)}?version={version(code).pk}").content.decode()
    names = ("version", "current", "scheduled", "net", "key")
    found = {
        name: re.search(rf'name="{name}"\s+value="([^"]*)"', page).group(1)  # type: ignore[union-attr]
        for name in names
    }
    return {**found, "method": "sandbox"}


def orders(of: Workspace) -> list[Decimal]:
    with in_workspace(of.pk):
        return list(Order.objects.for_workspace(of).values_list("net", flat=True))


def rows(of: Workspace) -> list[str]:
    with in_workspace(of.pk):
        found = BotPlan.objects.for_workspace(of).order_by("starts_on")
        return list(found.values_list("version__plan__code", flat=True))


def test_plans_are_compared_in_the_currency_of_the_workspace(owner: Client) -> None:
    page = words(owner.get("/w/acme/plan/compare"))

    assert "60.00\N{NO-BREAK SPACE}USD" in page or "60.00 USD" in page
    for text in ("400 billing sessions included, then 0.18", "3,000", "By contract", "zone UTC"):
        assert text in page


def test_workspace_without_prices_is_told() -> None:
    yen = make.workspace("yen", currency="JPY")
    make.bot(yen)
    client = sign_in(make.member(yen))

    assert "No plans in this currency" in words(client.get("/w/yen/plan/compare"))


def test_choice_says_what_is_open_and_why_not(acme: Workspace, owner: Client) -> None:
    now = datetime.now(UTC)
    events = [
        make.event("alert.delivered", at=datetime(2026, 2, 2, tzinfo=UTC)) for _ in range(2001)
    ]
    make.take_in(acme, *events, now=now)
    make.roll_up(acme, now=now)

    page = words(owner.get(address(acme)))

    assert "Current plan" in page
    assert "there were 2,001 in February 2026" in page
    assert "Choose Advanced" in page
    assert "Choose Essential" not in page


def test_quote_shows_the_arithmetic_and_three_invoices(acme: Workspace, owner: Client) -> None:
    page = words(owner.get(f"{address(acme)}?version={version('essential').pk}"))
    page = page.replace("\N{NO-BREAK SPACE}", " ")

    assert (
        "(60.00 USD − 0.00 USD) × 30 days left, today included, ÷ 31 days of March = 58.06 USD"
        in page
    )
    for text in ("2 March 2026, 00:00 (UTC)", "Essential, April 2026", "Essential, May 2026"):
        assert text in page


def test_upgrade_leads_to_its_payment(acme: Workspace, owner: Client) -> None:
    sent = fields(owner, acme, "essential")

    first, again = (owner.post(address(acme), sent) for _ in range(2))

    assert first.status_code == again.status_code == 302
    assert buying.lead_on(owner, first.headers["Location"]).startswith("/sandbox/pay/")
    assert orders(acme) == [Decimal("58.06")]
    assert rows(acme) == ["standard"]
    assert "waits for its payment" in words(owner.get(address(acme)))


def test_downgrade_is_scheduled_and_undone(acme: Workspace, owner: Client) -> None:
    subscriptions.change_today(bot=bot(acme), version=version("advanced"), at=NOON)
    sent = fields(owner, acme, "essential")

    done = owner.post(address(acme), sent, follow=True)

    assert "changes to Essential on 1 April 2026. Until then" in words(done)
    assert rows(acme) == ["standard", "advanced", "essential"]
    assert "is dropped" in words(owner.get(f"{address(acme)}?version={version('standard').pk}"))
    undone = owner.post(f"{address(acme)}/undo", follow=True)
    assert "keeps its plan" in words(undone)
    again = owner.post(f"{address(acme)}/undo", follow=True)
    assert "No change is scheduled" in words(again)


@pytest.mark.usefixtures("own_catalog")
def test_version_withdrawn_while_the_page_was_open(acme: Workspace, owner: Client) -> None:
    sent = fields(owner, acme, "essential")
    catalog.withdraw(plan=Plan.objects.get(code="essential"), seen=1, reason="Over.", at=NOON)

    answer = owner.post(address(acme), sent)

    assert "is not offered in this version any more. Nothing is changed" in words(answer)
    assert orders(acme) == []


def test_second_admin_is_told_what_the_first_did(acme: Workspace, owner: Client) -> None:
    subscriptions.change_today(bot=bot(acme), version=version("essential"), at=NOON)
    sent = fields(owner, acme, "advanced")
    other = sign_in(make.member(acme, Role.ADMIN))
    other.post(address(acme), fields(other, acme, "standard"))

    answer = owner.post(address(acme), sent)

    assert "has changed meanwhile. Nothing of yours is done" in words(answer)
    assert orders(acme) == []


@pytest.mark.parametrize("name", ["version", "current", "scheduled", "net", "key", "method"])
def test_odd_values_change_nothing(acme: Workspace, owner: Client, name: str) -> None:
    sent = fields(owner, acme, "essential")
    amounts = ["NaN", "1e400", "99.99", "1,5"] if name == "net" else []

    for value in {*GARBAGE, "", *amounts} - {sent[name]}:
        answer = owner.post(address(acme), {**sent, name: value})
        assert answer.status_code == 200, value

    assert orders(acme) == []
    assert rows(acme) == ["standard"]


def test_odd_versions_lead_to_the_choice(acme: Workspace, owner: Client) -> None:
    for value in (*GARBAGE, "0", str(2**63)):
        answer = owner.get(address(acme), {"version": value})
        assert answer.status_code == 200, value
        assert "Choose Essential" in words(answer), value


def test_workspace_with_a_contract_chooses_nothing(acme: Workspace, owner: Client) -> None:
    sent = fields(owner, acme, "essential")
    with in_workspace(acme.pk):
        billing.open_billing(workspace=acme, at=NOON)
        WorkspaceBilling.objects.for_workspace(acme).update(enterprise_from=NOON.date())

    assert "Choose Essential" not in words(owner.get(address(acme)))
    assert "has a contract" in words(owner.post(address(acme), sent))
    assert "has a contract" in words(owner.post(f"{address(acme)}/undo", follow=True))
    assert orders(acme) == []


@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.ADMIN, 200), (Role.FINANCE, 403), (Role.MEMBER, 404), (Role.SHARED, 404)],
)
def test_role_decides_who_changes_a_plan(acme: Workspace, role: Role, status: int) -> None:
    client = sign_in(make.member(acme, role))

    assert client.get(address(acme)).status_code == status


def test_member_changes_the_plan_of_their_own_bot(acme: Workspace) -> None:
    member = make.member(acme, Role.MEMBER)
    bots.change(bot=bot(acme), owner=member.user)
    client = sign_in(member)

    assert client.get(address(acme)).status_code == 200
    assert client.post(address(acme), fields(client, acme, "essential")).status_code == 302


def test_bot_of_another_workspace_is_of_nobody(acme: Workspace, owner: Client) -> None:
    theirs = bot(make.workspace("globex")).pk

    assert owner.get(f"/w/acme/plan/bots/{theirs}/change").status_code == 404
    assert owner.post(f"/w/acme/plan/bots/{theirs}/change/undo").status_code == 404
    assert owner.get(f"/w/acme/plan/bots/{2**70}/change").status_code == 404
