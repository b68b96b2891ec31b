"""The audit log is sealed once, whatever happens meanwhile, and what is tampered with is named."""

import io
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event, Thread
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, OperationalError, connections

from accounts import audit, seals, tasks
from accounts.models import AuditEntry, AuditSeal, UnsealedEntry, Workspace
from accounts.tenancy import in_workspace
from benchmarks.scratch import address
from tests import make
from tests.conftest import WorkerStarter

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])


def now() -> datetime:
    return datetime.now(UTC)


def note(of: Workspace, *actions: str) -> None:
    with in_workspace(of.pk):
        for action in actions:
            audit.record(action, workspace=of, target="support", after={"name": "Ä", "price": 0.1})


def all_seals() -> list[AuditSeal]:
    return list(AuditSeal.objects.using("operator").order_by("number"))


def all_sealed() -> list[int]:
    return [entry for made in all_seals() for entry in made.entries]


def all_entries() -> list[int]:
    return list(AuditEntry.objects.using("operator").order_by("pk").values_list("pk", flat=True))


def verify(*arguments: str) -> tuple[dict[str, Any], str]:
    """Run the command; return what it prints and, where it ends with status 1, the sentence."""
    output, sentence = io.StringIO(), ""
    try:
        call_command("verify_audit_log", *arguments, stdout=output)
    except CommandError as error:
        sentence = str(error)
    return json.loads(output.getvalue()), sentence


@contextmanager
def tampering() -> Iterator[psycopg.Connection]:
    """Let the owner of the tables do what the triggers refuse."""
    with psycopg.connect(address("owner")) as connection:
        for table in (b"accounts_auditentry", b"accounts_auditseal"):
            connection.execute(b"ALTER TABLE %s DISABLE TRIGGER append_only" % table)
        yield connection
        connection.commit()  # its foreign keys are checked before the table is altered again
        for table in (b"accounts_auditentry", b"accounts_auditseal"):
            connection.execute(b"ALTER TABLE %s ENABLE TRIGGER append_only" % table)


