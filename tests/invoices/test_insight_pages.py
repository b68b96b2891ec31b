"""Insight: three pages for those who see plans, each of the bots whose plan they see."""

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from accounts import bots
from accounts.access import ACCESS
from accounts.models import AuditEntry, Bot, Role, Workspace
from accounts.tenancy import in_workspace
from invoices.views.insight_sessions import say_share
from plans import billing, charging
from plans.models import CreditLot, WorkspaceBilling
from tests import make
from tests.pages import GARBAGE, count_reads, sign_in, words
from tests.rows import made_once

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

PLANS, SESSIONS, CREDITS = (
    "/w/acme/insight/",
    "/w/acme/insight/sessions/",
    "/w/acme/insight/credits/",
)
EXPORT = "/w/acme/insight/sessions.csv"
PAGES = (PLANS, SESSIONS, CREDITS)
NOW = datetime.now(UTC)
RUNNING = f"{PLANS}?months=2&to=running"


def use(of: Workspace, key: str, *, length: float = 15.5, days: int = 3) -> None:
    """Have somebody converse with a bot some days ago."""
    start = NOW - timedelta(days=days)
    user = f"u{next(make.numbers)}"
    make.take_in(of, *make.talk(0, 8, length, start=start, subject=key, user=user), now=NOW)
    make.roll_up(of, now=NOW)


@pytest.fixture
@made_once
def acme() -> Workspace:
    globex = make.workspace("globex")
    with in_workspace(globex.pk):
        billing.open_billing(workspace=globex, at=NOW)
    use(globex, "theirs")
    acme = make.workspace("acme", timezone="Europe/Berlin")
    with in_workspace(acme.pk):
        billing.open_billing(workspace=acme, at=NOW - timedelta(days=3))
    for key in ("sales", "support"):
        use(acme, key)
    charging.run(workspace_id=acme.pk, now=NOW)
    bots.change(bot=make.bot(acme, "sales"), owner=make.member(acme, Role.MEMBER).user)
    return acme


def page(of: Workspace, role: Role = Role.OWNER) -> Client:
    return sign_in(make.member(of, role))


def lot(of: Workspace) -> CreditLot:
    with in_workspace(of.pk):
        return CreditLot.objects.for_workspace(of).get()


def test_same_roles_see_insight_as_see_plans() -> None:
    assert ACCESS["insight.view"] == ACCESS["plans.view"]


@pytest.mark.parametrize("address", PAGES)
def test_new_workspace_is_told_what_will_stand_here(address: str) -> None:
    client = page(make.workspace("acme"))

    said = words(client.get(address))

    assert "No bots yet" in said or "No credits yet" in said


def test_months_are_replayed_under_each_plan(acme: Workspace) -> None:
    said = words(page(acme).get(RUNNING))

    assert "0.80" in said  # four sessions of two bots
    assert "800.00 USD" in said  # and each for 400
    assert "cheapest" in said
    assert "Essential Standard from 301 on" in said
    assert "theirs" not in said


def test_one_bot_is_replayed_with_its_seats(acme: Workspace) -> None:
    said = words(page(acme).get(f"{RUNNING}&bot=sales&seats=2"))

    assert "sales, month by month" in said
    assert "0.40 USD" in said
    assert "Essential Standard from 1,401 on" in said


def test_top_up_is_said_to_last(acme: Workspace) -> None:
    said = words(page(acme).get(f"{RUNNING}&top_up=100"))

    assert "A top-up of 100.00 USD" in said
    assert "99.20 USD left" in said


def test_sessions_are_shown_with_their_cost_and_why(acme: Workspace) -> None:
    response = page(acme).get(SESSIONS)

    said = words(response)
    assert "2 of 4 usage sessions, 50.0 %" in said
    assert "0.40 USD" in said
    assert said.count("Why 2 sessions?") == 2
    assert "theirs" not in said
    link = response.content.decode().split('href="/w/acme/usage/conversations/')[1].split('"')[0]
    assert page(acme).get(f"/w/acme/usage/conversations/{link}").status_code == 200


def test_row_leads_to_its_sessions(acme: Workspace) -> None:
    client = page(acme)
    text = client.get(SESSIONS).content.decode()
    address = text.split('href="/w/acme/usage/sessions/')[1].split('"')[0].replace("&amp;", "&")

    listed = words(client.get(f"/w/acme/usage/sessions/{address}"))

    assert "2 of 2" in listed


