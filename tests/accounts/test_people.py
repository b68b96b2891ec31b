"""Users & roles: what a person may become, and what stands against it."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from accounts import bots, people
from accounts.models import AuditEntry, Bot, BotShare, Invitation, Membership, Role, Workspace
from accounts.tenancy import in_workspace
from tests import make
from tests.at_once import at_once, wait_until_somebody_waits
from tests.pages import GARBAGE, HUGE, sign_in, words

pytestmark = pytest.mark.django_db(transaction=True)

PEOPLE = "/w/acme/people/"
WHY = {"reason": "They asked for it."}


@pytest.fixture
def acme() -> Workspace:
    make.member(make.workspace("globex", name="Globex Corp"), Role.MEMBER)
    return make.workspace("acme", name="Acme Ltd")


def role_of(member: Membership) -> str | None:
    with in_workspace(member.workspace_id):
        members = Membership.objects.for_workspace(member.workspace_id)
        return members.filter(pk=member.pk).values_list("role", flat=True).first()


def own(member: Membership, key: str = "support") -> Bot:
    bot = make.bot(member.workspace, key)
    bots.change(bot=bot, owner=member.user)
    return bot


def test_list_shows_the_people_of_this_workspace(acme: Workspace) -> None:
    member = make.member(acme, Role.MEMBER)
    own(member)
    client = sign_in(make.member(acme))

    page = words(client.get(PEOPLE))

    assert f"{member.user.email} Member 1 bots of {member.user.email}" in page
    assert "owner@acme.example You Owner 0" in page
    assert "globex" not in page


def test_list_is_filtered_and_says_so(acme: Workspace) -> None:
    make.member(acme, Role.MEMBER)
    client = sign_in(make.member(acme))

    assert "member@acme.example" not in words(client.get(f"{PEOPLE}?role=owner"))
    page = words(client.get(f"{PEOPLE}?q=nobody-here"))
    assert "Nobody matches" in page
    assert "Remove the filter Name or mail address: nobody-here" in page
    assert "no such role" in words(client.get(f"{PEOPLE}?role=king"))


@pytest.mark.parametrize("value", GARBAGE)
def test_odd_input_changes_nothing(acme: Workspace, value: str) -> None:
    client, member = sign_in(make.member(acme)), make.member(acme, Role.MEMBER)

    for path, sent in {
        f"{member.pk}/role": {"role": value, **WHY},
        f"{member.pk}/bots": {"user": value},
        "invite": {"email": value, "role": "member"},
    }.items():
        assert client.post(f"{PEOPLE}{path}", sent, follow=True).status_code == 200
    assert client.get(f"{PEOPLE}{HUGE}/role").status_code == 404
    assert role_of(member) == Role.MEMBER
    with in_workspace(acme.pk):
        assert not Invitation.objects.exists()


def test_role_is_changed_with_a_reason_and_holds_at_once(acme: Workspace) -> None:
    owner, member = sign_in(make.member(acme)), make.member(acme, Role.MEMBER)
    theirs = sign_in(member)
    assert theirs.get(PEOPLE).status_code == 403

    page = owner.post(f"{PEOPLE}{member.pk}/role", {"role": "admin", "reason": ""})
    assert "Say why." in words(page)
    assert role_of(member) == Role.MEMBER

    for said in ("has the role Admin", "had the role before: Admin"):
        page = owner.post(f"{PEOPLE}{member.pk}/role", {"role": "admin", **WHY}, follow=True)
        assert said in words(page)

    assert theirs.get(PEOPLE).status_code == 200


def test_removed_person_sees_nothing_with_the_next_request(acme: Workspace) -> None:
    owner, member = sign_in(make.member(acme)), make.member(acme, Role.MEMBER)
    bots.share(bot=make.bot(acme), person=member)
    theirs = sign_in(member)
    assert theirs.get("/w/acme/").status_code == 200

    owner.post(f"{PEOPLE}{member.pk}/remove", WHY)

    assert theirs.get("/w/acme/").status_code == 404
    assert role_of(member) is None
    with in_workspace(acme.pk):
        assert not BotShare.objects.exists()
    assert owner.post(f"{PEOPLE}{member.pk}/remove", WHY).status_code == 404


def test_admin_neither_gives_nor_takes_the_owner_role(acme: Workspace) -> None:
    owner, member = make.member(acme), make.member(acme, Role.MEMBER)
    admin = sign_in(make.member(acme, Role.ADMIN))

    for path, sent in {
        f"{owner.pk}/role": {"role": "admin", **WHY},
        f"{owner.pk}/remove": WHY,
        f"{member.pk}/role": {"role": "owner", **WHY},
        f"{member.pk}/transfer": WHY,
        "invite": {"email": "new@acme.example", "role": "owner"},
    }.items():
        assert admin.post(f"{PEOPLE}{path}", sent).status_code == 403, path

    assert (role_of(owner), role_of(member)) == (Role.OWNER, Role.MEMBER)
    assert 'value="owner"' not in admin.get(f"{PEOPLE}{member.pk}/role").content.decode()


@pytest.mark.parametrize(("path", "sent"), [("role", {"role": "admin"}), ("remove", {})])
def test_last_owner_stays(acme: Workspace, path: str, sent: dict[str, str]) -> None:
    owner = make.member(acme)
    make.member(acme, Role.ADMIN)

    page = sign_in(owner).post(f"{PEOPLE}{owner.pk}/{path}", {**sent, **WHY})

    assert "is the only owner" in words(page)
    assert role_of(owner) == Role.OWNER


def go(member: Membership) -> None:
    people.remove(member=member, by=member, reason="", at=make.NOON)


def step_down(member: Membership) -> None:
    people.change_role(member=member, role=Role.ADMIN, by=member, reason="", at=make.NOON)


@pytest.mark.parametrize("leave", [go, step_down])
def test_of_two_owners_who_leave_at_once_one_is_refused(
    leave: Callable[[Membership], None],
) -> None:
    for number in range(5):
        place = make.workspace(f"acme{number}")
        pair = [make.member(place, email=f"{name}@acme.example") for name in "ab"]

        raised = at_once(*(partial(leave, member) for member in pair))

        assert [type(error) for error in raised].count(people.NotPossible) == 1
        assert [role_of(member) for member in pair].count(Role.OWNER) == 1


def test_database_keeps_the_last_owner_too(acme: Workspace) -> None:
    owner = make.member(acme)

    with pytest.raises(IntegrityError, match="last owner"), in_workspace(acme.pk):
        Membership.objects.filter(pk=owner.pk).update(role=Role.MEMBER)
    with pytest.raises(IntegrityError, match="last owner"), in_workspace(acme.pk):
        Membership.objects.filter(pk=owner.pk).delete()


def test_database_refuses_two_owners_who_go_at_once(acme: Workspace) -> None:
    pair = [make.member(acme, email=f"{name}@acme.example") for name in "ab"]

    def delete(member: Membership) -> None:
        with in_workspace(acme.pk):
            Membership.objects.filter(pk=member.pk).delete()

    raised = at_once(*(partial(delete, member) for member in pair))

    assert [type(error) for error in raised].count(type(None)) == 1
    assert [role_of(member) for member in pair].count(Role.OWNER) == 1


@pytest.mark.parametrize(("path", "sent"), [("role", {"role": "shared"}), ("remove", {})])
def test_whoever_owns_bots_hands_them_over_first(
    acme: Workspace, path: str, sent: dict[str, str]
) -> None:
    owner, member = make.member(acme), make.member(acme, Role.MEMBER)
    bot = own(member)
    client = sign_in(owner)

    page = client.post(f"{PEOPLE}{member.pk}/{path}", {**sent, **WHY})
    assert "owns a bot. Give them a new owner first." in words(page)
    assert role_of(member) == Role.MEMBER

    page = client.post(f"{PEOPLE}{member.pk}/bots", {"user": owner.user_id}, follow=True)
    assert "owner@acme.example is the new owner of 1 bot." in words(page)
    client.post(f"{PEOPLE}{member.pk}/{path}", {**sent, **WHY})

    assert role_of(member) == sent.get("role")
    with in_workspace(acme.pk):
        assert Bot.objects.get(pk=bot.pk).owner_id == owner.user_id


def test_all_bots_are_handed_over_with_an_entry_for_each(acme: Workspace) -> None:
    member, receiver = make.member(acme, Role.MEMBER), make.member(acme, Role.MEMBER, "b@x.example")
    shared, kept = own(member, "a"), make.bot(acme, "kept")
    archived = own(member, "b")
    bots.archive(bot=archived, reason="Unused.", at=make.NOON)
    for bot in (make.bot(acme, "a"), kept):
        bots.share(bot=bot, person=receiver)
    elsewhere = make.member(make.workspace("globex"), email=member.user.email)
    of_globex = own(elsewhere, "c")

    count = people.hand_over_bots(member=member, to=receiver, at=make.NOON)

    assert count == 2
    with in_workspace(acme.pk):
        owned = Bot.objects.for_workspace(acme).filter(owner=receiver.user)
        assert set(owned) == {shared, archived}
        assert [share.bot_id for share in BotShare.objects.for_workspace(acme)] == [kept.pk]
        entries = AuditEntry.objects.for_workspace(acme).order_by("pk")
        said = [(entry.action, entry.target, entry.before, entry.after) for entry in entries]
    owners = ({"owner": member.user.email}, {"owner": "b@x.example"})
    assert said[-2:] == [("bot.owner_changed", key, *owners) for key in ("a", "b")]
    with in_workspace(of_globex.workspace_id):
        assert Bot.objects.get(pk=of_globex.pk).owner == member.user


def test_many_bots_are_handed_over_by_as_many_statements_as_one(acme: Workspace) -> None:
    owner, member = make.member(acme), make.member(acme, Role.MEMBER)
    own(member)
    with CaptureQueriesContext(connection) as one:
        people.hand_over_bots(member=member, to=owner, at=make.NOON)
    for number in range(5):
        own(member, f"bot-{number}")

    with CaptureQueriesContext(connection) as five:
        people.hand_over_bots(member=member, to=owner, at=make.NOON)

    assert len(five) == len(one)


def test_bot_that_somebody_else_was_just_given_is_not_handed_over(acme: Workspace) -> None:
    owner, member = make.member(acme), make.member(acme, Role.MEMBER)
    other = make.member(acme, Role.ADMIN)
    bot = own(member)

    def hand_over() -> int:
        try:
            return people.hand_over_bots(member=member, to=owner, at=make.NOON)
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as threads:
        with in_workspace(acme.pk):
            bots.change(bot=bot, owner=other.user)
            count = threads.submit(hand_over)
            wait_until_somebody_waits()
        assert count.result(timeout=30) == 0

    with in_workspace(acme.pk):
        assert Bot.objects.get(pk=bot.pk).owner == other.user
        entries = AuditEntry.objects.for_workspace(acme).filter(action="bot.owner_changed")
        assert [entry.after for entry in entries.order_by("pk")] == [
            {"owner": member.user.email},
            {"owner": other.user.email},
        ]


def test_bots_are_not_handed_to_strangers_or_shared(acme: Workspace) -> None:
    member, shared = make.member(acme, Role.MEMBER), make.member(acme, Role.SHARED)
    stranger = make.member(make.workspace("globex"), email="only@globex.example")
    bot = own(member)
    client = sign_in(make.member(acme))

    for user in (shared.user_id, stranger.user_id, member.user_id, 10**6):
        page = client.post(f"{PEOPLE}{member.pk}/bots", {"user": user}, follow=True)
        assert "alert-danger" in page.content.decode()

    with in_workspace(acme.pk):
        assert Bot.objects.get(pk=bot.pk).owner_id == member.user_id


def test_database_gives_shared_people_no_bot(acme: Workspace) -> None:
    member, shared = make.member(acme, Role.MEMBER), make.member(acme, Role.SHARED)
    own(member)

    stranger = make.member(make.workspace("globex"), Role.MEMBER)
    for owner in (shared, stranger):
        with pytest.raises(IntegrityError, match="is owned by"), in_workspace(acme.pk):
            Bot.objects.update(owner=owner.user)
    with pytest.raises(IntegrityError, match="stays in it"), in_workspace(acme.pk):
        Membership.objects.filter(pk=member.pk).update(role=Role.SHARED)
    with pytest.raises(IntegrityError, match="stays in it"), in_workspace(acme.pk):
        Membership.objects.filter(pk=member.pk).delete()


def test_bot_given_while_the_owner_becomes_shared(acme: Workspace) -> None:
    owner, member = make.member(acme), make.member(acme, Role.MEMBER)
    bot = make.bot(acme)

    raised = at_once(
        lambda: bots.change(bot=bot, owner=member.user),
        lambda: people.change_role(
            member=member, role=Role.SHARED, by=owner, reason="", at=make.NOON
        ),
    )

    [refused] = [error for error in raised if error is not None]
    assert isinstance(refused, ValidationError | people.NotPossible)
    with in_workspace(acme.pk):
        owned = Bot.objects.filter(owner=member.user_id).exists()
    assert owned == (role_of(member) == Role.MEMBER)


def test_bot_given_while_the_owner_is_removed(acme: Workspace) -> None:
    owner, member = make.member(acme), make.member(acme, Role.MEMBER)
    bot = make.bot(acme)

    raised = at_once(
        lambda: bots.change(bot=bot, owner=member.user),
        lambda: people.remove(member=member, by=owner, reason="", at=make.NOON),
    )

    [refused] = [error for error in raised if error is not None]
    assert isinstance(refused, ValidationError | people.NotPossible)
    with in_workspace(acme.pk):
        owned = Bot.objects.filter(owner=member.user_id).exists()
    assert owned == (role_of(member) == Role.MEMBER)


def test_new_owner_is_none_of_those_it_is_shared_with(acme: Workspace) -> None:
    member, bot = make.member(acme, Role.MEMBER), make.bot(acme)
    bots.share(bot=bot, person=member)

    bots.change(bot=bot, owner=member.user)

    with in_workspace(acme.pk):
        assert not BotShare.objects.exists()


def test_shared_person_keeps_what_was_shared_and_sees_no_person(acme: Workspace) -> None:
    owner, member = make.member(acme), make.member(acme, Role.MEMBER)
    bots.share(bot=make.bot(acme, "alpha"), person=member)

    people.change_role(member=member, role=Role.SHARED, by=owner, reason="", at=make.NOON)

    client = sign_in(member)
    assert "alpha" in words(client.get("/w/acme/bots/"))
    assert client.get(PEOPLE).status_code == 404
    assert owner.user.email not in words(client.get("/w/acme/bots/"))


def test_ownership_is_transferred(acme: Workspace) -> None:
    owner, admin = make.member(acme), make.member(acme, Role.ADMIN)
    client = sign_in(owner)
    assert "You become an admin" in words(client.get(f"{PEOPLE}{admin.pk}/transfer"))

    page = client.post(f"{PEOPLE}{admin.pk}/transfer", WHY, follow=True)

    assert "is the owner now, and you are an admin." in words(page)
    assert (role_of(owner), role_of(admin)) == (Role.ADMIN, Role.OWNER)
    assert client.post(f"{PEOPLE}{admin.pk}/transfer", WHY).status_code == 403


def test_ownership_is_not_transferred_to_oneself(acme: Workspace) -> None:
    owner = make.member(acme)

    page = sign_in(owner).post(f"{PEOPLE}{owner.pk}/transfer", WHY)

    assert "yours already" in words(page)
    assert role_of(owner) == Role.OWNER


def test_invitations_of_the_demoted_are_withdrawn(acme: Workspace) -> None:
    owner, admin = make.member(acme), make.member(acme, Role.ADMIN)
    mine = make.invitation(acme)
    client = sign_in(admin)
    client.post(f"{PEOPLE}invite", {"email": "theirs@acme.example", "role": "member"})

    people.change_role(
        member=admin, role=Role.FINANCE, by=owner, reason="", at=make.NOON + timedelta(days=1)
    )

    with in_workspace(acme.pk):
        still = Invitation.objects.for_workspace(acme).open().values_list("email", flat=True)
        assert list(still) == [mine.email]


def test_owner_who_hands_over_invites_no_owner_any_more(acme: Workspace) -> None:
    owner, heir = make.member(acme), make.member(acme, Role.ADMIN)
    make.invitation(acme, Role.OWNER)
    with in_workspace(acme.pk):
        Invitation.objects.update(invited_by=owner.user)

    people.transfer_ownership(to=heir, by=owner, reason="", at=make.NOON + timedelta(days=1))

    with in_workspace(acme.pk):
        assert not Invitation.objects.for_workspace(acme).open().exists()


def test_role_of_whoever_changes_is_looked_up_under_the_lock(acme: Workspace) -> None:
    owner, other = make.member(acme), make.member(acme, email="other@acme.example")
    stale = Membership(pk=owner.pk, workspace=acme, user=owner.user, role=Role.OWNER)
    people.change_role(member=owner, role=Role.ADMIN, by=other, reason="", at=make.NOON)

    with pytest.raises(people.NotPermitted):
        people.remove(member=other, by=stale, reason="", at=make.NOON)


def test_another_workspaces_people_are_not_found(acme: Workspace) -> None:
    client = sign_in(make.member(acme))
    theirs = make.member(make.workspace("globex"), Role.MEMBER)
    invited = make.invitation(make.workspace("globex"))

    for path in ("role", "remove", "bots", "transfer"):
        for sent in ({}, {"role": "admin", "user": "1", **WHY}):
            assert client.post(f"{PEOPLE}{theirs.pk}/{path}", sent).status_code == 404
    for path in ("resend", "withdraw"):
        assert client.post(f"{PEOPLE}invitations/{invited.pk}/{path}").status_code == 404
    assert role_of(theirs) == Role.MEMBER


def test_page_asks_as_often_for_many_people_as_for_few(
    acme: Workspace, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    client = sign_in(make.member(acme))
    with transaction.atomic():
        for number in range(60):
            make.member(acme, Role.MEMBER, email=f"m{number}@acme.example")

    with django_assert_max_num_queries(15):
        assert client.get(PEOPLE).status_code == 200


def test_strangers_are_led_to_the_sign_in(acme: Workspace) -> None:
    assert Client().get(PEOPLE).status_code == 302
