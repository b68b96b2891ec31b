"""What was charged, on the Usage page, in its exports and over the API: one number everywhere."""

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from django.db.models import Sum
from django.test import Client

from accounts.models import Bot, BotShare, Role, Scope, Workspace
from accounts.tenancy import in_workspace
from plans import charging
from plans.models import ChargedDay, CreditLot, Currency
from plans.wording import say_exactly, say_figure
from tests import make
from tests.pages import count_reads, sign_in
from tests.rows import made_once

pytestmark = pytest.mark.django_db(transaction=True)

NOW = make.NOON + timedelta(days=1)
YESTERDAY = make.NOON


@pytest.fixture(autouse=True)
def _now() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@made_once
def fill() -> None:
    acme = make.workspace("acme", timezone="Europe/Berlin")
    for of, name in ((acme, "alpha"), (make.workspace("globex"), "theirs")):
        make.take_in(
            of,
            *make.talk(0, 14, 28, start=YESTERDAY, subject=name),
            make.event("alert.delivered", at=YESTERDAY, subject=name),
            now=NOW,
        )
    make.take_in(
        acme,
        *(make.event("alert.delivered", at=YESTERDAY, subject="beta") for _ in range(2)),
        now=NOW,
    )
    for of in (acme, make.workspace("globex")):
        make.roll_up(of, now=NOW)
        charging.run(workspace_id=of.pk, now=NOW)


@pytest.fixture
def acme() -> Workspace:
    """Three sessions of alpha and two of beta at 0.20, of yesterday."""
    fill()
    return make.workspace("acme")


def get(client: Client, **values: str) -> str:
    response = client.get(f"/w/acme/usage/?{urlencode(values)}")
    assert response.status_code == 200
    return response.content.decode()


def export(client: Client, **values: str) -> list[dict[str, str]]:
    response = client.get(f"/w/acme/usage/usage.csv?{urlencode(values)}")
    assert response.status_code == 200
    return list(csv.DictReader(io.StringIO(response.content.decode())))


def ask(of: Workspace, **values: str) -> Any:  # Any: an answer is free JSON
    days = {
        "from": f"{YESTERDAY - timedelta(days=3):%Y-%m-%d}",
        "to": f"{YESTERDAY + timedelta(days=2):%Y-%m-%d}",
    }
    secret = make.api_key(of, Scope.READ_USAGE, name=f"key {next(make.numbers)}")
    response = Client().get(
        f"/api/v1/usage?{urlencode(days | values)}", headers={"Authorization": f"Bearer {secret}"}
    )
    assert response.status_code == 200
    return response.json()


def share(acme: Workspace, role: Role) -> Client:
    """Return a person who owns alpha, if that is allowed, and was given beta."""
    person = make.member(acme, role)
    with in_workspace(acme.pk):
        if role is Role.MEMBER:
            Bot.objects.filter(workspace=acme, key="alpha").update(owner=person.user)
        bot = Bot.objects.get(workspace=acme, key="beta")
        BotShare.objects.create(workspace=acme, bot=bot, user=person.user)
    return sign_in(person)


def test_page_exports_and_api_say_what_is_charged(acme: Workspace) -> None:
    client = sign_in(make.member(acme))

    by_time = get(client, view="table")
    by_bot = get(client, view="table", rows="bot")
    days = export(client)
    bots = {row["bot"]: row["charged"] for row in export(client, rows="bot")}
    told = ask(acme, by="day")

    with in_workspace(acme.pk):
        charged = ChargedDay.objects.for_workspace(acme).aggregate(of=Sum("amount"))["of"]
    assert charged == Decimal("1.0000")
    assert by_time.count("1.00\xa0USD") == 3  # card, day, total
    assert "0.60\xa0USD" in by_bot
    assert "0.40\xa0USD" in by_bot
    assert sum(Decimal(row["charged"]) for row in days) == charged
    assert bots == {"alpha": "0.6000", "beta": "0.4000"}
    assert {row["currency"] for row in days} == {"USD"}
    assert sum(Decimal(row["charged"]) for row in told["usage"]) == charged
    assert told["currency"] == "USD"


