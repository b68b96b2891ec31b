"""The audit log: an entry is there with its change, says who, and is never changed."""

from datetime import UTC, date, datetime
from decimal import Decimal

import psycopg
import pytest
from django.conf import settings
from django.db import DatabaseError, connections, transaction
from django.test import Client, RequestFactory

from accounts import actors, audit, bots
from accounts.actors import ActorKind
from accounts.models import AuditEntry, Bot, Workspace
from accounts.tenancy import in_workspace
from benchmarks.scratch import address
from billing_console.celery import app
from billing_console.middleware import find_address
from tests import make

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])


def entries(of: Workspace) -> list[AuditEntry]:
    with in_workspace(of.pk):
        return list(AuditEntry.objects.for_workspace(of).order_by("pk"))


def newest(of: Workspace) -> AuditEntry:
    return entries(of)[-1]


def test_entry_says_who_and_what() -> None:
    acme = make.workspace()

    with (
        actors.requesting(address="192.0.2.7", request_id="r-1"),
        actors.acting_as(ActorKind.PERSON, id=5, name="ann@acme.example"),
        in_workspace(acme.pk),
    ):
        audit.record(
            "bot.renamed",
            workspace=acme,
            target="support",
            before={"name": "Old"},
            after={"name": "New", "price": Decimal("0.20"), "on": date(2026, 3, 1)},
        )

    entry = newest(acme)
    assert (entry.action, entry.target) == ("bot.renamed", "support")
    assert (entry.actor_kind, entry.actor_id) == ("person", "5")
    assert (entry.actor_name, entry.address) == ("ann@acme.example", "192.0.2.7")
    assert entry.request_id == "r-1"
    assert entry.before == {"name": "Old"}
    assert entry.after == {"name": "New", "price": "0.20", "on": "2026-03-01"}
    assert abs((datetime.now(UTC) - entry.at).total_seconds()) < 60


def test_entry_goes_with_a_change_that_is_rolled_back() -> None:
    acme = make.workspace()
    before = len(entries(acme))

    with in_workspace(acme.pk):
        audit.record("bot.renamed", workspace=acme)
        transaction.set_rollback(True)

    assert len(entries(acme)) == before


def test_recording_outside_a_transaction_is_a_mistake() -> None:
    acme = make.workspace()

    with pytest.raises(RuntimeError, match="in the transaction of the change"):
        audit.record("bot.renamed", workspace=acme)


def test_recording_leaves_the_transaction_in_its_workspace() -> None:
    acme, globex = make.workspace("acme"), make.workspace("globex")

    with in_workspace(acme.pk):
        audit.record("bot.renamed", workspace=globex)
        made, _ = bots.create(workspace=acme, key="later")

        assert Bot.objects.for_workspace(acme).get() == made
    assert [entry.action for entry in entries(globex)][-1:] == ["bot.renamed"]


@pytest.mark.parametrize("action", ["", "renamed", "bot renamed", "Bot.renamed", "bot."])
def test_action_is_a_code(action: str) -> None:
    acme = make.workspace()

    with pytest.raises(DatabaseError, match="audit_action_is_code"), in_workspace(acme.pk):
        audit.record(action, workspace=acme)


def test_secrets_are_no_values_of_an_entry() -> None:
    acme = make.workspace()

    with pytest.raises(TypeError, match="cannot hold"), in_workspace(acme.pk):
        audit.record("key.created", workspace=acme, after={"hash": b"bytes"})


def test_other_workspaces_see_nothing_of_it() -> None:
    acme, globex = make.workspace("acme"), make.workspace("globex")

    with in_workspace(acme.pk):
        audit.record("bot.renamed", workspace=acme)

    with in_workspace(globex.pk):
        assert not AuditEntry.objects.filter(action="bot.renamed").exists()


