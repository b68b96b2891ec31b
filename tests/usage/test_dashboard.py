"""The dashboard: this month's numbers of the bots that a person answers for, and what is wrong."""

from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import Bot, Membership, Role, Workspace
from accounts.tenancy import in_workspace
from tests import make
from tests.pages import sign_in
from usage import dashboard
from usage.dashboard import Dashboard
from usage.models import RolledBot, UsageDayInAll

pytestmark = pytest.mark.django_db(transaction=True)

NOW = datetime(2026, 3, 15, 10, 7, tzinfo=UTC)


@pytest.fixture
def acme() -> Workspace:
    acme = make.workspace("acme", name="Acme Ltd")
    for key in ("alpha", "beta"):
        make.bot(acme, key)
    globex = make.workspace("globex", name="Globex Corp")
    make.take_in(globex, *make.talk(0, subject="theirs", start=NOW - timedelta(hours=2)), now=NOW)
    make.roll_up(globex, now=NOW)
    return acme


def alert(bot: str, *times: str) -> list[make.Event]:
    return [
        make.event("alert.delivered", subject=bot, at=datetime.fromisoformat(time))
        for time in times
    ]


def count(of: Workspace, *events: make.Event, now: datetime = NOW) -> None:
    make.take_in(of, *events, now=now)
    make.roll_up(of, now=now)


def read(member: Membership, now: datetime = NOW) -> Dashboard:
    with in_workspace(member.workspace_id):
        return dashboard.read(membership=member, now=now)


def days(of: Workspace, bot: str, **sessions: int) -> None:
    with in_workspace(of.pk):
        UsageDayInAll.objects.bulk_create(
            UsageDayInAll(
                workspace=of,
                bot=Bot.objects.get(key=bot),
                day=date(2026, int(day[1:3]), int(day[3:])),
                usage_sessions=number,
                alert_sessions=0,
                voice_sessions=0,
                conversations=0,
                notifications=0,
            )
            for day, number in sessions.items()
        )


def test_figures_are_measured_to_the_time_of_day(acme: Workspace) -> None:
    count(
        acme,
        *alert("alpha", "2026-03-01T00:00Z", "2026-03-15T10:06Z"),
        # The begun quarter of an hour of that day counts up to the minute.
        *alert("alpha", "2026-02-01T00:00Z", "2026-02-15T09:59Z", "2026-02-15T10:06:59Z"),
        *alert("alpha", "2026-01-31T23:59Z", "2026-02-15T10:07Z", "2026-02-15T11:00Z"),
        *alert("alpha", "2026-02-16T00:00Z"),
    )

    board = read(make.member(acme))

    figures = {figure.label: (figure.value, figure.before) for figure in board.figures}
    assert figures["Billing sessions"] == figures["Alert sessions"] == (2, 3)
    assert figures["Usage sessions"] == (0, 0)
    assert [(row.bot.key, row.sessions, row.before, row.share) for row in board.top] == [
        ("alpha", 2, 3, 100)
    ]


def test_the_longest_month_is_measured_by_all_of_february(acme: Workspace) -> None:
    last_day = datetime(2026, 3, 31, 12, tzinfo=UTC)
    count(
        acme,
        *alert("alpha", "2026-02-01T00:00Z", "2026-02-28T12:30Z", "2026-02-28T23:59Z"),
        *alert("alpha", "2026-03-01T00:00Z", "2026-03-31T11:00Z"),
        now=last_day,
    )

    board = read(make.member(acme), last_day)

    assert (board.figures[0].value, board.figures[0].before) == (2, 3)
    assert len(board.days) == 31
    assert board.days[28].before is None
    assert board.days[27].before == 2


def test_days_are_those_of_the_zone(acme: Workspace) -> None:
    sahyadri = make.workspace("sahyadri", timezone="Asia/Kolkata")
    make.bot(sahyadri, "alpha")
    count(sahyadri, *alert("alpha", "2026-02-28T18:29Z", "2026-02-28T18:30Z"))

    board = read(make.member(sahyadri))

    assert board.days[0].sessions == 1
    assert board.days[27].before == 1


def test_days_to_come_are_left_open(acme: Workspace) -> None:
    days(acme, "alpha", d0315=3)

    board = read(make.member(acme))

    assert [board.days[14].sessions, board.days[15].sessions] == [3, None]


