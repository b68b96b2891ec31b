"""The operators' pages of the catalog."""

import re
from html import unescape
from itertools import product

import pytest
from django.test import Client

from accounts import people
from accounts.models import AuditEntry
from plans.models import Currency, PlanVersion
from tests import make
from tests.pages import GARBAGE, sign_in, words

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "operator"]),
    pytest.mark.usefixtures("own_catalog"),
]

PLANS = "/operator/plans/"
NEW, WITHDRAW = f"{PLANS}essential/new", f"{PLANS}essential/withdraw"
DOLLAR = f"{PLANS}currencies/USD/"
PAGES = (PLANS, f"{PLANS}essential/", f"{PLANS}enterprise/", NEW, WITHDRAW, DOLLAR)
AMOUNTS = {
    "free_credits": "400.00", "free_days": "60", "top_up_from": "50", "top_up_to": "10000",
    "low_balance": "25",
}  # fmt: skip


@pytest.fixture
def operator() -> Client:
    client = Client()
    client.force_login(people.add_operator(email="op@console.example")[0])
    return client


def inputs(client: Client, page: str = NEW) -> dict[str, str]:
    """Return what the form of a page would send as it is."""
    text = client.get(page).content.decode()
    found = {}
    for tag in re.findall(r"<input[^>]*>", text[text.index("<main") :]):
        given = dict(re.findall(r'(\w+)="([^"]*)"', tag))
        if given.get("type") != "checkbox" or " checked" in tag:
            found[given["name"]] = unescape(given.get("value", ""))
    return found


def offered() -> PlanVersion:
    return PlanVersion.objects.on_offer().get(plan__code="essential")


def test_pages_are_for_operators_alone(operator: Client) -> None:
    owner = sign_in(make.member(make.workspace()))

    for page in PAGES:
        assert operator.get(page).status_code == 200, page
        for client in (owner, Client()):
            assert client.get(page).status_code == 404, page
            assert client.post(page, {"reason": "x"}).status_code == 404, page


def test_list_has_plans_with_fees_and_currencies(operator: Client) -> None:
    page = words(operator.get(PLANS)).replace("\N{NO-BREAK SPACE}", " ")

    assert "Essential Version 1 60.00 EUR 60.00 USD" in page
    assert "Enterprise By contract" in page
    assert "USD 500.00 USD 90 100.00 USD 20,000.00 USD 50.00 USD" in page


def test_form_begins_with_what_is_offered_and_publishes_the_change(operator: Client) -> None:
    sent = inputs(operator)
    assert (sent["price_USD_"], sent["price_EUR_billing_sessions"]) == ("60.00", "0.18")
    assert (sent["included_billing_sessions"], sent["included_conversations"]) == ("400", "")

    done = operator.post(NEW, {**sent, "price_USD_": "65", "included_agents": "2"}, follow=True)

    assert "Version 2 of Essential is on offer" in words(done)
    version = offered()
    assert version.number == 2
    assert dict(version.meters.values_list("meter", "included")) == {
        "billing_sessions": 400, "agents": 2,
    }  # fmt: skip
    assert version.prices.get(currency="USD", meter="").amount == 65
    entry = AuditEntry.objects.using("operator").get(action="plan.published")
    assert entry.actor_name == "op@console.example"


def test_double_click_publishes_once(operator: Client) -> None:
    sent = inputs(operator)

    operator.post(NEW, sent)
    again = operator.post(NEW, sent)

    assert "was changed meanwhile" in words(again)
    assert offered().number == 2


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"included_conversations": "1"}, "overlap"),
        ({"price_USD_": "-1"}, "0 or more"),
        ({"price_USD_": "1.001"}, "at most 2 decimals"),
        ({"price_USD_agents": "0.00001"}, "at most 4 decimals"),
        ({"price_USD_": "NaN"}, "Write an amount"),
        ({"price_USD_": "1e400"}, "Write an amount"),
        ({"price_USD_": "1,000.50"}, "Write an amount"),
        ({"price_USD_": ""}, "price is missing"),
        ({"uses_credits": "on"}, "has no fee"),
        ({"included_agents": "1.5"}, "whole number"),
        ({"included_agents": "9" * 30}, "at most"),
        ({"bought_credit_days": "0"}, "at least 1"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(
    operator: Client, changed: dict[str, str], says: str
) -> None:
    answer = operator.post(NEW, {**inputs(operator), **changed})

    assert answer.status_code == 200
    assert says in words(answer)
    assert offered().number == 1


def test_odd_values_are_answered(operator: Client) -> None:
    sent = inputs(operator)

    for name, value in product(("replaces", "price_USD_", "included_agents"), GARBAGE):
        assert operator.post(NEW, {**sent, name: value}).status_code in (200, 302), value
    for name, value in product(AMOUNTS, GARBAGE):
        assert operator.post(DOLLAR, {**AMOUNTS, name: value}).status_code in (200, 302), value


def test_plan_is_withdrawn_with_a_reason(operator: Client) -> None:
    assert "Say why" in words(operator.post(WITHDRAW, {"seen": "1"}))
    stale = operator.post(WITHDRAW, {"seen": "7", "reason": "Sells badly."})
    assert "was changed meanwhile" in words(stale)

    done = operator.post(WITHDRAW, {"seen": "1", "reason": "Sells badly."}, follow=True)

    assert "is not on offer any more" in words(done)
    assert "is not on offer." in words(operator.get(WITHDRAW))
    assert "Withdrawn" in words(operator.get(PLANS))
    assert operator.post(NEW, inputs(operator)).status_code == 302
    assert offered().number == 2


def test_first_plan_stays(operator: Client) -> None:
    page = f"{PLANS}standard/"

    assert "Withdraw" not in words(operator.get(page))
    answer = operator.post(f"{page}withdraw", {"seen": "1", "reason": "Sells badly."})
    assert "stays on offer" in words(answer)


def test_amounts_of_a_currency_are_set(operator: Client) -> None:
    done = operator.post(DOLLAR, AMOUNTS, follow=True)

    assert "The amounts in USD are set" in words(done)
    dollar = Currency.objects.get(code="USD")
    assert (dollar.free_days, str(dollar.low_balance)) == (60, "25.0000")


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"top_up_from": "0"}, "more than 0"),
        ({"top_up_from": "20000"}, "at most the largest"),
        ({"low_balance": "1.001"}, "2 decimals"),
        ({"low_balance": ""}, "Write an amount"),
        ({"free_days": "0"}, "at least 1"),
        ({"free_credits": "NaN"}, "Write an amount"),
    ],
)
def test_amounts_that_cannot_be_are_refused(
    operator: Client, changed: dict[str, str], says: str
) -> None:
    answer = operator.post(DOLLAR, {**AMOUNTS, **changed})

    assert says in words(answer)
    assert Currency.objects.get(code="USD").free_days == 90


def test_what_is_not_there_is_not_found(operator: Client) -> None:
    for page in ("nothing/", "nothing/new", "enterprise/new", "enterprise/withdraw"):
        assert operator.get(f"{PLANS}{page}").status_code == 404, page
    assert operator.get(f"{PLANS}currencies/XXX/").status_code == 404
