import json
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from billing_console.demo import plan
from billing_console.demo.generate import Business, generate, generate_day
from billing_console.demo.plan import LARKSPUR, LINDENKAMP, SAHYADRI, DemoWorkspace
from usage.event_format import TYPES, Limits, check_event

OPENED = date(2025, 10, 24)
MADE_UP = [LARKSPUR, LINDENKAMP, SAHYADRI]
MINUTE = timedelta(minutes=1)


def business(planned: DemoWorkspace, opened: date = OPENED) -> Business:
    return Business(planned.slug, ZoneInfo(planned.zone), opened, planned.traffic())


def days_after(days: float) -> datetime:
    return datetime(2025, 10, 24, tzinfo=UTC) + timedelta(days=days)


def read(lines: Iterable[bytes]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines]


def identity(event: dict[str, Any]) -> tuple[str, str]:
    return (event["source"], event["id"])


@pytest.fixture(scope="module")
def lines() -> list[bytes]:
    """Five months of the bank, whose bots have traffic of every kind."""
    return list(generate(business(LARKSPUR), until=days_after(150)))


@pytest.fixture(scope="module")
def events(lines: list[bytes]) -> list[dict[str, Any]]:
    return read(lines)


def test_same_seed_gives_the_same_bytes() -> None:
    made = [list(generate(business(LARKSPUR), until=days_after(9.4))) for _ in range(2)]

    assert made[0] == made[1]


def test_other_seed_gives_other_events() -> None:
    first, other = (
        set(generate(business(LARKSPUR), until=days_after(3), seed=seed)) for seed in ("a", "b")
    )

    assert not first & other


def test_a_single_day_is_what_it_is_in_the_whole(lines: list[bytes]) -> None:
    day = generate_day(business(LARKSPUR), "card-services", date(2026, 3, 11))

    assert len(day) > 30
    assert {line for _, line in day} <= set(lines)


def test_a_generation_goes_on_where_an_earlier_one_stopped() -> None:
    whole = list(generate(business(SAHYADRI), until=days_after(20)))

    begun = list(generate(business(SAHYADRI), until=days_after(11.3)))
    rest = list(generate(business(SAHYADRI), until=days_after(20), since=days_after(11.3)))

    assert begun + rest == whole


@pytest.mark.parametrize("planned", MADE_UP, ids=lambda planned: planned.slug)
def test_intake_takes_every_event(planned: DemoWorkspace) -> None:
    until = days_after(30)
    limits = Limits(until, days_after(-1))

    events = [check_event(line, limits=limits) for line in generate(business(planned), until=until)]

    assert len(events) > 10_000
    assert {event.stream.bot for event in events} <= {bot.key for bot in planned.bots}


def test_all_types_and_channels_occur(events: list[dict[str, Any]]) -> None:
    assert {event["type"] for event in events} == set(TYPES)
    channels = {event["data"].get("channel") for event in events}
    assert channels >= {"web", "whatsapp", "msteams", "slack", "ivr"}


def test_what_leads_to_special_cases_occurs(events: list[dict[str, Any]]) -> None:
    data = [event["data"] for event in events]

    for field in ("conversation", "agent", "modality", "developer", "parent_bot", "alert"):
        assert any(field in each for each in data), field
    assert any(each.get("environment") == "test" for each in data)
    assert any("user" in each and "conversation" not in each for each in data)


def test_transfers_come_with_and_without_agent(events: list[dict[str, Any]]) -> None:
    starts = [event for event in events if event["type"] == "agent.transfer_started"]

    named = sum("agent" in event["data"] for event in starts)

    assert 0.2 < named / len(starts) < 0.9


@pytest.mark.parametrize("planned", MADE_UP, ids=lambda planned: planned.slug)
def test_no_event_lies_after_the_end(planned: DemoWorkspace) -> None:
    until = days_after(5.61)

    times = [
        datetime.fromisoformat(event["time"])
        for event in read(generate(business(planned), until=until))
    ]

    assert until - 60 * MINUTE < max(times) <= until


def test_about_one_in_a_hundred_arrives_late_at_most_three_days(
    events: list[dict[str, Any]],
) -> None:
    latest, late, seen = datetime.min.replace(tzinfo=UTC), [], set()
    for event in events:
        at = datetime.fromisoformat(event["time"])
        if at < latest and identity(event) not in seen:
            late.append(latest - at)
        seen.add(identity(event))
        latest = max(latest, at)

    assert 0.005 < len(late) / len(events) < 0.015
    assert timedelta(days=2) < max(late) <= timedelta(days=3)


def test_about_one_in_two_hundred_comes_twice_and_some_of_these_differ(
    lines: list[bytes], events: list[dict[str, Any]]
) -> None:
    counted = Counter(identity(event) for event in events)
    twice = {key for key, count in counted.items() if count > 1}
    told = {identity(json.loads(line)) for line, count in Counter(lines).items() if count > 1}

    assert 0.003 < len(twice) / len(events) < 0.007
    assert 0.05 < len(twice - told) / len(twice) < 0.4


def test_chats_of_one_to_five_sessions_occur(events: list[dict[str, Any]]) -> None:
    asked: dict[tuple[str, str], list[datetime]] = {}
    for event in events:
        if event["data"].get("channel") == "web" and event["data"].get("direction") == "user":
            key = (event["subject"], event["data"]["conversation"])
            asked.setdefault(key, []).append(datetime.fromisoformat(event["time"]))

    blocks: Counter[int] = Counter()
    for times in asked.values():
        times.sort()
        if all(later - earlier <= 15 * MINUTE for earlier, later in pairwise(times)):
            blocks[max(1, -(-(times[-1] - times[0]) // (15 * MINUTE)))] += 1

    assert set(blocks) >= {1, 2, 3, 4, 5}
    assert blocks[1] > blocks[2] > blocks[5]


def test_users_come_back(events: list[dict[str, Any]]) -> None:
    days: dict[str, set[str]] = {}
    for event in events:
        if event["subject"] == "everyday-banking" and "user" in event["data"]:
            days.setdefault(event["data"]["user"], set()).add(event["time"][:10])

    returned = sum(len(each) > 1 for each in days.values())

    assert returned > len(days) / 2


def test_subscribers_get_alerts_at_local_hours(events: list[dict[str, Any]]) -> None:
    hours = Counter(
        datetime.fromisoformat(event["time"]).astimezone(ZoneInfo(LARKSPUR.zone)).hour
        for event in events
        if event["type"] == "alert.delivered"
    )

    assert sum(hours[hour] for hour in (0, 8, 16)) > 0.98 * hours.total()


def test_a_weekend_is_quieter_in_an_office(events: list[dict[str, Any]]) -> None:
    weekdays = Counter(
        datetime.fromisoformat(event["time"]).astimezone(ZoneInfo(LARKSPUR.zone)).weekday()
        for event in events
        if event["subject"] == "it-helpdesk" and event["type"] == "conversation.message"
    )

    assert 0 < weekdays[5] < weekdays[1] / 5


def test_the_plan_is_sound() -> None:
    keys = [(planned.slug, bot.key) for planned in plan.WORKSPACES for bot in planned.bots]

    assert len(keys) == len(set(keys)) == 25
    for planned in plan.WORKSPACES:
        members = {person.email for person in planned.people if person.role != "shared"}
        assert {bot.owner for bot in planned.bots} <= members
        shared = {key for person in planned.people for key in person.shared}
        assert shared <= {bot.key for bot in planned.bots}
