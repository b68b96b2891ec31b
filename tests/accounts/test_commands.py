"""The commands by which an installation begins, without a browser."""

import io
import json
from typing import Any

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command

from accounts import keys
from accounts.models import User
from tests import make
from tests.make import NOON

pytestmark = pytest.mark.django_db(transaction=True)


def run(*arguments: str) -> dict[str, Any]:
    output = io.StringIO()
    call_command(*arguments, stdout=output)
    result: dict[str, Any] = json.loads(output.getvalue())
    return result


def type_in(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_workspace_is_made_once() -> None:
    first = run("create_workspace", "acme", "--name", "Acme", "--timezone", "Asia/Kolkata")
    second = run("create_workspace", "acme", "--name", "Other", "--currency", "EUR")

    assert first == {
        "workspace": "acme",
        "name": "Acme",
        "timezone": "Asia/Kolkata",
        "currency": "USD",
        "created": True,
    }
    assert second == first | {"created": False}


def test_bot_is_made_once() -> None:
    make.workspace()

    first = run("create_bot", "support", "--workspace", "acme", "--name", "Support")
    second = run("create_bot", "support", "--workspace", "acme", "--name", "Other")

    assert (first["created"], second["created"]) == (True, False)
    assert second["name"] == "Support"


def test_user_is_made_once_and_keeps_role_and_password(monkeypatch: pytest.MonkeyPatch) -> None:
    make.workspace()
    type_in(monkeypatch, f"{make.PASSWORD}\n")
    first = run(
        "create_user", "ann@a.example", "--workspace", "acme", "--role", "owner",
        "--password-stdin",
    )  # fmt: skip
    type_in(monkeypatch, "another passphrase\n")

    second = run(
        "create_user", "Ann@A.example", "--workspace", "acme", "--role", "member",
        "--password-stdin",
    )  # fmt: skip

    assert (first["created"], second["created"]) == (True, False)
    assert second["role"] == "owner"
    assert authenticate(username="ANN@a.example", password=make.PASSWORD) is not None


def test_user_without_password_cannot_sign_in() -> None:
    make.workspace()

    run("create_user", "ann@a.example", "--workspace", "acme", "--role", "owner")

    assert not User.objects.get().has_usable_password()


def test_weak_password_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    type_in(monkeypatch, "12345678\n")

    with pytest.raises(CommandError, match="too common"):
        run("create_operator", "op@a.example", "--password-stdin")

    assert not User.objects.exists()


def test_operator_is_made_once() -> None:
    first = run("create_operator", "op@a.example")
    second = run("create_operator", "op@a.example")

    assert (first["created"], second["created"]) == (True, False)
    assert User.objects.get().is_operator


def test_api_key_is_printed_once_and_stored_as_a_hash() -> None:
    make.workspace()
    arguments = ("create_api_key", "platform", "--workspace", "acme", "--scope")

    first = run(*arguments, "events:write", "usage:read")
    second = run(*arguments, "events:write")

    assert (first["created"], second["created"]) == (True, False)
    assert "key" not in second
    assert second["scopes"] == ["events:write", "usage:read"]
    found = keys.find(first["key"], at=NOON)
    assert found is not None
    assert first["key"] not in (found.hash, found.start)


def test_api_key_of_another_name_is_not_found() -> None:
    assert keys.find("bck_of_nobody", at=NOON) is None
