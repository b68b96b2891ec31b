"""Sign-in: passwords, second factors, links to set a password anew, limits."""

import re
import time
import uuid
from datetime import timedelta

import pytest
import time_machine
from allauth.mfa.models import Authenticator
from django.core import mail
from django.core.cache import cache
from django.test import Client
from pytest_django import Settings
from redis.exceptions import ConnectionError as RedisLost

from accounts import mail as mails
from accounts import workspaces
from accounts.models import AuditEntry, Membership, Role, User, Workspace
from accounts.tenancy import in_workspace
from tests import make, totp
from tests.pages import GARBAGE, sign_in, words

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "operator"]),
]

WORDS = "This mail address and password do not match."
NEW = "an entirely new phrase"
ODD = (
    '{"id": 1}',
    '{"id": "AA", "rawId": "AA"}',
    '{"id": "AA", "rawId": "AA", "type": "public-key", "response": {}}',
    '{"id": "AA", "rawId": "AA", "type": "public-key", "response": {"clientDataJSON": "AA",'
    ' "authenticatorData": "AA", "signature": "AA", "userHandle": "AA"}}',
    '{"response": {"userHandle": 5}}',
)
FIRST = ("workspace.created", "member.added")
APP = "/profile/second-factor/app/new"


@pytest.fixture
def acme() -> Workspace:
    return make.workspace("acme", name="Acme Ltd")


@pytest.fixture
def ann(acme: Workspace) -> Membership:
    # Failed attempts are counted by address: each test has one of its own.
    return make.member(acme, email=f"{uuid.uuid4()}@acme.example")


def attempt(email: str, password: str = make.PASSWORD, client: Client | None = None) -> Client:
    client = client or Client()
    client.post("/sign-in", {"username": email, "password": password})
    return client


def is_signed_in(client: Client) -> bool:
    return client.get("/profile/").status_code == 200


def confirm(client: Client) -> None:
    """Show that it is oneself, as is asked before a second factor is changed."""
    assert client.post("/sign-in/again", {"password": make.PASSWORD}).status_code == 302


def add_app(client: Client) -> str:
    """Add an authenticator app; return its secret."""
    confirm(client)
    page = client.get(APP).content.decode()
    (secret,) = re.findall(r'id="secret"[^>]*>([A-Z2-7]+)<', page)
    response = client.post(APP, {"code": totp.code(secret)})
    assert response.status_code == 302, words(response)
    return str(secret)


def actions(of: Workspace) -> list[str]:
    with in_workspace(of.pk):
        entries = AuditEntry.objects.for_workspace(of).order_by("pk")
        return [one.action for one in entries if one.action not in FIRST]


@pytest.mark.parametrize("email", ["", "nobody@acme.example", "no address", *GARBAGE])
def test_unknown_people_are_told_the_same(ann: Membership, email: str) -> None:
    wrong = Client().post("/sign-in", {"username": ann.user.email, "password": "no"})
    unknown = Client().post("/sign-in", {"username": email, "password": "no"})

    assert (wrong.status_code, unknown.status_code) == (200, 200)
    assert WORDS in words(wrong)
    assert WORDS in words(unknown)


def test_failed_attempts_are_limited_for_whoever_exists_or_not(ann: Membership) -> None:
    for email in (ann.user.email, f"{uuid.uuid4()}@nowhere.example"):
        for _ in range(5):
            page = Client().post("/sign-in", {"username": email, "password": "no"})
            assert WORDS in words(page)
        page = Client().post("/sign-in", {"username": email, "password": make.PASSWORD})
        assert "too many failed attempts" in words(page)


def test_many_attempts_of_one_address_get_a_page(ann: Membership, settings: Settings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"login": "2/m/ip"}
    cache.clear()
    for _ in range(2):
        attempt(ann.user.email, "no")

    page = Client().post("/sign-in", {"username": ann.user.email, "password": "no"})

    assert page.status_code == 429
    assert "tried too often" in words(page)


@pytest.fixture
def no_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(*_: object, **__: object) -> None:
        raise RedisLost("lost")

    monkeypatch.setattr("redis.Redis.execute_command", lose)


def test_sign_in_works_without_redis(ann: Membership, no_redis: None) -> None:
    page = Client().post("/sign-in", {"username": ann.user.email, "password": "no"})
    assert WORDS in words(page)

    client = attempt(ann.user.email)

    assert is_signed_in(client)
    add_app(client)
    assert Client().post("/password/forgot", {"email": ann.user.email}).status_code == 503


def test_sign_ins_are_in_the_audit_log(acme: Workspace, ann: Membership) -> None:
    attempt(ann.user.email, "no")
    attempt(ann.user.email)

    assert actions(acme) == ["sign_in.succeeded"]
    failed = AuditEntry.objects.using("operator").get(action="sign_in.failed")
    assert (failed.target, failed.workspace_id) == (ann.user.email, None)
    assert failed.address == "127.0.0.1"


