"""Whoever makes no request for some minutes is signed out."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.conf import settings
from django.test import Client

from accounts import workspaces
from accounts.models import AuditEntry, Membership, Role
from tests import make
from tests.pages import sign_in, words

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
SAID = "You were signed out after 15 minutes without a request."


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(datetime.now(UTC), tick=False) as traveller:
        yield traveller


@pytest.fixture
def ann() -> Membership:
    return make.member(make.workspace("acme", name="Acme Ltd"))


def left(client: Client) -> int:
    seconds: int = client.get("/session", headers={"X-Background": "1"}).json()["seconds"]
    return seconds


def test_nobody_stays_longer_than_15_minutes(
    ann: Membership, clock: time_machine.Traveller
) -> None:
    client = sign_in(ann)
    assert client.get("/w/acme/").status_code == 200
    clock.shift(15 * MINUTE)
    assert client.get("/w/acme/").status_code == 200
    clock.shift(15 * MINUTE + SECOND)

    response = client.get("/w/acme/usage/?range=7d")

    assert response["Location"] == "/sign-in?next=/w/acme/usage/%3Frange%3D7d"
    assert SAID in words(client.get(response["Location"]))
    assert client.get("/").status_code == 302
    assert SAID not in words(client.get("/sign-in"))


@pytest.mark.parametrize("address", ["/", "/profile/", "/profile/second-factor/", "/w/acme/bots/"])
def test_every_page_ends_it(ann: Membership, clock: time_machine.Traveller, address: str) -> None:
    client = sign_in(ann)
    client.get("/")
    clock.shift(16 * MINUTE)

    assert client.get(address)["Location"].startswith("/sign-in")


def test_form_that_was_sent_too_late_changes_nothing(
    ann: Membership, clock: time_machine.Traveller
) -> None:
    client = sign_in(ann)
    client.get("/")
    clock.shift(16 * MINUTE)

    response = client.post(
        "/w/acme/bots/new",
        {"key": "late"},
        headers={"Referer": "http://testserver/w/acme/bots/new"},
    )

    assert response["Location"] == "/sign-in?next=/w/acme/bots/new"
    assert "late" not in words(sign_in(ann).get("/w/acme/bots/"))


def test_way_back_leads_nowhere_else(ann: Membership, clock: time_machine.Traveller) -> None:
    client = sign_in(ann)
    client.get("/")
    clock.shift(16 * MINUTE)

    response = client.post("/w/acme/bots/new", headers={"Referer": "https://elsewhere.example/"})

    assert response["Location"] == "/sign-in?next=/"


def test_minutes_are_the_workspaces(ann: Membership, clock: time_machine.Traveller) -> None:
    client = sign_in(ann)
    client.post("/w/acme/settings/sign-in", {"idle_minutes": "480"})
    client.get("/w/acme/")
    clock.shift(479 * MINUTE)
    assert client.get("/w/acme/").status_code == 200

    # A shorter time holds at once, for who was idle before it was set, too.
    clock.shift(10 * MINUTE)
    workspaces.change(workspace=ann.workspace, idle_minutes=5)
    response = client.get("/w/acme/")

    assert "after 5 minutes" in words(client.get(response["Location"]))


def test_fewest_minutes_of_several_workspaces_count(
    ann: Membership, clock: time_machine.Traveller
) -> None:
    strict = make.workspace("globex")
    make.member(strict, Role.SHARED, email=ann.user.email)
    workspaces.change(workspace=strict, idle_minutes=5)
    workspaces.change(workspace=ann.workspace, idle_minutes=60)
    client = sign_in(ann)
    client.get("/w/acme/")
    clock.shift(6 * MINUTE)

    assert client.get("/w/acme/").status_code == 302


def test_what_no_person_does_keeps_nobody_signed_in(
    ann: Membership, clock: time_machine.Traveller
) -> None:
    client = sign_in(ann)
    client.get("/w/acme/")
    for _ in range(15):
        clock.shift(MINUTE)
        client.get("/w/acme/usage/", headers={"X-Background": "1", "HX-Request": "true"})
    assert left(client) == 1  # never 0 while signed in: the page would call itself again

    clock.shift(SECOND)

    assert client.get("/session", headers={"X-Background": "1"}).status_code == 401
    assert client.get("/w/acme/").status_code == 302


def test_person_who_is_still_there_stays(ann: Membership, clock: time_machine.Traveller) -> None:
    client = sign_in(ann)
    client.get("/w/acme/")
    clock.shift(14 * MINUTE)
    assert left(client) == 60

    client.post("/session")

    assert left(client) == 15 * 60
    clock.shift(14 * MINUTE)
    assert client.get("/w/acme/").status_code == 200


def test_part_of_a_page_becomes_no_sign_in(ann: Membership, clock: time_machine.Traveller) -> None:
    client = sign_in(ann)
    client.get("/")
    clock.shift(16 * MINUTE)

    for _ in range(2):
        response = client.get(
            "/w/acme/usage/bots",
            headers={
                "HX-Request": "true",
                "HX-Current-URL": "http://testserver/w/acme/usage/?by=day",
            },
        )
        assert response.status_code == 200
        assert response["HX-Redirect"] == "/sign-in?next=/w/acme/usage/%3Fby%3Dday"


@pytest.mark.parametrize("address", ["http://[", "\u2603", "//else.example/w/acme/"])
def test_odd_way_back_is_none(ann: Membership, address: str) -> None:
    headers = {"HX-Request": "true", "HX-Current-URL": address.encode().decode("latin-1")}

    response = Client().get("/w/acme/usage/", headers=headers)

    assert response["HX-Redirect"] == "/sign-in?next=/"


def test_nobody_has_no_session() -> None:
    assert Client().get("/session").json() == {"seconds": 0}


@pytest.mark.django_db(transaction=True, databases=["default", "operator"])
def test_cookie_of_no_session_is_in_the_audit_log_and_gone(ann: Membership) -> None:
    over, forged = sign_in(ann), Client()
    over.session.delete()
    forged.cookies[settings.SESSION_COOKIE_NAME] = "x" * 32

    answers = [client.get("/w/acme/") for client in (over, forged, Client())]

    assert [answer["Location"] for answer in answers] == ["/sign-in?next=/w/acme/"] * 3
    assert forged.cookies[settings.SESSION_COOKIE_NAME].value == ""
    noted = AuditEntry.objects.using("operator").filter(action="session.refused")
    assert noted.filter(workspace=None, target="").count() == noted.count() == 2


@pytest.mark.parametrize("value", ["", "4", "481", "-5", "x", "9" * 30])
def test_minutes_have_limits(ann: Membership, value: str) -> None:
    client = sign_in(ann)

    page = client.post("/w/acme/settings/sign-in", {"idle_minutes": value}, follow=True)

    assert "alert-danger" in page.content.decode()
    assert workspaces.find("acme").idle_minutes == 15
