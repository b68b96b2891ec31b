"""The Usage page: who sees what of it, and what it answers to whatever is asked."""

import io
import json
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import urlencode
from zipfile import ZipFile

import pytest
import time_machine
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from plotly.graph_objects import Figure

from accounts.models import Bot, BotShare, Role, Workspace
from accounts.tenancy import in_workspace
from tests import make
from tests.pages import sign_in
from tests.rows import made_once

pytestmark = pytest.mark.django_db(transaction=True)

NOW = make.NOON + timedelta(days=1)
YESTERDAY = make.NOON


@pytest.fixture(autouse=True)
def _now() -> Iterator[None]:
    with time_machine.travel(NOW, tick=False):
        yield


@made_once
def fill() -> None:
    acme = make.workspace("acme", name="Acme Ltd", timezone="Europe/Berlin")
    make.take_in(
        acme,
        *make.talk(0, 14, 28, start=YESTERDAY, subject="alpha"),
        make.event("alert.delivered", at=YESTERDAY, subject="beta", channel="sms"),
        make.event("alert.delivered", at=YESTERDAY, subject="beta", channel="sms"),
        now=NOW,
    )
    make.roll_up(acme, now=NOW)
    globex = make.workspace("globex", name="Globex Corp")
    make.take_in(globex, make.event("alert.delivered", at=YESTERDAY, subject="theirs"), now=NOW)
    make.roll_up(globex, now=NOW)


@pytest.fixture
def acme() -> Workspace:
    fill()
    return make.workspace("acme")


def get(client: Client, **values: str | list[str]) -> str:
    response = client.get(f"/w/acme/usage/?{urlencode(values, doseq=True)}")
    assert response.status_code == 200
    return response.content.decode()


def read_figure(page: str) -> Any:  # Any: a figure is free JSON
    return json.loads(unescape(page.split('data-figure="')[1].split('"')[0]))


def test_page_shows_graph_and_totals(acme: Workspace) -> None:
    page = get(sign_in(make.member(acme)))

    figure = read_figure(page)
    assert {bar["name"]: sum(bar["y"]) for bar in figure["data"]} == {"alpha": 2, "beta": 2}
    assert "Europe/Berlin" in page
    assert "Complete to" in page
    assert "0 sessions are open" in page


def test_figure_is_one_that_plotly_knows(acme: Workspace) -> None:
    figure = read_figure(get(sign_in(make.member(acme))))

    assert len(Figure(figure).data) == 2


def test_tooltip_has_four_lines(acme: Workspace) -> None:
    bar = read_figure(get(sign_in(make.member(acme)), range="7d"))["data"][0]

    lines = str(bar["hovertemplate"]).removesuffix("<extra></extra>").split("<br>")
    assert [line.split(":")[0] for line in lines] == [
        "Date",
        "Sessions",
        "Voice Sessions",
        "Agents",
    ]
    assert bar["customdata"][-2] == [f"{YESTERDAY:%a, %-d %b %Y}", "2", "0", "0"]


def test_running_total_never_falls(acme: Workspace) -> None:
    bar = read_figure(get(sign_in(make.member(acme)), range="7d", running="on"))["data"][0]

    assert bar["y"] == [0, 0, 0, 0, 0, 2, 2]


def test_table_has_the_same_numbers_and_leads_to_the_sessions(acme: Workspace) -> None:
    page = get(sign_in(make.member(acme)), view="table", rows="bot", bot="beta")

    assert "<svg" in page
    assert "alpha" not in page.split("<table")[1]
    assert "kind=alert" in page
    assert "bot=beta" in page
    assert ">2</a>" in page


@pytest.mark.parametrize("role", [Role.MEMBER, Role.SHARED])
def test_person_sees_only_bots_of_theirs(acme: Workspace, role: Role) -> None:
    member = make.member(acme, role)
    with in_workspace(acme.pk):
        bot = Bot.objects.get(key="alpha")
        BotShare.objects.create(workspace=acme, bot=bot, user=member.user)
    client = sign_in(member)

    page = get(client)

    assert [bar["name"] for bar in read_figure(page)["data"]] == ["alpha"]
    assert "beta" not in page + get(client, view="table", rows="bot")
    assert "There is no bot &#x27;beta&#x27; here." in get(client, bot="beta")
    options = client.get("/w/acme/usage/bots?bot=").content.decode()
    assert "alpha" in options
    assert "beta" not in options
    assert "sms" not in client.get("/w/acme/usage/channels").content.decode()
    export = client.get("/w/acme/usage/usage.csv?rows=bot").content.decode()
    assert "beta" not in export


def test_shared_person_without_bots_sees_an_empty_state(acme: Workspace) -> None:
    page = get(sign_in(make.member(acme, Role.SHARED)))

    assert "No usage in this period" in page
    assert "alpha" not in page


def test_stranger_and_other_workspace_see_nothing(acme: Workspace) -> None:
    globex = make.workspace("globex")
    client = sign_in(make.member(globex))

    for address in ("", "usage.csv", "usage.xlsx", "bots", "channels", "time-zones"):
        assert client.get(f"/w/acme/usage/{address}").status_code == 404
    assert Client().get("/w/acme/usage/").status_code == 302


def test_chip_takes_its_filter_away(acme: Workspace) -> None:
    page = get(sign_in(make.member(acme)), bot=["alpha", "beta"], channel="web")

    assert 'href="?bot=beta&amp;channel=web"' in page
    assert 'href="?bot=alpha&amp;bot=beta"' in page