def test_export_has_the_rows_and_is_noted(acme: Workspace) -> None:
    response = page(acme).get(EXPORT, {"minutes": "2"})

    rows = list(csv.DictReader(io.StringIO(response.content.decode())))
    assert [(row["key"], row["opened_by_less_than_1_min"], row["cost"]) for row in rows] == [
        ("sales", "1", "0.20"),
        ("support", "1", "0.20"),
    ]
    with in_workspace(acme.pk):
        entry = AuditEntry.objects.for_workspace(acme).get(action="boundaries.exported")
    assert entry.after == {"filters": {"minutes": ["2"]}}


def test_credits_are_shown_by_lot_and_bot(acme: Workspace) -> None:
    said = words(page(acme).get(CREDITS, {"lot": lot(acme).pk}))

    assert "499.20" in said
    assert "0.80" in said
    assert "sales" in said
    assert "No estimate yet" in said


def test_member_sees_their_bots_and_of_shared_credits_the_rest_without_names(
    acme: Workspace,
) -> None:
    client = page(acme, Role.MEMBER)

    plans, sessions = words(client.get(RUNNING)), words(client.get(SESSIONS))
    credits = words(client.get(CREDITS, {"lot": lot(acme).pk}))

    for said in (plans, sessions, credits):
        assert "sales" in said
        assert "support" not in said
    assert "Other bots" in credits
    assert "0.40 USD" in plans
    assert "There is no bot 'support'" in words(client.get(f"{PLANS}?bot=support"))
    assert client.get(EXPORT, {"bot": "support"}).status_code == 400


@pytest.mark.parametrize("address", [*PAGES, EXPORT])
def test_shared_users_and_strangers_find_nothing(acme: Workspace, address: str) -> None:
    assert page(acme, Role.SHARED).get(address).status_code == 404
    assert page(make.workspace("globex")).get(address).status_code == 404


def test_contract_has_nothing_to_compare(acme: Workspace) -> None:
    with in_workspace(acme.pk):
        WorkspaceBilling.objects.for_workspace(acme).update(
            enterprise_from=NOW.date() - timedelta(days=30)
        )
    client = page(acme)

    for address in PAGES:
        assert "is under contract (Enterprise) since" in words(client.get(address))
    assert "month by month" not in words(client.get(PLANS))
    assert "They cost 0.00 USD" in words(client.get(SESSIONS))


def test_currency_without_plans_says_so() -> None:
    yen = make.workspace("acme", currency="JPY")
    use(yen, "support")
    client = page(yen)

    assert "No plan is offered" in words(client.get(RUNNING))
    assert client.get(SESSIONS).status_code == 200
    assert client.get(CREDITS).status_code == 200


def test_archived_bots_stay_in_their_months(acme: Workspace) -> None:
    bots.archive(bot=make.bot(acme, "support"), reason="Unused.", at=NOW)

    assert "support" in words(page(acme).get(RUNNING))
    assert "support" in words(page(acme).get(SESSIONS))


@pytest.mark.parametrize("address", PAGES)
def test_many_bots_take_as_many_statements_as_few(acme: Workspace, address: str) -> None:
    client = page(acme)
    client.get(address)
    few = count_reads(lambda: client.get(address))
    with in_workspace(acme.pk):
        Bot.objects.bulk_create(
            Bot(workspace=acme, key=f"bot-{number}", name=f"Bot {number}") for number in range(30)
        )

    assert count_reads(lambda: client.get(address)) == few


ASKED = {
    PLANS: ["bot", "months", "to", "top_up", "seats"],
    SESSIONS: ["first", "last", "bot", "channel", "minutes"],
    CREDITS: ["lot"],
}


@pytest.mark.parametrize("address", PAGES)
def test_what_cannot_be_is_said_and_nothing_fails(acme: Workspace, address: str) -> None:
    client = page(acme)

    for name in ASKED[address]:
        for value in GARBAGE:
            assert client.get(address, {name: value}).status_code == 200, (name, value)


def test_days_the_wrong_way_round_are_refused(acme: Workspace) -> None:
    client = page(acme)

    said = words(client.get(SESSIONS, {"first": "2026-03-02", "last": "2026-03-01"}))
    long = words(client.get(SESSIONS, {"first": "2020-03-02", "last": "2026-03-01"}))

    assert "The first day lies after the last one." in said
    assert "Choose at most 366 days." in long


@pytest.mark.parametrize(
    ("part", "of", "said"), [(1, 3, "33.3 %"), (2, 3, "66.7 %"), (0, 5, "0.0 %"), (0, 0, "–")]
)
def test_share_is_rounded_half_up(part: int, of: int, said: str) -> None:
    assert say_share(part, of) == said
