"""The event log: what came in, of one workspace, whatever is asked."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from accounts.models import Role, Scope, Workspace
from accounts.tenancy import in_workspace
from tests import make
from tests.pages import sign_in
from tests.rows import connected
from usage import event_log
from usage.event_log import Sought
from usage.models import Event, Stream

pytestmark = pytest.mark.django_db(transaction=True)

LOG = "/w/acme/developers/events/"


@pytest.fixture
def acme() -> Workspace:
    acme = make.workspace("acme", name="Acme Ltd")
    for key in ("alpha", "beta"):
        make.bot(acme, key)
    globex = make.workspace("globex", name="Globex Corp")
    make.take_in(globex, make.event(id="their-id", source="/globex", subject="theirs"))
    return acme


def look(of: Workspace, show: str = "batches", **values: Any) -> str:
    page = sign_in(make.member(of)).get(LOG, {"show": show, **values})
    assert page.status_code == 200
    text = " ".join(page.content.decode().split())
    assert "/globex" not in text
    assert "Globex" not in text
    return text


@pytest.mark.parametrize(
    ("role", "status"),
    [
        (Role.OWNER, 200),
        (Role.ADMIN, 200),
        (Role.FINANCE, 403),
        (Role.MEMBER, 403),
        (Role.SHARED, 404),
    ],
)
def test_log_is_for_owners_and_admins(acme: Workspace, role: Role, status: int) -> None:
    make.take_in(acme, make.event(subject="alpha"))
    client = sign_in(make.member(acme, role))

    assert client.get(LOG).status_code == status
    with in_workspace(acme.pk):
        number = Stream.objects.get().id
    assert client.get(f"{LOG}streams/{number}/").status_code == status
    menu = client.get("/w/acme/usage/").content.decode()
    assert (">Developers" in menu.replace(" ", "").replace("\n", "").replace("</svg>", ">")) is (
        status == 200
    )


def test_batches_say_what_became_of_their_events(acme: Workspace) -> None:
    event = make.event(id="one", subject="alpha")
    secret = make.api_key(acme, Scope.WRITE_EVENTS, name="platform-key")
    make.take_in(acme, event, {**event, "type": "conversation.ended"}, make.event(direction="no"))
    sent = make.event(subject="alpha", at=datetime.now(UTC))
    Client().post(
        "/api/v1/events",
        sent,
        content_type="application/json",
        headers={"Authorization": f"Bearer {secret}"},
    )

    page = look(acme)

    assert "platform-key" in page
    assert "import" in page
    cells = [cell.split("<")[0].strip() for cell in page.split('<td class="number">')[1:]]
    assert cells == ["1", "1", "0", "0", "0", "3", "1", "1", "1", "1"]


def test_batches_are_filtered_by_result_and_source(acme: Workspace) -> None:
    make.take_in(acme, make.event(subject="alpha", source="/good"))
    make.take_in(acme, make.event(direction="no", source="/bad"))

    assert "/bad" in look(acme)
    assert "/good" not in look(acme, result="rejected")
    assert "/bad" not in look(acme, source="/good")


def test_refused_events_say_why_and_are_filtered(acme: Workspace) -> None:
    make.take_in(acme, make.event(id="refused-one", direction="no", subject="alpha"))
    make.take_in(acme, make.event("nonsense", id="refused-two", subject="beta"))

    page = look(acme, "rejected")

    assert "The direction must be user, bot or agent." in page
    assert "unknown_type" in page
    assert "refused-two" not in look(acme, "rejected", code="bad_field")
    assert "refused-two" not in look(acme, "rejected", bot="alpha")
    assert "refused-one" not in look(acme, "rejected", id="refused-two")


def test_accepted_events_are_filtered(acme: Workspace) -> None:
    make.take_in(
        acme,
        make.event(id="first", subject="alpha", source="/one", voice=True),
        make.event("conversation.ended", id="second", subject="beta", source="/two"),
    )

    assert "first" in look(acme, "events")
    for values in (
        {"bot": "beta"},
        {"type": "conversation.ended"},
        {"id": "second"},
        {"id": "second", "source": "/two"},
        {"source": "/two"},
    ):
        page = look(acme, "events", **values)
        assert "second" in page
        assert ">first<" not in page
    assert "Nothing matches" in look(acme, "events", id="second", source="/one")
    assert "Nothing matches" in look(acme, "events", bot="theirs")
    assert "Nothing matches" in look(acme, "events", id="their-id")


def test_range_is_of_local_days(acme: Workspace) -> None:
    received = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
    make.take_in(acme, make.event(id="late", subject="alpha"), now=received)

    assert "late" in look(acme, "events", first="2026-03-02", last="2026-03-02")
    assert "Nothing matches" in look(acme, "events", first="2026-03-03")
    assert "Nothing matches" in look(acme, "events", last="2026-03-01")
    with in_workspace(acme.pk):
        Workspace.objects.filter(pk=acme.pk).update(timezone="Asia/Kolkata")
    page = look(acme, "events", first="2026-03-03", last="2026-03-03")
    assert "3 Mar 2026, 05:00:00" in page
    assert "Asia/Kolkata" in page


def test_stream_shows_all_its_events_in_order(acme: Workspace) -> None:
    make.take_in(
        acme,
        make.event(id="b", at=make.NOON + make.MINUTE, subject="alpha", developer=True),
        make.event(id="a", subject="alpha"),
        make.event(id="c", at=make.NOON + 2 * make.MINUTE, subject="alpha"),
        make.event(id="elsewhere", subject="beta"),
    )
    with in_workspace(acme.pk):
        number = Event.objects.get(event_id="a").stream_id
    client = sign_in(make.member(acme))

    page = client.get(f"{LOG}streams/{number}/").content.decode()

    ids = [part.split("<")[0].strip() for part in page.split('<td class="id">')]
    assert [name for name in ids if name in ("a", "b", "c", "elsewhere")] == ["a", "b", "c"]
    assert "developer" in page
    assert f'href="{LOG}streams/{number}/"' in client.get(LOG, {"show": "events"}).content.decode()


def test_streams_of_others_are_not_found(acme: Workspace) -> None:
    with in_workspace(make.workspace("globex").pk):
        theirs = Stream.objects.get().id
    client = sign_in(make.member(acme))

    for number in (theirs, 0, 9**30):
        assert client.get(f"{LOG}streams/{number}/").status_code == 404


def test_both_empty_states_say_what_to_do(acme: Workspace) -> None:
    assert "Nothing came in yet" in look(acme)
    assert "No event was refused" in look(acme, "rejected")
    page = look(acme, "events", type="alert.failed")
    assert "Nothing matches" in page
    assert "Clear filters" in page


GARBAGE = (
    "\0",
    "x" * 2000,
    "<script>alert(1)</script>",
    "' OR 1=1 --",
    "9" * 30,
    "2026-02-30",
    "-1",
)


@pytest.mark.parametrize("show", ["batches", "events", "rejected", "\0", "<b>"])
def test_garbage_gets_a_page(acme: Workspace, show: str) -> None:
    make.take_in(acme, make.event(subject="alpha"))

    names = ("bot", "type", "code", "result", "id", "source", "first", "last", "page")
    for value in GARBAGE:
        page = look(acme, show, **dict.fromkeys(names, value))

        assert "<script>alert" not in page, value


def test_pages_go_on_and_end(acme: Workspace) -> None:
    make.take_in(acme, *(make.event(subject="alpha") for _ in range(120)))

    pages = [look(acme, "events", page=number).count("streams/") for number in (1, 2, 3)]

    assert pages == [50, 50, 20]


def test_only_the_newest_are_looked_at(acme: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_log, "LOOKED_AT", 2)
    for number in range(4):
        received = make.NOON + timedelta(hours=number + 1)
        make.take_in(acme, make.event(id=f"n{number}", subject="alpha"), now=received)

    page = look(acme, "events", type="conversation.message")

    assert "n3" in page
    assert "n0" not in page
    assert "Looked through were the 2 newest" in page
    assert "n0" in look(acme, "events", id="n0")


def test_lists_are_read_from_their_indexes(acme: Workspace) -> None:
    # Of a handful of rows any index that leads with the workspace is as good as another.
    users = (f"u{number}" for number in range(500))
    make.take_in(acme, *(make.event(subject="alpha", user=user) for user in users))
    connected().execute(b"ANALYZE usage_event")  # else it matters how large the table was before
    with in_workspace(acme.pk), connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL enable_sort = off")
        plans = [
            event_log.find_events(acme, Sought()).rows[:51].explain(),
            event_log.list_stream_events(Stream.objects.earliest("id")).explain(),
            event_log.find_batches(acme, Sought()).rows[:51].explain(),
            event_log.find_rejected(acme, Sought()).rows[:51].explain(),
        ]

    assert "event_by_receipt" in plans[0]
    assert "event_uncounted" in plans[1]
    assert "intake_by_time" in plans[2]
    assert "rejected_by_time" in plans[3]