def test_nothing_matches_is_not_nothing_yet(acme: Workspace) -> None:
    client = sign_in(make.member(acme))

    assert "Nothing matches" in get(client, channel="carrier pigeon")
    page = get(client, range="custom", first="2001-01-01", last="2001-01-02")
    assert "No usage in this period" in page


def test_part_of_the_page_is_switched_without_the_rest(acme: Workspace) -> None:
    client = sign_in(make.member(acme))

    response = client.get(
        "/w/acme/usage/?view=table", headers={"HX-Request": "true", "HX-Target": "usage"}
    )

    page = response.content.decode()
    assert "<table" in page
    assert "<html" not in page
    assert "HX-Request" in response.headers["Vary"]


def test_exports_have_what_is_shown(acme: Workspace) -> None:
    client = sign_in(make.member(acme))

    csv = client.get("/w/acme/usage/usage.csv?range=7d&bot=beta")
    xlsx = client.get("/w/acme/usage/usage.xlsx?range=7d&rows=bot")

    lines = csv.content.decode().splitlines()
    assert lines[0].startswith("period_start,period_end,billing_sessions,usage_sessions")
    assert [line.split(",")[2] for line in lines[1:]] == ["0", "0", "0", "0", "0", "2", "0"]
    assert "attachment" in csv.headers["Content-Disposition"]
    sheet = ZipFile(io.BytesIO(xlsx.content)).read("xl/worksheets/sheet1.xml").decode()
    assert sheet.count("<row ") == 3
    assert "<f>" not in sheet


def test_exports_have_no_formulas_and_other_formats_are_not_found(acme: Workspace) -> None:
    with in_workspace(acme.pk):
        Bot.objects.filter(key="beta").update(name="=cmd()")
    client = sign_in(make.member(acme))

    csv = client.get("/w/acme/usage/usage.csv?range=7d&rows=bot")

    assert ",'=cmd()," in csv.content.decode()
    for format in ("exe", "a%0Ab", 'csv"'):
        assert client.get(f"/w/acme/usage/usage.{format}").status_code == 404


def test_export_of_channels_has_no_numbers_of_agents(acme: Workspace) -> None:
    client = sign_in(make.member(acme))

    for rows in ("bot", "period"):
        csv = client.get(f"/w/acme/usage/usage.csv?range=7d&channel=web&rows={rows}")

        lines = csv.content.decode().splitlines()
        agents = lines[0].split(",").index("agents")
        assert {line.split(",")[agents] for line in lines[1:]} == {""}


def test_export_of_a_bad_range_says_why(acme: Workspace) -> None:
    response = sign_in(make.member(acme)).get("/w/acme/usage/usage.csv?range=custom")

    assert response.status_code == 400
    assert response.content.decode() == "A custom range needs its first and its last day."


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"range": "custom", "first": "2026-02-30", "last": "2026-03-01"}, "Enter a valid date."),
        ({"range": "custom", "first": "2026-03-02", "last": "2026-03-01"}, "lies after the last"),
        ({"range": "custom", "first": "1999-01-01", "last": "2026-03-01"}, "at most 366 days"),
        ({"range": "custom", "first": "9999-12-31", "last": "9999-12-31"}, "after 2199"),
        ({"range": "forever"}, "Select a valid choice"),
        ({"range": "30d", "by": "hour"}, "By hour a range has at most 14 days"),
        ({"timezone": "Mars/Olympus"}, "There is no time zone"),
        ({"timezone": "../../etc/passwd"}, "There is no time zone"),
        ({"bot": "theirs"}, "There is no bot"),
        ({"bot": "<script>alert(1)</script>"}, "There is no bot &#x27;&lt;script&gt;"),
        ({"bot": "x\0y"}, "no name has"),
        ({"bot": [str(number) for number in range(60)]}, "Choose at most 50"),
    ],
)
def test_bad_value_gets_a_sentence(
    acme: Workspace, values: dict[str, str | list[str]], sentence: str
) -> None:
    page = get(sign_in(make.member(acme)), **values)

    assert sentence in page
    assert "Globex" not in page


NAMES = [
    "range",
    "first",
    "last",
    "by",
    "bot",
    "channel",
    "timezone",
    "view",
    "rows",
    "running",
    "page",
    "sort",
]
VALUES = [
    *("24h", "custom", "hour", "month", "alpha", "theirs", "table", "bot", "on", "-1", "9" * 30),
    *("2026-01-01", "0001-01-01", "9999-12-31", "' OR 1=1 --", "<b>", "\0", "Asia/Kolkata"),
    *("period", "-billing_sessions", "agents", "x" * 2000),
]
PARAMETERS = st.tuples(st.sampled_from(NAMES), st.sampled_from(VALUES) | st.text(max_size=40))


@given(values=st.lists(PARAMETERS, max_size=8))
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_is_asked_is_answered(acme: Workspace, values: list[tuple[str, str]]) -> None:
    client = sign_in(make.member(acme))
    query = urlencode(values, errors="replace")

    page = client.get(f"/w/acme/usage/?{query}")
    export = client.get(f"/w/acme/usage/usage.csv?{query}")

    assert page.status_code == 200
    assert export.status_code in (200, 400)
    assert "Globex" not in page.content.decode()
