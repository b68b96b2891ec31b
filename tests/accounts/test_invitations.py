"""Invitations: the link, who may open it, and the mail."""

import re
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import time_machine
from django.core import mail
from django.core.mail import EmailMultiAlternatives
from django.test import Client
from pytest_django import Settings

from accounts import audit, invitations, people, tasks, workspaces
from accounts import mail as mails
from accounts.models import AuditEntry, Invitation, Membership, Role, User, Workspace
from accounts.queries import find_unsent_invitations
from accounts.tenancy import INVITATION, admitted, in_workspace
from tests import make
from tests.at_once import at_once
from tests.conftest import WorkerStarter
from tests.pages import sign_in, words

pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE = "/w/acme/people/"
JOIN = {"name": "New Person", "password": make.PASSWORD}
DAY = timedelta(days=1)


@pytest.fixture
def acme() -> Workspace:
    return make.workspace("acme", name="Acme Ltd")


def now() -> datetime:
    return datetime.now(UTC)


def invited(acme: Workspace, role: Role = Role.MEMBER) -> tuple[Invitation, str]:
    found = make.invitation(acme, role, at=now())
    return found, invitations.write_path(found)


def role_of(acme: Workspace, email: str = "new@acme.example") -> str | None:
    with in_workspace(acme.pk):
        members = Membership.objects.for_workspace(acme).filter(user__email=email)
        return members.values_list("role", flat=True).first()


def test_new_person_joins_and_signs_in_later(acme: Workspace) -> None:
    _, link = invited(acme, Role.FINANCE)
    client = Client()
    page = words(client.get(link))
    assert "owner@acme.example invites new@acme.example" in page
    assert "as Finance" in page

    page = words(client.post(link, JOIN, follow=True))

    assert "Welcome to Acme Ltd." in page
    assert role_of(acme) == Role.FINANCE
    user = User.objects.get(email="new@acme.example")
    assert user.name == "New Person"
    assert user.check_password(make.PASSWORD)


def test_opening_the_link_changes_nothing(acme: Workspace) -> None:
    _, link = invited(acme)

    for _ in range(3):
        assert Client().get(link).status_code == 200
        assert Client().head(link).status_code in (200, 405)

    assert role_of(acme) is None
    assert not User.objects.filter(email="new@acme.example").exists()


def test_person_with_an_account_signs_in_to_join(acme: Workspace) -> None:
    member = make.member(make.workspace("globex"), email="New@acme.example")
    _, link = invited(acme)
    page = Client().get(link)
    assert f"/sign-in?next={link.replace(':', '%3A')}" in page.content.decode()
    assert Client().post(link, JOIN).status_code == 200
    assert role_of(acme, member.user.email) is None

    page = sign_in(member).post(link, follow=True)

    assert "Welcome to Acme Ltd." in words(page)
    assert role_of(acme, member.user.email) == Role.MEMBER


@pytest.mark.parametrize("usable", [True, False])
def test_link_sets_no_password_of_an_account_that_exists(acme: Workspace, usable: bool) -> None:
    password = make.PASSWORD if usable else None
    people.add_operator(email="new@acme.example", password=password)
    before = User.objects.get(email="new@acme.example").password
    _, link = invited(acme)

    Client().post(link, {"name": "Thief", "password": "another believable phrase"})

    assert User.objects.get(email="new@acme.example").password == before


def test_somebody_else_is_refused_plainly(acme: Workspace) -> None:
    other = make.member(make.workspace("globex"), email="other@globex.example")
    _, link = invited(acme)
    client = sign_in(other)

    for response in (client.get(link), client.post(link, JOIN)):
        assert response.status_code == 403
        assert "signed in as other@globex.example" in words(response)
        assert "Acme" not in words(response)
        assert "new@acme.example" not in words(response)
    assert role_of(acme, other.user.email) is None


def test_link_works_once(acme: Workspace) -> None:
    _, link = invited(acme)
    Client().post(link, JOIN)
    member = Client()
    member.post("/sign-in", {"username": "new@acme.example", "password": make.PASSWORD})

    for client in (Client(), member):
        for response in (client.get(link), client.post(link, JOIN)):
            assert response.status_code == 410
            assert "accepted before" in words(response)


