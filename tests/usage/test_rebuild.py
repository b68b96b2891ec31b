"""Many bots are rebuilt together, in portions and by several workers: the result is the same."""

import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import count

import pytest
from django.db import connection
from django.db.models import Sum

from accounts.models import Workspace
from accounts.tenancy import in_workspace
from tests import make
from tests.conftest import process_environment
from tests.make import HOUR, LONG_AFTER, MINUTE, NOON
from tests.reads import tables_read_whole
from tests.rows import connected
from usage import rebuild, rollup, totals, whole_streams
from usage.models import (
    BillingSession,
    Conversation,
    DirtyStream,
    RolledBot,
    UsageBucket,
    UsageDay,
    UsageDayInAll,
    UsageMonth,
    UsageSixHours,
)
from usage.rebuild import Difference

pytestmark = pytest.mark.django_db(transaction=True)

BOTS = ("booking", "faq", "support")
USERS = ("u1", "u2", "u3")
ANALYZE = b"""
ANALYZE usage_billingsession, usage_usagebucket, usage_usagesixhours, usage_usageday,
    usage_usagedayinall, usage_usagemonth
"""


@pytest.fixture
def acme() -> Workspace:
    """Return a workspace with `make_bots`."""
    acme = make.workspace()
    make_bots(acme)
    return acme


def make_bots(of: Workspace) -> None:
    """Give a workspace three bots, each with three users on a channel each, and an alert."""
    for bot in BOTS:
        for user in USERS:
            talk = make.talk(0, 10, 20, subject=bot, user=user, channel=f"of {user}")
            make.take_in(of, *talk)
        make.take_in(of, make.event("alert.delivered", subject=bot, alert="a"))


def run(of: Workspace, now: datetime = LONG_AFTER) -> list[Difference]:
    return list(rebuild.run(workspace_id=of.pk, now=now))


def count_sessions(of: Workspace) -> dict[str, list[tuple[str, int]]]:
    """Return the completed usage sessions of each bot as buckets, days and months have them."""
    with in_workspace(of.pk):
        return {
            table.__name__: list(
                table.objects.for_workspace(of)
                .values_list("bot__key")
                .annotate(n=Sum("usage_sessions"))
                .order_by("bot__key")
            )
            for table in (UsageBucket, UsageSixHours, UsageDay, UsageDayInAll, UsageMonth)
        }


TOTALS = ("UsageBucket", "UsageSixHours", "UsageDay", "UsageDayInAll", "UsageMonth")
SIX_EACH = {name: [(bot, 6) for bot in BOTS] for name in TOTALS}


