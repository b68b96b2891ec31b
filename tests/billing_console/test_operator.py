"""The pages of those who run the installation, and how they view a workspace as somebody else."""

import itertools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import time_machine
from django.conf import settings
from django.test import Client, RequestFactory
from pytest_django import Settings

from accounts import people
from accounts.access import ACCESS, OPERATOR_ACCESS
from accounts.menu import OPERATOR_MENU
from accounts.models import AuditEntry, Bot, BotShare, Membership, Role, Scope, User, Workspace
from accounts.tenancy import in_workspace
from benchmarks import scratch
from billing_console import workers
from billing_console.viewing import refuses
from invoices import tie_out_checks
from tests import make
from tests.pages import GARBAGE, words
from tests.rows import made_once
from tests.test_architecture import patterns
from tests.test_odd_input import complete, find_parts

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

PAGES = (
    "/operator/",
    "/operator/workspaces/acme/",
    "/operator/health/",
    "/operator/audit/",
    "/operator/extensions/",
    "/operator/workspaces/acme/credits",
    "/operator/workspaces/acme/enterprise",
    "/operator/plans/",
    "/operator/plans/currencies/USD/",
    "/operator/plans/essential/",
    "/operator/plans/essential/new",
    "/operator/plans/essential/withdraw",
    "/operator/seller/",
    "/operator/wires/",
    "/operator/mails/",
    "/operator/mails/previews/",
    "/operator/mails/previews/low_balance/",
    "/operator/mails/previews/low_balance/html",
    "/operator/tie-outs/",
    "/operator/paybacks/",
    "/operator/books/",
    "/operator/books/receivables/",
    "/operator/books/packs/",
    "/operator/workspaces/acme/refunds",
)
BOOKS = tuple(
    f"/operator/books/{file}" for file in ("journal.csv", "roll-forward.csv", "receivables.csv")
)
ASK_FOR_PACK = "/operator/books/packs/new"
PACK = "/operator/books/packs/1"  # not there: none was asked for
LOGO = "/operator/seller/logo"  # not there: there is none
EXTENSION = "/operator/extensions/1/"  # the one that `find_parts` makes
MAIL = "operator/mails/<int:mail_id>/"
REFUND = "operator/workspaces/acme/refunds/<int:order_number>"
PAYBACK = "operator/paybacks/<int:payback_id>"
WIRES = {"/operator/wires/1/", "/operator/wires/1/cancel"}  # likewise
VIEW_AS = "/operator/workspaces/acme/view-as"
STOP = "/operator/stop-viewing"
AS_OWNER = {"role": "owner", "minutes": "30", "reason": "They asked why."}


@made_once
def fill() -> None:
    acme = make.workspace("acme", name="Acme Ltd")
    make.api_key(acme)
    make.member(acme, email="owner@acme.example")
    now = datetime.now(UTC)
    events = [*make.talk(0, 10, start=now - timedelta(minutes=40)), make.event() | {"time": "x"}]
    make.take_in(acme, *events, now=now)
    make.roll_up(acme, now)
    make.member(make.workspace("globex", name="Globex Corp"), email="owner@globex.example")


@pytest.fixture
def acme() -> Workspace:
    fill()
    return make.workspace("acme")


def make_operator() -> User:
    return people.add_operator(email="op@console.example", password=make.PASSWORD)[0]