def test_of_two_who_use_a_link_at_once_one_joins(acme: Workspace) -> None:
    invitation, _ = invited(acme)
    token = invitations.write_token(invitation)

    def join() -> None:
        invitations.accept_as_new(token=token, at=now(), **JOIN)

    raised = at_once(join, join, join)

    refused = [error for error in raised if error is not None]
    assert len(refused) == 2
    assert all(isinstance(error, invitations.Used | invitations.NotInvited) for error in refused)
    assert role_of(acme) == Role.MEMBER


def test_one_person_is_made_by_two_workspaces_at_once(acme: Workspace) -> None:
    globex = make.workspace("globex")
    tokens = [invitations.write_token(make.invitation(of, at=now())) for of in (acme, globex)]

    raised = at_once(
        *(
            lambda token=token: invitations.accept_as_new(token=token, at=now(), **JOIN)
            for token in tokens
        )
    )

    refused = [error for error in raised if error is not None]
    assert all(isinstance(error, invitations.NotInvited) for error in refused)
    assert User.objects.filter(email="new@acme.example").count() == 1


def test_role_is_looked_up_under_the_lock(acme: Workspace) -> None:
    admin, owner = make.member(acme, Role.ADMIN), make.member(acme)
    stale, _ = invited(acme)
    invitations.invite(workspace=acme, email=stale.email, role=Role.OWNER, by=owner, at=now())

    with pytest.raises(people.NotPermitted):
        invitations.resend(invitation=stale, by=admin, at=now())
    with pytest.raises(people.NotPermitted):
        invitations.withdraw(invitation=stale, by=admin, at=now())


def test_nobody_is_flooded_with_mails(acme: Workspace) -> None:
    owner = make.member(acme)
    invitation, _ = invited(acme)
    for _ in range(invitations.MAILS_AN_HOUR - 1):
        invitations.resend(invitation=invitation, by=owner, at=now())

    with pytest.raises(invitations.NotInvited, match="Wait an hour"):
        invitations.resend(invitation=invitation, by=owner, at=now())
    invitations.withdraw(invitation=invitation, by=owner, at=now())
    client = sign_in(owner)
    page = client.post(
        "/w/acme/people/invite", {"email": invitation.email.upper(), "role": "member"}
    )
    assert "Wait an hour" in words(page)


@pytest.mark.usefixtures("acme")
def test_name_of_two_lines_stops_no_mail() -> None:
    acme = make.workspace("acme")
    workspaces.change(workspace=acme, name="Acme\nBcc: all@acme.example")
    invitation, _ = invited(acme)

    sent = mails.send_invitation(workspace_id=acme.pk, invitation_id=invitation.pk, now=now())

    assert sent
    assert mail.outbox[0].subject == "Join Acme Bcc: all@acme.example on Billing Console"


def test_link_expires_after_seven_days(acme: Workspace) -> None:
    invitation, link = invited(acme)

    with time_machine.travel(invitation.expires_at - timedelta(seconds=1), tick=False):
        assert Client().get(link).status_code == 200
    with time_machine.travel(invitation.expires_at, tick=False):
        for response in (Client().get(link), Client().post(link, JOIN)):
            assert response.status_code == 410
            assert "has expired" in words(response)
    assert role_of(acme) is None


@pytest.mark.parametrize("change", ["", "x", "cut", "nonce", "sign", "%00", "../", "\N{SNOWMAN}"])
def test_forged_link_is_not_found(acme: Workspace, change: str) -> None:
    invitation, link = invited(acme)
    other = make.invitation(acme, email="other@acme.example", at=now())
    nonce, signature = invitations.write_token(invitation).split(":")
    forged = {
        "cut": link[:-1],
        "nonce": f"/invitations/{other.nonce}:{signature}",
        "sign": f"/invitations/{nonce}:{signature[::-1]}",
    }.get(change, f"/invitations/{change}")

    for response in (Client().get(forged), Client().post(forged, JOIN)):
        assert response.status_code == 404
    assert role_of(acme) is None


def test_link_of_another_purpose_is_forged(acme: Workspace) -> None:
    from django.core import signing

    invitation, _ = invited(acme)
    token = signing.Signer(salt="other").sign(invitation.nonce)

    assert Client().get(f"/invitations/{token}").status_code == 404


