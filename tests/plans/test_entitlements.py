"""May a bot answer? Asked by programs over HTTP, before each conversation."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import psycopg
import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import bots, months, prepared
from accounts.models import Bot, MonthZone, PublishStatus, Scope, Workspace
from accounts.tenancy import in_workspace
from plans import balances, charging, entitlements
from plans.api import EntitlementAnswer
from plans.entitlements import Reason, UnknownBot
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


def put_on(plan: str, bot: Bot) -> None:
    """Give a bot a plan from today on."""
    with in_workspace(bot.workspace_id):
        version = PlanVersion.objects.on_offer().get(plan__code=plan)
        BotPlan.objects.create(workspace=bot.workspace, bot=bot, starts_on=TODAY, version=version)


def bill(bot: Bot, **values: Any) -> None:
    with in_workspace(bot.workspace_id):
        BotBilling.objects.create(workspace=bot.workspace, bot=bot, **values)


def find(bot: Bot, now: datetime = make.NOON) -> entitlements.Entitlement:
    return entitlements.find(workspace_id=bot.workspace_id, key=bot.key, now=now)


def ask(of: Workspace, key: str, *scopes: Scope, method: str = "GET") -> tuple[int, Any]:
    name = f"key {next(make.numbers)}"
    secret = make.api_key(of, *(scopes or (Scope.READ_ENTITLEMENT,)), name=name)
    response = Client().generic(
        method,
        f"/api/v1/bots/{quote(key, safe='')}/entitlement",
        "{}",
        content_type="application/json",
        headers={"Authorization": f"Bearer {secret}"},
    )
    return response.status_code, response.json()


def test_credits_allow_a_bot_to_answer(acme: Workspace, bot: Bot) -> None:
    books.buy(acme, "100.0050")

    status, answer = ask(acme, bot.key)

    assert status == 200
    assert datetime.now(UTC) - datetime.fromisoformat(answer.pop("as_of")) < timedelta(minutes=1)
    assert answer == {
        "bot": "support",
        "allowed": True,
        "reason": "ok",
        "status": "sufficient",
        "balance": "100.0050",
        "currency": "USD",
    }


def test_the_balance_is_that_of_the_pages(acme: Workspace, bot: Bot) -> None:
    books.buy(acme, "70")
    books.buy(acme, "5", bot=bot)
    books.buy(acme, "1000", bot=make.bot(acme, "other"))
    books.free(acme, 3, last_day=TODAY)
    bill(bot, overdraft=Decimal("2.5"), low_balance=Decimal(60))

    found = find(bot)

    read = balances.read(workspace=acme, bots=[bot.pk], today=TODAY)
    assert found.balance == read[bot.pk]
    assert found.balance.remaining == Decimal("75.5")


@pytest.mark.parametrize(("overdraft", "reason"), [("9.9999", "ok"), ("10", "no_credit")])
def test_without_anything_left_there_is_no_credit(
    acme: Workspace, bot: Bot, overdraft: str, reason: str
) -> None:
    books.buy(acme, "10")
    bill(bot, overdraft=Decimal(overdraft))

    assert find(bot).reason == reason


def test_lots_count_to_the_end_of_their_last_day(acme: Workspace, bot: Bot) -> None:
    books.free(acme, 3, last_day=TODAY)
    midnight = datetime(2026, 3, 3, tzinfo=UTC)

    assert find(bot, midnight - timedelta(microseconds=1)).allowed
    assert find(bot, midnight).reason is Reason.NO_CREDIT


@pytest.mark.parametrize(
    ("status", "reason"), [("in_development", "in_development"), ("suspended", "suspended")]
)
def test_only_published_bots_answer(
    acme: Workspace, bot: Bot, status: PublishStatus, reason: str
) -> None:
    books.buy(acme, "100")
    bots.change(bot=bot, publish_status=status)

    status_code, answer = ask(acme, bot.key)

    assert (status_code, answer["allowed"], answer["reason"]) == (200, False, reason)


def test_an_archived_bot_counts_as_suspended(acme: Workspace, bot: Bot) -> None:
    books.buy(acme, "100")
    with in_workspace(acme.pk):
        Bot.objects.filter(pk=bot.pk).update(archived_at=make.NOON)

    assert find(bot).reason is Reason.SUSPENDED


def test_a_plan_with_a_fee_needs_no_credits(acme: Workspace, bot: Bot) -> None:
    put_on("essential", bot)

    status, answer = ask(acme, bot.key)

    assert (status, answer["allowed"], answer["status"], answer["balance"]) == (
        200, True, "none", None,
    )  # fmt: skip


@pytest.mark.parametrize("expires_on", [TODAY - timedelta(days=1), TODAY])
def test_an_expired_plan_is_not_helped_by_credits(
    acme: Workspace, bot: Bot, expires_on: date
) -> None:
    books.buy(acme, "100")
    put_on("essential", bot)
    bill(bot, past_due_on=expires_on - timedelta(days=14), expires_on=expires_on)

    assert find(bot).reason is Reason.EXPIRED


def test_a_plan_that_expires_tomorrow_holds_today(acme: Workspace, bot: Bot) -> None:
    put_on("essential", bot)
    bill(bot, past_due_on=TODAY, expires_on=TODAY + timedelta(days=1))

    assert find(bot).allowed


@pytest.mark.parametrize(("day", "reason"), [(TODAY, "ok"), (date(2026, 3, 3), "no_credit")])
def test_the_contract_holds_from_its_day_on(
    acme: Workspace, bot: Bot, day: date, reason: str
) -> None:
    with in_workspace(acme.pk):
        WorkspaceBilling.objects.filter(workspace=acme).update(enterprise_from=day)

    assert find(bot).reason == reason


def test_a_workspace_that_was_not_opened_has_its_free_credits(bot: Bot) -> None:
    theirs = make.bot(make.workspace("globex"), "theirs")

    found = find(theirs)

    assert (found.reason, found.balance.remaining) == (Reason.OK, Decimal(500))


def test_the_bots_of_others_and_unknown_keys_are_not_found(acme: Workspace) -> None:
    make.bot(make.workspace("globex"), "theirs")

    for key in ("theirs", "nobody", "a\0b", "%"):
        status, answer = ask(acme, key)
        assert (status, answer["code"]) == (404, "not_found")


def test_the_scope_is_needed(acme: Workspace, bot: Bot) -> None:
    assert ask(acme, bot.key, Scope.READ_USAGE)[0] == 403


def test_a_key_may_hold_slashes_and_end_as_the_address(acme: Workspace) -> None:
    books.buy(acme, "100")
    make.bot(acme, "a/b")

    assert ask(acme, "a/b")[1]["bot"] == "a/b"
    assert ask(acme, "odd", Scope.WRITE_BOTS, method="PUT")[1]["key"] == "odd/entitlement"
    assert ask(acme, "odd/entitlement")[1]["bot"] == "odd/entitlement"


def test_a_charged_block_is_in_it_and_until_then_as_of_says_so(acme: Workspace, bot: Bot) -> None:
    books.buy(acme, "100")
    now = make.NOON + timedelta(hours=2)
    make.take_in(acme, *make.talk(0, 5), now=make.NOON + 5 * make.MINUTE)
    make.date_marks("usage_dirtystream", now - make.MINUTE)

    waiting = find(bot, now)
    make.roll_up(acme, now)
    counted = find(bot, now + make.MINUTE)
    charging.run(workspace_id=acme.pk, now=now + make.MINUTE)
    charged = find(bot, now + make.HOUR)

    assert (waiting.as_of, waiting.balance.remaining) == (now - make.MINUTE, Decimal(100))
    # Counted and not charged: what waited goes on waiting.
    assert (counted.as_of, counted.balance.remaining) == (now - make.MINUTE, Decimal(100))
    assert (charged.as_of, charged.balance.remaining) == (now + make.HOUR, Decimal("99.8"))


def test_a_block_that_is_not_complete_yet_does_not_hold_up(acme: Workspace, bot: Bot) -> None:
    books.buy(acme, "100")
    make.take_in(acme, *make.talk(0, 5), now=make.NOON + 5 * make.MINUTE)
    make.roll_up(acme, make.NOON + 6 * make.MINUTE)
    charging.run(workspace_id=acme.pk, now=make.NOON + 6 * make.MINUTE)
    make.date_marks("usage_dirtystream", make.NOON)

    running = find(bot, make.NOON + 7 * make.MINUTE)
    forgotten = find(bot, make.NOON + make.HOUR)

    assert running.as_of == make.NOON + 7 * make.MINUTE
    assert make.NOON + 19 * make.MINUTE < forgotten.as_of < make.NOON + 21 * make.MINUTE


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kolkata", "America/New_York", "Pacific/Kiritimati"])
@pytest.mark.parametrize("after", ["Pacific/Honolulu", "Asia/Tokyo", "Pacific/Apia"])
def test_the_day_is_that_of_charging(zone: str, after: str) -> None:
    acme = books.open_without_credits(make.workspace("acme", timezone=zone))
    bot = make.bot(acme)
    with in_workspace(acme.pk):
        for month, name in ((months.BEGINNING, zone), (date(2026, 4, 1), after)):
            MonthZone.objects.create(workspace=acme, month=month, zone=name)
        calendar = months.read_calendar(acme)
    last = date(2026, 3, 31)
    books.free(acme, 3, last_day=last)

    for hour in range(-40, 40):
        at = datetime(2026, 4, 1, tzinfo=UTC) + timedelta(hours=hour)
        assert find(bot, at).allowed == (calendar.day_of(at) <= last), at


@pytest.fixture
def trips(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Return what goes to the database by libpq alone, to be filled."""
    asked: list[bytes] = []

    def ask(session: psycopg.Connection[Any], text: bytes) -> list[psycopg.pq.abc.PGresult]:
        asked.append(text)
        return prepared_ask(session, text)

    prepared_ask = prepared.ask
    monkeypatch.setattr(prepared, "ask", ask)
    return asked


