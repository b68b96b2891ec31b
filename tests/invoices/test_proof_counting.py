"""Two implementations of rule 12 count the same, and a proof refuses events out of their order."""

from typing import cast

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from invoices.proof.counting import Usage, count_events
from invoices.proof.facts import CannotProve, Event, count_from
from usage.agents import AgentEvent, Span, count_holders, find_peak, hold_seats, sign_in
from usage.sessions import EventType

HOURS = [f"2026-03-{1 + hour // 24:02}T{hour % 24:02}:00:00.000000+00:00" for hour in range(96)]
NOW = count_from(HOURS[80])
CUTS = [count_from(HOURS[hour]) for hour in (10, 40, 60)]
KINDS = [
    EventType.SEAT_ASSIGNED,
    EventType.SEAT_RELEASED,
    EventType.SIGNED_IN,
    EventType.SIGNED_OUT,
]
facts = st.lists(
    st.tuples(st.sampled_from("ab"), st.sampled_from(HOURS), st.sampled_from(KINDS)), max_size=14
)


def event(*, type: int = EventType.ALERT_DELIVERED, **values: str) -> Event:
    event: Event = {
        "bot": "support",
        "source": "/tests",
        "id": "e1",
        "at": HOURS[12],
        "received_at": HOURS[12],
        "type": int(type),
    }
    event.update(values)  # type: ignore[typeddict-item]  # as a test wants it
    return event


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # on a busy machine
@given(facts)
def test_seats_and_peaks_are_those_of_the_console(rows: list[tuple[str, str, EventType]]) -> None:
    ordered = sorted(rows)
    usage = Usage({"support": CUTS}, as_of=NOW)
    seats: list[tuple[int, Span]] = []
    signed_in: list[tuple[int, Span]] = []
    for number, agent in enumerate("ab"):
        of = [AgentEvent(count_from(at), kind) for name, at, kind in ordered if name == agent]
        of = [one for one in of if one.at <= NOW]
        seats += [(number, span) for span in hold_seats(of) if span.start < CUTS[-1]]
        signed_in += [(number, span) for span in sign_in(of) if span.start < CUTS[-1]]
    periods = [Span(CUTS[0], CUTS[1]), Span(CUTS[1], CUTS[2])]

    count_events(
        (
            event(agent=agent, at=at, type=kind, id=f"e{place:02}")
            for place, (agent, at, kind) in enumerate(ordered)
        ),
        usage=usage,
    )

    places = range(2)
    assert count_holders(seats, periods, now=NOW) == [
        usage.count("support", "agents", *CUTS[place : place + 2]) for place in places
    ]
    assert find_peak(signed_in, periods, now=NOW) == [
        usage.count("support", "agents_peak", *CUTS[place : place + 2]) for place in places
    ]


@pytest.mark.parametrize("later", [{}, {"id": "e0"}, {"at": HOURS[11]}, {"bot": "sales"}])
def test_events_that_come_twice_or_out_of_order_prove_nothing(later: dict[str, str]) -> None:
    usage = Usage({"support": CUTS}, as_of=NOW)

    with pytest.raises(CannotProve, match="is not in its place"):
        count_events([event(), cast(Event, {**event(), **later})], usage=usage)
