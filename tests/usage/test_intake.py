"""Events are stored once, whoever sends them and however often."""

import threading
from collections.abc import Callable
from datetime import datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Bot, Workspace
from accounts.tenancy import in_workspace
from tests import make
from tests.make import NOON
from usage.intake import Outcome
from usage.models import DirtyStream, Event, EventSource, Stream

pytestmark = pytest.mark.django_db(transaction=True)


def at_once(*calls: Callable[[], Outcome]) -> list[Outcome]:
    """Make calls in threads that start together; return their results in no order."""
    gate = threading.Barrier(len(calls))
    results: list[Outcome] = []

    def run(call: Callable[[], Outcome]) -> None:
        try:
            gate.wait()
            results.append(call())
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[call]) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == len(calls)
    return results


def stored(of: Workspace) -> list[tuple[str, datetime]]:
    with in_workspace(of.pk):
        events = Event.objects.for_workspace(of)
        return sorted(events.values_list("event_id", "at"))


def test_first_of_two_with_one_id_counts_in_one_batch() -> None:
    acme = make.workspace()
    first, second = make.event(id="one"), make.event(id="one", at=make.NOON + make.HOUR)

    outcome = make.take_in(acme, first, second)

    assert (outcome.accepted, outcome.duplicate, outcome.differing) == (1, 1, 1)
    assert stored(acme) == [("one", NOON)]


def test_repeat_registers_nothing() -> None:
    acme = make.workspace()
    first = make.event(id="one", user="anna", subject="support")
    second = make.event(id="one", user="ben", subject="ghost")

    outcome = make.take_in(acme, first, second)

    assert (outcome.accepted, outcome.duplicate, outcome.differing) == (1, 1, 1)
    with in_workspace(acme.pk):
        assert list(Stream.objects.values_list("user", flat=True)) == ["anna"]
        assert list(Bot.objects.values_list("key", flat=True)) == ["support"]


def test_same_event_from_two_clients_at_once_is_stored_once() -> None:
    acme = make.workspace()
    make.bot(acme)
    for number in range(20):
        one = make.event(id=f"e{number}")
        other = one | {"time": (NOON + make.MINUTE).isoformat()}

        outcomes = at_once(lambda: make.take_in(acme, one), lambda: make.take_in(acme, other))  # noqa: B023

        assert sorted(outcome.accepted for outcome in outcomes) == [0, 1]
        assert sum(outcome.differing for outcome in outcomes) == 1
    assert len(stored(acme)) == 20


def test_first_events_of_sources_and_bots_at_once() -> None:
    acme = make.workspace()
    for number in range(10):
        one, other = (
            make.event(source=f"/{number}", subject=f"bot-{number}", user=user)
            for user in ("u1", "u2")
        )

        at_once(lambda: make.take_in(acme, one), lambda: make.take_in(acme, other))  # noqa: B023

    assert len(stored(acme)) == 20
    assert make.roll_up(acme) == 20


def test_batch_of_known_and_new_sources_and_bots() -> None:
    acme = make.workspace()
    make.take_in(acme, make.event(id="first", source="/b", subject="bot-b"))

    outcome = make.take_in(
        acme, *(make.event(source=f"/{name}", subject=f"bot-{name}") for name in "abc")
    )

    assert outcome.accepted == 3
    with in_workspace(acme.pk):
        events = Event.objects.for_workspace(acme).values_list("source_id", "bot__key")
        names = dict(EventSource.objects.for_workspace(acme).values_list("pk", "name"))
        assert sorted((names[source], bot) for source, bot in events) == [
            ("/a", "bot-a"),
            ("/b", "bot-b"),
            ("/b", "bot-b"),
            ("/c", "bot-c"),
        ]
    assert make.roll_up(acme) == 3


def test_batch_of_known_sources_and_bots_writes_neither() -> None:
    acme = make.workspace()
    make.take_in(acme, make.event())

    with CaptureQueriesContext(connection) as queries:
        make.take_in(acme, make.event())

    written = [query["sql"].split()[2] for query in queries if "INSERT INTO" in query["sql"][:20]]
    assert written
    assert not {"usage_rolledbot", '"usage_eventsource"'} & set(written)


def test_overlapping_batches_at_once_do_not_wait_in_a_circle() -> None:
    acme = make.workspace()
    events = [
        make.event(id=f"e{n}", user=f"u{n % 50}", source=f"/{n % 3}", subject=f"bot-{n % 7}")
        for n in range(900)
    ]
    # Sources and bots are known, since whoever names a new one makes the others wait at once.
    make.take_in(acme, *(event | {"id": f"known-{n}"} for n, event in enumerate(events[:21])))

    outcomes = at_once(
        lambda: make.take_in(acme, *events[:600]),
        lambda: make.take_in(acme, *reversed(events[300:])),
        lambda: make.take_in(acme, *events[::2]),
        lambda: make.take_in(acme, *events[::-3]),
    )

    assert sum(outcome.accepted for outcome in outcomes) == 900
    assert len(stored(acme)) == 921
    with in_workspace(acme.pk):
        assert Stream.objects.for_workspace(acme).count() == 50 * 7


def test_same_id_in_another_workspace_is_another_event() -> None:
    acme, globex = make.workspace("acme"), make.workspace("globex")
    event = make.event(id="one")

    outcomes = [make.take_in(acme, event), make.take_in(globex, event)]

    assert [outcome.accepted for outcome in outcomes] == [1, 1]


def test_names_with_every_character_are_told_apart() -> None:
    acme = make.workspace()
    names = ["a", "A", "a ", "\\N", "\\", "a\tb", "a\nb", "é", "e\u0301", "'", "%s", "😀", "\u2028"]

    outcome = make.take_in(
        acme, *(make.event(id=name, user=name, conversation=name) for name in names)
    )

    assert outcome.accepted == len(names)
    assert [event_id for event_id, _ in stored(acme)] == sorted(names)
    with in_workspace(acme.pk):
        users = list(Stream.objects.for_workspace(acme).values_list("user", "conversation"))
    assert sorted(users) == sorted(zip(names, names, strict=True))


def test_fractions_beyond_microseconds_are_cut_off() -> None:
    acme = make.workspace()
    event = make.event(id="one") | {"time": "2026-03-02T12:00:00.1234569999Z"}

    make.take_in(acme, event)

    assert stored(acme) == [("one", NOON.replace(microsecond=123456))]


def test_duplicate_leaves_no_mark() -> None:
    acme = make.workspace()
    event = make.event()
    make.take_in(acme, event)
    make.roll_up(acme)

    make.take_in(acme, event)

    with in_workspace(acme.pk):
        assert not DirtyStream.objects.for_workspace(acme).exists()


def test_single_duplicate_among_new_events_keeps_none_of_them_out() -> None:
    acme = make.workspace()
    make.take_in(acme, make.event(id="e5", user="u5"))
    make.roll_up(acme)

    outcome = make.take_in(acme, *(make.event(id=f"e{n}", user=f"u{n}") for n in range(10)))

    assert (outcome.accepted, outcome.duplicate, outcome.differing) == (9, 1, 0)
    assert len(stored(acme)) == 10
    with in_workspace(acme.pk):
        marked = DirtyStream.objects.for_workspace(acme).values_list("stream_id", flat=True)
        streams = Stream.objects.for_workspace(acme).exclude(user="u5")
        assert sorted(marked) == sorted(streams.values_list("id", flat=True))
