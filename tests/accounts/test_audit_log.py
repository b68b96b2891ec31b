"""The page of the audit log and its export: of one workspace, as they are asked for."""

import csv
import io
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from accounts import actors, audit, audit_log, bots
from accounts.actors import ActorKind
from accounts.audit_log import Change
from accounts.models import AuditEntry, Membership, Role, User, Workspace
from accounts.tenancy import WORKSPACE_SLUG, admitted, in_workspace
from tests import make
from tests.pages import GARBAGE, count_reads, sign_in, words
from tests.rows import made_once

pytestmark = pytest.mark.django_db(transaction=True)

LOG = "/w/acme/audit-log/"


@made_once
def fill() -> None:
    acme = make.workspace("acme", timezone="Asia/Kolkata")
    bot = make.bot(acme, "support")
    with actors.acting_as(ActorKind.PERSON, id=7, name="ann@acme.example"):
        bots.change(bot=bot, name="Help desk")
    with actors.acting_as(ActorKind.KEY, id=1, name="platform"):
        make.bot(acme, "sales")
    make.bot(make.workspace("globex"), "their-bot")


@pytest.fixture
def acme() -> Workspace:
    fill()
    return make.workspace("acme")


def look(of: Workspace, **values: str) -> str:
    page = sign_in(make.member(of)).get(LOG, values)
    assert page.status_code == 200
    said = words(page)
    assert "their-bot" not in said
    assert "globex" not in said
    return said


def download(of: Workspace, **values: str) -> list[dict[str, str]]:
    response = sign_in(make.member(of)).get(f"{LOG}export", values)
    assert response.status_code == 200
    text = b"".join(response).decode()
    assert "their-bot" not in text
    return list(csv.DictReader(io.StringIO(text)))


def test_log_says_what_was_done_newest_first(acme: Workspace) -> None:
    page = look(acme)

    said = ("Member: added", "platform (API key)", "ann@acme.example", "Workspace: created")
    places = [page.rindex(text) for text in said]
    assert places == sorted(places)


def test_entry_shows_before_and_after(acme: Workspace) -> None:
    page = look(acme, action="bot.renamed")

    assert "Name: support → Help desk of entry" in page
    assert "Name before: support → after: Help desk Action code" in page
    assert "Action code bot.renamed" in page
    assert page.count("Action code") == 1


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({}, ["member.added", "bot.created", "bot.renamed", "bot.created", "workspace.created"]),
        ({"action": "bot.created"}, ["bot.created", "bot.created"]),
        ({"who": "ANN@"}, ["bot.renamed"]),
        ({"who": "platform"}, ["bot.created"]),
        ({"target": "Supp"}, ["bot.renamed", "bot.created"]),
        ({"target": "sales", "action": "bot.renamed"}, []),
        ({"target": "100%"}, []),
        ({"target": "_"}, []),
    ],
)
def test_filters_are_those_of_the_export_too(
    acme: Workspace, values: dict[str, str], found: list[str]
) -> None:
    make.member(acme)
    page = look(acme, **values)
    rows = download(acme, **values)

    assert page.count("Action code") == len(found)
    assert [row["action"] for row in rows if row["action"] != "audit_log.exported"] == found


def test_days_are_those_of_the_workspace() -> None:
    acme = make.workspace("acme", timezone="Asia/Kolkata")
    make.member(acme)
    # 18:29 and 18:30 UTC are 23:59 of a day and 00:00 of the next in India.
    sought = audit_log.Sought(
        since=datetime(2026, 3, 1, 18, 30, tzinfo=UTC),
        until=datetime(2026, 3, 2, 18, 30, tzinfo=UTC),
    )

    assert look(acme, first="2026-03-02", last="2026-03-02").count("Action code") == 0
    with in_workspace(acme.pk):
        sql = str(audit_log.find_entries(acme, sought).query)
    assert ">= 2026-03-01 18:30:00+00:00" in sql
    assert "< 2026-03-02 18:30:00+00:00" in sql


def test_today_is_found_and_tomorrow_is_not(acme: Workspace) -> None:
    make.member(acme)
    today = datetime.now(ZoneInfo("Asia/Kolkata")).date()

    assert look(acme, first=str(today - timedelta(days=1))).count("Action code") == 5
    assert look(acme, first=str(today + timedelta(days=2))).count("Action code") == 0


def test_filters_are_chips(acme: Workspace) -> None:
    page = sign_in(make.member(acme)).get(LOG, {"action": "bot.renamed", "who": "ann"})

    said = words(page)
    assert "Remove the filter Action: Bot: renamed" in said
    assert "Remove the filter Who: ann" in said
    assert 'href="?who=ann"' in page.content.decode()
    assert 'href="?action=bot.renamed"' in page.content.decode()


def test_filter_that_nothing_matches_says_so(acme: Workspace) -> None:
    assert "Nothing matches" in look(acme, who="nobody")