def test_a_member_sees_what_their_own_bots_cost(acme: Workspace) -> None:
    client = share(acme, Role.MEMBER)

    page = get(client, view="table", rows="bot")
    rows = {row["bot"]: row["charged"] for row in export(client, rows="bot")}

    assert "Charged covers the bots that you own." in page
    assert "0.40\xa0USD" not in page
    assert rows == {"alpha": "0.6000", "beta": ""}


def test_who_reaches_shared_bots_only_sees_no_money(acme: Workspace) -> None:
    client = share(acme, Role.SHARED)

    assert "Charged" not in get(client, view="table")
    assert "USD" not in get(client, view="table")
    assert set(export(client)[0]).isdisjoint({"charged", "currency"})


@pytest.mark.parametrize(
    ("filters", "sentence"),
    [
        ({"timezone": "Asia/Tokyo"}, "Charges are for whole days in Europe/Berlin"),
        ({"range": "24h"}, "Charges are for whole days in Europe/Berlin"),
        ({"channel": "web"}, "Charges are for all channels together."),
    ],
)
def test_what_is_not_made_of_charged_days_has_a_dash(
    acme: Workspace, filters: dict[str, str], sentence: str
) -> None:
    client = sign_in(make.member(acme))

    page = get(client, view="table", **filters)

    assert sentence in page
    assert "1.00\xa0USD" not in page
    assert {row["charged"] for row in export(client, **filters)} == {""}


def test_hours_have_a_dash_and_their_days_a_total(acme: Workspace) -> None:
    page = get(sign_in(make.member(acme)), view="table", range="7d", by="hour")

    assert page.count("1.00\xa0USD") == 2  # card, total


def test_api_has_no_amounts_for_days_of_another_zone(acme: Workspace) -> None:
    told = ask(acme, by="day", timezone="Asia/Tokyo")

    assert {row["charged"] for row in told["usage"]} == {None}


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        ("0.2", "0.20"),
        ("0.0875", "0.0875"),
        ("1234.5000", "1,234.50"),
        ("-0.125", "\N{MINUS SIGN}0.125"),
    ],
)
def test_charges_are_shown_exactly(amount: str, shown: str) -> None:
    dollars = Currency(code="USD", decimals=2)

    assert say_exactly(Decimal(amount), dollars) == f"{shown}\xa0USD"
    assert say_figure(Decimal(amount), dollars) == shown


def test_the_dashboard_says_what_the_month_cost_and_who_needs_credits(acme: Workspace) -> None:
    with in_workspace(acme.pk):
        CreditLot.objects.for_workspace(acme).update(balance=0)

    page = sign_in(make.member(acme)).get("/w/acme/").content.decode()
    own = share(acme, Role.MEMBER).get("/w/acme/").content.decode()

    assert "Charged this month" in page
    assert "Shared credits left" in page
    assert page.count("No credits left") == 2  # alpha, beta
    assert "1.00\xa0USD" in page
    assert own.count("No credits left") == 1
    assert "0.60\xa0USD" in own
    assert "Shared credits left" not in own


# One of them is the menu's: whether a contract holds. A member's page also looks up which of the
# bots they own.
@pytest.mark.parametrize(("role", "most"), [(Role.OWNER, 12), (Role.MEMBER, 13)])
@pytest.mark.parametrize("path", ["/w/acme/usage/", "/w/acme/usage/?view=table&rows=bot"])
def test_the_usage_page_reads_as_much_for_many_bots_as_for_few(
    acme: Workspace, role: Role, path: str, most: int
) -> None:
    client = share(acme, role)
    client.get(path)

    few = count_reads(lambda: client.get(path))
    add_bots(acme)
    many = count_reads(lambda: client.get(path))

    assert many == few <= most


def test_the_dashboard_reads_as_much_for_many_bots_as_for_few(acme: Workspace) -> None:
    client = sign_in(make.member(acme))
    client.get("/w/acme/")

    few = count_reads(lambda: client.get("/w/acme/"))
    add_bots(acme)

    assert count_reads(lambda: client.get("/w/acme/")) == few


def add_bots(acme: Workspace) -> None:
    """Make more bots, with usage that is charged."""
    keys = [f"more-{number}" for number in range(12)]
    alerts = [make.event("alert.delivered", at=YESTERDAY, subject=key) for key in keys]
    make.take_in(acme, *alerts, now=NOW)
    make.roll_up(acme, now=NOW)
    charging.run(workspace_id=acme.pk, now=NOW)
