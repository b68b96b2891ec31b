"""Every form answers whatever it is sent with a page or a refusal, and names nothing of others."""

from collections.abc import Iterator
from urllib.parse import urljoin, urlsplit

import pytest
from django import forms
from django.test import Client
from django.urls import get_resolver
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts import people
from accounts.models import Workspace
from tests import make
from tests.pages import GARBAGE, sign_in
from tests.test_architecture import patterns
from tests.test_odd_input import complete, find_parts

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

LEFT_OUT = {"sign-out"}  # nothing would be signed in after it
OF_OTHERS = ("Globex", "globex", "theirbot", "their-user")
taking_forms: dict[bool, list[str]] = {}  # by whether they are operators'


def list_forms(of: type[forms.BaseForm] = forms.BaseForm) -> Iterator[type[forms.BaseForm]]:
    for form in of.__subclasses__():
        yield form
        yield from list_forms(form)


def list_names() -> list[str]:
    """Return the names of all fields of all forms, and of what pages send beside them."""
    assert get_resolver().url_patterns  # has loaded the forms of all pages
    own = [form for form in list_forms() if form.__module__.split(".")[0] != "django"]
    fields = {name for form in own for name in getattr(form, "base_fields", {})}
    return sorted({*fields, "username", "password", "next", "sure", "page", "csrfmiddlewaretoken"})


VALUES = st.one_of(
    st.sampled_from([*GARBAGE, "", " ", "1", "0", "on", "owner", "UTC", "30", "2026-03-02"]),
    st.text(max_size=40),
    st.integers().map(str),
    st.floats().map(str),
    st.datetimes().map(str),
    st.emails(),
)
SENT = st.dictionaries(
    st.sampled_from(list_names()), st.lists(VALUES, min_size=1, max_size=3), min_size=10
)
FUZZ = settings(
    max_examples=5,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@pytest.fixture
def acme() -> Workspace:
    globex = make.workspace("globex", name="Globex Corp")
    make.take_in(globex, *make.talk(0, 10, subject="theirbot", user="their-user"))
    make.roll_up(globex)
    make.member(globex)
    acme = make.workspace("acme")
    make.take_in(acme, *make.talk(0, 10, 20))
    make.roll_up(acme)
    return acme


@pytest.fixture
def parts(acme: Workspace) -> dict[str, str]:
    return find_parts(acme)


def list_addresses(client: Client, parts: dict[str, str], *, operator: bool) -> list[str]:
    """Return the addresses that take a form; which these are is asked once."""
    if operator not in taking_forms:
        taking_forms[operator] = [
            address
            for address, _ in patterns()
            if not address.startswith("api/")
            and address not in LEFT_OUT
            and address.startswith("operator/") == operator
            and client.post(complete(address, parts)).status_code != 405
        ]
    return [complete(address, parts) for address in taking_forms[operator]]


def send(client: Client, address: str, sent: dict[str, list[str]]) -> None:
    clean = {
        name: [value.encode("utf-8", "surrogatepass") for value in values]
        for name, values in sent.items()
    }
    answer = client.post(address, clean)
    assert answer.status_code < 500, address
    said = answer.content.decode("utf-8", "replace")
    assert not [name for name in OF_OTHERS if name in said], address
    if answer.status_code in (301, 302):
        led = urljoin(f"http://testserver{address}", answer.headers["Location"])
        assert urlsplit(led).netloc == "testserver", address


@FUZZ
@given(sent=SENT)
def test_every_form_of_a_workspace(
    acme: Workspace, parts: dict[str, str], sent: dict[str, list[str]]
) -> None:
    client = sign_in(make.member(acme))
    client.raise_request_exception = False
    addresses = list_addresses(client, parts, operator=False)

    assert len(addresses) > 10
    for address in addresses:
        send(client, address, sent)


@pytest.mark.usefixtures("own_catalog")
@FUZZ
@given(sent=SENT)
def test_every_form_of_operators(parts: dict[str, str], sent: dict[str, list[str]]) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(people.add_operator(email="op@console.example")[0])
    addresses = list_addresses(client, parts, operator=True)

    assert len(addresses) > 7
    for address in addresses:
        send(client, address, sent)
        client.post("/operator/stop-viewing")


def test_names_of_all_forms_are_sent() -> None:
    expected = {"reason", "scopes", "timezone", "retention_months", "publish_status", "minutes"}
    of_plans = {"low_balance", "amount", "days", "last_day", "enterprise_from", "access", "note"}
    assert expected | of_plans <= set(list_names())
