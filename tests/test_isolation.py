"""What a workspace sees when the code above the database forgets it, or a connection is shared."""

import http.client
import inspect
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.test import Client

from accounts.models import Role, Scope, Workspace, WorkspaceOwnedQuerySet
from accounts.tenancy import find_admitted
from billing_console.celery import app
from tests import make
from tests.accounts.test_access_matrix import PAGES, PLACE, RANGE, enter, fill
from tests.conftest import WorkerStarter
from tests.invoices import buying
from tests.invoices.test_bundles import ask as ask_for_bundle
from tests.pages import sign_in
from tests.web_server import serve
from usage.tasks import roll_up_workspace

pytestmark = pytest.mark.django_db(transaction=True)

OF_OTHERS = ("theirbot", "their-user", "Globex", "globex", "GLOBEX")
LISTS = (
    "usage/", "usage/?view=table&rows=bot", "usage/usage.csv?rows=bot", "usage/bots",
    "usage/channels", "usage/sessions/", "usage/sessions.csv", "bots/", "bots/export",
    "developers/", "developers/events/", "developers/events/?show=events",
    "developers/events/?show=rejected", "settings/",
)  # fmt: skip
API_LISTS = ("bots?archived=true", "usage?from=2026-03-01&to=2026-03-04", "sessions", "invoices")


def read(client: Client, address: str, **headers: str) -> tuple[int, str]:
    response = client.get(address, headers=headers)
    body = b"".join(response) if response.streaming else response.content
    return response.status_code, body.decode("utf-8", "replace")


def test_nothing_of_others_is_shown_where_the_filter_was_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values = fill()
    acme, globex = make.workspace("acme"), make.workspace("globex")
    make.take_in(globex, make.event(subject="theirbot") | {"time": "never"})
    secret = make.api_key(acme, Scope.READ_USAGE, Scope.READ_INVOICES, name="reader")
    client = enter(Role.OWNER)
    monkeypatch.setattr(WorkspaceOwnedQuerySet, "for_workspace", lambda rows, workspace: rows)

    addresses = [f"{PLACE}{page.address.format(**values)}" for page in PAGES if page.post is None]
    addresses += [address + RANGE for address in addresses]
    addresses += [PLACE + address for address in LISTS]
    answers = {address: read(client, address) for address in addresses}
    for address in API_LISTS:
        headers = {"Authorization": f"Bearer {secret}"}
        answers[address] = read(Client(), f"/api/v1/{address}", **headers)

    for address, (status, said) in answers.items():
        # 202: the PDF is not made yet (counts are drawn at once); 302: without a contract orders
        # have the documents, what was begun leads to its provider, and a statement without a PDF to
        # its page.
        path = address.partition("?")[0]
        of_statement = path.startswith(f"{PLACE}statements/") and path.endswith(".pdf")
        leads_on = path.endswith(("/documents", "/payment")) or "/setups/" in path or of_statement
        waits = ".pdf" in address and "usage/" not in address
        assert status == (302 if leads_on else 202 if waits else 200)
        for name in OF_OTHERS:
            assert name not in said, (name, address)
    assert "ownedbot" in answers[f"{PLACE}bots/"][1]
    assert "own-user" in answers[f"{PLACE}usage/sessions.csv{RANGE}"][1]


@pytest.fixture
def port() -> Iterator[int]:
    """Run a web process with four threads and a single connection to the database."""
    with serve("--workers", "1", DATABASE_POOL_SIZE="1") as port:
        yield port


