"""Settings of a workspace: who changes them, and what is not accepted."""

import pytest

from accounts import bots, workspaces
from accounts.models import Role, Workspace
from tests import make
from tests.pages import GARBAGE, sign_in, words

pytestmark = pytest.mark.django_db(transaction=True)

SETTINGS = "/w/acme/settings/"
GENERAL = {"name": "New name", "lateness_days": "20"}


@pytest.fixture
def acme() -> Workspace:
    make.workspace("globex", name="Globex Corp")
    return make.workspace("acme", name="Acme Ltd")


def values() -> tuple[str, str, int, int | None]:
    found = workspaces.find("acme")
    return found.name, found.timezone, found.lateness_days, found.retention_months


BEFORE = ("Acme Ltd", "UTC", 35, None)


@pytest.mark.parametrize(
    ("role", "status"),
    [
        (Role.OWNER, 200),
        (Role.ADMIN, 200),
        (Role.FINANCE, 403),
        (Role.MEMBER, 403),
        (Role.SHARED, 404),
    ],
)
def test_administrators_alone_reach_the_settings(acme: Workspace, role: Role, status: int) -> None:
    client = sign_in(make.member(acme, role))

    assert client.get(SETTINGS).status_code == status
    if status == 200:
        return
    posts = {
        "general": GENERAL,
        "zone": {"timezone": "Asia/Tokyo"},
        "retention": {"retention_months": "1", "confirmed": "on"},
    }
    for action, sent in posts.items():
        assert client.post(SETTINGS + action, sent).status_code == status
    assert values() == BEFORE
    assert "Settings" not in words(client.get("/w/acme/"))


def test_name_and_lateness_are_saved(acme: Workspace) -> None:
    client = sign_in(make.member(acme))

    for _ in range(2):
        page = client.post(f"{SETTINGS}general", GENERAL, follow=True)
        assert "The settings are saved." in words(page)

    assert values() == ("New name", "UTC", 20, None)
    assert make.workspace("globex").name == "Globex Corp"


def test_zone_is_changed_without_redis_too(
    acme: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise ConnectionError

    monkeypatch.setattr("usage.tasks.recount_days.apply_async", refuse)
    client = sign_in(make.member(acme))

    page = client.post(f"{SETTINGS}zone", {"timezone": " Europe/Berlin "}, follow=True)

    assert "The time zone is Europe/Berlin." in words(page)
    assert values()[1] == "Europe/Berlin"


@pytest.mark.parametrize("value", ["", "Mars", *GARBAGE])
def test_bad_values_get_a_sentence_and_change_nothing(acme: Workspace, value: str) -> None:
    client = sign_in(make.member(acme))
    posts = {
        "general": {**GENERAL, "lateness_days": value},
        "zone": {"timezone": value},
        "retention": {"retention_months": value or "0", "confirmed": "on"},
    }

    for action, sent in posts.items():
        response = client.post(SETTINGS + action, sent, follow=True)
        assert response.status_code == 200
        assert "alert-danger" in response.content.decode()
    assert values() == BEFORE


@pytest.mark.parametrize("days", ["0", "366"])
def test_lateness_has_limits(acme: Workspace, days: str) -> None:
    client = sign_in(make.member(acme))

    client.post(f"{SETTINGS}general", {**GENERAL, "lateness_days": days})

    assert values() == BEFORE


def test_shorter_retention_shows_its_effect_first(acme: Workspace) -> None:
    client = sign_in(make.member(acme))

    page = client.post(f"{SETTINGS}retention", {"retention_months": "6"})
    assert "removed for ever" in words(page)
    assert values()[3] is None

    client.post(f"{SETTINGS}retention", {"retention_months": "6", "confirmed": "on"})
    assert values()[3] == 6


@pytest.mark.parametrize(("months", "stored"), [("12", 12), ("", None)])
def test_longer_retention_is_saved_at_once(
    acme: Workspace, months: str, stored: int | None
) -> None:
    workspaces.change(workspace=acme, retention_months=6)

    sign_in(make.member(acme)).post(f"{SETTINGS}retention", {"retention_months": months})

    assert values()[3] == stored


def test_page_says_which_people_have_which_bots(acme: Workspace) -> None:
    shared, bot = make.member(acme, Role.SHARED), make.bot(acme, "support")
    client = sign_in(make.member(acme))
    assert "No bot is shared with anybody." in words(client.get(SETTINGS))

    bots.share(bot=bot, person=shared)

    assert f"{shared.user.email} support" in words(client.get(SETTINGS))