def enter(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def operator(acme: Workspace) -> Client:
    return enter(make_operator())


def list_audit(**values: object) -> list[tuple[str, str, str]]:
    entries = AuditEntry.objects.using("operator").filter(**values).order_by("pk")
    return list(entries.values_list("action", "actor_name", "target"))


def view(client: Client, **values: str) -> None:
    assert client.post(VIEW_AS, {**AS_OWNER, **values}).status_code == 302


def test_pages_are_there_for_operators_alone(acme: Workspace, operator: Client) -> None:
    owner = enter(make.member(acme).user)
    parts = find_parts(acme)

    walked = [complete(address, parts) for address, _ in patterns() if is_of_operators(address)]
    there = {path for path in walked if operator.get(path).status_code == 200}
    mail = complete(MAIL, parts)
    pages = {*PAGES, *BOOKS, EXTENSION, complete(REFUND, parts), complete(PAYBACK, parts)}
    assert there == {*pages, *WIRES, mail, f"{mail}html"}
    assert {*walked} == {*there, VIEW_AS, STOP, LOGO, PACK, ASK_FOR_PACK, f"{mail}again"}
    for path in walked:
        for client in (owner, Client()):
            assert client.get(path).status_code == 404, path
            assert client.post(path, AS_OWNER).status_code == 404, path
    assert "Operator pages" not in words(owner.get("/w/acme/"))
    assert "Operator pages" in words(operator.get("/"))


def is_of_operators(address: str) -> bool:
    return address.startswith("operator/")


def test_every_address_below_operator_asks_for_a_permission() -> None:
    asked = {
        address: getattr(entry.callback, "permission", None)
        for address, entry in patterns()
        if is_of_operators(address)
    }

    assert set(asked.values()) == OPERATOR_ACCESS
    assert {entry.permission for group in OPERATOR_MENU.values() for entry in group} <= set(
        asked.values()
    )
    assert not OPERATOR_ACCESS & ACCESS.keys()


def test_operator_has_no_place_in_a_workspace(operator: Client) -> None:
    assert operator.get("/w/acme/").status_code == 404


def test_list_finds_workspaces_with_what_is_in_them(acme: Workspace, operator: Client) -> None:
    (session,) = make.sessions(acme)
    with time_machine.travel(session.started_at, tick=False):  # its month may be over by now
        everything = words(operator.get("/operator/"))
        found = words(operator.get("/operator/?q=owner@acme"))
        nothing = words(operator.get("/operator/?q=nowhere"))

    assert "Acme Ltd acme owner@acme.example 1 1" in everything
    assert "Globex Corp globex owner@globex.example 0 0 –" in everything
    assert "Acme Ltd" in found
    assert "Globex" not in found
    assert "No workspace matches" in nothing


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "Pacific/Pago_Pago"])
def test_month_is_that_of_the_workspace(zone: str) -> None:
    place = make.workspace("far", timezone=zone)
    now = datetime(2026, 3, 1, 9, tzinfo=UTC)  # 28 February in the one, 1 March in the other
    make.take_in(place, *make.talk(0, start=datetime(2026, 2, 14, tzinfo=UTC)), now=now)
    make.roll_up(place, now)

    with time_machine.travel(now, tick=False):
        page = words(enter(make_operator()).get("/operator/"))

    assert ("far far – 1 1 " in page) == (zone == "Pacific/Pago_Pago")


def test_health_says_what_waits_and_what_was_refused(acme: Workspace, operator: Client) -> None:
    workers.connect().delete(workers.SEEN)
    make.take_in(acme, make.event(user="u2"), now=datetime.now(UTC))
    alone = words(operator.get("/operator/health/"))
    workers.note_alive("celery@here", at=datetime.now(UTC))

    page = words(operator.get("/operator/health/"))

    assert "No worker was seen in the last minute" in alone
    assert "celery@here" in page
    assert "Lives" in page
    assert "Streams that wait 1" in page
    assert "acme bad_time 1" in page
    assert "usage_event" in page


