"""From a number to its sessions, and from a session to why it is one."""

import csv
import io
import re
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from django.test import Client

from accounts.exports import guard
from accounts.models import Bot, BotShare, Role, Workspace
from accounts.tenancy import in_workspace
from tests import make
from tests.pages import count_reads, sign_in
from tests.rows import made_once
from usage import exports
from usage.models import Event, Stream
from usage.session_queries import name_conversation

pytestmark = pytest.mark.django_db(transaction=True)

RANGE = {"from": "2026-03-01", "to": "2026-04-01"}
GARBAGE = [
    "\0", "x" * 2000, "<script>alert(1)</script>", "' OR 1=1 --", "9" * 400, "-1", "2026-02-30",
    "2026-13-01T00:00:00Z", "theirs", "0001-01-01", "9999-12-31", "\U0001f600", "%", "1e999",
]  # fmt: skip


@made_once
def fill() -> None:
    acme = make.workspace("acme", name="Acme Ltd")
    make.take_in(
        acme,
        *make.talk(0, 10, 20, 31, subject="alpha", conversation="c-1"),
        *make.talk(0, subject="beta", user="u2", channel="ivr"),
        make.event("alert.delivered", subject="alpha", user="=cmd()", at=make.NOON + make.HOUR),
    )
    make.roll_up(acme)
    globex = make.workspace("globex", name="Globex Corp")
    make.take_in(globex, *make.talk(0, subject="theirs", user="secret-user"))
    make.roll_up(globex)


@pytest.fixture
def acme() -> Workspace:
    fill()
    return make.workspace("acme")


@pytest.fixture
def client(acme: Workspace) -> Client:
    return sign_in(make.member(acme))


def show(client: Client, path: str = "sessions/", **query: Any) -> str:
    response = client.get(f"/w/acme/usage/{path}?{urlencode(RANGE | query, doseq=True)}")
    assert response.status_code == 200
    return response.content.decode()


def count_rows(page: str) -> int:
    return page.count("<time class=")


def find_conversation(of: Workspace, user: str = "u1") -> str:
    with in_workspace(of.pk):
        stream = Stream.objects.for_workspace(of).get(user=user)
    return name_conversation(stream.key, make.NOON)


FILTERS: list[tuple[dict[str, Any], int]] = [
    ({}, 5),
    ({"kind": "usage"}, 4),
    ({"kind": "alert"}, 1),
    ({"kind": "voice"}, 1),
    ({"kind": "all"}, 6),
    ({"kind": "notification"}, 0),
    ({"bot": "beta"}, 1),
    ({"bot": ["alpha", "beta"]}, 5),
    ({"channel": "ivr"}, 1),
    ({"user": "u"}, 4),
    ({"user": "u2"}, 1),
    ({"conversation": "c-"}, 3),
    ({"conversation": "c-2"}, 0),
    ({"state": "open"}, 0),
    ({"state": "all"}, 5),
    ({"from": "2026-03-02T12:15:00+00:00"}, 3),
    ({"to": "2026-03-02T12:15:00Z"}, 2),
    ({"from": "2026-03-02T13:15:00 01:00"}, 3),
]


def test_filters_choose(client: Client) -> None:
    found = [(query, count_rows(show(client, **query))) for query, _ in FILTERS]

    assert found == FILTERS


def test_list_is_newest_first_with_numbers(client: Client) -> None:
    page = show(client, bot="alpha", kind="usage")

    assert page.index("3 of 3") < page.index("2 of 3") < page.index("1 of 3")
    assert "theirs" not in page
    assert "secret-user" not in page


def test_list_can_begin_with_the_oldest(acme: Workspace, client: Client) -> None:
    minutes = [make.NOON + number * make.MINUTE for number in range(60)]
    make.take_in(acme, *(make.event("alert.delivered", subject="beta", at=at) for at in minutes))
    make.roll_up(acme)

    first, second = (
        re.findall(
            r", (12:\d\d:00)", show(client, bot="beta", kind="alert", sort="started", page=page)
        )
        for page in (1, 2)
    )

    assert [*first, *second] == [f"12:{number:02d}:00" for number in range(60)]


