"""Who reaches which page."""

import pytest
from django.test import Client

from accounts.models import Bot, BotShare, Role, Workspace
from accounts.tenancy import in_workspace
from tests import make

pytestmark = pytest.mark.django_db(transaction=True)


def sign_in(email: str) -> Client:
    client = Client()
    client.post("/sign-in", {"username": email, "password": make.PASSWORD})
    return client


@pytest.fixture
def acme() -> Workspace:
    acme = make.workspace("acme", name="Acme Ltd")
    make.bot(acme, "alpha")
    make.bot(acme, "beta")
    globex = make.workspace("globex", name="Globex Corp")
    make.bot(globex, "theirs")
    return acme


def test_stranger_is_sent_to_the_sign_in(acme: Workspace) -> None:
    response = Client().get("/w/acme/")

    assert response.status_code == 302
    assert response.headers["Location"] == "/sign-in?next=/w/acme/"


def test_sign_in_leads_to_the_page_that_was_asked_for(acme: Workspace) -> None:
    member = make.member(acme)

    response = Client().post(
        "/sign-in?next=/w/acme/",
        {"username": member.user.email.upper(), "password": make.PASSWORD, "next": "/w/acme/"},
    )

    assert response.headers["Location"] == "/w/acme/"


def test_wrong_password_gets_a_sentence(acme: Workspace) -> None:
    member = make.member(acme)

    response = Client().post("/sign-in", {"username": member.user.email, "password": "no"})

    assert response.status_code == 200
    assert "do not match" in response.content.decode()


def test_sign_in_leads_nowhere_else(acme: Workspace) -> None:
    member = make.member(acme)

    response = Client().post(
        "/sign-in",
        {
            "username": member.user.email,
            "password": make.PASSWORD,
            "next": "https://elsewhere.example/",
        },
    )

    assert response.headers["Location"] == "/"


def test_workspace_of_others_is_not_found(acme: Workspace) -> None:
    client = sign_in(make.member(acme).user.email)

    assert client.get("/w/globex/").status_code == 404
    assert client.get("/w/nowhere/").status_code == 404
    assert client.get("/w/nowhere/").content == client.get("/w/globex/").content


def test_list_shows_own_workspaces_only(acme: Workspace) -> None:
    page = sign_in(make.member(acme).user.email).get("/").content.decode()

    assert "Acme Ltd" in page
    assert "Globex" not in page


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN, Role.FINANCE])
def test_some_roles_see_all_bots(acme: Workspace, role: Role) -> None:
    page = sign_in(make.member(acme, role).user.email).get("/w/acme/usage/bots").content.decode()

    assert "alpha" in page
    assert "beta" in page
    assert "theirs" not in page


@pytest.mark.parametrize("role", [Role.MEMBER, Role.SHARED])
def test_others_see_bots_shared_with_them(acme: Workspace, role: Role) -> None:
    member = make.member(acme, role)
    with in_workspace(acme.pk):
        bot = Bot.objects.get(key="alpha")
        BotShare.objects.create(workspace=acme, bot=bot, user=member.user)

    page = sign_in(member.user.email).get("/w/acme/usage/bots").content.decode()

    assert "alpha" in page
    assert "beta" not in page


def test_member_sees_own_bots_and_shared_does_not(acme: Workspace) -> None:
    member, shared = make.member(acme, Role.MEMBER), make.member(acme, Role.SHARED)
    with in_workspace(acme.pk):
        Bot.objects.filter(key="alpha").update(owner=member.user)

    member_page = sign_in(member.user.email).get("/w/acme/usage/bots").content.decode()
    shared_page = sign_in(shared.user.email).get("/w/acme/usage/bots").content.decode()

    assert "alpha" in member_page
    assert "beta" not in member_page + shared_page
    assert "option" not in shared_page


def test_large_numbers_are_grouped(acme: Workspace) -> None:
    alerts = (make.event("alert.delivered", subject="alpha") for _ in range(1234))
    make.take_in(acme, *alerts)
    make.roll_up(acme)

    client = sign_in(make.member(acme).user.email)
    page = client.get("/w/acme/usage/?first=2026-03-02&last=2026-03-02").content.decode()

    assert "1,234" in page


@pytest.mark.parametrize(
    ("role", "address"), [(Role.MEMBER, "/w/acme/"), (Role.SHARED, "/w/acme/usage/")]
)
def test_list_leads_to_the_first_page_of_a_role(acme: Workspace, role: Role, address: str) -> None:
    page = sign_in(make.member(acme, role).user.email).get("/").content.decode()

    assert f'href="{address}"' in page


def test_head_is_answered_like_get(acme: Workspace) -> None:
    client = sign_in(make.member(acme).user.email)

    assert client.head("/w/acme/usage/").status_code == 200