def test_health_and_a_page_say_which_workspaces_differ(acme: Workspace, operator: Client) -> None:
    assert "No workspace's numbers were compared yet" in words(operator.get("/operator/health/"))
    for workspace_id in tie_out_checks.find_due(now=datetime.now(UTC)):
        tie_out_checks.run(workspace_id=workspace_id, now=datetime.now(UTC))
    with psycopg.connect(scratch.address("owner")) as owner:
        owner.execute("DELETE FROM usage_event")
    tie_out_checks.run(workspace_id=acme.pk, now=datetime.now(UTC))

    health, listed = (words(operator.get(f"/operator/{page}/")) for page in ("health", "tie-outs"))
    only = words(operator.get("/operator/tie-outs/?show=differences"))

    assert "The numbers of 1 of 2 workspaces differ in 1 place." in health
    assert listed.index("Acme Ltd acme 1 difference") < listed.index("Globex Corp globex Ties")
    assert "Globex Corp" not in only


def test_workspaces_that_differ_stand_before_those_not_checked_yet(
    acme: Workspace, operator: Client
) -> None:
    make.workspace("aaa")  # before the others by its name
    make.take_in(acme, make.event(), now=datetime.now(UTC))
    with psycopg.connect(scratch.address("owner")) as owner:
        owner.execute("DELETE FROM usage_event")
    tie_out_checks.run(workspace_id=acme.pk, now=datetime.now(UTC))

    listed = words(operator.get("/operator/tie-outs/"))

    assert listed.index("1 difference") < listed.index("Not checked yet")


def test_opened_pages_are_in_the_log_of_the_installation(operator: Client) -> None:
    for page in PAGES:
        operator.get(page)

    said = list_audit(workspace=None, target__startswith="/operator/")
    assert [target for _, _, target in said] == list(PAGES)
    assert {name for _, name, _ in said} == {"op@console.example"}


def test_audit_shows_all_workspaces_and_can_be_narrowed(acme: Workspace, operator: Client) -> None:
    view(operator)
    operator.post(STOP)

    everything = words(operator.get("/operator/audit/"))
    narrowed = words(operator.get("/operator/audit/?workspace=acme&action=viewing.start"))
    of_none = words(operator.get("/operator/audit/?workspace=-"))

    assert "viewing.started" in everything
    assert "operator.audit.view" in everything
    assert "viewing.started" in narrowed
    assert "They asked why." in narrowed
    assert "viewing.ended" not in narrowed
    assert "viewing.started" not in of_none


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("/operator/audit/?workspace=", "Workspace: Ensure this value has at most 63 characters"),
        ("/operator/audit/?action=", "Action begins with: Ensure this value has at most 64"),
        ("/operator/audit/?actor=", "Who: Ensure this value has at most 254 characters"),
        ("/operator/?q=", "Slug, name or owner: Ensure this value has at most 200 characters"),
    ],
)
def test_filter_that_is_too_long_is_said_to_be_left_out(
    operator: Client, address: str, said: str
) -> None:
    page = words(operator.get(address + "x" * 255))

    assert said in page
    assert "The list is shown without it." in page


@pytest.mark.parametrize("value", GARBAGE)
def test_odd_values_are_answered(operator: Client, value: str) -> None:
    names = ("q", "page", "sort", "workspace", "action", "actor")
    for page in PAGES:
        assert operator.get(page, dict.fromkeys(names, value)).status_code == 200, page
    answer = operator.post(VIEW_AS, dict.fromkeys(("person", "role", "minutes", "reason"), value))
    assert answer.status_code == 200
    assert operator.get("/operator/workspaces/nowhere/").status_code == 404


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"reason": " "}, "Say why."),
        ({"minutes": "600"}, "Choose 15, 30 or 60 minutes."),
        ({"role": ""}, "Choose a person or a role."),
        ({"role": "operator"}, "There is no such role."),
        ({"role": "", "person": "987654321"}, "There is no such person"),
    ],
)
def test_viewing_needs_somebody_a_while_and_a_reason(
    operator: Client, values: dict[str, str], sentence: str
) -> None:
    answer = operator.post(VIEW_AS, AS_OWNER | values)

    assert sentence in words(answer)
    assert operator.get("/w/acme/").status_code == 404


