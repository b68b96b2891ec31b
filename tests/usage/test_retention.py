"""Old events are refused, later removed, and what they were counted as stays."""

from datetime import datetime, timedelta

import pytest

from accounts.models import Workspace
from accounts.tenancy import in_workspace
from tests import make
from tests.make import NOON
from usage import rebuild, retention
from usage.event_format import EARLIEST
from usage.models import Agent, Event

pytestmark = pytest.mark.django_db(transaction=True)

OLD = NOON - timedelta(days=500)


def keep(of: Workspace, months: int) -> None:
    with in_workspace(of.pk):
        of.retention_months = months
        of.save(update_fields=["retention_months"])


def remove(of: Workspace, now: datetime = NOON) -> int:
    """Run what runs daily, twice: removing follows refusing at a distance."""
    retention.remove_old_events(workspace_id=of.pk, now=now)
    removed = retention.remove_old_events(workspace_id=of.pk, now=now)
    with in_workspace(of.pk):
        of.refresh_from_db()
    return removed


def test_nothing_is_removed_unless_the_workspace_says_so() -> None:
    acme = make.workspace()
    make.take_in(acme, *make.talk(0, start=OLD), now=NOON)

    assert remove(acme) == 0


def test_sessions_stay_when_their_events_are_removed() -> None:
    acme, globex = make.workspace("acme"), make.workspace("globex")
    for each in (acme, globex):
        make.take_in(each, *make.talk(0, 10, start=OLD), *make.talk(0), now=NOON)
        make.roll_up(each)
    before = make.blocks(acme)
    keep(acme, 12)

    assert remove(acme) == 2

    assert make.blocks(acme) == before
    assert list(rebuild.run(workspace_id=acme.pk, now=make.LONG_AFTER)) == []
    assert make.blocks(acme) == before
    with in_workspace(globex.pk):
        assert Event.objects.for_workspace(globex).count() == 3


def test_removed_event_is_refused_when_it_is_sent_again() -> None:
    acme = make.workspace()
    events = make.talk(0, 10, start=OLD)
    make.take_in(acme, *events, now=NOON)
    make.roll_up(acme)
    before = make.blocks(acme)
    keep(acme, 12)
    remove(acme)

    outcome = make.take_in(acme, *events, now=NOON)

    assert [rejection.code for rejection in outcome.rejections] == ["too_old", "too_old"]
    make.roll_up(acme)
    assert make.blocks(acme) == before


def test_events_stay_refused_when_they_are_kept_longer_again() -> None:
    acme = make.workspace()
    make.take_in(acme, *make.talk(0, start=OLD), now=NOON)
    keep(acme, 12)
    remove(acme)

    keep(acme, 60)
    remove(acme)

    outcome = make.take_in(acme, *make.talk(0, start=OLD), now=NOON)
    assert outcome.accepted == 0


def test_late_event_near_the_border_counts_with_what_came_before() -> None:
    acme = make.workspace()
    border = NOON.replace(year=2025)
    make.take_in(acme, *make.talk(-10, 0, start=border), now=NOON)
    make.roll_up(acme)
    keep(acme, 12)
    remove(acme)

    make.take_in(acme, *make.talk(9, start=border), now=NOON)
    make.roll_up(acme)

    (first, second) = make.blocks(acme)
    assert first[3] == border - 10 * make.MINUTE
    assert second[4] == border + 9 * make.MINUTE


def test_seat_that_is_still_held_keeps_its_events() -> None:
    acme = make.workspace()
    make.take_in(
        acme,
        make.event("agent.seat_assigned", agent="ann", at=OLD),
        make.event("agent.seat_assigned", agent="bob", at=OLD),
        make.event("agent.seat_released", agent="bob", at=OLD + make.HOUR),
        now=NOON,
    )
    make.roll_up(acme)
    keep(acme, 12)

    assert remove(acme) == 2

    make.take_in(acme, make.event("agent.seat_released", agent="ann", at=NOON))
    make.roll_up(acme)
    with in_workspace(acme.pk):
        seats = Agent.objects.for_workspace(acme).order_by("ended_at")
        assert list(seats.values_list("started_at", "ended_at")) == [
            (OLD, OLD + make.HOUR),
            (OLD, NOON),
        ]


def test_more_months_than_there_were_keep_everything() -> None:
    acme = make.workspace()
    keep(acme, 32_000)

    assert retention.oldest_kept(acme, now=NOON) == EARLIEST