def test_workspace_from_before_the_log_has_nothing_yet() -> None:
    with admitted(WORKSPACE_SLUG, "acme"):
        acme = Workspace.objects.create(slug="acme", name="Acme")
    with in_workspace(acme.pk):
        user = User.objects.create_user("ann@acme.example")
        member = Membership.objects.create(workspace=acme, user=user, role=Role.OWNER)

    page = sign_in(member).get(LOG)

    assert "Nothing was done yet" in words(page)
    assert "Export CSV" not in words(page)


@pytest.mark.parametrize(
    ("role", "status"),
    [
        (Role.OWNER, 200),
        (Role.ADMIN, 200),
        (Role.FINANCE, 200),
        (Role.MEMBER, 403),
        (Role.SHARED, 404),
    ],
)
def test_log_is_for_those_who_answer_for_the_workspace(
    acme: Workspace, role: Role, status: int
) -> None:
    client = sign_in(make.member(acme, role))

    assert client.get(LOG).status_code == status
    assert client.get(f"{LOG}export").status_code == status


def test_export_is_an_entry_itself(acme: Workspace) -> None:
    download(acme, who="ann", other="x")

    newest = download(acme, action="audit_log.exported")[-1]
    assert newest["target"] == "acme-audit-log.csv"
    assert newest["actor_name"] == "owner@acme.example"
    assert newest["after"] == '{"filters": {"who": ["ann"]}}'


def test_export_is_safe_to_open_in_a_spreadsheet_program(acme: Workspace) -> None:
    make.bot(acme, "=HYPERLINK()")

    assert "'=HYPERLINK()" in {row["target"] for row in download(acme)}


@pytest.mark.parametrize(
    "values",
    [
        {"action": "no.such"},
        {"first": "2026-03-02", "last": "2026-03-01"},
        {"who": "x" * 255},
        {"target": "x" * 201},
    ],
)
def test_what_cannot_be_looked_for_is_refused_in_words(
    acme: Workspace, values: dict[str, str]
) -> None:
    client = sign_in(make.member(acme))

    page, export = client.get(LOG, values), client.get(f"{LOG}export", values)

    assert page.status_code == 200
    assert export.status_code == 400
    assert export.content.decode() in words(page)


@pytest.mark.parametrize("text", GARBAGE)
def test_garbage_is_answered(acme: Workspace, text: str) -> None:
    client = sign_in(make.member(acme))

    for name in ("action", "who", "target", "first", "last", "page", "sort"):
        assert client.get(LOG, {name: text}).status_code == 200
        assert client.get(f"{LOG}export", {name: text}).status_code in (200, 400)


def test_page_holds_fifty_and_asks_as_much_for_many(acme: Workspace) -> None:
    client = sign_in(make.member(acme))
    few = count_reads(lambda: client.get(LOG))
    with in_workspace(acme.pk):
        for _ in range(120):
            audit.record("bot.renamed", workspace=acme, before={"name": "a"}, after={"name": "b"})

    many = count_reads(lambda: client.get(LOG))

    assert many == few
    assert words(client.get(LOG)).count("Action code") == 50
    assert words(client.get(LOG, {"page": "3"})).count("Action code") == 25


def test_actions_are_those_that_occur(acme: Workspace) -> None:
    with in_workspace(acme.pk):
        assert audit_log.list_actions(acme) == ["bot.created", "bot.renamed", "workspace.created"]


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("bot.renamed", "Bot: renamed"),
        ("api_key.created", "API key: created"),
        ("bot.publish_status_changed", "Bot: publish status changed"),
        ("audit_log.exported", "Audit log: exported"),
    ],
)
def test_action_in_words(code: str, name: str) -> None:
    assert audit_log.name_action(code) == name


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("person", "ann@acme.example", "ann@acme.example"),
        ("person", "", "somebody who is not signed in"),
        ("key", "platform", "platform (API key)"),
        ("command", "create_bot", "create_bot (command)"),
        ("system", "the console", "the console (by itself)"),
    ],
)
def test_who_in_words(kind: str, name: str, said: str) -> None:
    assert audit_log.name_actor(AuditEntry(actor_kind=kind, actor_name=name)) == said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (Change("Name", "old", "new"), "Name: old → new"),
        (Change("Role", "", "owner"), "Role: owner"),
        (Change("Shared with", "ann", ""), "Shared with: was ann"),
    ],
)
def test_change_in_a_line(change: Change, said: str) -> None:
    assert str(change) == said


def test_values_in_words() -> None:
    entry = AuditEntry(
        before={"owner": None, "on": True},
        after={"owner": "ann", "filters": {"bot": ["a", "b"], "none": []}, "empty": {}},
    )

    assert audit_log.list_changes(entry) == [
        Change("Owner", "none", "ann"),
        Change("On", "yes", ""),
        Change("Bot", "", "a, b"),
        Change("None", "", "none"),
        Change("Empty", "", "none"),
    ]