def ask(port: int, path: str, cookie: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", path, headers={"Cookie": f"sessionid={cookie}"})
        response = connection.getresponse()
        return response.status, response.read().decode()
    except OSError:
        return 0, ""
    finally:
        connection.close()


def make_tenant(slug: str) -> tuple[Workspace, str]:
    """Make a workspace with a bot and a user named for it; return it and its owner's cookie."""
    place = make.workspace(slug)
    events = [
        event
        for number in range(40)
        for event in make.talk(0, 10, subject=f"{slug}-bot", user=f"{slug}-user-{number}")
    ]
    make.take_in(place, *events)
    make.roll_up(place)
    client = Client()
    client.force_login(make.member(place).user)
    return place, client.cookies["sessionid"].value


def test_requests_of_two_tenants_on_one_connection_never_mix(port: int) -> None:
    cookies = {slug: make_tenant(slug)[1] for slug in ("acme", "globex")}
    wanted = [
        (slug, f"/w/{slug}/{path}")
        for _ in range(8)
        for path in ("bots/", f"usage/sessions.csv{RANGE}", "usage/bots")
        for slug in cookies
    ]

    with ThreadPoolExecutor(4) as clients:
        answers = list(clients.map(lambda one: ask(port, one[1], cookies[one[0]]), wanted))

    for (slug, path), (status, said) in zip(wanted, answers, strict=True):
        other = "globex" if slug == "acme" else "acme"
        assert status == 200, path
        assert f"{slug}-bot" in said, path
        assert f"{other}-" not in said, path
        if path.endswith(RANGE):  # streamed, in a transaction of its own
            assert said.count(f"{slug}-user") == 40
    # And nothing is left on the connection for who may see neither.
    assert ask(port, "/w/globex/bots/", cookies["acme"])[0] == 404


@pytest.mark.parametrize(
    "path",
    ["/", "/w/acme/bots/", "/w/acme/nothing", "/w/globex/bots/", "/w/acme/settings/", "/profile/"],
)
def test_request_leaves_nothing_on_the_connection(path: str) -> None:
    make_tenant("globex")
    client = sign_in(make.member(make_tenant("acme")[0], Role.MEMBER))

    client.get(path)

    assert set(find_admitted().values()) == {""}


@pytest.mark.parametrize("whole", [True, False])
def test_streamed_answer_leaves_nothing_on_the_connection(whole: bool) -> None:
    client = sign_in(make.member(make_tenant("acme")[0]))

    answer = client.get(f"/w/acme/usage/sessions.csv{RANGE}")
    if whole:
        assert b"acme-bot" in b"".join(answer)
    answer.close()

    assert set(find_admitted().values()) == {""}


def test_task_leaves_nothing_on_the_connection() -> None:
    app.loader.import_default_modules()  # the tasks of all apps, as a worker does
    acme, _ = make_tenant("acme")
    invitation = make.invitation(acme)
    owed, paid = buying.payback(acme), buying.paid(acme)
    bundle = ask_for_bundle(make.member(acme))
    now = make.LONG_AFTER.isoformat()
    of_workspace: dict[str, dict[str, object]] = {
        "usage.tasks.roll_up_workspace": {"now": now},
        "usage.tasks.remove_old_events_of": {"now": now},
        "usage.tasks.recount_days": {},
        "plans.tasks.charge_workspace": {"now": now},
        "plans.tasks.warn_workspace": {"now": now},
        "plans.tasks.fire_usage_alerts": {},
        "invoices.tasks.run_reloads": {"now": now},
        "invoices.tasks.run_renewals": {},
        "invoices.tasks.send_payback": {"payback_id": owed.pk, "now": now},
        "invoices.tasks.make_file": {"file_id": buying.file(paid).pk},
        "invoices.tasks.let_go": {},
        "invoices.tasks.tell_expiring_methods": {},
        "invoices.tasks.check_tie_out": {"now": now},
        "invoices.tasks.make_bundle": {"bundle_id": bundle.pk},
        "accounts.tasks.send_invitation": {"invitation_id": invitation.pk},
        "accounts.tasks.send_mail": {},
    }

    for name, values in of_workspace.items():
        app.tasks[name](workspace_id=acme.pk, **values)

        assert set(find_admitted().values()) == {""}, name
    assert of_workspace.keys() == {
        name
        for name, task in app.tasks.items()
        if "workspace_id" in inspect.signature(task.run).parameters
    }


def test_tasks_of_two_tenants_in_one_process_never_mix(start_worker: WorkerStarter) -> None:
    start_worker(concurrency=1)
    places = [make.workspace("acme"), make.workspace("globex")]
    rounds = 5

    for number in range(rounds):
        start = make.NOON + timedelta(hours=number)
        for place in places:
            make.take_in(place, *make.talk(0, subject=f"{place.slug}-bot", start=start))
        for place in places:
            roll_up_workspace.delay(workspace_id=place.pk, now=make.LONG_AFTER.isoformat())

    give_up = time.monotonic() + 60
    while any(len(make.sessions(place)) < rounds for place in places):
        assert time.monotonic() < give_up
        time.sleep(0.2)
    for place in places:
        assert {row.bot for row in make.sessions(place)} == {f"{place.slug}-bot"}