def test_entry_of_another_workspace_cannot_be_added_by_sql() -> None:
    acme, globex = make.workspace("acme"), make.workspace("globex")

    with (
        pytest.raises(DatabaseError, match="row-level security"),
        in_workspace(acme.pk),
        connections["default"].cursor() as cursor,
    ):
        cursor.execute(
            "INSERT INTO accounts_auditentry (workspace_id, action, actor_kind, actor_id,"
            " actor_name, target, address, request_id)"
            " VALUES (%s, 'bot.renamed', 'person', '', '', '', '', '')",
            [globex.pk],
        )


def test_entry_of_the_installation_is_for_operators() -> None:
    acme = make.workspace()

    with transaction.atomic():
        audit.record("sign_in.failed", workspace=None, target="ann@acme.example")

    assert AuditEntry.objects.using("operator").get(action="sign_in.failed").workspace_id is None
    with in_workspace(acme.pk):
        assert not AuditEntry.objects.filter(action="sign_in.failed").exists()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE accounts_auditentry SET target = 'another'",
        "DELETE FROM accounts_auditentry",
        "DELETE FROM accounts_workspace",
    ],
)
def test_nobody_changes_an_entry(statement: str) -> None:
    acme = make.workspace()
    with in_workspace(acme.pk):
        audit.record("bot.renamed", workspace=acme)

    for connection in (connections["default"], connections["operator"]):
        for refused in (statement, "TRUNCATE accounts_auditentry"):
            with (
                pytest.raises(DatabaseError, match="permission denied"),
                connection.cursor() as cursor,
            ):
                cursor.execute(refused)
    with (
        pytest.raises(Exception, match=r"append-only|foreign key"),
        psycopg.connect(address("owner")) as raw,
    ):
        raw.execute(statement.encode())

    assert newest(acme).target == ""


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("proxy-7f3a:1", True),
        ("x" * 64, True),
        ("x" * 65, False),
        ("", False),
        ("two words", False),
        ("<b>", False),
    ],
)
def test_request_id_of_a_proxy_is_kept_where_it_is_well_formed(given: str, kept: bool) -> None:
    answer = Client().get("/sign-in", headers={"X-Request-ID": given})

    assert answer["X-Request-ID"]
    assert (answer["X-Request-ID"] == given) is kept


@pytest.mark.parametrize(
    ("proxies", "passed_on", "found"),
    [
        (0, "198.51.100.1", "192.0.2.7"),
        (1, "", "192.0.2.7"),
        (1, "198.51.100.1", "198.51.100.1"),
        (1, "made-up, 198.51.100.1", "198.51.100.1"),
        (2, "made-up, 2001:DB8::1, 10.0.0.1", "2001:db8::1"),
        (2, "198.51.100.1", "192.0.2.7"),
        (1, "no address", ""),
    ],
)
def test_address_is_the_one_that_our_own_proxies_saw(
    monkeypatch: pytest.MonkeyPatch, proxies: int, passed_on: str, found: str
) -> None:
    monkeypatch.setattr(settings, "PROXIES", proxies)
    request = RequestFactory().get(
        "/", headers={"X-Forwarded-For": passed_on}, REMOTE_ADDR="192.0.2.7"
    )

    assert find_address(request) == found


def test_every_answer_has_a_request_id_of_its_own() -> None:
    browser = Client()

    found = {browser.get(path)["X-Request-ID"] for path in ("/sign-in", "/nothing", "/api/v1/bots")}

    assert len(found) == 3


def test_who_acted_is_forgotten_with_the_request() -> None:
    secret = make.api_key(make.workspace())

    Client().get("/api/v1/bots", headers={"Authorization": f"Bearer {secret}"})

    assert actors.current().kind == ActorKind.SYSTEM


def test_task_acts_as_the_console() -> None:
    seen = []

    @app.task(name="tests.who")
    def who() -> None:
        seen.append(actors.current())

    who()

    assert (seen[0].kind, seen[0].name) == (ActorKind.SYSTEM, "tests.who")
