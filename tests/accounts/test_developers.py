"""API keys: made, shown once, used, revoked."""

import json
import shlex
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
import time_machine
from django.contrib.sessions.models import Session
from django.test import Client

from accounts import first_request, keys
from accounts.models import ApiKey, Role, Scope, Workspace
from accounts.tenancy import in_workspace
from benchmarks.scratch import address
from tests import make
from tests.pages import HUGE, sign_in, words

pytestmark = pytest.mark.django_db(transaction=True)

DEVELOPERS = "/w/acme/developers/"
NEW = f"{DEVELOPERS}keys/new"


@pytest.fixture
def acme() -> Workspace:
    acme = make.workspace("acme", name="Acme Ltd")
    make.bot(acme, "support")
    make.api_key(make.workspace("globex"), name="theirs")
    return acme


def get(of: Workspace, name: str = "platform") -> ApiKey:
    with in_workspace(of.pk):
        return ApiKey.objects.for_workspace(of).get(name=name)


def dump() -> str:
    """Return all rows of all tables, as their owner sees them."""
    with psycopg.connect(address("owner")) as owner:
        tables = owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        return "\n".join(
            row
            for (table,) in tables.fetchall()
            for (row,) in owner.execute(f'SELECT t::text FROM "{table}" t'.encode())
        )


def list_bots(secret: str) -> int:
    headers = {"Authorization": f"Bearer {secret}"}
    return Client().get("/api/v1/bots", headers=headers).status_code


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
def test_administrators_alone_reach_the_keys(acme: Workspace, role: Role, status: int) -> None:
    make.api_key(acme)
    client = sign_in(make.member(acme, role))
    revoke = f"{DEVELOPERS}keys/{get(acme).pk}/revoke"

    for page in (DEVELOPERS, NEW, revoke):
        assert client.get(page).status_code == status
    if status != 200:
        assert client.post(NEW, {"name": "x", "scopes": "usage:read"}).status_code == status
        assert client.post(revoke).status_code == status
        assert get(acme).revoked_at is None
        assert "Developers" not in words(client.get("/w/acme/"))


def test_secret_is_shown_once(acme: Workspace) -> None:
    client = sign_in(make.member(acme))
    values = {"name": "Platform EU", "scopes": ["usage:read", "events:write"]}

    created = client.post(NEW, values)
    again = client.post(NEW, values)
    listed = client.get(DEVELOPERS)

    key = get(acme, "Platform EU")
    secret = next(word for word in words(created).split() if word.startswith("bck_"))
    assert keys.digest(secret) == key.hash
    assert "only time" in words(created)
    assert "no-store" in created.headers["Cache-Control"]
    assert secret not in again.content.decode() + listed.content.decode()
    assert "a name is used only once" in words(again)
    assert f"{key.start}…" in words(listed)
    assert key.scopes == ["events:write", "usage:read"]
    assert key.hash in dump()
    assert secret not in dump()
    assert all(secret not in str(session.get_decoded()) for session in Session.objects.all())


def test_key_is_valid_to_the_end_of_its_last_local_day() -> None:
    acme = make.workspace("acme", timezone="Asia/Kolkata")
    today = (datetime.now(UTC) + timedelta(hours=5.5)).date()

    sign_in(make.member(acme)).post(
        NEW, {"name": "k", "scopes": "usage:read", "expires_on": f"{today + timedelta(days=1)}"}
    )

    expires_at = get(acme, "k").expires_at
    assert expires_at is not None
    assert (expires_at + timedelta(hours=5.5)).date() == today + timedelta(days=2)
    assert f"{expires_at:%H:%M:%S}" == "18:30:00"


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"name": ""}, "required"),
        ({"name": "x" * 101}, "at most 100"),
        ({"name": "nul\0"}, "Null characters"),
        ({"scopes": []}, "Choose at least one scope."),
        ({"scopes": ["all"]}, "There is no such scope."),
        ({"expires_on": "2020-01-01"}, "The last day is to be today or later"),
        ({"expires_on": "9999-12-31"}, "within ten years"),
        ({"expires_on": "2026-02-30"}, "valid date"),
        ({"expires_on": HUGE}, "valid date"),
    ],
)
def test_bad_values_get_a_sentence(
    acme: Workspace, values: dict[str, str | list[str]], sentence: str
) -> None:
    good = {"name": "k", "scopes": ["usage:read"]}

    response = sign_in(make.member(acme)).post(NEW, {**good, **values})

    assert sentence in words(response)
    with in_workspace(acme.pk):
        assert not ApiKey.objects.exists()


