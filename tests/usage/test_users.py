"""An end user's id is replaced everywhere; nothing that was counted changes."""

import io
import json
import threading
from collections.abc import Iterator
from datetime import timedelta

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import AuditEntry, Workspace
from accounts.tenancy import in_workspace
from benchmarks.scratch import address
from tests import make
from tests.pages import sign_in, words
from usage import rebuild, users
from usage.models import Event, Stream, UsageDay

pytestmark = pytest.mark.django_db(transaction=True)

ID = "u-4711"
EVENTS = [
    *make.talk(0, 10, 20, user=ID),
    *make.talk(0, 40, user=ID, channel="sms", conversation="c1", subject="other"),
    *make.talk(5, user=ID, conversation=ID),
    make.event("alert.delivered", user=ID),
    make.event("alert.delivered", user=""),
    make.event(user=ID, environment="test", conversation="tried"),
    *make.talk(0, 10, user="u-47"),
]


@pytest.fixture
def acme() -> Workspace:
    acme = make.workspace("acme")
    make.take_in(acme, *EVENTS)
    make.roll_up(acme)
    globex = make.workspace("globex")
    make.take_in(globex, *make.talk(0, user=ID))
    make.roll_up(globex)
    return acme


def list_users(of: Workspace) -> set[str]:
    with in_workspace(of.pk):
        return set(Stream.objects.for_workspace(of).values_list("user", flat=True))


def list_totals(of: Workspace) -> list[tuple[object, ...]]:
    with in_workspace(of.pk):
        return list(UsageDay.objects.for_workspace(of).order_by("pk").values_list())


def list_differences(of: Workspace) -> list[rebuild.Difference]:
    return list(rebuild.run(workspace_id=of.pk, now=make.LONG_AFTER))


def forget(of: Workspace) -> str:
    return users.forget(workspace=of, user=ID).user


def dump(of: Workspace) -> str:
    """Return everything that is stored, as its owner sees it."""
    said = []
    with psycopg.connect(address("owner")) as owner:
        tables = owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in tables.fetchall():
            if table not in ("django_migrations",):
                rows = owner.execute(f'SELECT t::text FROM "{table}" t'.encode()).fetchall()
                said += [row for (row,) in rows]
    return "\n".join(said)


def test_id_is_nowhere_any_more(acme: Workspace) -> None:
    make.take_in(
        acme,
        make.event(user=ID) | {"time": "never"},
        make.event(user=ID, direction="x"),
        # Whom else it is a conversation of: of nobody, or of somebody who talks in it.
        make.event("alert.delivered", user="", conversation=ID),
        make.event(user="u-47", conversation=ID),
    )
    with psycopg.connect(address("owner")) as owner:
        owner.execute("DELETE FROM usage_stream WHERE workspace_id <> %s", [acme.pk])
    assert ID in dump(acme)

    name = forget(acme)

    assert ID not in dump(acme)
    assert list_users(acme) == {name, "u-47", ""}
    assert name.startswith("forgotten-")


def test_what_was_counted_stays_and_a_rebuild_finds_the_same(acme: Workspace) -> None:
    totals, blocks = list_totals(acme), make.blocks(acme)

    name = forget(acme)

    renamed = [(*row[:2], name if row[2] == ID else row[2], *row[3:]) for row in blocks]
    assert list_totals(acme) == totals
    assert make.blocks(acme) == sorted(renamed)
    assert list_differences(acme) == []
    assert list_totals(acme) == totals


def test_other_workspace_keeps_its_user(acme: Workspace) -> None:
    forget(acme)

    assert list_users(make.workspace("globex")) == {ID}


def test_old_event_is_still_a_duplicate_and_brings_no_id_back(acme: Workspace) -> None:
    name = forget(acme)

    outcome = make.take_in(acme, *EVENTS)

    assert (outcome.accepted, outcome.duplicate) == (0, len(EVENTS))
    assert list_users(acme) == {name, "u-47", ""}
    make.roll_up(acme)
    assert list_differences(acme) == []


def test_new_event_beside_old_ones_is_of_a_new_user(acme: Workspace) -> None:
    name = forget(acme)

    outcome = make.take_in(acme, *EVENTS, make.event(user=ID, at=make.NOON + timedelta(days=1)))

    assert outcome.accepted == 1
    assert list_users(acme) == {name, "u-47", "", ID}
    with in_workspace(acme.pk):
        new = Stream.objects.for_workspace(acme).get(user=ID)
        assert Event.objects.for_workspace(acme).filter(stream_id=new.id).count() == 1


def test_same_user_cannot_be_forgotten_twice(acme: Workspace) -> None:
    forget(acme)

    for user in (ID, "nobody", ""):
        with pytest.raises(users.NoSuchUser, match="There is no user"):
            users.forget(workspace=acme, user=user)


def test_command_prints_the_new_id_and_the_audit_log_has_it_alone(acme: Workspace) -> None:
    said = io.StringIO()

    call_command("forget_user", "--workspace", "acme", "--user", ID, stdout=said)

    answer = json.loads(said.getvalue())
    assert answer == {"workspace": "acme", "user": answer["user"], "streams": 4}
    with in_workspace(acme.pk):
        entry = AuditEntry.objects.for_workspace(acme).get(action="user.forgotten")
    assert entry.target == answer["user"]
    assert entry.actor_name == "forget_user"
    assert ID not in f"{entry.before}{entry.after}{entry.target}"
    with pytest.raises(CommandError, match=f"There is no user '{ID}' in acme."):
        call_command("forget_user", "--workspace", "acme", "--user", ID)


def test_pages_find_the_new_id_and_not_the_old_one(acme: Workspace) -> None:
    client = sign_in(make.member(acme))
    name = forget(acme)
    address = "/w/acme/usage/sessions/?from=2026-03-01&to=2026-04-01&user="

    assert name in words(client.get(f"{address}{name}"))
    assert "forgotten-" not in words(client.get(f"{address}{ID}"))


@pytest.fixture
def intake_under_way(acme: Workspace) -> Iterator[threading.Event]:
    """Take an event of the user in, in a transaction that goes on until it is let."""
    go_on, begun = threading.Event(), threading.Event()

    def take_in() -> None:
        try:
            with in_workspace(acme.pk):
                make.take_in(acme, make.event(user=ID, id="under way", at=make.NOON))
                begun.set()
                go_on.wait(30)
        finally:
            connection.close()

    thread = threading.Thread(target=take_in)
    thread.start()
    begun.wait(30)
    yield go_on
    go_on.set()
    thread.join()


def test_intake_under_way_is_waited_for(acme: Workspace, intake_under_way: threading.Event) -> None:
    timer = threading.Timer(0.5, intake_under_way.set)
    timer.start()

    name = forget(acme)

    assert list_users(acme) == {name, "u-47", ""}
    with in_workspace(acme.pk):
        event = Event.objects.for_workspace(acme).get(event_id="under way")
        stream = Stream.objects.for_workspace(acme).get(id=event.stream_id)
    assert stream.user == name
