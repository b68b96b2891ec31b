"""Seats and sign-ins of agents, as arithmetic and through the commands."""

from datetime import timedelta

import pytest

from accounts.tenancy import in_workspace
from tests import make
from tests.make import HOUR, NOON
from tests.usage.test_commands import export_usage
from usage import rebuild
from usage.agents import AgentEvent, Span, count_holders, find_peak, hold_seats, sign_in
from usage.models import Agent
from usage.sessions import DAY, EventType

ON, OFF = EventType.SEAT_ASSIGNED, EventType.SEAT_RELEASED
IN, OUT = EventType.SIGNED_IN, EventType.SIGNED_OUT
DAYS = [Span(0, DAY), Span(DAY, 2 * DAY), Span(2 * DAY, 3 * DAY)]


def agent_events(*facts: tuple[int, int]) -> list[AgentEvent]:
    return [AgentEvent(at, type_) for at, type_ in facts]


@pytest.mark.parametrize(
    ("facts", "seats"),
    [
        ([(1, ON), (5, OFF)], [Span(1, 5)]),
        ([(1, ON)], [Span(1, None)]),
        ([(1, ON), (3, ON), (5, OFF)], [Span(1, 5)]),
        ([(5, OFF)], []),
        ([(1, ON), (1, OFF)], []),
        ([(1, ON), (5, OFF), (7, ON)], [Span(1, 5), Span(7, None)]),
    ],
)
def test_seat_is_held_up_to_its_release(facts: list[tuple[int, int]], seats: list[Span]) -> None:
    assert hold_seats(agent_events(*facts)) == seats


@pytest.mark.parametrize(
    ("facts", "spans"),
    [
        ([(1, IN), (5, OUT)], [Span(1, 5)]),
        ([(1, IN)], [Span(1, 1 + DAY)]),
        ([(1, IN), (2 + DAY, OUT)], [Span(1, 1 + DAY)]),
        ([(1, IN), (DAY, IN), (DAY + 5, OUT)], [Span(1, DAY + 5)]),
        ([(1, IN), (DAY, IN)], [Span(1, 2 * DAY)]),
        ([(1, IN), (2 + DAY, IN)], [Span(1, 1 + DAY), Span(2 + DAY, 2 + 2 * DAY)]),
        ([(5, OUT)], []),
    ],
)
def test_sign_in_ends_after_24_hours(facts: list[tuple[int, int]], spans: list[Span]) -> None:
    assert sign_in(agent_events(*facts)) == spans


def test_holders_are_counted_once_in_each_period_they_touch() -> None:
    seats = [
        (1, Span(5, 6)),
        (1, Span(8, 9)),
        (2, Span(5, DAY)),  # up to midnight, no longer in the day after
        (3, Span(DAY - 1, DAY + 1)),
        (4, Span(2 * DAY, None)),
    ]

    assert count_holders(seats, DAYS, now=3 * DAY) == [3, 1, 1]
    assert count_holders(seats, DAYS, now=2 * DAY) == [3, 1, 0]


def test_peak_is_the_most_at_one_instant() -> None:
    signed_in = [
        (1, Span(0, 10)),
        (2, Span(10, 20)),  # takes over: never two at once
        (3, Span(DAY - 5, DAY + 5)),
        (4, Span(DAY + 1, DAY + 2)),
    ]

    assert find_peak(signed_in, DAYS, now=3 * DAY) == [1, 2, 0]


@pytest.mark.django_db(transaction=True, databases=["default", "operator"])
def test_agents_are_counted_by_bot_and_day_and_when_they_come_late() -> None:
    acme = make.workspace()
    midnight = NOON - 12 * HOUR
    make.take_in(
        acme,
        make.event("agent.seat_assigned", agent="ann", at=midnight),
        make.event("agent.seat_assigned", agent="bob", at=midnight + HOUR),
        make.event("agent.seat_assigned", agent="ann", at=midnight, subject="sales"),
        make.event("agent.signed_in", agent="ann", at=midnight + 8 * HOUR),
        make.event("agent.signed_out", agent="ann", at=midnight + 16 * HOUR),
        make.event("agent.signed_in", agent="bob", at=midnight + 9 * HOUR),
    )
    make.roll_up(acme)
    make.take_in(
        acme,
        make.event("agent.seat_released", agent="bob", at=midnight + timedelta(days=1)),
        make.event("agent.signed_out", agent="bob", at=midnight + 10 * HOUR),
    )
    make.roll_up(acme)

    rows = export_usage(acme, "2026-03-01", "2026-03-04", "day")

    assert [(row["bot"], row["agents"], row["agents_peak"]) for row in rows] == [
        ("sales", 0, 0), ("sales", 1, 0), ("sales", 1, 0),
        ("support", 0, 0), ("support", 2, 2), ("support", 1, 0),
    ]  # fmt: skip
    assert list(rebuild.run(workspace_id=acme.pk, now=make.LONG_AFTER)) == []


@pytest.mark.django_db(transaction=True)
def test_rebuild_mends_seats() -> None:
    acme = make.workspace()
    make.take_in(acme, make.event("agent.seat_assigned", agent="ann"))
    make.roll_up(acme)
    with in_workspace(acme.pk):
        Agent.objects.for_workspace(acme).delete()

    (difference,) = rebuild.run(workspace_id=acme.pk, now=make.LONG_AFTER)

    assert difference.what == "agent"
    with in_workspace(acme.pk):
        assert Agent.objects.for_workspace(acme).count() == 1