@pytest.fixture
def sealed(monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """Make entries 1 to 7 (the first is of the workspace itself) in seals of 3, 3 and 1."""
    monkeypatch.setattr(seals, "ENTRIES_AT_ONCE", 3)
    acme = make.workspace()
    note(acme, *["bot.renamed"] * 6)
    assert seals.seal(at=now()) == 7
    return acme


def test_every_entry_is_sealed_once(sealed: Workspace) -> None:
    assert [made.entries for made in all_seals()] == [[1, 2, 3], [4, 5, 6], [7]]
    assert [made.number for made in all_seals()] == [1, 2, 3]
    assert not UnsealedEntry.objects.using("operator").exists()

    assert seals.seal(at=now()) == 0


def test_seals_are_a_chain(sealed: Workspace) -> None:
    first, second, third = all_seals()

    assert first.previous == "0" * 64
    assert (second.previous, third.previous) == (first.hash, second.hash)
    assert len({first.hash, second.hash, third.hash}) == 3


def test_log_as_it_was_sealed_verifies(sealed: Workspace) -> None:
    note(sealed, "bot.archived")

    printed, sentence = verify()

    assert sentence == ""
    assert printed == {
        "seals": 3,
        "entries": 7,
        "waiting": 1,
        "last_seal": f"3:{all_seals()[-1].hash}",
        "late": [],
        "differences": [],
    }


def test_log_that_is_empty_verifies() -> None:
    assert verify()[0]["seals"] == 0


def test_entries_of_all_workspaces_and_of_none_are_in_one_chain() -> None:
    make.workspace("acme"), make.workspace("globex")
    call_command("create_operator", "op@console.example", stdout=io.StringIO())

    seals.seal(at=now())

    (made,) = all_seals()
    assert len(made.entries) == 3
    assert verify()[1] == ""


@pytest.mark.parametrize(
    ("change", "value"),
    [
        ("target", "'another'"),
        ("after", '\'{"name": "B", "price": 0.1}\''),
        ("before", "'{}'"),
        ("actor_name", "'mallory'"),
        ("actor_kind", "'key'"),
        ("at", "at - interval '1 microsecond'"),
        ("address", "'192.0.2.1'"),
        ("workspace_id", "NULL"),
    ],
)
def test_changed_entry_is_named(sealed: Workspace, change: str, value: str) -> None:
    with tampering() as owner:
        owner.execute(f"UPDATE accounts_auditentry SET {change} = {value} WHERE id = 5".encode())

    printed, sentence = verify()

    assert printed["differences"] == [{"what": "entry_changed", "seal": 2, "entry": 5}]
    assert sentence == (
        "The audit log differs from its seals in 1 place. The first: entry 5 is not as seal 2 has"
        " it."
    )


def test_missing_entry_is_named(sealed: Workspace) -> None:
    with tampering() as owner:
        owner.execute("DELETE FROM accounts_auditentry WHERE id = 5")

    printed, _ = verify()

    assert printed["differences"] == [{"what": "entry_missing", "seal": 2, "entry": 5}]


def test_entry_that_is_removed_before_it_is_sealed_is_named(sealed: Workspace) -> None:
    note(sealed, "bot.archived", "bot.restored")
    with tampering() as owner:
        owner.execute("DELETE FROM accounts_auditentry WHERE id = 8")

    early, _ = verify()
    seals.seal(at=now())
    late, _ = verify()

    assert early["differences"] == [{"what": "entry_missing", "seal": None, "entry": 8}]
    assert late["differences"] == [{"what": "entry_missing", "seal": 4, "entry": 8}]


@pytest.mark.parametrize("number", [1000, -5])
def test_added_entry_is_named(sealed: Workspace, number: int) -> None:
    with tampering() as owner:
        owner.execute(
            "INSERT INTO accounts_auditentry (id, action, actor_kind, actor_id, actor_name, target,"
            " address, request_id) VALUES (%s, 'bot.renamed', 'person', '', '', '', '', '')",
            [number],
        )

    seals.seal(at=now())
    printed, _ = verify()

    assert printed["differences"] == [{"what": "entry_without_seal", "seal": None, "entry": number}]


def test_entry_in_the_place_of_another_is_named(sealed: Workspace) -> None:
    with tampering() as owner:
        owner.execute("DELETE FROM accounts_auditentry WHERE id = 5")
        owner.execute(
            "INSERT INTO accounts_auditentry (id, action, actor_kind, actor_id, actor_name, target,"
            " address, request_id) VALUES (5, 'bot.renamed', 'person', '', '', '', '', '')"
        )

    printed, _ = verify()

    assert printed["differences"] == [{"what": "entry_changed", "seal": 2, "entry": 5}]


def test_missing_seal_is_named(sealed: Workspace) -> None:
    with tampering() as owner:
        owner.execute("DELETE FROM accounts_auditseal WHERE number = 2")

    printed, sentence = verify()

    assert printed["differences"] == [
        {"what": "seal_missing", "seal": 2, "entry": None},
        *({"what": "entry_without_seal", "seal": None, "entry": entry} for entry in (4, 5, 6)),
    ]
    assert sentence.endswith("The first: seal 2 is missing.")


def test_missing_last_seal_is_named(sealed: Workspace) -> None:
    with tampering() as owner:
        owner.execute("DELETE FROM accounts_auditseal WHERE number = 3")

    printed, _ = verify()

    assert printed["differences"] == [{"what": "entry_without_seal", "seal": None, "entry": 7}]


def test_end_that_is_cut_off_is_named_to_who_noted_its_seal(sealed: Workspace) -> None:
    noted = verify()[0]["last_seal"]
    with tampering() as owner:
        owner.execute("DELETE FROM accounts_auditseal WHERE number = 3")
        owner.execute("DELETE FROM accounts_auditentry WHERE id = 7")

    assert verify()[0]["differences"] == []
    assert verify("--seal", noted)[0]["differences"] == [
        {"what": "seal_missing", "seal": 3, "entry": None}
    ]


def test_chain_that_is_made_anew_is_named_to_who_noted_a_seal(sealed: Workspace) -> None:
    noted = verify()[0]["last_seal"]
    with tampering() as owner:
        owner.execute("UPDATE accounts_auditentry SET target = 'another' WHERE id = 7")
        owner.execute("DELETE FROM accounts_auditseal WHERE number = 3")
        owner.execute("INSERT INTO accounts_unsealedentry VALUES (7)")
    seals.seal(at=now())

    assert verify()[0]["differences"] == []
    assert verify("--seal", noted)[0]["differences"] == [
        {"what": "seal_changed", "seal": 3, "entry": None}
    ]


@pytest.mark.parametrize(
    "change",
    [
        "hash = repeat('0', 64)",
        "sealed_at = sealed_at + interval '1 second'",
        "entries = ARRAY[4, 5], hashes = hashes[1:2]",
    ],
)
def test_changed_seal_is_named(sealed: Workspace, change: str) -> None:
    with tampering() as owner:
        owner.execute(f"UPDATE accounts_auditseal SET {change} WHERE number = 2".encode())

    printed, _ = verify()

    assert {"what": "seal_changed", "seal": 2, "entry": None} in printed["differences"]


def test_changed_seal_that_was_noted_is_there(sealed: Workspace) -> None:
    noted = str(all_seals()[0])
    with tampering() as owner:
        owner.execute("UPDATE accounts_auditseal SET sealed_at = now() WHERE number = 1")

    found, _ = verify("--seal", noted)

    kinds = {difference["what"] for difference in found["differences"]}
    assert "seal_changed" in kinds
    assert "seal_missing" not in kinds


def test_seal_that_hides_a_change_breaks_the_chain(sealed: Workspace) -> None:
    with tampering() as owner:
        owner.execute("UPDATE accounts_auditentry SET target = 'another' WHERE id = 5")
        made = all_seals()[1]
        hashes = seals_of(owner, [4, 5, 6])
        made.hashes = hashes
        owner.execute(
            "UPDATE accounts_auditseal SET hashes = %s, hash = %s WHERE number = 2",
            [hashes, seals.hash_seal(made)],
        )

    printed, _ = verify()

    assert printed["differences"] == [{"what": "seal_not_linked", "seal": 3, "entry": None}]


def seals_of(owner: psycopg.Connection, entries: list[int]) -> list[str]:
    """Return the hashes of entries as the owner sees them before the end of the transaction."""
    owner.commit()
    found = seals.read_hashes(entries)
    return [found[entry] for entry in entries]


def test_entry_that_says_an_earlier_time_is_told_of(sealed: Workspace) -> None:
    with psycopg.connect(address("owner")) as owner:
        owner.execute(
            "INSERT INTO accounts_auditentry (id, at, action, actor_kind, actor_id, actor_name,"
            " target, address, request_id) VALUES"
            " (900, now() - interval '2 hours', 'bot.renamed', 'person', '', '', '', '', '')"
        )
        owner.execute("INSERT INTO accounts_unsealedentry VALUES (900)")
    seals.seal(at=now())

    printed, sentence = verify()

    assert printed["late"] == [900]
    assert sentence == ""


def test_entry_that_is_committed_late_is_sealed_too() -> None:
    acme = make.workspace()
    recorded, sealed_meanwhile = Event(), Event()

    def write() -> None:
        with in_workspace(acme.pk):
            audit.record("bot.renamed", workspace=acme)
            recorded.set()
            sealed_meanwhile.wait(30)
        connections.close_all()

    writer = Thread(target=write)
    writer.start()
    assert recorded.wait(30)
    note(acme, "bot.archived")  # a higher number, committed first
    first = seals.seal(at=now())
    sealed_meanwhile.set()
    writer.join()

    second = seals.seal(at=now())

    assert (first, second) == (2, 1)
    assert [made.entries for made in all_seals()] == [[1, 3], [2]]
    assert verify()[1] == ""


def test_those_who_seal_at_once_make_one_chain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seals, "ENTRIES_AT_ONCE", 2)
    acme = make.workspace()
    note(acme, *["bot.renamed"] * 40)
    counted: list[int] = []

    def run() -> None:
        counted.append(seals.seal(at=now()))
        connections.close_all()

    threads = [Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    note(acme, *["bot.archived"] * 5)
    for thread in threads:
        thread.join()
    counted.append(seals.seal(at=now()))

    assert sum(counted) == 46
    assert sorted(all_sealed()) == all_entries()
    assert [made.number for made in all_seals()] == list(range(1, len(all_seals()) + 1))
    assert verify()[1] == ""


def test_those_who_seal_different_entries_at_once_wait_for_each_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    acme = make.workspace()
    seals.seal(at=now())
    recorded, committed, taken = Event(), Event(), Event()
    read_hashes, failed = seals.read_hashes, list[Exception]()

    def write() -> None:
        with in_workspace(acme.pk):
            audit.record("bot.renamed", workspace=acme)
            recorded.set()
            taken.wait(30)
        connections.close_all()
        committed.set()

    def read_slowly(entries: list[int]) -> dict[int, str]:
        taken.set()
        committed.wait(30)
        time.sleep(0.5)  # the other has begun
        return read_hashes(entries)

    def run() -> None:
        try:
            seals.seal(at=now())
        except DatabaseError as error:
            failed.append(error)
        connections.close_all()

    monkeypatch.setattr(seals, "ENTRIES_AT_ONCE", 1)
    monkeypatch.setattr(seals, "read_hashes", read_slowly)
    threads = [Thread(target=write)]
    threads[0].start()
    assert recorded.wait(30)
    note(acme, "bot.archived")
    threads.append(Thread(target=run))
    threads[1].start()
    assert committed.wait(30)
    threads.append(Thread(target=run))
    threads[2].start()
    for thread in threads:
        thread.join()

    assert failed == []
    assert [made.entries for made in all_seals()] == [[1], [3], [2]]
    monkeypatch.setattr(seals, "read_hashes", read_hashes)
    assert verify()[1] == ""


def test_sealing_that_is_killed_leaves_nothing_half_done(
    sealed: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    note(sealed, "bot.archived")
    follow = seals.follow

    def killed(*arguments: Any, **values: Any) -> AuditSeal:
        with connections["operator"].cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return follow(*arguments, **values)

    with monkeypatch.context() as patch:
        patch.setattr(seals, "follow", killed)
        with pytest.raises(OperationalError):
            seals.seal(at=now())
    connections["operator"].close()

    assert len(all_seals()) == 3
    assert UnsealedEntry.objects.using("operator").get().entry_id == 8
    assert seals.seal(at=now()) == 1
    assert verify()[1] == ""


def test_nobody_changes_a_seal(sealed: Workspace) -> None:
    for alias in ("default", "operator"):
        with (
            pytest.raises(Exception, match="permission denied"),
            connections[alias].cursor() as cursor,
        ):
            cursor.execute("DELETE FROM accounts_auditseal")
    with (
        pytest.raises(psycopg.Error, match="append-only"),
        psycopg.connect(address("owner")) as owner,
    ):
        owner.execute("UPDATE accounts_auditseal SET hash = ''")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM accounts_auditseal",
        "SELECT * FROM accounts_unsealedentry",
        "DELETE FROM accounts_unsealedentry",
    ],
)
def test_application_neither_seals_nor_unseals(statement: str) -> None:
    with (
        pytest.raises(Exception, match="permission denied"),
        connections["default"].cursor() as cursor,
    ):
        cursor.execute(statement)


@pytest.mark.parametrize("text", ["", "12", ":abc", "x:abc", "\N{SUPERSCRIPT TWO}:abc"])
def test_seal_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="is not a seal"):
        call_command("verify_audit_log", "--seal", text)


def test_worker_seals(start_worker: WorkerStarter) -> None:
    note(make.workspace(), "bot.renamed")
    start_worker(concurrency=1)

    tasks.seal_audit_log.delay()

    give_up = time.monotonic() + 30
    while UnsealedEntry.objects.using("operator").exists():
        assert time.monotonic() < give_up
        time.sleep(0.1)
    assert verify()[1] == ""


def test_hash_does_not_hang_on_how_an_instant_is_written() -> None:
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)

    assert seals.format_instant(at) == "2026-03-01T12:00:00.000000Z"
    assert seals.digest([at]) == seals.digest([at + timedelta(0)])