def test_revoked_key_is_refused_at_once_and_for_ever(acme: Workspace) -> None:
    secret = make.api_key(acme, Scope.READ_USAGE)
    client = sign_in(make.member(acme))
    revoke = f"{DEVELOPERS}keys/{get(acme).pk}/revoke"
    assert list_bots(secret) == 200

    page = words(client.get(revoke))
    assert "is refused (401)" in page
    assert "usage:read" in page
    first = client.post(revoke, follow=True)
    revoked_at = get(acme).revoked_at
    second = client.post(revoke, follow=True)

    for later in (timedelta(0), timedelta(days=3650)):
        with time_machine.travel(datetime.now(UTC) + later):
            assert list_bots(secret) == 401
    assert "The key platform is revoked." in words(first)
    assert "was revoked before" in words(second)
    assert get(acme).revoked_at == revoked_at
    assert "Revoked" in words(second)


def test_key_of_another_workspace_is_not_found(acme: Workspace) -> None:
    client = sign_in(make.member(acme))
    theirs = get(make.workspace("globex"), "theirs")

    for number in (theirs.pk, HUGE):
        revoke = f"{DEVELOPERS}keys/{number}/revoke"
        assert client.get(revoke).status_code == client.post(revoke).status_code == 404
    assert "theirs" not in words(client.get(DEVELOPERS))


def test_last_use_is_noted_at_most_once_a_minute(acme: Workspace) -> None:
    secret = make.api_key(acme, Scope.READ_USAGE)
    assert get(acme).last_used_at is None

    list_bots(secret)
    first = get(acme).last_used_at
    list_bots(secret)
    assert first is not None
    assert get(acme).last_used_at == first

    keys.note_use(get(acme), at=first + timedelta(minutes=2))
    keys.note_use(get(acme), at=first + timedelta(minutes=1))  # of a machine whose clock is slow
    assert get(acme).last_used_at == first + timedelta(minutes=2)


def test_refused_request_is_no_use(acme: Workspace) -> None:
    secret = make.api_key(acme, Scope.READ_INVOICES)

    assert list_bots(secret) == 403
    assert get(acme).last_used_at is None


def test_first_request_is_accepted_and_not_counted(acme: Workspace, tmp_path: Path) -> None:
    secret = make.api_key(acme)
    text = first_request.write(
        address="http://testserver/api/v1/events",
        bot_key="support",
        at=datetime.now(UTC),
    )

    body = shlex.split(text.replace("\\\n", ""))[-1]
    response = Client().post(
        "/api/v1/events",
        data=body,
        content_type="application/cloudevents+json",
        headers={"Authorization": f"Bearer {secret}"},
    )

    assert response.json()["accepted"] == 1
    make.roll_up(acme, datetime.now(UTC))
    assert make.blocks(acme) == []


def test_first_request_is_one_command_whatever_the_key_of_the_bot(tmp_path: Path) -> None:
    key = "it's; touch $(pwd)/hacked `id` \\ \"<b>\n"
    text = first_request.write(address="https://c.example/?a=1&b", bot_key=key, at=make.NOON)
    script = 'curl() { printf "%s\\0" "$@"; }\n' + text

    output = subprocess.run(
        ["sh", "-c", script], capture_output=True, check=True, cwd=tmp_path, text=True
    ).stdout

    *_, body, rest = output.split("\0")
    assert rest == ""
    assert json.loads(body)["subject"] == key
    assert list(tmp_path.iterdir()) == []


def test_page_has_the_first_request_for_a_bot_of_the_workspace(acme: Workspace) -> None:
    page = words(sign_in(make.member(acme)).get(DEVELOPERS))

    assert "curl http://testserver/api/v1/events" in page
    assert '"subject": "support"' in page


def test_workspace_without_bots_is_told_to_register_one() -> None:
    make.workspace("acme")

    page = words(sign_in(make.member(make.workspace("acme"))).get(DEVELOPERS))

    assert "register one" in page
    assert "YOUR_BOT_KEY" in page
