"""My profile: one's own name, mail address and sign-ins."""

import re
import time
from datetime import timedelta

import pytest
import time_machine
from allauth.usersessions.models import UserSession
from django.contrib.auth import HASH_SESSION_KEY
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import Client

from accounts import addresses, sign_ins
from accounts import mail as mails
from accounts.models import AuditEntry, Membership, Role, User
from accounts.tenancy import in_workspace
from tests import make
from tests.pages import GARBAGE, sign_in, words

pytestmark = [
    pytest.mark.django_db(transaction=True),
]

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


@pytest.fixture
def ann() -> Membership:
    return make.member(make.workspace("acme", name="Acme Ltd"), email="ann@acme.example")


def browse(member: Membership) -> Client:
    client = Client(headers={"User-Agent": FIREFOX})
    client.post("/sign-in", {"username": member.user.email, "password": make.PASSWORD})
    return client


@pytest.mark.parametrize("role", list(Role))
def test_everybody_has_a_profile(role: Role) -> None:
    member = make.member(make.workspace(), role)

    page = sign_in(member).get("/profile/")

    assert page.status_code == 200
    assert member.user.email in words(page)


def test_strangers_have_none() -> None:
    for address in ("", "name", "second-factor/", "password", "mail-address", "mail-address/x"):
        assert Client().get(f"/profile/{address}").status_code == 302


def test_name_is_saved(ann: Membership) -> None:
    sign_in(ann).post("/profile/name", {"name": "Ann Example"})

    assert User.objects.get(pk=ann.user_id).name == "Ann Example"


@pytest.mark.parametrize("value", GARBAGE)
def test_odd_input(ann: Membership, value: str) -> None:
    client = browse(ann)
    client.post("/sign-in/again", {"password": make.PASSWORD})
    for address, field in {
        "name": "name",
        "default-workspace": "workspace",
        "mail-address": "email",
    }.items():
        response = client.post(f"/profile/{address}", {field: value}, follow=True)
        assert response.status_code == 200
    assert User.objects.get(pk=ann.user_id).email == "ann@acme.example"


def test_default_workspace_is_one_of_ones_own(ann: Membership) -> None:
    globex = make.workspace("globex")

    page = sign_in(ann).post("/profile/default-workspace", {"workspace": globex.pk}, follow=True)

    assert "You have no role in this workspace." in words(page)
    assert User.objects.get(pk=ann.user_id).default_workspace_id is None


def test_sign_ins_are_listed_and_ended_elsewhere(ann: Membership) -> None:
    here, there = browse(ann), browse(ann)
    page = words(here.get("/profile/"))
    assert page.count("Firefox on Linux") == 2
    assert "127.0.0.1" in page

    here.post("/profile/sign-out-elsewhere")

    assert here.get("/profile/").status_code == 200
    assert there.get("/profile/").status_code == 302
    assert words(here.get("/profile/")).count("Firefox on Linux") == 1
    with in_workspace(ann.workspace_id):
        entries = AuditEntry.objects.for_workspace(ann.workspace_id)
        assert entries.filter(action="sign_in.ended_elsewhere").count() == 1


def test_list_of_sign_ins_leaves_out_what_has_ended_and_removes_nothing(ann: Membership) -> None:
    here, expired, before_password, signed_out = (browse(ann) for _ in range(4))
    signed_out.post("/sign-out")
    kept = Session.objects.filter(session_key=expired.session.session_key)
    kept.update(expire_date=make.NOON)
    session = before_password.session
    session[HASH_SESSION_KEY] = "of another password"
    session.save()

    page = words(here.get("/profile/"))

    assert page.count("Firefox on Linux") == 1
    assert UserSession.objects.filter(user=ann.user).count() == 4
    assert Session.objects.count() == 3


def test_others_stay_signed_in(ann: Membership) -> None:
    bob = make.member(ann.workspace, email="bob@acme.example")
    theirs = browse(bob)

    browse(ann).post("/profile/sign-out-elsewhere")

    assert theirs.get("/profile/").status_code == 200
    assert words(theirs.get("/profile/")).count("Firefox on Linux") == 1


def test_ended_sign_ins_are_removed(ann: Membership) -> None:
    client = browse(ann)
    browse(ann).post("/sign-out")
    assert UserSession.objects.count() == 2

    sign_ins.remove_ended()

    assert UserSession.objects.count() == 1
    assert client.get("/profile/").status_code == 200


@pytest.mark.parametrize(
    ("agent", "words_"),
    [
        (FIREFOX, "Firefox on Linux"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19) Version/19 Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/156 Safari/537.36 Edg/156", "Edge on Windows"),
        ("curl/8", "curl/8"),
        ("", "Unknown browser"),
    ],
)
def test_browser_in_words(agent: str, words_: str) -> None:
    assert sign_ins.describe_browser(agent) == words_


def address_link(ann: Membership, email: str = "new@acme.example") -> str:
    mails.send_address_change(user_id=ann.user_id, email=email, at=make.NOON)
    message = mail.outbox[-1]
    assert message.to == [email]
    (link,) = re.findall(r"http://127\.0\.0\.1:8000(/\S+)", str(message.body))
    return str(link)


def test_address_is_changed_by_whoever_reads_the_new_one(ann: Membership) -> None:
    link, client = address_link(ann), browse(ann)
    assert "new@acme.example" in words(client.get(link))
    assert User.objects.get(pk=ann.user_id).email == "ann@acme.example"

    page = client.post(link, follow=True)

    assert "Your mail address is new@acme.example." in words(page)
    page = client.post(link, follow=True)
    assert "was used before" in words(page)
    values = {"username": "new@acme.example", "password": make.PASSWORD}
    assert Client().post("/sign-in", values).status_code == 302
    values["username"] = "ann@acme.example"
    assert Client().post("/sign-in", values).status_code == 200


def test_address_of_somebody_else_is_not_given(ann: Membership) -> None:
    make.member(ann.workspace, email="Bob@acme.example")
    link = address_link(ann, "bob@acme.example")

    page = browse(ann).post(link, follow=True)

    assert "cannot be used" in words(page)


def test_link_is_of_one_person_whole_and_for_a_day(ann: Membership) -> None:
    bob = make.member(ann.workspace, email="bob@acme.example")
    link = address_link(ann)

    assert "of another account" in words(browse(bob).post(link, follow=True))
    assert "not whole" in words(browse(ann).post(link[:-1], follow=True))
    other = addresses.write_token(user=bob.user, email="x@acme.example")
    assert "of another account" in words(
        browse(ann).post(f"/profile/mail-address/{other}", follow=True)
    )
    with time_machine.travel(time.time() + timedelta(days=1, seconds=2).total_seconds()):
        assert "valid for a day" in words(browse(ann).post(link, follow=True))
    assert User.objects.get(pk=ann.user_id).email == "ann@acme.example"


def test_mail_tells_what_was_changed(ann: Membership) -> None:
    from datetime import UTC, datetime

    mails.send_notice(
        user_id=ann.user_id,
        sentence="Your password was changed.",
        at=datetime.now(UTC),
        address="192.0.2.7",
        browser=FIREFOX,
    )

    (sent,) = mail.outbox
    assert "Your password was changed." in str(sent.body)
    assert "192.0.2.7" in str(sent.body)
    assert "Firefox on Linux" in str(sent.body)