def test_bots_that_stand_out_are_named_and_archived_ones_are_not(acme: Workspace) -> None:
    for key in ("gone", "up", "down", "steady"):
        make.bot(acme, key)
    days(acme, "alpha", d0307=9)  # the day before the 7 whole days
    days(acme, "beta", d0308=9)
    days(acme, "up", d0305=10, d0308=30)
    days(acme, "down", d0301=100, d0314=40)
    days(acme, "steady", d0305=30, d0309=50)
    days(acme, "gone", d0101=9)
    with in_workspace(acme.pk):
        Bot.objects.filter(key="gone").update(archived_at=NOW)

    board = read(make.member(acme))

    assert [(found.bot.key, found.concern) for found in board.concerns] == [
        ("down", "below"),
        ("up", "above"),
        ("alpha", "silent"),
    ]


def test_bots_with_days_of_another_zone_stand_out_later(acme: Workspace) -> None:
    count(acme, *alert("alpha", "2026-02-01T00:00Z"))
    days(acme, "alpha", d0301=100, d0314=40)
    assert [found.concern for found in read(make.member(acme)).concerns] == ["below"]
    with in_workspace(acme.pk):
        assert RolledBot.objects.filter(bot__key="alpha").update(zone="Asia/Kolkata") == 1

    assert read(make.member(acme)).concerns == []


def test_member_sees_the_bots_they_own_alone(acme: Workspace) -> None:
    member = make.member(acme, Role.MEMBER)
    with in_workspace(acme.pk):
        Bot.objects.filter(key="alpha").update(owner=member.user)
    count(acme, *alert("alpha", "2026-03-02T00:00Z"), *alert("beta", "2026-03-02T00:00Z"))

    board = read(member)

    assert board.figures[0].value == 1
    assert [row.bot.key for row in board.top] == ["alpha"]


def test_refused_and_waiting_events_are_told(acme: Workspace) -> None:
    make.take_in(acme, make.event(subject="alpha", at=NOW - timedelta(hours=1)), now=NOW)
    make.take_in(acme, make.event(specversion="2", direction="nobody"), now=NOW)
    make.take_in(acme, make.event(direction="nobody"), now=NOW - timedelta(hours=25))

    board = read(make.member(acme))

    assert (board.refused, board.waiting) == (1, 1)
    assert board.freshness.complete_until == NOW - timedelta(hours=1)


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN, Role.FINANCE, Role.MEMBER])
def test_page_is_for_all_roles_but_shared(acme: Workspace, role: Role) -> None:
    page = sign_in(make.member(acme, role)).get("/w/acme/")

    assert page.status_code == 200
    assert "theirs" not in page.content.decode()


def test_shared_and_strangers_learn_of_no_dashboard(acme: Workspace) -> None:
    shared = sign_in(make.member(acme, Role.SHARED))

    assert shared.get("/w/acme/").status_code == 404
    assert "Dashboard" not in shared.get("/w/acme/usage/").content.decode()
    assert sign_in(make.member(acme)).get("/w/globex/").status_code == 404
    assert Client().get("/w/acme/").status_code == 302


def test_refused_events_are_for_those_who_see_the_event_log(acme: Workspace) -> None:
    now = datetime.now(UTC)
    make.take_in(acme, *alert("alpha", (now - timedelta(hours=1)).isoformat()), now=now)
    make.take_in(acme, make.event(direction="nobody"), now=now)
    make.roll_up(acme, now=now)

    owner = sign_in(make.member(acme)).get("/w/acme/").content.decode()
    finance = sign_in(make.member(acme, Role.FINANCE)).get("/w/acme/").content.decode()

    assert "1 event refused" in owner
    assert "refused" not in finance


def test_new_workspace_says_how_to_begin(acme: Workspace) -> None:
    owner = sign_in(make.member(acme)).get("/w/acme/").content.decode()
    finance = sign_in(make.member(acme, Role.FINANCE)).get("/w/acme/").content.decode()

    assert "Send your first event" in owner
    assert "Send your first event" not in finance
    assert "No sessions yet" in finance


def test_queries_do_not_grow_with_the_bots(acme: Workspace) -> None:
    member = make.member(acme)
    days(acme, "alpha", d0302=3, d0202=3)

    def count_queries() -> int:
        with in_workspace(acme.pk), CaptureQueriesContext(connection) as queries:
            dashboard.read(membership=member, now=NOW)
        return len(queries)

    few = count_queries()
    for number in range(30):
        make.bot(acme, f"bot-{number}")
        days(acme, f"bot-{number}", d0302=3, d0202=3)

    assert count_queries() == few == 8