@pytest.mark.parametrize(
    "address",
    ["signup", "accounts/signup/", "sign-up", "accounts/login/", "profile/mail-addresses/"],
)
def test_nobody_signs_up(address: str) -> None:
    assert Client().get(f"/{address}").status_code == 404


def test_closed_account_does_not_get_in(ann: Membership) -> None:
    User.objects.filter(pk=ann.user_id).update(is_active=False)

    client = attempt(ann.user.email)

    assert not is_signed_in(client)


def test_default_workspace_is_where_the_sign_in_leads(ann: Membership) -> None:
    globex = make.workspace("globex")
    make.member(globex, Role.SHARED, email=ann.user.email)
    client = sign_in(ann)

    client.post("/profile/default-workspace", {"workspace": globex.pk})
    values = {"username": ann.user.email, "password": make.PASSWORD}
    assert Client().post("/sign-in", values)["Location"] == "/w/globex/usage/"

    with in_workspace(globex.pk):
        Membership.objects.filter(user=ann.user).delete()
    assert Client().post("/sign-in", values)["Location"] == "/"


# Second factors


def test_authenticator_app_is_asked_for(acme: Workspace, ann: Membership) -> None:
    first = attempt(ann.user.email)
    secret = add_app(first)
    client = attempt(ann.user.email)
    assert not is_signed_in(client)
    page = client.post("/sign-in/second-factor", {"code": "000000"})
    assert "code is not right" in words(page)

    with time_machine.travel(time.time() + 60):
        code = totp.code(secret)
        client.post("/sign-in/second-factor", {"code": code})
        assert is_signed_in(client)

        other = attempt(ann.user.email)
        other.post("/sign-in/second-factor", {"code": code})
        assert not is_signed_in(other)
    assert "second_factor.added" in actions(acme)


def test_second_factor_ends_what_began_without_it(acme: Workspace, ann: Membership) -> None:
    here, elsewhere = attempt(ann.user.email), attempt(ann.user.email)
    confirm(here)

    add_app(here)

    assert is_signed_in(here)
    assert not is_signed_in(elsewhere)


def test_wrong_code_is_a_failed_sign_in(ann: Membership) -> None:
    client = attempt(ann.user.email)
    confirm(client)
    add_app(client)
    stranger = attempt(ann.user.email)

    stranger.post("/sign-in/second-factor", {"code": "000000"})

    failed = AuditEntry.objects.using("operator").filter(action="sign_in.failed")
    assert list(failed.values_list("target", flat=True)) == [ann.user.email]


def test_download_of_recovery_codes_is_noted(acme: Workspace, ann: Membership) -> None:
    client = attempt(ann.user.email)
    confirm(client)
    add_app(client)

    page = client.get("/profile/second-factor/codes/")
    file = client.get("/profile/second-factor/codes/file")

    assert "no-store" in page["Cache-Control"]
    assert file.status_code == 200
    assert "recovery_codes.downloaded" in actions(acme)


def test_headers_of_recovery_codes_are_no_download(acme: Workspace, ann: Membership) -> None:
    client = attempt(ann.user.email)
    confirm(client)
    add_app(client)

    response = client.head("/profile/second-factor/codes/file")

    assert response.status_code == 405
    assert "recovery_codes.downloaded" not in actions(acme)


def test_recovery_codes_work_once(ann: Membership) -> None:
    client = attempt(ann.user.email)
    add_app(client)
    page = client.get("/profile/second-factor/codes/").content.decode()
    codes = re.findall(r"^([0-9]{8})$", page.split('id="codes"')[1], flags=re.M)
    assert len(codes) >= 9

    one, two = attempt(ann.user.email), attempt(ann.user.email)
    for other in (one, two):
        other.post("/sign-in/second-factor", {"code": codes[1]})

    assert is_signed_in(one)
    assert not is_signed_in(two)


def test_secrets_are_encrypted_in_the_database(ann: Membership, settings: Settings) -> None:
    client = attempt(ann.user.email)
    secret = add_app(client)

    stored = str([one.data for one in Authenticator.objects.all()])
    assert secret not in stored

    settings.SECRET_KEY = "another one"  # no code matches any more, and nothing breaks
    other = attempt(ann.user.email)
    page = other.post("/sign-in/second-factor", {"code": totp.code(secret)})
    assert page.status_code == 200
    assert not is_signed_in(other)


def test_second_factor_is_changed_by_who_knows_the_password(ann: Membership) -> None:
    client = attempt(ann.user.email)
    for address in (APP, "/profile/second-factor/passkeys/new", "/profile/mail-address"):
        response = client.get(address)
        assert response.status_code == 302
        assert response["Location"].startswith("/sign-in/again?")

    page = client.post("/sign-in/again", {"password": "no"})
    assert "password is not right" in words(page)
    assert client.get(APP).status_code == 302


