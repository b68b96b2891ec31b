"""Pages, exports, the API and commands say the same numbers of the same filters."""

import csv
import io
import json
import re
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import urlencode

import pytest
import time_machine
from django.core.management import call_command
from django.test import Client

from accounts.models import Scope
from tests import make
from tests.pages import sign_in
from tests.rows import made_once

pytestmark = pytest.mark.django_db(transaction=True)

# Days around the changes of the clocks in Berlin: 29 March has 23 hours, 25 October 25.
SPRING, AUTUMN = date(2026, 3, 29), date(2026, 10, 25)
NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
DAY = timedelta(days=1)
QUARTER = timedelta(minutes=15)
LINK = re.compile(r'<a[^>]*href="(/w/acme/usage/sessions/\?[^"]*)"[^>]*>\s*([\d,]+)\s*</a>')
SUMS = ("billing_sessions", "usage_sessions", "alert_sessions", "voice_sessions", "notifications")
OF_KIND = dict(zip(SUMS, ("billing", "usage", "alert", "voice", "notification"), strict=True))


@made_once
def fill(zone: str) -> None:
    acme = make.workspace("acme", timezone=zone)
    for day in (SPRING, AUTUMN):
        make.take_in(acme, *happen(day), now=NOW)
    seat = {"agent": "a1", "subject": "alpha", "user": "", "channel": ""}
    make.take_in(
        acme,
        make.event("agent.seat_assigned", at=noon(SPRING), **seat),
        make.event("agent.seat_released", at=noon(SPRING + DAY), **seat),
        # Open still.
        *make.talk(0, subject="alpha", user="late", start=NOW - timedelta(minutes=5)),
        now=NOW,
    )
    make.roll_up(acme, now=NOW)
    other = make.workspace("globex")
    make.take_in(other, *happen(SPRING), now=NOW)
    make.roll_up(other, now=NOW)


def noon(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC)


def happen(day: date) -> Iterator[make.Event]:
    """Make sessions of all kinds in every hour of three days, at its edges and in between."""
    start = noon(day) - timedelta(hours=36)
    for number in range(3 * 24 * 2):
        at = start + number * 2 * QUARTER
        bot = ("alpha", "beta", "Gamma & Co/ß")[number % 3]
        user = f"{day}-{number}"
        yield make.event("alert.delivered", at=at, subject=bot, user=user, channel="sms")
        if number % 3 == 0:
            yield from make.talk(0, 10, 20, start=at, subject=bot, user=user)
        if number % 4 == 0:
            yield from make.talk(0, 14, 20, start=at, subject=bot, user=user, channel="ivr")
        if number % 5 == 0:
            yield make.event("notification.delivered", at=at, subject=bot, user=user)


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


def read_csv(client: Client, address: str) -> list[dict[str, str]]:
    response = client.get(address)
    assert response.status_code == 200, address
    text = b"".join(response) if response.streaming else response.content
    return list(csv.DictReader(io.StringIO(text.decode())))


def ask(key: str, path: str, **query: Any) -> dict[str, Any]:
    response = Client().get(
        f"/api/v1/{path}?{urlencode(query, doseq=True)}",
        headers={"Authorization": f"Bearer {key}"},
    )
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = response.json()
    return answer


FILTERS: list[dict[str, Any]] = [
    {},
    {"bot": ["alpha", "Gamma & Co/ß"], "timezone": "Europe/Berlin"},
    {"channel": "ivr"},
    {"channel": ["web", "sms"], "timezone": "America/St_Johns", "bot": "beta"},
]


@pytest.mark.parametrize(
    ("zone", "day", "filters"),
    [
        *(("Europe/Berlin", day, filters) for day in (SPRING, AUTUMN) for filters in FILTERS),
        # Its clocks never change: a day is as good as another.
        *(("Asia/Kolkata", SPRING, filters) for filters in FILTERS if "timezone" not in filters),
    ],
)
def test_every_number_leads_to_as_many_rows(zone: str, day: date, filters: dict[str, Any]) -> None:
    fill(zone)
    client = sign_in(make.member(make.workspace("acme")))
    wrong = []
    for by, rows in (("day", "period"), ("hour", "period"), ("day", "bot")):
        query = filters | {
            "range": "custom", "first": day - DAY, "last": day + DAY, "by": by, "rows": rows,
            "view": "table",
        }  # fmt: skip
        pages = [
            f"/w/acme/usage/?{urlencode(query | {'page': page}, doseq=True)}" for page in (1, 2)
        ]
        found = {
            (unescape(address), int(number.replace(",", "")))
            for page in pages
            for address, number in LINK.findall(client.get(page).content.decode())
        }
        assert found
        for address, number in sorted(found)[:: 13 if by == "hour" else 1]:
            listed = read_csv(client, address.replace("/sessions/?", "/sessions.csv?"))
            if len(listed) != number:
                wrong.append((address, number, len(listed)))

    assert wrong == []


@pytest.mark.parametrize("of_workspace", ["Asia/Kolkata", "Europe/Berlin"])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/St_Johns"])
@pytest.mark.parametrize("day", [SPRING, AUTUMN])
def test_all_that_count_agree(of_workspace: str, day: date, zone: str) -> None:
    fill(of_workspace)
    acme = make.workspace("acme")
    client = sign_in(make.member(acme))
    key = make.api_key(acme, Scope.READ_USAGE)
    first, end = day - DAY, day + 2 * DAY
    output = io.StringIO()
    call_command(
        *("export_usage", "--workspace", "acme", "--by", "day", "--format", "json"),
        *("--from", f"{first}", "--to", f"{end}", "--timezone", zone),
        stdout=output,
    )

    exported = json.loads(output.getvalue())
    answered = ask(key, "usage", **{"from": first, "to": end, "timezone": zone})["usage"]
    query = {"range": "custom", "first": first, "last": end - DAY, "timezone": zone, "by": "day"}
    by_day = read_csv(client, f"/w/acme/usage/usage.csv?{urlencode(query)}")
    by_bot = read_csv(client, f"/w/acme/usage/usage.csv?{urlencode(query | {'rows': 'bot'})}")
    listed = {
        name: len(list_all(key, **{"from": first, "to": end, "timezone": zone, "kind": kind}))
        for name, kind in OF_KIND.items()
    }

    # What was charged is in the answers alone, and of no zone but the workspace's.
    assert {row.pop("charged") for row in answered} <= {None, "0"}
    assert [{**row, "period_start": 0, "period_end": 0} for row in exported] == [
        {**row, "period_start": 0, "period_end": 0} for row in answered
    ]
    for rows in (answered, by_day, by_bot):
        assert {name: sum(int(row[name]) for row in rows) for name in SUMS} == listed
    agents = Counter({row["period_start"]: 0 for row in by_day})
    for row in exported:
        agents[row["period_start"]] += row["agents"]
    assert {row["period_start"]: int(row["agents"]) for row in by_day} == dict(agents)


def list_all(key: str, **query: Any) -> list[dict[str, Any]]:
    """Return all pages of sessions."""
    found: list[dict[str, Any]] = []
    more: dict[str, str] = {}
    while True:
        answer = ask(key, "sessions", **query, **more, limit=97)
        found += answer["sessions"]
        if answer["next"] is None:
            return found
        more = {"cursor": answer["next"]}