def test_it_is_one_trip_to_the_database(acme: Workspace, bot: Bot, trips: list[bytes]) -> None:
    find(bot)
    trips.clear()

    with CaptureQueriesContext(connection) as others:
        find(bot)

    assert len(trips) == 1
    assert len(others) == 0


def test_over_http_too_the_api_key_included(acme: Workspace, bot: Bot, trips: list[bytes]) -> None:
    secret = make.api_key(acme, Scope.READ_ENTITLEMENT)
    client = Client(headers={"Authorization": f"Bearer {secret}"})
    address = f"/api/v1/bots/{bot.key}/entitlement"
    first = client.get(address)  # notes that the key is used
    trips.clear()

    with CaptureQueriesContext(connection) as others:
        second = client.get(address)

    assert second.json() | {"as_of": ""} == first.json() | {"as_of": ""}
    assert second.json()["bot"] == bot.key
    assert second.json().keys() == EntitlementAnswer(**second.json()).dict().keys()
    assert len(trips) == 1
    assert len(others) == 0


def test_an_api_key_sees_the_bots_of_its_workspace_alone(acme: Workspace, bot: Bot) -> None:
    globex = books.open_without_credits(make.workspace("globex"))
    theirs = make.bot(globex, "theirs")
    for of, key in ((acme, theirs.key), (globex, bot.key)):
        assert ask(of, key)[0] == 404
    for secret in ("bck_forged", "bck_\0"):
        answer = Client().get(
            f"/api/v1/bots/{bot.key}/entitlement", headers={"Authorization": f"Bearer {secret}"}
        )
        assert answer.status_code == 401
    with connection.cursor() as cursor:
        cursor.execute("SELECT coalesce(current_setting('app.workspace_id', true), '')")
        assert cursor.fetchone() == ("",)  # nothing stays admitted


def test_an_unknown_bot_is_said_to_be_so(acme: Workspace) -> None:
    with pytest.raises(UnknownBot):
        entitlements.find(workspace_id=acme.pk, key="nobody", now=make.NOON)