def test_person_of_another_workspace_cannot_be_viewed(operator: Client) -> None:
    theirs = User.objects.get(email="owner@globex.example")

    answer = operator.post(VIEW_AS, AS_OWNER | {"role": "", "person": str(theirs.pk)})

    assert "There is no such person" in words(answer)


def test_viewing_shows_a_workspace_as_its_role_sees_it(operator: Client) -> None:
    view(operator)

    page = words(operator.get("/w/acme/"))

    assert "You view Acme Ltd as a person with the role owner." in page
    assert "30 minutes left." in page
    assert operator.get("/w/acme/settings/").status_code == 200
    assert operator.get("/w/globex/").status_code == 404


def test_viewing_as_a_person_shows_their_bots_alone(acme: Workspace, operator: Client) -> None:
    member = make.member(acme, Role.SHARED)
    make.bot(acme, "other")
    with in_workspace(acme.pk):
        bot = Bot.objects.for_workspace(acme).get(key="support")
        BotShare.objects.create(workspace=acme, bot=bot, user=member.user)
    view(operator, role="", person=str(member.user_id))

    page = words(operator.get("/w/acme/bots/"))

    assert "support" in page
    assert "other" not in page
    assert operator.get("/w/acme/settings/").status_code == 404


def list_changes() -> Iterator[tuple[str, str]]:
    for method in ("post", "put", "patch", "delete"):
        for address in (
            "/w/acme/bots/new",
            "/w/acme/settings/general",
            "/w/acme/developers/keys/new",
            "/w/acme/",
            "/operator/",
            VIEW_AS,
            "/sign-in",
            "/",
        ):
            yield method, address


def test_nothing_is_changed_while_viewing(acme: Workspace, operator: Client) -> None:
    view(operator)

    for method, address in list_changes():
        answer = getattr(operator, method)(address, {"key": "new", "name": "New", **AS_OWNER})
        assert answer.status_code == 403, (method, address)
        assert "Nothing can be changed while you view" in words(answer)

    with in_workspace(acme.pk):
        assert not Bot.objects.for_workspace(acme).filter(key="new").exists()


def dump() -> dict[str, list[str]]:
    """Return what is stored beside sessions and the audit log, by table."""
    noted = ("django_session", "accounts_auditentry", "accounts_unsealedentry")
    with psycopg.connect(scratch.address("owner")) as owner:
        tables = owner.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        names = [name for (name,) in tables.fetchall() if name not in noted]
        rows = {name: owner.execute(f'SELECT t::text FROM "{name}" t'.encode()) for name in names}
        return {name: sorted(map(str, found.fetchall())) for name, found in rows.items()}


def test_every_address_of_the_console_refuses_changes_while_viewing(
    acme: Workspace, operator: Client
) -> None:
    make.take_in(acme, *make.talk(0, user="u1"))
    make.roll_up(acme)
    parts = find_parts(acme) | {"<id>": "x", "<bot_key:key>": "support"}
    view(operator)
    before = dump()

    others = itertools.cycle(("PUT", "PATCH", "DELETE"))
    for pattern, _ in patterns():
        path = complete(pattern, parts)
        if path not in (STOP, "/sign-out"):
            refusal = 405 if path in settings.OF_MACHINES else 403
            for method in ("POST", next(others)):
                assert operator.generic(method, path).status_code == refusal, (method, path)
            for method in ("POST", "PUT", "PATCH", "DELETE"):
                assert refuses(RequestFactory().generic(method, path)), (method, path)
            operator.get(path)
            allowed = operator.options(path).headers.get("Allow", "POST")
            if "POST" in allowed:  # who does nothing but show does not tell GET from HEAD
                operator.head(path)

    assert dump() == before


def test_api_is_refused_while_viewing(acme: Workspace, operator: Client) -> None:
    secret = make.api_key(acme, Scope.WRITE_BOTS, name="writer")
    view(operator)

    answer = operator.get("/api/v1/bots", headers={"Authorization": f"Bearer {secret}"})

    assert answer.status_code == 403
    assert answer.json()["code"] == "viewing"


