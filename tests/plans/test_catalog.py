"""The catalog: what is offered in which currency, and what operators may publish and withdraw."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from django.db import DatabaseError, connections, transaction

from accounts.models import AuditEntry
from accounts.tenancy import in_workspace
from plans import catalog
from plans.catalog import FEE, NotPublishable, Terms
from plans.models import BotPlan, Currency, Meter, Plan, PlanVersion
from tests import make
from tests.at_once import at_once

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "operator"]),
    pytest.mark.usefixtures("own_catalog"),
]

TERMS = Terms(
    uses_credits=False,
    included={"billing_sessions": 500, "agents": 1},
    prices={
        ("USD", FEE): Decimal("75"),
        ("USD", "billing_sessions"): Decimal("0.1750"),
        ("USD", "agents"): Decimal("22"),
    },
    most_sessions=2500,
    most_agents=12,
)
CREDITS = Terms(
    uses_credits=True,
    included={"billing_sessions": 0},
    prices={
        (code, meter): Decimal(amount)
        for code in ("USD", "EUR")
        for meter, amount in ((FEE, "0"), ("billing_sessions", "0.25"))
    },
)


def plan(code: str = "essential") -> Plan:
    return Plan.objects.get(code=code)


def offered(code: str = "essential") -> PlanVersion:
    return PlanVersion.objects.on_offer().get(plan__code=code)


def last_entry() -> AuditEntry:
    return AuditEntry.objects.using("operator").order_by("-pk")[0]


def test_offers_are_those_of_the_seeded_plans_in_their_order() -> None:
    standard, essential, advanced = catalog.find_offers(currency="USD")

    assert [offer.plan.code for offer in (standard, essential, advanced)] == [
        "standard", "essential", "advanced",
    ]  # fmt: skip
    assert [offer.fee for offer in (standard, essential, advanced)] == [0, 60, 400]
    assert essential.meters == (
        (Meter.BILLING_SESSIONS, 400, Decimal("0.18")),
        (Meter.AGENTS, 0, Decimal("20")),
    )
    assert standard.version.uses_credits
    assert essential.find(Meter.VOICE_SESSIONS) is None


def test_plan_without_a_price_in_a_currency_is_left_out() -> None:
    assert catalog.find_offers(currency="JPY") == []

    catalog.publish(plan=plan(), terms=TERMS, replaces=1, at=make.NOON)

    assert [offer.plan.code for offer in catalog.find_offers(currency="EUR")] == [
        "standard", "advanced",
    ]  # fmt: skip
    assert len(catalog.find_offers(currency="USD")) == 3


def test_new_version_withdraws_the_one_before_and_changes_nothing_of_it() -> None:
    before = catalog.read_offers([offered()], currency="USD")

    version = catalog.publish(plan=plan(), terms=TERMS, replaces=1, at=make.NOON)

    assert (version.number, offered()) == (2, version)
    first = PlanVersion.objects.get(plan__code="essential", number=1)
    assert first.withdrawn_at == make.NOON
    assert catalog.read_offers([first], currency="USD") == before
    entry = last_entry()
    assert (entry.action, entry.target, entry.before) == (
        "plan.published", "essential", {"version": 1},
    )  # fmt: skip
    assert entry.after
    assert entry.after["prices"]["USD fee"] == "75"


def test_running_plan_keeps_its_version_when_a_new_one_is_published() -> None:
    acme = make.workspace()
    make.bot(acme)
    catalog.publish(plan=plan("standard"), terms=CREDITS, replaces=1, at=make.NOON)
    make.bot(acme, "later")

    with in_workspace(acme.pk):
        numbers = dict(
            BotPlan.objects.for_workspace(acme).values_list("bot__key", "version__number")
        )
    assert numbers == {"support": 1, "later": 2}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"included": {"billing_sessions": 1, "conversations": 1}}, "overlap"),
        ({"included": {"billing_sessions": 1, "alert_sessions": 1}}, "overlap"),
        ({"included": {"agents": 1, "agents_peak": 1}}, "overlap"),
        ({"included": {}}, "at least one meter"),
        ({"included": {"billing_sessions": -1, "agents": 0}}, "between 0"),
        ({"included": {"billing_sessions": 2**31, "agents": 0}}, "between 0"),
        ({"most_sessions": -1}, "between 0"),
        ({"bought_credit_days": 0}, "between 1"),
        ({"prices": {}}, "at least one currency"),
        ({"prices": {("USD", FEE): Decimal(1)}}, "price is missing"),
        ({"prices": {("XXX", FEE): Decimal(1)}}, "no currency XXX"),
        ({"prices": {**TERMS.prices, ("USD", FEE): Decimal("1.001")}}, "2 decimals"),
        ({"prices": {**TERMS.prices, ("USD", "agents"): Decimal("0.00001")}}, "4 decimals"),
        ({"prices": {**TERMS.prices, ("USD", "agents"): Decimal("-1")}}, "0 or more"),
        ({"prices": {**TERMS.prices, ("USD", "agents"): Decimal("NaN")}}, "0 or more"),
        ({"prices": {**TERMS.prices, ("USD", "agents"): Decimal("1e400")}}, "0 or more"),
        ({"uses_credits": True}, "has no fee"),
    ],
)
def test_terms_that_cannot_be_billed_are_refused(change: dict[str, Any], says: str) -> None:
    with pytest.raises(NotPublishable, match=says):
        catalog.publish(plan=plan(), terms=replace(TERMS, **change), replaces=1, at=make.NOON)

    assert offered().number == 1


@pytest.mark.parametrize(
    ("terms", "says"),
    [
        (TERMS, "has no fee"),
        (replace(CREDITS, most_sessions=5), "open to every bot"),
        (
            replace(CREDITS, prices={k: v for k, v in CREDITS.prices.items() if k[0] == "USD"}),
            "needs prices in EUR",
        ),
        (replace(CREDITS, included={"billing_sessions": 5}), "includes nothing"),
    ],
)
def test_first_plan_stays_open_to_everybody(terms: Terms, says: str) -> None:
    with pytest.raises(NotPublishable, match=says):
        catalog.publish(plan=plan("standard"), terms=terms, replaces=1, at=make.NOON)


def test_version_that_was_not_seen_is_not_replaced() -> None:
    catalog.publish(plan=plan(), terms=TERMS, replaces=1, at=make.NOON)

    with pytest.raises(NotPublishable, match="changed meanwhile"):
        catalog.publish(plan=plan(), terms=TERMS, replaces=1, at=make.NOON)

    assert offered().number == 2


def test_of_two_that_publish_at_once_one_is_told() -> None:
    def publish() -> None:
        try:
            catalog.publish(plan=plan(), terms=TERMS, replaces=1, at=make.NOON)
        finally:
            connections["operator"].close()

    raised = at_once(publish, publish)

    assert [type(error) for error in raised if error] == [NotPublishable]
    assert offered().number == 2


def test_withdrawn_plan_is_offered_no_more_until_a_new_version() -> None:
    catalog.withdraw(plan=plan(), seen=1, reason="Sells badly.", at=make.NOON)

    assert len(catalog.find_offers(currency="USD")) == 2
    assert last_entry().action == "plan.withdrawn"
    with pytest.raises(NotPublishable, match="changed meanwhile"):
        catalog.withdraw(plan=plan(), seen=1, reason="Again.", at=make.NOON)
    catalog.publish(plan=plan(), terms=TERMS, replaces=None, at=make.NOON)
    assert offered().number == 2


def test_first_plan_is_never_withdrawn() -> None:
    with pytest.raises(NotPublishable, match="stays on offer"):
        catalog.withdraw(plan=plan("standard"), seen=1, reason="Why not.", at=make.NOON)

    assert offered("standard").number == 1


def test_currency_is_changed_and_noted_once() -> None:
    for _ in range(2):
        catalog.change_currency(code="USD", at=make.NOON, low_balance=Decimal("40.0000"))

    assert Currency.objects.get(code="USD").low_balance == 40
    entry = last_entry()
    assert (entry.action, entry.target) == ("currency.changed", "USD")
    assert entry.before == {"low_balance": "50.0000"}
    assert AuditEntry.objects.using("operator").filter(action="currency.changed").count() == 1


@pytest.mark.parametrize(
    "values",
    [
        {"top_up_from": Decimal(0)},
        {"top_up_from": Decimal(20001)},
        {"top_up_to": Decimal("100.001")},
        {"low_balance": Decimal("-1")},
        {"free_credits": Decimal("NaN")},
        {"free_days": 0},
    ],
)
def test_limits_that_cannot_be_are_refused(values: dict[str, Decimal | int]) -> None:
    with pytest.raises(NotPublishable):
        catalog.change_currency(code="USD", at=make.NOON, **values)


def test_application_itself_cannot_publish() -> None:
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        PlanVersion.objects.create(plan=plan(), number=9, uses_credits=False)