def test_open_sessions_are_shown_as_such(acme: Workspace, client: Client) -> None:
    start = make.LONG_AFTER - 5 * make.MINUTE
    make.take_in(acme, *make.talk(0, start=start, subject="alpha", user="late"))
    make.roll_up(acme)

    page = show(client, state="open", to="2026-06-01")

    assert count_rows(page) == 1
    assert "Open</span>" in page


def test_pages_hold_fifty(acme: Workspace, client: Client) -> None:
    make.take_in(acme, *(make.event("alert.delivered", subject="alpha") for _ in range(60)))
    make.roll_up(acme)

    first, second = show(client, kind="alert"), show(client, kind="alert", page=2)

    assert (count_rows(first), count_rows(second)) == (50, 11)
    assert count_rows(show(client, kind="alert", page="9" * 30)) == 50
    assert count_rows(show(client, kind="alert", per_page=10_000)) == 50


def test_number_of_queries_does_not_grow_with_rows(acme: Workspace, client: Client) -> None:
    few = count_reads(lambda: show(client))
    make.take_in(acme, *(make.event("alert.delivered", subject=f"b{n}") for n in range(40)))
    make.roll_up(acme)

    assert count_reads(lambda: show(client)) == few


def test_nothing_yet_differs_from_nothing_matches(client: Client) -> None:
    empty = make.workspace("empty")
    page = sign_in(make.member(empty)).get("/w/empty/usage/sessions/").content.decode()

    assert "No sessions yet" in page
    assert "No sessions match" in show(client, user="nobody")
    assert "Clear filters" in show(client, user="nobody")


def test_default_is_the_last_30_days(client: Client) -> None:
    page = client.get("/w/acme/usage/sessions/").content.decode()

    assert "No sessions in the last 30 days" in page


@pytest.mark.parametrize("name", [
    "from", "to", "bot", "channel", "kind", "user", "conversation", "timezone", "state", "page",
])  # fmt: skip
def test_garbage_gets_a_page(client: Client, name: str) -> None:
    for value in GARBAGE:
        query = urlencode({name: value})

        page = client.get(f"/w/acme/usage/sessions/?{query}")
        export = client.get(f"/w/acme/usage/sessions.csv?{query}")

        assert page.status_code == 200
        assert export.status_code in (200, 400)
        assert "Globex" not in page.content.decode()
        assert "<script>alert" not in page.content.decode()
        export.close()


def test_bad_values_get_a_sentence_each(client: Client) -> None:
    page = show(client, **{"from": "never", "bot": "theirs", "timezone": "Mars/Base"})

    assert "is neither a date" in page
    assert "There is no bot" in page
    assert "There is no time zone" in page


def test_empty_range_gets_a_sentence(client: Client) -> None:
    assert "The range is empty" in show(client, to="2026-03-01")


