"""Pages of mails: what a person chooses, the link in a mail, and what operators see."""

import re
from collections.abc import Callable

import pytest
from django.test import Client

from accounts import dispatch, mail_samples, mail_words, outbox, people
from accounts.mail_kinds import KINDS, Category
from accounts.mail_words import write_token
from accounts.models import AuditEntry, Mail, MailState, Membership, MutedMail, Role, Workspace
from accounts.recipients import SAID, Recipient, Why, find_admins
from accounts.tenancy import in_workspace
from tests import letters, make
from tests.pages import sign_in, words

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

PAGE = "/w/acme/mails"
LIST = "/operator/mails/"


@pytest.fixture
def acme() -> Workspace:
    return make.workspace("acme", name="Acme Ltd")


@pytest.fixture
def owner(acme: Workspace) -> Membership:
    return make.member(acme)


@pytest.fixture
def operator() -> Client:
    client = Client()
    client.force_login(people.add_operator(email="op@console.example")[0])
    return client


def muted(of: Membership) -> set[str]:
    with in_workspace(of.workspace_id):
        rows = MutedMail.objects.for_workspace(of.workspace_id).filter(user=of.user_id)
        return set(rows.values_list("category", flat=True))


def queue(of: Workspace) -> Mail:
    with in_workspace(of.pk):
        to = find_admins(of)
    outbox.queue("reload_off", workspace=of, of=1, to=to, at=make.NOON, wallet="all bots")
    return letters.find(of)[0]


def link(of: Membership, category: Category = Category.CREDITS) -> str:
    return f"/mail/switch-off/{write_token(of.workspace_id, of.user_id, category)}"


# One's own choice


def test_person_chooses_what_they_get(owner: Membership) -> None:
    client = sign_in(owner)

    page = client.post(PAGE, {"wanted": ["credits", "bots"]}, follow=True)

    assert "Your choice of mails is saved." in words(page)
    assert muted(owner) == {"plans", "reloads", "extensions", "usage"}
    client.post(PAGE, {"wanted": ["plans", "reloads", "extensions", "credits", "bots", "usage"]})
    assert muted(owner) == set()


def test_choice_is_in_the_audit_log_once(owner: Membership, acme: Workspace) -> None:
    client = sign_in(owner)

    for _ in range(2):
        client.post(PAGE, {"wanted": ["credits"]})

    with in_workspace(acme.pk):
        assert AuditEntry.objects.for_workspace(acme).filter(action="mail.chosen").count() == 1


def test_mandatory_mails_cannot_be_switched_off(owner: Membership) -> None:
    page = sign_in(owner).get(PAGE).content.decode()
    sign_in(owner).post(PAGE, {})

    for category in ("payments",):
        (box,) = re.findall(rf'<input[^>]*value="{category}"[^>]*>', page)
        assert "disabled" in box
    assert not muted(owner) & {"payments", "documents"}


@pytest.mark.parametrize("wanted", ["nothing", "\N{SNOWMAN}", "x" * 5000])
def test_unknown_mails_change_nothing(owner: Membership, wanted: str) -> None:
    page = sign_in(owner).post(PAGE, {"wanted": [wanted]}, follow=True)

    assert "There are no such mails" in words(page)
    assert muted(owner) == set()


def test_choice_is_of_one_workspace_and_person(owner: Membership, acme: Workspace) -> None:
    globex = make.workspace("globex")
    there = people.add_member(workspace=globex, email=owner.user.email, role=Role.OWNER)[0]
    admin = make.member(acme, Role.ADMIN)

    sign_in(owner).post(PAGE, {})

    assert muted(owner)
    assert not muted(there)
    assert not muted(admin)


def test_shared_account_user_reads_that_there_are_none(acme: Workspace) -> None:
    page = sign_in(make.member(acme, Role.SHARED)).get(PAGE)

    assert "No mails" in words(page)
    assert "checkbox" not in page.content.decode()


def test_profile_leads_to_the_choice(owner: Membership) -> None:
    assert f'href="{PAGE}"' in sign_in(owner).get("/profile/").content.decode()


# The link in a mail


def test_link_switches_off_by_one_click_without_a_sign_in(owner: Membership) -> None:
    client = Client(enforce_csrf_checks=True)

    response = client.post(link(owner), {"List-Unsubscribe": "One-Click"})

    assert response.status_code == 200
    assert muted(owner) == {"credits"}
    assert client.post(link(owner)).status_code == 200
    assert muted(owner) == {"credits"}


def test_opening_the_link_changes_nothing(owner: Membership) -> None:
    page = Client().get(link(owner))

    assert "Switch these mails off" in words(page)
    assert muted(owner) == set()


def test_link_keeps_what_was_switched_off_before(owner: Membership) -> None:
    for category in (Category.CREDITS, Category.PLANS):
        Client().post(link(owner, category))

    assert muted(owner) == {"credits", "plans"}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda text: text[:-1],
        lambda text: text.replace(":", ";"),
        lambda text: "/mail/switch-off/x",
        lambda text: "/mail/switch-off/%00",
    ],
)
def test_damaged_link_is_not_found(owner: Membership, spoil: Callable[[str], str]) -> None:
    for ask in (Client().get, Client().post):
        assert ask(spoil(link(owner))).status_code == 404
    assert muted(owner) == set()


