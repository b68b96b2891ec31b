"""``/api/v1/bots``, as bot platforms use it."""

import threading
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import pytest
from django.db import connection
from django.test import Client

from accounts import bots
from accounts.models import Bot, Role, Scope, Workspace
from accounts.tenancy import in_workspace
from tests import make

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def acme() -> Workspace:
    globex = make.workspace("globex")
    make.bot(globex, "theirs")
    make.member(globex, email="only@globex.example")
    return make.workspace("acme")


@pytest.fixture
def key(acme: Workspace) -> str:
    return make.api_key(acme, Scope.WRITE_BOTS)


def put(secret: str, bot: str, body: object) -> tuple[int, dict[str, Any]]:
    response = Client().put(
        f"/api/v1/bots/{quote(bot, safe='')}",
        data=body,
        content_type="application/json",
        headers={"Authorization": f"Bearer {secret}"},
    )
    return response.status_code, response.json()


def get(secret: str, query: str = "") -> tuple[int, dict[str, Any]]:
    response = Client().get(f"/api/v1/bots{query}", headers={"Authorization": f"Bearer {secret}"})
    return response.status_code, response.json()


def find(of: Workspace, bot: str) -> Bot:
    with in_workspace(of.pk):
        return Bot.objects.for_workspace(of).select_related("owner").get(key=bot)


def test_bot_is_created_then_changed(acme: Workspace, key: str) -> None:
    owner = make.member(acme, Role.MEMBER)
    values = {"name": "Support", "owner": owner.user.email.upper(), "publish_status": "suspended"}

    first, second = put(key, "support", values), put(key, "support", values)

    made = find(acme, "support")
    assert (first[0], second[0]) == (201, 200)
    assert first[1] == second[1]
    assert first[1] == {
        "key": "support",
        "name": "Support",
        "owner": owner.user.email,
        "publish_status": "suspended",
        "created_at": first[1]["created_at"],
        "archived_at": None,
    }
    assert (made.name, made.owner, made.publish_status) == ("Support", owner.user, "suspended")


def test_what_is_left_out_stays(acme: Workspace, key: str) -> None:
    owner = make.member(acme)
    put(key, "support", {"name": "Support", "owner": owner.user.email})

    assert put(key, "support", {"publish_status": "in_development"})[1]["name"] == "Support"
    assert put(key, "support", {})[1]["owner"] == owner.user.email
    assert put(key, "support", {"owner": None})[1]["owner"] is None


def test_new_bot_without_values_has_its_key_as_name(key: str) -> None:
    answer = put(key, "support", {})[1]

    assert (answer["name"], answer["publish_status"]) == ("support", "published")


@pytest.mark.parametrize(
    "bot",
    ["a/b", "/", "a//b/", "x y", "é ☃", "100%", "?q=1#x", "line\nbreak", "..", "x" * 128, "<b>"],
)
def test_key_may_hold_any_characters(acme: Workspace, key: str, bot: str) -> None:
    status, answer = put(key, bot, {})

    assert (status, answer["key"]) == (201, bot)
    assert find(acme, bot).key == bot
    assert [one["key"] for one in get(key)[1]["bots"]] == [bot]


@pytest.mark.parametrize(
    ("bot", "body", "status", "code"),
    [
        ("support", {"owner": "nobody@acme.example"}, 422, "unknown_owner"),
        ("support", {"owner": "only@globex.example"}, 422, "unknown_owner"),
        ("support", {"owner": ""}, 422, "unknown_owner"),
        ("support", {"owner": "\0"}, 422, "unknown_owner"),
        ("support", {"owner": "x" * 255}, 422, "bad_value"),
        ("support", {"name": ""}, 422, "bad_value"),
        ("support", {"name": None}, 422, "bad_value"),
        ("support", {"name": "  "}, 422, "bad_value"),
        ("support", {"name": "x" * 201}, 422, "bad_value"),
        ("support", {"name": "nul\0"}, 422, "bad_value"),
        ("support", {"publish_status": "gone"}, 422, "bad_value"),
        ("support", {"nmae": "typing error"}, 422, "bad_value"),
        ("support", [], 422, "bad_value"),
        ("x" * 129, {}, 422, "bad_value"),
        ("nul\0", {}, 422, "bad_value"),
        ("support", "{", 400, "unreadable"),
        ("support", '{"name": "\\ud800"}', 422, "bad_value"),
    ],
)
def test_bad_values_are_refused_with_a_sentence(
    acme: Workspace, key: str, bot: str, body: object, status: int, code: str
) -> None:
    answer = put(key, bot, body)

    assert (answer[0], answer[1]["code"]) == (status, code)
    assert answer[1]["detail"].endswith(".")
    with in_workspace(acme.pk):
        assert not Bot.objects.exists()


def test_shared_user_cannot_own_a_bot(acme: Workspace, key: str) -> None:
    shared = make.member(acme, Role.SHARED)

    assert put(key, "support", {"owner": shared.user.email})[0] == 422


def test_key_of_another_workspace_s_bot_is_free_here(acme: Workspace, key: str) -> None:
    assert put(key, "theirs", {"name": "Ours"})[0] == 201
    assert find(make.workspace("globex"), "theirs").name == "theirs"
    assert [one["name"] for one in get(key)[1]["bots"]] == ["Ours"]


def test_archived_bots_are_listed_when_asked_for(acme: Workspace, key: str) -> None:
    put(key, "b", {})
    put(key, "a", {})
    bots.archive(bot=find(acme, "a"), reason="Old", at=datetime.now(UTC))

    assert [one["key"] for one in get(key)[1]["bots"]] == ["b"]
    assert [one["key"] for one in get(key, "?archived=true")[1]["bots"]] == ["a", "b"]
    assert get(key, "?archived=perhaps")[0] == 422
    assert put(key, "a", {"name": "New"})[1]["archived_at"] is not None


@pytest.mark.parametrize("scope", Scope)
def test_scopes(acme: Workspace, scope: Scope) -> None:
    secret = make.api_key(acme, scope)

    assert get(secret)[0] == (200 if scope in (Scope.READ_USAGE, Scope.WRITE_BOTS) else 403)
    assert put(secret, "support", {})[0] == (201 if scope == Scope.WRITE_BOTS else 403)


def test_lacking_scope_is_named(acme: Workspace) -> None:
    detail = get(make.api_key(acme, Scope.WRITE_EVENTS))[1]["detail"]

    assert detail == "This API key lacks the scope bots:write or usage:read."


def test_same_bot_registered_at_once_is_created_once(acme: Workspace, key: str) -> None:
    answers: list[int] = []
    barrier = threading.Barrier(4)

    def register() -> None:
        barrier.wait(10)
        answers.append(put(key, "support", {"name": "Support"})[0])
        connection.close()

    threads = [threading.Thread(target=register) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(answers) == [200, 200, 200, 201]