@pytest.mark.parametrize("streams_at_once", [1, 2, 4, 1000])
def test_portions_of_any_size_give_the_same(
    acme: Workspace, streams_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    make.roll_up(acme)
    rolled = make.blocks(acme)
    remove_all(acme)
    monkeypatch.setattr(rebuild, "STREAMS_AT_ONCE", streams_at_once)
    monkeypatch.setattr(whole_streams, "STREAMS_AT_ONCE", max(1, streams_at_once // 2))

    found = run(acme)

    assert make.blocks(acme) == rolled
    assert count_sessions(acme) == SIX_EACH
    # Three streams of each bot with a conversation of two blocks, and an alert.
    assert sorted({(one.bot, one.what, one.found) for one in found}) == [
        (bot, what, "missing") for bot in BOTS for what in ("alert", "conversation", "usage")
    ]
    assert len(found) == 3 * (3 + 6 + 1)
    assert run(acme) == []


def remove_all(of: Workspace) -> None:
    """Remove all that is derived; nothing marks it."""
    with in_workspace(of.pk):
        for table in (
            BillingSession,
            Conversation,
            UsageBucket,
            UsageSixHours,
            UsageDay,
            UsageDayInAll,
            UsageMonth,
        ):
            table.objects.for_workspace(of).delete()


def test_agents_are_told_apart_in_each_of_many_streams(acme: Workspace) -> None:
    make.take_in(
        acme,
        make.event("agent.transfer_started", user="u0", channel="ivr", agent="a"),
        make.event("agent.transfer_ended", user="u0", channel="ivr", agent="b"),
    )
    agents = {"u4": ("a", "a"), "u5": ("a", "b"), "u6": ("", "b"), "u7": ("b", "")}
    for user, (started, ended) in agents.items():
        make.take_in(
            acme,
            *make.talk(0, 26, 36, 46, user=user),
            make.event("agent.transfer_started", at=NOON + 5 * MINUTE, user=user, agent=started),
            make.event("agent.transfer_ended", at=NOON + 25 * MINUTE, user=user, agent=ended),
        )

    run(acme)

    users = Counter(user for _, _, user, _, _ in make.blocks(acme))
    # The other agent's end ends nothing: 5 minutes, and after the pause another 20.
    assert {user: users[user] for user in agents} == {"u4": 2, "u5": 3, "u6": 2, "u7": 2}


def test_difference_is_reported_for_its_bot_only(acme: Workspace) -> None:
    make.roll_up(acme)
    with in_workspace(acme.pk):
        faq = UsageBucket.objects.for_workspace(acme).filter(bot__key="faq")
        faq.filter(starts_at=NOON).update(usage_sessions=7)
        sessions = BillingSession.objects.for_workspace(acme).filter(bot__key="support")
        sessions.filter(number=2).delete()

    found = run(acme)

    assert [(one.bot, one.what, one.found) for one in found] == [
        *[("support", "usage", "missing")] * 3,
        ("faq", "bucket", "different"),
    ]
    assert count_sessions(acme) == SIX_EACH


def test_conversations_without_sessions_are_superfluous(acme: Workspace) -> None:
    make.roll_up(acme)
    with in_workspace(acme.pk):
        Conversation.objects.for_workspace(acme).update(started_at=NOON - HOUR)
        BillingSession.objects.for_workspace(acme).delete()

    found = {(one.what, one.found) for one in run(acme)}

    assert ("conversation", "superfluous") in found
    assert run(acme) == []


def test_bucket_that_was_left_without_sessions_is_different(acme: Workspace) -> None:
    make.roll_up(acme)
    with in_workspace(acme.pk):
        faq = UsageBucket.objects.for_workspace(acme).filter(bot__key="faq")
        faq.filter(starts_at=NOON).update(starts_at=NOON - HOUR, usage_sessions=7)
        for table in (BillingSession, Conversation, UsageDay, UsageDayInAll, UsageMonth):
            table.objects.for_workspace(acme).delete()

    found = run(acme)

    assert [(one.bot, one.started_at) for one in found if one.what == "bucket"] == [
        ("faq", NOON - HOUR)
    ]
    assert count_sessions(acme) == SIX_EACH


def test_rebuild_leaves_other_workspaces_alone(acme: Workspace) -> None:
    globex = make.workspace("globex")
    make.take_in(globex, *make.talk(0))

    run(acme)

    with in_workspace(globex.pk):
        assert DirtyStream.objects.exists()
        assert not BillingSession.objects.exists()


def test_each_bot_keeps_its_own_latest_clock(acme: Workspace) -> None:
    later = LONG_AFTER + HOUR
    make.roll_up(acme)
    make.take_in(acme, *make.talk(0, subject="faq", user="late", start=later), now=later)
    make.roll_up(acme, now=later)
    before = make.blocks(acme)

    assert run(acme) == []

    assert make.blocks(acme) == before
    with in_workspace(acme.pk):
        clocks = RolledBot.objects.for_workspace(acme).order_by("bot__key")
        assert list(clocks.values_list("rolled_to", flat=True)) == [LONG_AFTER, later, LONG_AFTER]


def test_bot_without_sessions_is_told_without_reading_those_of_others(acme: Workspace) -> None:
    make.roll_up(acme)
    make.take_in(acme, make.event(subject="new"))
    connected().execute(ANALYZE)  # all is small: to read it whole would be fine

    with in_workspace(acme.pk), tables_read_whole() as tables:
        *with_sessions, new = RolledBot.objects.for_workspace(acme).order_by("bot_id")
        assert not rebuild.has_sessions_or_totals(acme, [new])
        assert rebuild.has_sessions_or_totals(acme, [new, *with_sessions])

    assert tables <= {"usage_rolledbot"}


def test_rebuild_reads_only_when_no_other_worker_has_the_bot(acme: Workspace) -> None:
    done = threading.Event()

    def work() -> None:
        try:
            run(acme)
            done.set()
        finally:
            connection.close()

    worker = threading.Thread(target=work)
    with in_workspace(acme.pk):
        assert rollup.claim_bot(workspace_id=acme.pk, now=LONG_AFTER)
        worker.start()
        assert not done.wait(0.5)
        make.take_in(acme, *make.talk(0, 10, 20, user="u4"))
    worker.join(10)

    assert done.is_set()
    assert count_sessions(acme)["UsageBucket"] == [("booking", 6), ("faq", 6), ("support", 8)]
    with in_workspace(acme.pk):
        assert not DirtyStream.objects.for_workspace(acme).exists()


@pytest.mark.parametrize("streams_at_once", [3, 1000])
def test_what_was_interrupted_is_done_the_next_time(
    acme: Workspace, streams_at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(**values: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(rebuild, "STREAMS_AT_ONCE", streams_at_once)
        patched.setattr(totals, "write_first", stop)
        with pytest.raises(KeyboardInterrupt):
            run(acme)
    assert make.blocks(acme) == []

    assert run(acme) == []

    assert count_sessions(acme) == SIX_EACH


def test_where_one_portion_fails_nobody_takes_another(
    acme: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[list[int]] = []
    order = count()
    dropped = threading.Event()

    def fail_first(bots: list[int], **rest: object) -> list[Difference]:
        taken.append(bots)
        if next(order) == 0:
            raise ValueError("the first portion")
        assert dropped.wait(30)
        return []

    def drop_and_tell(waiting: Iterator[object]) -> None:
        drop(waiting)
        dropped.set()

    drop = rebuild.drop
    monkeypatch.setattr(rebuild, "rebuild_bots", fail_first)
    monkeypatch.setattr(rebuild, "drop", drop_and_tell)
    monkeypatch.setattr(rebuild, "WORKERS", 2)
    monkeypatch.setattr(rebuild, "STREAMS_AT_ONCE", 3)

    with pytest.raises(ValueError, match="the first portion"):
        run(acme)

    assert len(taken) <= 2  # of three


# Stops for ever in the third portion, when its sessions are written but nothing of it is committed.
STOP_IN_THIRD = """
import django, sys, threading
django.setup()
from datetime import datetime
from usage import rebuild

counted = []

def report(streams):
    counted.append(streams)
    if len(counted) == 3:
        print("half-way", flush=True)
        threading.Event().wait()

# With two at work the third portion begins when one is committed.
rebuild.WORKERS = 2
rebuild.STREAMS_AT_ONCE = 4
now = datetime.fromisoformat(sys.argv[2])
list(rebuild.run(workspace_id=int(sys.argv[1]), now=now, report=report))
"""


def test_rebuild_killed_half_way_is_completed_by_the_next_one(acme: Workspace) -> None:
    twin = make.workspace("globex")
    make_bots(twin)
    make.roll_up(twin)
    with subprocess.Popen(
        [sys.executable, "-c", STOP_IN_THIRD, str(acme.pk), LONG_AFTER.isoformat()],
        env=process_environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "half-way\n"
        process.kill()
    done = {bot for bot, *_ in make.blocks(acme)}

    found = run(acme)

    assert set() < done < set(BOTS)
    assert found == []
    assert make.blocks(acme) == make.blocks(twin)
    assert count_sessions(acme) == SIX_EACH
    with in_workspace(acme.pk):
        assert not DirtyStream.objects.for_workspace(acme).exists()