def test_viewing_ends_when_its_time_is_up(operator: Client) -> None:
    view(operator, minutes="60")
    began = datetime.now(UTC)

    for minutes in (14, 28, 42, 56, 59.9):  # idle people are signed out earlier
        with time_machine.travel(began + timedelta(minutes=minutes)):
            assert operator.get("/w/acme/").status_code == 200
    with time_machine.travel(began + timedelta(minutes=60, seconds=1)):
        assert operator.get("/w/acme/").status_code == 404
        assert operator.get("/operator/").status_code == 200

    entry = AuditEntry.objects.using("operator").get(action="viewing.ended")
    assert entry.after is not None
    assert entry.after["time_was_up"] is True


def test_cookie_of_a_viewing_is_of_no_use_to_others(acme: Workspace, operator: Client) -> None:
    view(operator)
    User.objects.filter(email="op@console.example").update(is_operator=False)

    assert operator.get("/w/acme/").status_code == 404


def test_viewing_is_in_the_audit_log_from_beginning_to_end(
    acme: Workspace, operator: Client
) -> None:
    view(operator)
    operator.get("/w/acme/usage/?user=u-4711")
    operator.get("/w/acme/bots/export")
    operator.post(STOP)

    said = [
        (action, target)
        for action, name, target in list_audit(workspace=acme)
        if name == "op@console.example" and action.startswith("viewing.")
    ]
    role = "a person with the role owner"
    assert said == [
        ("viewing.started", role),
        ("viewing.page", "usage:usage"),
        ("viewing.page", "accounts:bot_export"),
        ("viewing.ended", role),
    ]
    assert operator.get("/w/acme/").status_code == 404


def test_idle_sign_out_ends_a_viewing(operator: Client) -> None:
    view(operator, minutes="60")

    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=16)):
        assert operator.get("/w/acme/")["Location"].startswith("/sign-in")

    entry = AuditEntry.objects.using("operator").get(action="viewing.ended")
    assert entry.after is not None
    assert entry.after["time_was_up"] is False


def test_viewing_goes_on_where_nobody_is_signed_out(acme: Workspace, operator: Client) -> None:
    view(operator)

    assert operator.get("/sign-out").status_code == 405

    assert operator.get("/w/acme/").status_code == 200
    assert not AuditEntry.objects.using("operator").filter(action="viewing.ended").exists()


def test_operators_need_a_second_factor_where_they_must(
    operator: Client, settings: Settings
) -> None:
    settings.OPERATORS_NEED_SECOND_FACTOR = True

    page = operator.get("/operator/", follow=True)

    assert page.redirect_chain == [("/profile/second-factor/", 302)]
    assert "This installation requires a second factor." in words(page)


def test_sign_out_ends_a_viewing(acme: Workspace, operator: Client) -> None:
    view(operator)

    assert operator.post("/sign-out").status_code == 302

    assert [action for action, *_ in list_audit(workspace=acme, action="viewing.ended")]


def test_viewing_ends_before_another_begins(operator: Client) -> None:
    view(operator)
    assert operator.post(VIEW_AS, AS_OWNER).status_code == 403
    assert operator.get("/w/acme/settings/").status_code == 200
    operator.post(STOP)
    view(operator, role="finance")

    assert operator.get("/w/acme/settings/").status_code == 403
    assert "finance" in words(operator.get("/w/acme/"))


def test_person_who_left_cannot_be_viewed_any_longer(acme: Workspace, operator: Client) -> None:
    member = make.member(acme, Role.FINANCE)
    view(operator, role="", person=str(member.user_id))
    with in_workspace(acme.pk):
        Membership.objects.for_workspace(acme).filter(pk=member.pk).delete()

    assert operator.get("/w/acme/").status_code == 404