def test_withdrawn_and_replaced_links_end(acme: Workspace) -> None:
    client = sign_in(make.member(acme))
    invitation, old = invited(acme)

    client.post(f"{PEOPLE}invitations/{invitation.pk}/resend")
    with in_workspace(acme.pk):
        new = invitations.write_path(Invitation.objects.get())
    assert Client().get(old).status_code == 410
    assert Client().get(new).status_code == 200

    page = client.post(f"{PEOPLE}invitations/{invitation.pk}/withdraw", follow=True)
    assert "is withdrawn" in words(page)
    for response in (Client().get(new), Client().post(new, JOIN)):
        assert response.status_code == 410
        assert "was withdrawn" in words(response)
    page = client.post(f"{PEOPLE}invitations/{invitation.pk}/withdraw", follow=True)
    assert "was not open any more" in words(page)
    page = client.post(f"{PEOPLE}invitations/{invitation.pk}/resend", follow=True)
    assert "is not open any more" in words(page)


def test_inviting_twice_gives_one_invitation_with_the_new_role(acme: Workspace) -> None:
    client = sign_in(make.member(acme))
    client.post(f"{PEOPLE}invite", {"email": "New@acme.example", "role": "member"})

    client.post(f"{PEOPLE}invite", {"email": "new@ACME.example", "role": "admin"})

    with in_workspace(acme.pk):
        assert [invited.role for invited in Invitation.objects.all()] == [Role.ADMIN]


def test_inviting_at_once_gives_one_invitation(acme: Workspace) -> None:
    by = make.member(acme)

    def invite() -> None:
        invitations.invite(
            workspace=acme, email="new@acme.example", role=Role.MEMBER, by=by, at=now()
        )

    assert at_once(invite, invite, invite) == [None, None, None]
    with in_workspace(acme.pk):
        assert Invitation.objects.count() == 1


def test_members_are_not_invited(acme: Workspace) -> None:
    client, member = sign_in(make.member(acme)), make.member(acme, Role.MEMBER)

    page = client.post(f"{PEOPLE}invite", {"email": member.user.email.upper(), "role": "admin"})

    assert "has a role in this workspace already" in words(page)


def test_person_who_got_a_role_meanwhile_keeps_it(acme: Workspace) -> None:
    _, link = invited(acme, Role.ADMIN)
    member = make.member(acme, Role.FINANCE, email="new@acme.example")

    sign_in(member).post(link)

    assert role_of(acme) == Role.FINANCE
    assert Client().get(link).status_code == 410


@pytest.mark.parametrize("password", ["", "short", "12345678901", "password"])
def test_weak_password_makes_no_account(acme: Workspace, password: str) -> None:
    _, link = invited(acme)

    page = Client().post(link, {"name": "New", "password": password})

    assert page.status_code == 200
    assert "field-error" in page.content.decode()
    assert not User.objects.filter(email="new@acme.example").exists()


def test_admin_cannot_take_back_an_owners_invitation(acme: Workspace) -> None:
    invitation, _ = invited(acme, Role.OWNER)
    admin = sign_in(make.member(acme, Role.ADMIN))

    for path in ("resend", "withdraw"):
        assert admin.post(f"{PEOPLE}invitations/{invitation.pk}/{path}").status_code == 403
    sent = {"email": invitation.email, "role": "member"}
    assert admin.post(f"{PEOPLE}invite", sent).status_code == 403


def test_link_is_shown_where_no_mail_goes_out(acme: Workspace) -> None:
    client = sign_in(make.member(acme))

    page = client.post(f"{PEOPLE}invite", {"email": "new@acme.example", "role": "member"})

    (link,) = re.findall(r"http://testserver(/invitations/\S+?)<", page.content.decode())
    assert Client().get(link).status_code == 200
    assert "/invitations/" not in client.get(PEOPLE).content.decode().replace(
        "people/invitations/", ""
    )


def test_link_is_not_shown_where_mail_goes_out(acme: Workspace, settings: Settings) -> None:
    settings.MAIL_GOES_OUT = True
    client = sign_in(make.member(acme))

    page = client.post(
        f"{PEOPLE}invite", {"email": "new@acme.example", "role": "member"}, follow=True
    )

    assert "the mail is on its way" in words(page)
    assert "http://testserver/invitations/" not in page.content.decode()


def test_mail_is_sent_once_with_text_and_html(acme: Workspace) -> None:
    invitation, link = invited(acme)
    send = partial(
        mails.send_invitation, workspace_id=acme.pk, invitation_id=invitation.pk, now=now()
    )

    assert [send() for _ in range(2)] == [True, False]

    (sent,) = mail.outbox
    assert isinstance(sent, EmailMultiAlternatives)
    assert sent.to == ["new@acme.example"]
    assert sent.subject == "Join Acme Ltd on Billing Console"
    html, kind = sent.alternatives[0]
    assert kind == "text/html"
    for text in (sent.body, str(html)):
        assert f"http://127.0.0.1:8000{link}" in text
        assert "Acme Ltd" in text


