"""What the operator gives: free credits, and the state Enterprise."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.test import Client

from accounts import people
from accounts.models import AuditEntry, Bot, Workspace
from accounts.tenancy import in_workspace
from plans import grants
from plans.grants import NotPossible
from plans.models import CreditLot, WorkspaceBilling
from tests import make
from tests.pages import sign_in, words

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

NOW = make.NOON
TODAY = NOW.date()
DAY = timedelta(days=1)
CREDITS = "/operator/workspaces/acme/credits"
ENTERPRISE = "/operator/workspaces/acme/enterprise"


@pytest.fixture
def acme() -> Workspace:
    make.bot(make.workspace("globex"), "theirbot")
    acme = make.workspace("acme", timezone="UTC")
    make.bot(acme)
    return acme


@pytest.fixture
def operator() -> Client:
    client = Client()
    client.force_login(people.add_operator(email="op@console.example")[0])
    return client


def list_lots(of: Workspace) -> list[tuple[str, str, date | None]]:
    """Return amount, reason and last day of what was granted beside the first credits."""
    with in_workspace(of.pk):
        found = CreditLot.objects.for_workspace(of).exclude(reason="").order_by("pk")
        return [(f"{lot.amount:.2f}", lot.reason, lot.last_day) for lot in found]


def list_actions(of: Workspace, prefix: str) -> list[tuple[str, object]]:
    with in_workspace(of.pk):
        entries = AuditEntry.objects.for_workspace(of).filter(action__startswith=prefix)
        return list(entries.order_by("pk").values_list("action", "after"))


def values(**changes: str) -> dict[str, str]:
    sent = {
        "amount": "250.5",
        "bot": "",
        "last_day": f"{datetime.now(UTC).date() + 30 * DAY}",
        "reason": "A trial.",
        "once": str(uuid4()),
    }
    return sent | changes


def grant(of: Workspace, *, key: str = "grant:1", last_day: date = TODAY) -> CreditLot:
    return grants.grant(
        workspace=of,
        bot=None,
        amount=Decimal("250.5"),
        last_day=last_day,
        reason="A trial.",
        key=key,
        at=NOW,
    )


def test_twice_is_one_lot_and_one_entry(acme: Workspace) -> None:
    assert grant(acme).pk == grant(acme).pk

    assert list_lots(acme) == [("250.50", "A trial.", TODAY)]
    assert len(list_actions(acme, "credits.")) == 1


def test_last_day_that_is_over_is_refused(acme: Workspace) -> None:
    with pytest.raises(NotPossible, match="last day is over"):
        grant(acme, last_day=TODAY - DAY)
    assert list_lots(acme) == []


def test_page_grants_to_all_bots_or_one(acme: Workspace, operator: Client) -> None:
    bot = make.bot(acme)

    answer = operator.post(CREDITS, values(), follow=True)
    operator.post(CREDITS, values(amount="20,000.01".replace(",", ""), bot=str(bot.pk)))

    assert "250.50 USD of free credits are granted" in words(answer)
    assert [lot[0] for lot in list_lots(acme)] == ["250.50", "20000.01"]
    with in_workspace(acme.pk):
        assert CreditLot.objects.get(amount=Decimal("20000.01")).bot_id == bot.pk
    assert list_actions(acme, "credits.")[0][1] == {
        "amount": "250.50",
        "currency": "USD",
        "last_day": f"{datetime.now(UTC).date() + 30 * DAY}",
        "reason": "A trial.",
    }


def test_double_click_is_one_grant(acme: Workspace, operator: Client) -> None:
    sent = values()
    for _ in range(2):
        assert operator.post(CREDITS, sent).status_code == 302

    assert len(list_lots(acme)) == 1


@pytest.mark.parametrize(
    ("amount", "says"),
    [
        ("0", "Give more than 0"),
        ("-5", "Write an amount of 0 or more."),
        ("1000000.01", "at most 1,000,000"),
        ("20,000", "Write an amount such as 1234.56."),
        ("NaN", "Write an amount such as 1234.56."),
        ("1e400", "Write an amount such as 1234.56."),
        ("Infinity", "Write an amount such as 1234.56."),
        ("5 EUR", "Write an amount such as 1234.56."),
        ("0.001", "at most 2 decimals"),
        ("", "Write an amount."),
    ],
)
def test_bad_amount_is_one_sentence(
    acme: Workspace, operator: Client, amount: str, says: str
) -> None:
    answer = operator.post(CREDITS, values(amount=amount))

    assert answer.status_code == 200
    assert says in words(answer)
    assert list_lots(acme) == []


@pytest.mark.parametrize("day", ["2026-02-30", "yesterday", "9999-12-31", "2020-01-01", ""])
def test_bad_last_day_is_one_sentence(acme: Workspace, operator: Client, day: str) -> None:
    answer = operator.post(CREDITS, values(last_day=day))

    assert answer.status_code == 200
    assert "field-error" in answer.content.decode()
    assert list_lots(acme) == []


def test_bot_of_another_workspace_is_refused(acme: Workspace, operator: Client) -> None:
    with in_workspace(make.workspace("globex").pk):
        theirs = Bot.objects.get(key="theirbot").pk

    answer = operator.post(CREDITS, values(bot=str(theirs)))

    assert "There is no such bot in this workspace." in words(answer)
    assert list_lots(acme) == []


def find_contract(of: Workspace) -> date | None:
    with in_workspace(of.pk):
        billed = WorkspaceBilling.objects.filter(workspace=of).first()
        return billed.enterprise_from if billed else None


def begin(of: Workspace, day: date, at: datetime = NOW) -> None:
    grants.begin_contract(workspace=of, day=day, reason="Signed.", at=at)


def test_contract_begins_on_a_day_to_come_and_can_be_taken_back(acme: Workspace) -> None:
    begin(acme, TODAY + DAY)
    begin(acme, TODAY + DAY)
    assert find_contract(acme) == TODAY + DAY

    grants.withdraw_contract(workspace=acme, reason="Not signed.", at=NOW)

    assert find_contract(acme) is None
    assert [action for action, _ in list_actions(acme, "enterprise.")] == [
        "enterprise.set",
        "enterprise.unset",
    ]


def test_contract_of_today_is_refused(acme: Workspace) -> None:
    with pytest.raises(NotPossible, match="tomorrow at the earliest"):
        begin(acme, TODAY)


def test_contract_that_holds_stays(acme: Workspace) -> None:
    begin(acme, TODAY + DAY)

    with pytest.raises(NotPossible, match="holds since 3 Mar 2026"):
        begin(acme, TODAY + 9 * DAY, at=NOW + DAY)
    with pytest.raises(NotPossible, match="holds since 3 Mar 2026"):
        grants.withdraw_contract(workspace=acme, reason="Over.", at=NOW + DAY)
    assert find_contract(acme) == TODAY + DAY


def test_page_sets_the_contract(acme: Workspace, operator: Client) -> None:
    day = datetime.now(UTC).date() + 3 * DAY

    answer = operator.post(
        ENTERPRISE, {"enterprise_from": f"{day}", "reason": "Signed."}, follow=True
    )
    bad = operator.post(ENTERPRISE, {"enterprise_from": "2026-02-30", "reason": "Signed."})

    assert "Acme" in words(answer) or "acme is under contract from" in words(answer)
    assert "There is no such day." in words(bad)
    assert find_contract(acme) == day
    assert f'value="{day}"' in operator.get(ENTERPRISE).content.decode()


def test_owner_of_a_workspace_grants_nothing(acme: Workspace) -> None:
    owner = sign_in(make.member(acme))

    assert owner.get(CREDITS).status_code == 404
    assert owner.post(CREDITS, values()).status_code == 404
    assert owner.post(ENTERPRISE, {"enterprise_from": "", "reason": "x"}).status_code == 404
    assert list_lots(acme) == []