def test_app_is_removed(acme: Workspace, ann: Membership) -> None:
    client = attempt(ann.user.email)
    add_app(client)

    client.post("/profile/second-factor/app/remove")

    assert not Authenticator.objects.exists()
    assert actions(acme)[-1] == "second_factor.removed"
    assert is_signed_in(attempt(ann.user.email))


def test_passkeys_that_are_none(ann: Membership) -> None:
    client = Client(raise_request_exception=False)
    owner = attempt(ann.user.email)
    confirm(owner)

    for credential in ("", "{}", "[]", "null", "x", *ODD, *GARBAGE):
        cache.clear()  # attempts are limited
        client.get("/sign-in/passkey", headers={"Accept": "application/json"})
        response = client.post("/sign-in/passkey", {"credential": credential})
        assert response.status_code in (200, 302, 400), credential
        assert not is_signed_in(client), credential

        owner.get("/profile/second-factor/passkeys/new")
        added = owner.post("/profile/second-factor/passkeys/new", {"credential": credential})
        assert added.status_code == 200, credential
        assert not Authenticator.objects.exists(), credential


@pytest.mark.parametrize("role", list(Role))
def test_workspace_requires_a_second_factor(acme: Workspace, role: Role) -> None:
    member = make.member(acme, role, email=f"{uuid.uuid4()}@acme.example")
    globex = make.workspace("globex")
    make.member(globex, role, email=member.user.email)
    client = attempt(member.user.email)
    workspaces.change(workspace=acme, requires_second_factor=True)

    for address in ("/w/acme/", "/w/acme/usage/", "/w/acme/people/", "/w/acme/usage/usage.csv"):
        response = client.get(address)
        assert response["Location"] == "/profile/second-factor/"
    assert "Acme Ltd requires a second factor." in words(client.get("/profile/second-factor/"))
    assert client.get("/w/globex/usage/").status_code == 200
    assert sign_in(make.member(globex)).get("/w/acme/").status_code == 404

    add_app(client)

    assert client.get("/w/acme/usage/").status_code == 200


# Passwords


def link_of(message: str) -> str:
    (link,) = re.findall(r"http://127\.0\.0\.1:8000(/\S+)", message)
    return str(link)


def reset_link(ann: Membership) -> str:
    mails.send_password_reset(email=ann.user.email.upper(), at=make.NOON)
    return link_of(str(mail.outbox[-1].body))


def test_answer_is_the_same_whoever_asks_for_whom(ann: Membership) -> None:
    answers = [
        Client().post("/password/forgot", {"email": email}, follow=True)
        for email in (ann.user.email, "nobody@acme.example")
    ]

    assert words(answers[0]) == words(answers[1])
    assert "If there is an account" in words(answers[0])


def test_nobody_gets_no_mail() -> None:
    mails.send_password_reset(email="nobody@acme.example", at=make.NOON)

    assert mail.outbox == []


def test_password_is_set_anew_by_a_link_once(acme: Workspace, ann: Membership) -> None:
    elsewhere = attempt(ann.user.email)
    link, client = reset_link(ann), Client()
    form = client.get(link)["Location"]
    assert client.get(form).status_code == 200

    client.post(form, {"password1": NEW, "password2": NEW})

    assert is_signed_in(attempt(ann.user.email, NEW))
    assert not is_signed_in(attempt(ann.user.email))
    assert not is_signed_in(elsewhere)
    assert "password.reset" in actions(acme)
    assert "was used before" in words(Client().get(link))


@pytest.mark.parametrize("odd", ["x", "1/x", "zzz/abc-def", "%00/abc", "1/set-password"])
def test_forged_links_to_set_a_password(ann: Membership, odd: str) -> None:
    response = Client(raise_request_exception=False).get(f"/password/new/{odd}/")

    assert response.status_code in (200, 404)
    assert "password1" not in response.content.decode()


def test_link_to_set_a_password_expires(ann: Membership) -> None:
    link = reset_link(ann)

    with time_machine.travel(time.time() + timedelta(days=3, minutes=1).total_seconds()):
        assert "has expired" in words(Client().get(link))


def test_new_password_does_without_no_second_factor(ann: Membership) -> None:
    add_app(attempt(ann.user.email))
    client = Client()
    client.post(client.get(reset_link(ann))["Location"], {"password1": NEW, "password2": NEW})

    assert not is_signed_in(client)
    assert not is_signed_in(attempt(ann.user.email, NEW))


def test_password_is_changed_and_others_are_signed_out(acme: Workspace, ann: Membership) -> None:
    client, other = attempt(ann.user.email), attempt(ann.user.email)
    change = "/profile/password"
    page = client.post(change, {"oldpassword": "no", "password1": NEW, "password2": NEW})
    assert "not your current password" in words(page)

    client.post(change, {"oldpassword": make.PASSWORD, "password1": NEW, "password2": NEW})

    assert is_signed_in(client)
    assert not is_signed_in(other)
    assert is_signed_in(attempt(ann.user.email, NEW))
    assert actions(acme).count("password.changed") == 1
