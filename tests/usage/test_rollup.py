"""Events become sessions and totals, whatever the order in which they arrive."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import Sum
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from accounts.models import Workspace
from accounts.tenancy import in_workspace
from tests import make
from tests.at_once import wait_until_somebody_waits
from tests.make import HOUR, LONG_AFTER, MINUTE, NOON
from tests.reads import tables_read_whole
from tests.rows import connected
from usage import rebuild, rollup
from usage.models import (
    BillingSession,
    Conversation,
    DirtyStream,
    Stream,
    UsageBucket,
    UsageDay,
    UsageDayInAll,
    UsageMonth,
    UsageSixHours,
)

pytestmark = pytest.mark.django_db(transaction=True)


def count_marks(of: Workspace) -> int:
    with in_workspace(of.pk):
        return DirtyStream.objects.for_workspace(of).count()


def totals(of: Workspace) -> list[int | None]:
    """Return the completed usage sessions as sessions, buckets, days and months have them."""
    with in_workspace(of.pk):
        sessions = BillingSession.objects.for_workspace(of).filter(kind=1, completed=True)
        tables = (UsageBucket, UsageSixHours, UsageDay, UsageDayInAll, UsageMonth)
        return [
            sessions.count(),
            *(
                table.objects.for_workspace(of).aggregate(n=Sum("usage_sessions", default=0))["n"]
                for table in tables
            ),
        ]


def differences(of: Workspace, now: datetime = make.LONG_AFTER) -> list[rebuild.Difference]:
    return list(rebuild.run(workspace_id=of.pk, now=now))


def take_in_users(of: Workspace, bot: str, *, users: int) -> None:
    make.take_in(of, *(make.event(subject=bot, user=f"u{user}") for user in range(users)))


def roll_up_apart(of: Workspace, *, wait: bool) -> int:
    """Roll up as another worker does: in a thread, with a connection of its own."""
    try:
        return rollup.run(workspace_id=of.pk, now=LONG_AFTER, wait=wait)
    finally:
        connection.close()


def test_roll_up_leaves_other_workspaces_alone() -> None:
    acme, globex = make.workspace("acme"), make.workspace("globex")
    make.take_in(globex, *make.talk(0, 5))

    rollup.run(workspace_id=acme.pk, now=NOON + HOUR)

    with in_workspace(globex.pk):
        assert not BillingSession.objects.exists()
        assert DirtyStream.objects.exists()


def test_all_totals_agree() -> None:
    acme = make.workspace(timezone="Asia/Kolkata")
    make.take_in(acme, *make.talk(0, 10, 20, 31), *make.talk(60 * 24 * 29, user="u2"))

    make.roll_up(acme)

    assert totals(acme) == [4] * 6
    assert count_marks(acme) == 0


def test_rolling_up_twice_changes_nothing() -> None:
    acme = make.workspace()
    make.take_in(acme, *make.talk(0, 10))
    make.roll_up(acme)
    before = make.blocks(acme)

    assert make.roll_up(acme) == 0
    assert make.blocks(acme) == before


def test_bots_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    acme = make.workspace()
    for bot in ("alpha", "beta", "gamma"):
        take_in_users(acme, bot, users=5 if bot == "alpha" else 3)
    monkeypatch.setattr(rollup, "STREAMS_AT_ONCE", 2)
    turns: list[int] = []

    counted = rollup.run(workspace_id=acme.pk, now=LONG_AFTER, progress=turns.append)

    # Without turns: 2, 2, 1, then 2, 1 and 2, 1.
    assert turns == [2, 2, 2, 2, 1, 1, 1]
    assert counted == 11


def test_bot_that_another_worker_rolls_up_is_passed_by() -> None:
    acme = make.workspace()
    for bot in ("alpha", "beta"):
        take_in_users(acme, bot, users=2)

    with ThreadPoolExecutor(1) as other, in_workspace(acme.pk):
        assert rollup.claim_bot(workspace_id=acme.pk, now=LONG_AFTER)
        counted = other.submit(roll_up_apart, acme, wait=False).result(timeout=30)

    assert counted == 2
    assert {block.bot for block in make.sessions(acme)} == {"beta"}
    assert make.roll_up(acme) == 2


def test_worker_that_waited_goes_on_where_nothing_is_left_of_a_bot() -> None:
    acme = make.workspace()
    for bot in ("alpha", "beta"):
        take_in_users(acme, bot, users=2)

    with ThreadPoolExecutor(1) as other:
        with in_workspace(acme.pk):
            rolled = rollup.claim_bot(workspace_id=acme.pk, now=LONG_AFTER)
            assert rolled
            counted = other.submit(roll_up_apart, acme, wait=True)
            wait_until_somebody_waits()
            # What the worker who was first does.
            DirtyStream.objects.for_workspace(acme).filter(bot=rolled.bot_id).delete()
            rolled.advance(LONG_AFTER)
            rolled.save()
        assert counted.result(timeout=30) == 2

    assert {block.bot for block in make.sessions(acme)} == {"beta"}
    assert not count_marks(acme)


def test_bot_that_is_marked_after_its_turn_gets_another() -> None:
    acme = make.workspace()
    for bot in ("alpha", "beta"):
        take_in_users(acme, bot, users=1)
    turns: list[int] = []

    def take_in_late(streams: int) -> None:
        turns.append(streams)
        if len(turns) == 2:
            take_in_users(acme, "alpha", users=3)

    rollup.run(workspace_id=acme.pk, now=LONG_AFTER, progress=take_in_late)

    assert turns == [1, 1, 3]
    assert not count_marks(acme)


def test_bot_with_work_is_found_without_reading_all_marks() -> None:
    acme = make.workspace()
    take_in_users(acme, "alpha", users=1)
    make.roll_up(acme)
    take_in_users(acme, "beta", users=1)
    connected().execute(b"ANALYZE usage_dirtystream")  # it is small: to read it whole would be fine

    with in_workspace(acme.pk), tables_read_whole() as tables, connection.cursor() as cursor:
        assert rollup.claim_bot(workspace_id=acme.pk, now=LONG_AFTER)
        cursor.execute("SELECT name FROM pg_settings WHERE name ~ '^enable_s' AND setting = 'off'")
        switched_off = cursor.fetchall()

    assert "usage_dirtystream" not in tables
    assert switched_off == []


def test_late_event_joins_two_conversations() -> None:
    acme = make.workspace()
    make.take_in(acme, *make.talk(0, 10, 30))
    make.roll_up(acme)
    assert totals(acme)[0] == 2

    make.take_in(acme, *make.talk(20))
    make.roll_up(acme)

    assert [block[3:] for block in make.blocks(acme)] == [
        (NOON, NOON + 15 * MINUTE),
        (NOON + 15 * MINUTE, NOON + 30 * MINUTE),
    ]
    assert totals(acme) == [2] * 6
    with in_workspace(acme.pk):
        assert Conversation.objects.for_workspace(acme).count() == 1


def test_open_conversation_is_closed_when_15_minutes_of_silence_have_passed() -> None:
    acme = make.workspace()
    make.take_in(acme, *make.talk(0, 5))

    make.roll_up(acme, NOON + 20 * MINUTE)
    assert totals(acme)[0] == 0

    make.roll_up(acme, NOON + 20 * MINUTE + timedelta(microseconds=1))

    assert totals(acme) == [1] * 6
    assert count_marks(acme) == 0


def test_full_block_counts_while_the_conversation_goes_on() -> None:
    acme = make.workspace()
    make.take_in(acme, *make.talk(0, 10, 16))

    make.roll_up(acme, NOON + 17 * MINUTE)

    assert [block[3:] for block in make.blocks(acme)] == [(NOON, NOON + 15 * MINUTE)]


def test_event_ahead_of_the_clock_counts_when_the_clock_gets_there() -> None:
    acme = make.workspace()
    make.take_in(acme, *make.talk(0, 4))

    make.roll_up(acme, NOON + 1 * MINUTE)
    make.roll_up(acme, NOON + 16 * MINUTE)
    assert totals(acme)[0] == 0  # the second event was at 4, so it is still open

    make.roll_up(acme, NOON + 20 * MINUTE)

    assert [block[3:] for block in make.blocks(acme)] == [(NOON, NOON + 4 * MINUTE)]


def test_worker_whose_clock_is_slow_leaves_nothing_out() -> None:
    acme = make.workspace()
    make.take_in(acme, *make.talk(0, 10))
    make.roll_up(acme, NOON + 30 * MINUTE)

    make.take_in(acme, *make.talk(5))
    make.roll_up(acme, NOON + 7 * MINUTE)

    assert [block[3:] for block in make.blocks(acme)] == [(NOON, NOON + 10 * MINUTE)]


def test_rebuild_with_an_earlier_clock_leaves_nothing_out() -> None:
    """A rebuild takes its time; meanwhile a worker counts what is later than its beginning."""
    acme = make.workspace()
    make.take_in(acme, *make.talk(0))
    make.roll_up(acme, NOON + 30 * MINUTE)

    assert differences(acme, NOON - MINUTE) == []
    assert totals(acme) == [1] * 6


def test_clock_can_be_put_back() -> None:
    acme = make.workspace()
    make.take_in(acme, *make.talk(0, 10, 20, 30))
    make.roll_up(acme)

    rollup.put_clock_back(workspace_id=acme.pk, to=NOON + 12 * MINUTE)
    make.roll_up(acme, NOON + 12 * MINUTE)
    assert totals(acme) == [0] * 6

    make.roll_up(acme)

    assert totals(acme) == [2] * 6


def test_rebuild_with_the_clock_put_back_leaves_marks_for_what_it_left_out() -> None:
    acme = make.workspace()
    make.take_in(acme, *make.talk(0, 10, 20, 30))
    make.roll_up(acme)
    at = NOON + 12 * MINUTE

    rollup.put_clock_back(workspace_id=acme.pk, to=at)
    differences(acme, at)
    assert totals(acme) == [0] * 6

    make.roll_up(acme)
    assert totals(acme) == [2] * 6


def test_developer_event_changes_nothing() -> None:
    acme = make.workspace()
    make.take_in(acme, *make.talk(0, 5))
    make.roll_up(acme)
    before = make.blocks(acme)

    make.take_in(
        acme,
        *make.talk(3, 19, developer=True),
        *make.talk(4, 20, environment="test"),
        make.event("alert.delivered", developer=True),
    )

    assert count_marks(acme) == 0
    make.roll_up(acme)
    assert make.blocks(acme) == before
    assert differences(acme) == []


def test_voice_on_a_text_channel_reaches_from_end_to_end() -> None:
    acme = make.workspace()
    days = 24 * 60
    make.take_in(acme, *make.talk(0, 10 * days, 20 * days))
    make.roll_up(acme)
    assert not [row for row in make.blocks(acme) if row[1] == "voice"]

    make.take_in(acme, *make.talk(15 * days, modality="voice"))
    make.roll_up(acme)

    assert len([row for row in make.blocks(acme) if row[1] == "voice"]) == 4
    assert differences(acme) == []


def test_alert_with_voice_is_an_alert_and_nothing_else() -> None:
    acme = make.workspace()
    spoken: dict[str, Any] = {"modality": "voice", "conversation": "c"}  # Any: fields of data
    make.take_in(
        acme,
        *make.talk(0, 10, conversation="c"),
        make.event("alert.delivered", **spoken),
        make.event("notification.delivered", **spoken),
        *make.talk(0, subject="zeta"),
    )

    make.roll_up(acme)

    with in_workspace(acme.pk):
        kinds = BillingSession.objects.for_workspace(acme).values_list("kind", flat=True)
        assert sorted(kinds) == [1, 1, 2, 4]
        assert not Stream.objects.filter(voice=True).exists()
    assert count_marks(acme) == 0
    assert differences(acme) == []


def test_alerts_at_one_instant_are_all_counted() -> None:
    acme = make.workspace()
    make.take_in(
        acme,
        *(make.event("alert.delivered") for _ in range(3)),
        make.event("alert.failed"),
        make.event("notification.delivered"),
    )

    make.roll_up(acme)

    kinds = [block[1] for block in make.blocks(acme)]
    assert sorted(kinds) == ["alert", "alert", "alert", "notification"]


def test_rebuild_finds_and_mends_what_was_wrong() -> None:
    acme = make.workspace()
    make.take_in(acme, *make.talk(0, 10, 20, 31))
    make.roll_up(acme)
    right = make.blocks(acme)
    with in_workspace(acme.pk):
        BillingSession.objects.for_workspace(acme).filter(number=2).delete()
        UsageBucket.objects.for_workspace(acme).filter(starts_at=NOON).update(usage_sessions=7)
        Conversation.objects.for_workspace(acme).update(bot_time=HOUR)

    found = differences(acme)

    assert sorted((one.what, one.found) for one in found) == [
        ("bucket", "different"),
        ("conversation", "different"),
        ("usage", "missing"),
    ]
    assert make.blocks(acme) == right
    assert totals(acme) == [3] * 6
    assert differences(acme) == []


def test_rebuild_does_not_report_what_was_due_anyway() -> None:
    acme = make.workspace()
    make.take_in(acme, *make.talk(0, 10))

    assert differences(acme) == []
    assert totals(acme) == [1] * 6


Fact = tuple[int, tuple[str, dict[str, str]], str, int]

facts = st.lists(
    st.tuples(
        st.sampled_from([0, 1, 14, 15, 16, 60, 24 * 60, 3 * 24 * 60]),
        st.sampled_from(
            [
                ("conversation.message", {"direction": "user"}),
                ("conversation.message", {"direction": "bot"}),
                ("conversation.message", {"direction": "agent"}),
                ("conversation.message", {"direction": "user", "modality": "voice"}),
                ("conversation.started", {}),
                ("conversation.ended", {}),
                ("agent.transfer_started", {"agent": "a"}),
                ("agent.transfer_started", {}),
                ("agent.transfer_ended", {"agent": "a"}),
                ("agent.transfer_ended", {}),
                ("alert.delivered", {}),
                ("alert.delivered", {"modality": "voice"}),
                ("notification.delivered", {}),
                ("notification.delivered", {"modality": "voice"}),
            ]
        ),
        st.sampled_from(["web", "ivr"]),
        st.integers(0, 4),  # with which part it arrives
    ),
    min_size=1,
    max_size=12,
)


@hypothesis_settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(facts)
def test_parts_in_any_order_give_what_one_import_gives(drawn: list[Fact]) -> None:
    """Arrive in parts with a roll-up after each, repeated, and with offsets: the result is one."""
    name = f"w{next(make.numbers)}"
    in_parts, at_once = make.workspace(f"{name}-parts"), make.workspace(f"{name}-once")
    at = NOON
    parts: dict[int, list[make.Event]] = {}
    for step, (type_, values), channel, part in drawn:
        at += step * MINUTE
        parts.setdefault(part, []).append(make.event(type_, at=at, channel=channel, **values))
    everything = [event for part in parts.values() for event in part]
    kolkata = timedelta(hours=5, minutes=30)

    make.take_in(at_once, *everything)
    make.roll_up(at_once)
    for events in parts.values():
        now = max(datetime.fromisoformat(event["time"]) for event in events) + 7 * MINUTE
        moved = [
            event
            | {"time": f"{datetime.fromisoformat(event['time']) + kolkata:%Y-%m-%dT%H:%M:%S}+05:30"}
            for event in events
        ]
        make.take_in(in_parts, *moved, *events)
        make.roll_up(in_parts, max(now, datetime(2026, 3, 2, tzinfo=UTC)))
    make.roll_up(in_parts)

    assert make.blocks(in_parts) == make.blocks(at_once)
    assert totals(in_parts) == totals(at_once)
    assert differences(in_parts) == []
