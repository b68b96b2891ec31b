"""``GET sessions`` and ``GET conversations/{id}``, as programs use them."""

from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from accounts.models import Scope, Workspace
from tests import make

pytestmark = pytest.mark.django_db(transaction=True)

RANGE = {"from": "2026-03-01", "to": "2026-04-01"}


@pytest.fixture
def acme() -> Workspace:
    acme = make.workspace("acme")
    make.take_in(acme, *make.talk(0, 10, 20, 31))
    make.roll_up(acme)
    globex = make.workspace("globex")
    make.take_in(globex, *make.talk(0, user="theirs"))
    make.roll_up(globex)
    return acme


@pytest.fixture
def key(acme: Workspace) -> str:
    return make.api_key(acme, Scope.READ_USAGE)


def get(key: str, path: str, **query: Any) -> tuple[int, dict[str, Any]]:
    response = Client().get(
        f"/api/v1/{path}?{urlencode(query, doseq=True)}",
        headers={"Authorization": f"Bearer {key}"},
    )
    return response.status_code, response.json()


def test_sessions_come_newest_first(key: str) -> None:
    status, answer = get(key, "sessions", **RANGE)

    assert status == 200
    assert [session["number"] for session in answer["sessions"]] == [3, 2, 1]
    assert answer["next"] is None
    assert {session["user"] for session in answer["sessions"]} == {"u1"}


def test_pages_are_stable_while_sessions_are_added(acme: Workspace, key: str) -> None:
    _, first = get(key, "sessions", limit=2, **RANGE)
    make.take_in(acme, *make.talk(60, 70, user="u2"))
    make.roll_up(acme)

    _, second = get(key, "sessions", limit=2, cursor=first["next"], **RANGE)

    assert [session["number"] for session in second["sessions"]] == [1]
    assert second["next"] is None


def test_sessions_at_one_instant_are_paged_without_loss(acme: Workspace, key: str) -> None:
    make.take_in(acme, *(make.event("alert.delivered") for _ in range(7)))
    make.roll_up(acme)

    found: list[str] = []
    query: dict[str, Any] = {"kind": "alert", "limit": 2} | RANGE
    while True:
        _, answer = get(key, "sessions", **query)
        found += [session["session_id"] for session in answer["sessions"]]
        if answer["next"] is None:
            break
        query["cursor"] = answer["next"]

    assert len(found) == len(set(found)) == 7


def test_conversation_is_explained(key: str) -> None:
    _, answer = get(key, "sessions", limit=1, **RANGE)

    status, found = get(key, f"conversations/{answer['sessions'][0]['conversation_id']}")

    assert status == 200
    assert found["usage_sessions"] == 3
    assert found["bot_seconds"] == 31 * 60
    assert "Each started 15:00 counts: 3 usage sessions." in found["reasons"]
    assert [block["number"] for block in found["blocks"]] == [1, 2, 3]


def test_conversation_of_another_workspace_is_not_found(acme: Workspace, key: str) -> None:
    theirs = make.api_key(make.workspace("globex"), Scope.READ_USAGE)
    _, answer = get(theirs, "sessions", **RANGE)

    status, refusal = get(key, f"conversations/{answer['sessions'][0]['conversation_id']}")

    assert (status, refusal["code"]) == (404, "not_found")


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ({"from": "never"}, 400, "bad_filter"),
        ({"bot": "theirs"}, 400, "bad_filter"),
        ({"cursor": "x"}, 400, "bad_cursor"),
        ({"cursor": "9" * 18 + ".1.1.1"}, 400, "bad_cursor"),
        ({"limit": 1001}, 422, "bad_value"),
    ],
)
def test_bad_values_are_refused(key: str, query: dict[str, Any], status: int, code: str) -> None:
    answered, refusal = get(key, "sessions", **query)

    assert (answered, refusal["code"]) == (status, code)
    assert refusal["detail"]


def test_scope_is_needed(acme: Workspace) -> None:
    status, refusal = get(make.api_key(acme, Scope.WRITE_EVENTS), "sessions")

    assert (status, refusal["code"]) == (403, "scope")