def test_export_has_what_the_list_shows(client: Client) -> None:
    response = client.get(f"/w/acme/usage/sessions.csv?{urlencode(RANGE)}")
    text = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]

    rows = list(csv.DictReader(io.StringIO(text)))
    assert tuple(rows[0]) == exports.SESSION_COLUMNS
    assert [row["bot"] for row in rows].count("alpha") == 4
    assert len(rows) == 5
    assert rows[-1]["user"] == "'=cmd()"
    assert "attachment" in response.headers["Content-Disposition"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_export_guards_spreadsheet_programs(start: str) -> None:
    assert guard(f"{start}1") == f"'{start}1"
    assert guard("a=1") == "a=1"


@pytest.mark.parametrize("role", Role)
def test_roles_see_their_bots_only(acme: Workspace, role: Role) -> None:
    member = make.member(acme, role)
    with in_workspace(acme.pk):
        bot = Bot.objects.get(key="beta")
        BotShare.objects.create(workspace=acme, bot=bot, user=member.user)
    client = sign_in(member)
    everything = role in (Role.OWNER, Role.ADMIN, Role.FINANCE)

    page = show(client)
    refused = client.get(f"/w/acme/usage/conversations/{find_conversation(acme)}/")
    allowed = client.get(f"/w/acme/usage/conversations/{find_conversation(acme, 'u2')}/")
    csv_text = b"".join(
        client.get(f"/w/acme/usage/sessions.csv?{urlencode(RANGE)}").streaming_content  # type: ignore[attr-defined]
    ).decode()

    assert ("alpha" in page) is everything
    assert ("alpha" in csv_text) is everything
    assert refused.status_code == (200 if everything else 404)
    assert allowed.status_code == 200


@pytest.mark.parametrize("path", ["sessions/", "sessions.csv", "how-sessions-are-counted/"])
def test_strangers_and_other_workspaces_are_refused(client: Client, path: str) -> None:
    assert Client().get(f"/w/acme/usage/{path}").status_code == 302
    assert client.get(f"/w/globex/usage/{path}").status_code == 404


def test_conversation_says_why(acme: Workspace, client: Client) -> None:
    page = client.get(f"/w/acme/usage/conversations/{find_conversation(acme)}/").content.decode()

    assert "Why 3 sessions?" in page
    assert "Each started 15:00 counts: 3 usage sessions." in page
    assert "Message texts are not stored" in page
    assert "<svg" in page
    assert " style=" not in page


def test_conversation_of_another_workspace_is_not_found(acme: Workspace, client: Client) -> None:
    theirs = find_conversation(make.workspace("globex"), "secret-user")

    assert client.get(f"/w/acme/usage/conversations/{theirs}/").status_code == 404


@pytest.mark.parametrize("name", [*GARBAGE[1:5], "a" * 32 + "-0", "a" * 32 + "-" + "f" * 15])
def test_garbage_is_no_conversation(client: Client, name: str) -> None:
    assert (
        client.get(f"/w/acme/usage/conversations/{urlencode({'': name})[1:]}/").status_code == 404
    )


def test_old_address_leads_to_the_conversation_that_late_events_moved(
    acme: Workspace, client: Client
) -> None:
    name = find_conversation(acme)
    early = make.NOON - 5 * make.MINUTE
    make.take_in(acme, *make.talk(0, start=early, subject="alpha", conversation="c-1"))
    make.roll_up(acme)

    page = client.get(f"/w/acme/usage/conversations/{name}/").content.decode()

    assert "at 11:55:00" in page


def test_conversation_without_its_events_shows_what_is_stored(
    acme: Workspace, client: Client
) -> None:
    name = find_conversation(acme)
    with in_workspace(acme.pk):
        Event.objects.for_workspace(acme)._raw_delete("default")
        Workspace.objects.filter(pk=acme.pk).update(events_from=make.NOON + timedelta(days=9))

    page = client.get(f"/w/acme/usage/conversations/{name}/").content.decode()

    assert "no longer stored" in page
    assert "Why 3 sessions?" in page


def test_thousands_of_events_are_cut(acme: Workspace, client: Client) -> None:
    make.take_in(acme, *make.talk(*(n / 10 for n in range(1000)), subject="alpha", user="busy"))
    make.roll_up(acme)

    name = find_conversation(acme, "busy")
    page = client.get(f"/w/acme/usage/conversations/{name}/").content.decode()

    assert "600 events in between are not shown" in page


def test_help_draws_its_examples(client: Client) -> None:
    page = client.get("/w/acme/usage/how-sessions-are-counted/").content.decode()

    assert page.count('<svg viewBox="0 0 960') == 7
    assert "3 usage sessions." in page


def test_chip_of_an_instant_says_it_in_the_zone_of_the_page(client: Client) -> None:
    page = show(client, **{"from": "2026-03-02T00:00:00+00:00", "timezone": "Asia/Kolkata"})

    assert "From: 2 Mar 2026, 05:30" in page
    assert "To: 2026-04-01" in page
