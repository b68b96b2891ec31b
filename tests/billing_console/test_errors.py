"""What is answered when a request cannot be: a sentence and a way out, and nothing of others."""

import logging

import psycopg
import pytest
import redis
from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.test import Client, RequestFactory
from pytest_django.fixtures import Settings

from accounts.models import Membership, Role
from billing_console import errors
from billing_console.middleware import Troubles
from billing_console.outages import Outage, find_outage
from tests import make
from tests.test_architecture import patterns
from tests.test_odd_input import complete, find_parts

database = pytest.mark.django_db(transaction=True)


@pytest.fixture
def acme() -> Membership:
    make.workspace("globex", name="Globex Corp")
    return make.member(make.workspace("acme", name="Acme Ltd"))


def sign_in(member: Membership, *, csrf: bool = False) -> Client:
    client = Client(enforce_csrf_checks=csrf, raise_request_exception=False)
    client.force_login(member.user)
    return client


def text(response: HttpResponseBase) -> str:
    assert isinstance(response, HttpResponse)
    return " ".join(response.content.decode().split())


def lost(sqlstate: str | None) -> OperationalError:
    cause = psycopg.OperationalError("gone")
    cause.sqlstate = sqlstate
    error = OperationalError("gone")
    error.__cause__ = cause
    return error


@database
def test_unknown_address_and_other_workspace_look_the_same(acme: Membership) -> None:
    pages = [sign_in(acme).get(address) for address in ("/w/globex/", "/w/nowhere/", "/nowhere")]

    assert [page.status_code for page in pages] == [404, 404, 404]
    assert "There is nothing at this address" in text(pages[0])
    assert "Go to your workspaces" in text(pages[0])
    assert "Globex" not in text(pages[0])
    assert pages[0].content == pages[1].content == pages[2].content


@database
def test_too_low_a_role_is_led_back_to_its_own_workspace(acme: Membership) -> None:
    member = make.member(acme.workspace, Role.MEMBER)

    page = sign_in(member).get("/w/acme/developers/events/")

    assert page.status_code == 403
    assert "Your role does not allow this" in text(page)
    assert "Back to Acme Ltd" in text(page)
    assert 'href="/w/acme/"' in text(page)


@database
def test_form_of_another_site_is_refused_in_words(acme: Membership) -> None:
    make.take_in(acme.workspace, *make.talk(0))
    client = sign_in(acme, csrf=True)
    parts = find_parts(acme.workspace)
    # A payment provider's answers are signed, and a mail program's click; they come from no page.
    signed = ("api/", "sandbox/answers", "stripe/events", "mail/switch-off/")
    addresses = [address for address, _ in patterns() if not address.startswith(signed)]

    for path in (complete(address, parts) for address in addresses):
        page = client.post(path, {"username": "x", "password": "y"})
        assert page.status_code == 403, path
        assert "This form is no longer valid" in text(page), path


@database
def test_wrong_method_gets_a_page_and_says_what_is_allowed(acme: Membership) -> None:
    page = sign_in(acme).post("/w/acme/")

    assert page.status_code == 405
    assert page.headers["Allow"] == "GET, HEAD"
    assert "This address is not used that way" in text(page)


@database
def test_too_large_a_form_is_told_so(settings: Settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 1000

    page = Client().post("/sign-in", {"username": "x" * 2000})

    assert page.status_code == 413
    assert "This is too much at once" in text(page)


@database
def test_unknown_host_is_refused_in_words() -> None:
    page = Client(raise_request_exception=False).get("/", headers={"host": "elsewhere.example"})

    assert page.status_code == 400
    assert "cannot be understood" in text(page)


@database
@pytest.mark.parametrize(("method", "status"), [("get", 404), ("delete", 405)])
def test_programs_are_answered_as_the_api_does(method: str, status: int) -> None:
    address = "/api/v1/nothing" if status == 404 else "/api/v1/events"

    response = getattr(Client(), method)(address)

    assert response.status_code == status
    assert set(response.json()) == {"code", "detail"}


@database
def test_mistake_of_the_program_gets_a_page(
    acme: Membership, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(user: object) -> None:
        raise ValueError("a secret")

    monkeypatch.setattr("accounts.access.find_memberships", fail)

    page = sign_in(acme).get("/w/acme/")

    assert page.status_code == 500
    assert "The console has made a mistake" in text(page)
    assert "secret" not in text(page)


def test_error_pages_need_no_database() -> None:
    request = RequestFactory().get("/w/acme/")

    pages = [
        errors.server_error(request),
        errors.page_not_found(request, Exception()),
        errors.permission_denied(request, Exception()),
        errors.bad_request(request, SuspiciousOperation("<script>")),
        errors.bad_request(request, RequestDataTooBig()),
        errors.csrf_failed(request, "reason"),
        errors.answer_outage(request, Outage.DATABASE),
    ]

    assert [page.status_code for page in pages] == [500, 404, 403, 400, 413, 403, 503]
    for page in pages:
        assert "no-store" in page.headers["Cache-Control"]
        assert "<script>" not in text(page)
        assert "style=" not in text(page)


@pytest.mark.parametrize(
    ("error", "outage"),
    [
        (lost(None), Outage.DATABASE),
        (lost("57P01"), Outage.DATABASE),
        (lost("08006"), Outage.DATABASE),
        (InterfaceError("the connection is closed"), Outage.DATABASE),
        (redis.ConnectionError(), Outage.REDIS),
        (redis.TimeoutError(), Outage.REDIS),
        (lost("40P01"), None),  # a deadlock
        (lost("57014"), None),  # a statement that took too long
        (redis.ResponseError(), None),
        (ValueError(), None),
        (None, None),
    ],
)
def test_only_lost_servers_are_an_outage(
    error: BaseException | None, outage: Outage | None
) -> None:
    assert find_outage(error) == outage


def meet(request: HttpRequest, error: Exception) -> HttpResponse:
    response = Troubles(lambda _: HttpResponse()).process_exception(request, error)
    assert response is not None
    return response


def test_outage_is_logged_in_one_line(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        meet(RequestFactory().get("/w/acme/?secret=1"), lost(None))

    (record,) = caplog.records
    assert record.getMessage() == "The database cannot be reached, GET /w/acme/"
    assert record.exc_info is None


def test_page_that_needs_a_redis_that_is_away_says_so_and_waits() -> None:
    with pytest.raises(redis.ConnectionError) as caught:
        redis.Redis(port=1).ping()

    page = meet(RequestFactory().get("/w/acme/"), caught.value)

    assert page.status_code == 503
    assert page.headers["Retry-After"] == "5"
    assert "A part of the console cannot be reached" in text(page)
    assert "tries again by itself" in text(page)
    assert "retry.js" in text(page)


def test_a_change_is_not_sent_again_by_itself() -> None:
    page = meet(RequestFactory().post("/w/acme/"), lost(None))

    assert "Whether your change was stored is not certain" in text(page)
    assert "refresh" not in text(page)
    assert "retry.js" not in text(page)


def test_a_part_of_a_page_has_the_whole_page_say_it() -> None:
    page = meet(RequestFactory().get("/w/acme/", headers={"HX-Request": "true"}), lost(None))

    assert page.headers["HX-Refresh"] == "true"


def test_program_gets_an_outage_as_json() -> None:
    response = meet(RequestFactory().post("/api/v1/events"), lost(None))

    assert response.status_code == 503
    assert response.headers["Content-Type"] == "application/json"
    assert b'"code": "unavailable"' in response.content