def test_mail_is_sent_once_by_workers_at_once(acme: Workspace) -> None:
    invitation, _ = invited(acme)
    send = partial(
        mails.send_invitation, workspace_id=acme.pk, invitation_id=invitation.pk, now=now()
    )

    at_once(send, send, send, send)

    assert len(mail.outbox) == 1


@pytest.mark.django_db(transaction=True, databases=["default", "operator"])
def test_mail_that_fails_is_found_again(acme: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    invitation, _ = invited(acme)

    def refuse(self: EmailMultiAlternatives) -> int:
        raise ConnectionRefusedError

    with monkeypatch.context() as patch:
        patch.setattr(EmailMultiAlternatives, "send", refuse)
        tasks.send_invitation(workspace_id=acme.pk, invitation_id=invitation.pk)

    assert find_unsent_invitations(now=now()) == [(acme.pk, invitation.pk)]
    tasks.send_invitation(workspace_id=acme.pk, invitation_id=invitation.pk)
    assert find_unsent_invitations(now=now()) == []
    assert len(mail.outbox) == 1


def test_mail_of_what_is_over_is_not_sent(acme: Workspace) -> None:
    invitation, _ = invited(acme)
    send = partial(mails.send_invitation, workspace_id=acme.pk, invitation_id=invitation.pk)

    assert not send(now=invitation.expires_at)
    invitations.withdraw(invitation=invitation, by=make.member(acme), at=now())
    assert not send(now=now())


def test_worker_writes_the_mail_into_a_file(
    acme: Workspace, start_worker: WorkerStarter, tmp_path: Path
) -> None:
    start_worker(concurrency=1, MAIL_DIR=str(tmp_path))
    client = sign_in(make.member(acme))

    client.post(f"{PEOPLE}invite", {"email": "new@acme.example", "role": "member"})

    give_up = now() + timedelta(seconds=30)
    while not any("/invitations/" in file.read_text() for file in tmp_path.glob("*.log")):
        assert now() < give_up
        time.sleep(0.1)
    assert tmp_path.stat().st_mode & 0o077 == 0


def test_invitation_is_found_by_its_hash_alone(acme: Workspace) -> None:
    invitation, _ = invited(acme)
    make.invitation(make.workspace("globex"), at=now())

    assert not Invitation.objects.exists()
    with admitted(INVITATION, invitation.hash):
        assert [found.pk for found in Invitation.objects.all()] == [invitation.pk]
        assert Invitation.objects.update(role=Role.OWNER) == 0


def test_too_many_open_invitations(acme: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invitations, "MOST_OPEN", 1)
    invited(acme)
    client = sign_in(make.member(acme))

    page = client.post(f"{PEOPLE}invite", {"email": "b@acme.example", "role": "member"})

    assert "Withdraw some first" in words(page)


@pytest.mark.django_db(transaction=True, databases=["default", "operator"])
def test_refused_links_are_in_the_audit_log_a_few_times_a_minute(acme: Workspace) -> None:
    invitation, link = invited(acme)
    Client().post(link, JOIN)

    Client().get(link)
    for _ in range(3 * audit.REFUSALS_NOTED):
        Client().get("/invitations/forged:link")

    refused = AuditEntry.objects.using("operator").filter(action="invitation.refused")
    used, *forged = refused.order_by("pk")
    assert (used.workspace_id, used.target) == (acme.pk, invitation.email)
    assert used.after == {"reason": "used"}
    assert {entry.workspace_id for entry in forged} == {None}
    assert all(entry.after == {"reason": "forged"} for entry in forged)
    assert len(forged) <= 2 * audit.REFUSALS_NOTED  # the minute of the clock may end meanwhile


def test_person_who_joins_is_in_the_audit_log(acme: Workspace) -> None:
    _, link = invited(acme, Role.FINANCE)

    Client().post(link, JOIN)

    with in_workspace(acme.pk):
        entries = AuditEntry.objects.for_workspace(acme).order_by("pk")
        joined, signed_in = list(entries)[-2:]
    assert (joined.action, joined.actor_name, joined.after) == (
        "member.joined", "new@acme.example", {"role": "finance"},
    )  # fmt: skip
    assert signed_in.action == "sign_in.succeeded"
