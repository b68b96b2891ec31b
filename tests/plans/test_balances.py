"""What bots have left, and how that is called."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Bot, Workspace
from accounts.tenancy import in_workspace
from plans import balances
from plans.balances import Balance, BalanceStatus
from plans.models import BotBilling, BotPlan, PlanVersion, WorkspaceBilling
from tests import make
from tests.plans import books

pytestmark = pytest.mark.django_db(transaction=True)

TODAY = date(2026, 3, 2)  # of make.NOON


@pytest.fixture
def acme() -> Workspace:
    return books.open_without_credits(make.workspace("acme"))


@pytest.fixture
def bot(acme: Workspace) -> Bot:
    return make.bot(acme)


def read(bot: Bot, *, today: date = TODAY) -> Balance:
    return balances.read(workspace=bot.workspace, bots=[bot.pk], today=today)[bot.pk]


def test_a_bot_has_its_own_and_the_shared_credits_less_what_it_owes(
    acme: Workspace, bot: Bot
) -> None:
    books.free(acme, 1, bot=bot)
    books.buy(acme, 20, bot=bot)
    books.free(acme, 300)
    books.buy(acme, 4000)
    books.buy(acme, 50_000, bot=make.bot(acme, "other"))
    with in_workspace(acme.pk):
        BotBilling.objects.create(workspace=acme, bot=bot, overdraft=2, low_balance=7)

    balance = read(bot)

    assert balance == Balance(
        own_free=Decimal(1),
        own_bought=Decimal(20),
        shared_free=Decimal(300),
        shared_bought=Decimal(4000),
        overdraft=Decimal(2),
        limit=Decimal(7),
        currency="USD",
    )
    assert balance.remaining == 4319


def test_credits_whose_last_day_is_over_are_not_there(acme: Workspace, bot: Bot) -> None:
    books.free(acme, 5, last_day=TODAY)

    assert read(bot).remaining == 5
    assert read(bot, today=TODAY + timedelta(days=1)).remaining == 0


def test_the_status_is_the_first_that_is_true(acme: Workspace, bot: Bot) -> None:
    seen = [read(bot).status]
    books.buy(acme, 49)
    seen.append(read(bot).status)
    books.buy(acme, 1)
    seen.append(read(bot).status)
    books.free(acme, 1, bot=bot)
    seen.append(read(bot).status)

    assert seen == [
        BalanceStatus.INACTIVE,
        BalanceStatus.LOW,
        BalanceStatus.SUFFICIENT,
        BalanceStatus.FREE,
    ]


def test_a_bot_that_owes_all_that_it_has_is_inactive() -> None:
    balance = Balance(shared_free=Decimal(5), overdraft=Decimal(5), currency="USD")

    assert balance.status == BalanceStatus.INACTIVE


def test_a_plan_without_credits_has_a_dash(acme: Workspace, bot: Bot) -> None:
    books.buy(acme, 100)
    with in_workspace(acme.pk):
        BotPlan.objects.create(
            workspace=acme,
            bot=bot,
            starts_on=TODAY,
            version=PlanVersion.objects.get(plan__code="essential"),
        )

    assert read(bot).status == BalanceStatus.NONE
    assert read(bot, today=TODAY - timedelta(days=1)).status == BalanceStatus.SUFFICIENT


def test_a_contract_has_a_dash_from_its_first_day_on(acme: Workspace, bot: Bot) -> None:
    with in_workspace(acme.pk):
        WorkspaceBilling.objects.for_workspace(acme).update(enterprise_from=TODAY)

    assert read(bot).status == BalanceStatus.NONE
    assert read(bot, today=TODAY - timedelta(days=1)).status == BalanceStatus.INACTIVE


def test_many_bots_take_as_many_statements_as_one(acme: Workspace) -> None:
    books.buy(acme, 100)
    bots = [make.bot(acme, f"bot-{number}").pk for number in range(20)]

    with CaptureQueriesContext(
        connection,
    ) as of_one:
        balances.read(workspace=acme, bots=bots[:1], today=TODAY)
    with CaptureQueriesContext(connection) as of_many:
        found = balances.read(workspace=acme, bots=bots, today=TODAY)

    assert len(of_one) == len(of_many)
    assert {balance.remaining for balance in found.values()} == {100}


def test_another_workspace_has_its_own_credits(acme: Workspace) -> None:
    globex = books.open_without_credits(make.workspace("globex"))
    books.buy(acme, 100)

    assert read(make.bot(globex)).remaining == 0