def test_no_link_switches_off_what_is_mandatory(owner: Membership) -> None:
    assert Client().post(link(owner, Category.PAYMENTS)).status_code == 404
    assert muted(owner) == set()


def test_link_of_who_left_is_not_found(acme: Workspace, owner: Membership) -> None:
    member = make.member(acme, Role.ADMIN)
    old = link(member)
    people.remove(member=member, by=owner, reason="-", at=make.NOON)

    assert Client().post(old).status_code == 404
    assert (
        Client().get(f"/mail/switch-off/{write_token(10**9, 1, Category.BOTS)}").status_code == 404
    )


# What operators see


def test_operator_reads_what_became_of_mails(
    owner: Membership, acme: Workspace, operator: Client
) -> None:
    queue(acme)
    globex = make.workspace("globex")
    make.member(globex)
    queue(globex)
    dispatch.run(workspace_id=acme.pk, now=make.NOON)

    assert "2 Mar 2026, 12:00 acme Auto-reload off owner@acme.example Sent" in words(
        operator.get(LIST)
    )
    assert "owner@globex.example" in words(operator.get(f"{LIST}?state=waiting"))
    for query in ("state=sent", "workspace=acme", "to=ACME", "kind=reload_off&to=@acme"):
        said = words(operator.get(f"{LIST}?{query}"))
        assert "owner@acme.example" in said, query
        assert "owner@globex.example" not in said, query
    assert "Nothing matches" in words(operator.get(f"{LIST}?state=failed"))


def test_list_without_mails_says_so(operator: Client) -> None:
    assert "No mails yet" in words(operator.get(LIST))


def test_operator_reads_what_a_mail_says(
    owner: Membership, acme: Workspace, operator: Client
) -> None:
    mail = queue(acme)

    said = words(operator.get(f"{LIST}{mail.pk}/"))

    assert "Auto-reload for all bots was turned off." in said
    assert "you are an owner or admin of this workspace" in said
    assert "Send it once more" not in said


def test_mail_as_html_runs_and_fetches_nothing(
    owner: Membership, acme: Workspace, operator: Client
) -> None:
    mail = queue(acme)

    for path in (f"{LIST}{mail.pk}/html", f"{LIST}previews/purchase/html"):
        response = operator.get(path)
        policy = {
            name: sources
            for name, *sources in map(
                str.split, response.headers["Content-Security-Policy"].split(";")
            )
        }
        assert policy == {
            "default-src": ["'none'"],
            "style-src": ["'unsafe-inline'"],
            "sandbox": [],
        }
        assert "<script" not in response.content.decode()
        assert "You get this because" in words(response)


def test_operator_has_a_refused_mail_sent_again(
    owner: Membership, acme: Workspace, operator: Client
) -> None:
    mail = queue(acme)
    with in_workspace(acme.pk):
        Mail.objects.filter(pk=mail.pk).update(state=MailState.REFUSED, reason="SMTP 550")
    assert "Send it once more" in words(operator.get(f"{LIST}{mail.pk}/"))

    for words_said in ("is sent once more", "waits already, or was sent"):
        page = operator.post(f"{LIST}{mail.pk}/again", follow=True)
        assert words_said in words(page)

    assert letters.find(acme)[0].state == MailState.WAITING


@pytest.mark.parametrize("kind", list(mail_samples.OF_SIGN_INS))
def test_mails_about_sign_ins_have_a_preview(operator: Client, kind: str) -> None:
    text = words(operator.get(f"{LIST}previews/{kind}/"))
    html = words(operator.get(f"{LIST}previews/{kind}/html"))

    for said in (text, html):
        assert not re.search(r" (from|address|as|until)[ .,]*$| {2}", said)
    assert mail_samples.OF_SIGN_INS[kind][0] in text


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_has_a_preview(operator: Client, kind: str) -> None:
    said = words(operator.get(f"{LIST}previews/{kind}/"))

    assert KINDS[kind].name in words(operator.get(f"{LIST}previews/"))
    assert mail_words.render(mail_samples.make(kind)).subject in said
    assert not re.search(r" [.,:]| {2}|\(\)", mail_words.render(mail_samples.make(kind)).subject)


def test_every_kind_has_words_and_no_words_lack_their_kind() -> None:
    from tests.conftest import ROOT

    files = {path.stem for path in (ROOT / "templates/mail/kinds").iterdir()}
    assert files == KINDS.keys() == mail_samples.SAMPLES.keys()


def test_unknown_preview_is_not_found(operator: Client) -> None:
    assert operator.get(f"{LIST}previews/nothing/").status_code == 404
    assert operator.get(f"{LIST}999999/").status_code == 404


def test_recipients_are_said_in_words() -> None:
    assert {why.value for why in Why} == set(SAID)
    assert Recipient("A@b.example", Why.BILLING).key == "a@b.example"
