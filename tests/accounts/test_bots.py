"""Bots: who sees, changes, shares and archives which."""

import csv
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import product

import pytest
from django.db import connection
from django.test import Client

from accounts import bots
from accounts.models import Bot, BotShare, Membership, PublishStatus, Role, Workspace
from accounts.tenancy import in_workspace
from tests import make
from tests.pages import GARBAGE, HUGE, count_reads, sign_in, words
from tests.rows import made_once

pytestmark = pytest.mark.django_db(transaction=True)

BOTS = "/w/acme/bots/"


@made_once
def fill() -> None:
    acme = make.workspace("acme", name="Acme Ltd")
    for key in ("alpha", "beta"):
        make.bot(acme, key)
    globex = make.workspace("globex", name="Globex Corp")
    make.bot(globex, "theirs")
    make.member(globex, email="only@globex.example")


@pytest.fixture
def acme() -> Workspace:
    fill()
    return make.workspace("acme")


def get(of: Workspace, key: str = "alpha") -> Bot:
    with in_workspace(of.pk):
        return Bot.objects.for_workspace(of).select_related("owner", "workspace").get(key=key)


def give(of: Workspace, person: Membership, key: str = "alpha") -> None:
    bots.change(bot=get(of, key), owner=person.user)


def shared_with(of: Workspace, key: str = "alpha") -> list[str]:
    with in_workspace(of.pk):
        shares = BotShare.objects.for_workspace(of).filter(bot__key=key)
        return list(shares.order_by("user__email").values_list("user__email", flat=True))


def page_of(of: Workspace, key: str = "alpha") -> str:
    return f"{BOTS}{get(of, key).pk}/"


def at_once(*acts: Callable[[], object]) -> None:
    """Run some acts at the same time, each with a connection of its own."""
    barrier = threading.Barrier(len(acts))
    failures: list[BaseException] = []

    def run(act: Callable[[], object]) -> None:
        try:
            barrier.wait(10)
            act()
        except BaseException as error:  # told to the test below
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[act]) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []


# Who may what

POSTS = {
    "name": {"name": "New name"},
    "publish-status": {"publish_status": "suspended"},
    "share": {"user": "0"},
    "take-back": {"user": "0"},
}


@pytest.mark.parametrize(
    ("role", "seen"),
    [
        (Role.OWNER, True),
        (Role.ADMIN, True),
        (Role.FINANCE, True),
        (Role.MEMBER, False),
        (Role.SHARED, False),
    ],
)
def test_role_decides_which_bots_are_seen(acme: Workspace, role: Role, seen: bool) -> None:
    client = sign_in(make.member(acme, role))

    assert ("alpha" in words(client.get(BOTS))) is seen
    assert client.get(page_of(acme)).status_code == (200 if seen else 404)
    assert "theirs" not in words(client.get(BOTS))


@pytest.mark.parametrize(
    ("role", "status"),
    [
        (Role.OWNER, 302),
        (Role.ADMIN, 302),
        (Role.FINANCE, 403),
        (Role.MEMBER, 403),
        (Role.SHARED, 404),
    ],
)
def test_others_do_not_change_a_bot_that_they_see(acme: Workspace, role: Role, status: int) -> None:
    member = make.member(acme, role)
    if role in bots.SHARED_WITH:
        bots.share(bot=get(acme), person=member)
    client, page = sign_in(member), page_of(acme)

    for action, values in POSTS.items():
        assert client.post(page + action, values).status_code == status, action
        changed = get(acme)
        if status != 302:
            assert (changed.name, changed.publish_status) == ("alpha", "published"), action


@pytest.mark.parametrize("action", POSTS)
def test_member_changes_own_bots_and_finds_no_others(acme: Workspace, action: str) -> None:
    member = make.member(acme, Role.MEMBER)
    give(acme, member, "alpha")
    client = sign_in(member)

    assert client.post(page_of(acme) + action, POSTS[action]).status_code == 302
    assert client.post(page_of(acme, "beta") + action, POSTS[action]).status_code == 404


@pytest.mark.parametrize("address", ["new", "{bot}/archive", "{bot}/restore"])
@pytest.mark.parametrize(
    ("role", "status"),
    [
        (Role.OWNER, 200),
        (Role.ADMIN, 200),
        (Role.FINANCE, 403),
        (Role.MEMBER, 403),
        (Role.SHARED, 404),
    ],
)
def test_administrators_create_and_archive(
    acme: Workspace, role: Role, status: int, address: str
) -> None:
    member = make.member(acme, role)
    if role in bots.SHARED_WITH:
        bots.share(bot=get(acme), person=member)
    if role == Role.MEMBER:
        give(acme, member)
    address = BOTS + address.format(bot=get(acme).pk)
    client = sign_in(member)

    assert client.get(address).status_code == status
    if status != 200:
        values = {"key": "new", "reason": "because"}
        assert client.post(address, values).status_code == status
        with in_workspace(acme.pk):
            assert Bot.objects.in_use().count() == 2


@pytest.mark.parametrize("role", [Role.FINANCE, Role.MEMBER, Role.SHARED])
def test_what_a_role_may_not_do_is_not_on_its_page(acme: Workspace, role: Role) -> None:
    member = make.member(acme, role)
    if role in bots.SHARED_WITH:
        bots.share(bot=get(acme), person=member)
    client = sign_in(member)

    list_page, page = words(client.get(BOTS)), words(client.get(page_of(acme)))

    assert "New bot" not in list_page
    for action in ("Archive ", "Rename", "Set status", "Take back", "Share with"):
        assert action not in page


def test_shared_user_learns_nothing_of_other_people(acme: Workspace) -> None:
    owner = make.member(acme, Role.OWNER, "secret.owner@acme.example")
    member, shared = make.member(acme, Role.MEMBER), make.member(acme, Role.SHARED)
    give(acme, owner)
    for person in (member, shared):
        bots.share(bot=get(acme), person=person)
    bots.archive(bot=get(acme), reason="secret.owner asked for it", at=datetime.now(UTC))
    client = sign_in(shared)

    for address in (
        f"{BOTS}?status=archived",
        f"{BOTS}?status=archived&owner={owner.user_id}",
        f"{BOTS}export?status=archived",
        page_of(acme),
    ):
        text = words(client.get(address))
        assert "alpha" in text
        for forbidden in ("secret.owner", member.user.email, "Shared with", "Owner", "owner"):
            assert forbidden not in text, (address, forbidden)


@pytest.mark.parametrize("action", ["", "archive", "restore", *POSTS])
def test_bots_of_other_workspaces_are_not_found(acme: Workspace, action: str) -> None:
    client = sign_in(make.member(acme))
    theirs = get(make.workspace("globex"), "theirs")

    assert client.get(f"{BOTS}{theirs.pk}/{action}").status_code in (404, 405)
    assert client.post(f"{BOTS}{theirs.pk}/{action}", {"reason": "x"}).status_code in (404, 405)
    assert client.get(f"/w/globex/bots/{theirs.pk}/").status_code == 404
    assert client.get(f"{BOTS}{HUGE}/").status_code == 404


def test_stranger_is_sent_to_the_sign_in(acme: Workspace) -> None:
    for address in (BOTS, f"{BOTS}export", f"{BOTS}new", page_of(acme)):
        assert Client().get(address).status_code == 302


# The list


def test_list_filters_by_status_owner_name_and_key(acme: Workspace) -> None:
    member = make.member(acme, Role.MEMBER)
    give(acme, member, "beta")
    bots.change(bot=get(acme, "beta"), name="Second", publish_status=PublishStatus.SUSPENDED)
    client = sign_in(make.member(acme))

    def shown(query: str) -> tuple[bool, bool]:
        page = words(client.get(BOTS + query))
        return "alpha" in page, "Second" in page

    assert shown("") == (True, True)
    assert shown("?status=published") == (True, False)
    assert shown("?status=suspended") == (False, True)
    assert shown("?status=archived") == (False, False)
    assert shown("?q=SECO") == (False, True)
    assert shown("?q=bet") == (False, True)
    assert shown(f"?owner={member.user_id}") == (False, True)
    assert shown(f"?owner={member.user_id}&status=published") == (False, False)


def test_filters_are_chips_that_can_be_removed(acme: Workspace) -> None:
    owner = make.member(acme)
    give(acme, owner)

    page = sign_in(owner).get(f"{BOTS}?q=al&owner={owner.user_id}&status=published")

    assert f'href="?owner={owner.user_id}&amp;status=published"' in page.content.decode()
    assert "Remove the filter Name or key: al" in words(page)
    assert f"Owner: {owner.user.email}" in words(page)


def test_archived_bots_are_listed_when_asked_for(acme: Workspace) -> None:
    bots.archive(bot=get(acme), reason="Replaced", at=datetime.now(UTC))
    client = sign_in(make.member(acme))

    assert "alpha" not in words(client.get(BOTS))
    assert "alpha" in words(client.get(f"{BOTS}?status=archived"))
    assert "beta" not in words(client.get(f"{BOTS}?status=archived"))


def test_nothing_yet_and_nothing_matches_differ(acme: Workspace) -> None:
    owner = sign_in(make.member(acme))
    empty = sign_in(make.member(make.workspace("empty"), email="e@empty.example"))

    assert "Clear filters" in words(owner.get(f"{BOTS}?q=nowhere"))
    assert "No bots yet" in words(empty.get("/w/empty/bots/"))
    assert "Clear filters" not in words(empty.get("/w/empty/bots/?q=nowhere"))


@pytest.mark.parametrize("name", ["q", "owner", "status", "sort", "page"])
def test_garbage_in_the_address_is_answered(acme: Workspace, name: str) -> None:
    client = sign_in(make.member(acme))

    for address, value in product((BOTS, f"{BOTS}export"), GARBAGE):
        response = client.get(address, {name: value})
        assert response.status_code == 200, value
        assert b"<script>alert" not in response.content


def test_owner_of_another_workspace_is_not_named(acme: Workspace) -> None:
    with in_workspace(make.workspace("globex").pk):
        stranger = Membership.objects.get(user__email="only@globex.example").user_id

    page = words(sign_in(make.member(acme)).get(f"{BOTS}?owner={stranger}"))

    assert "only@globex" not in page
    assert "nobody who owns a bot here" in page


def test_sessions_are_those_of_the_local_month(acme: Workspace) -> None:
    now = datetime.now(UTC)
    make.take_in(acme, *make.talk(0, start=make.NOON, subject="alpha"))  # months ago
    alerts = [make.event("alert.delivered", subject="alpha", at=now) for _ in range(1234)]
    make.take_in(acme, *alerts, now=now)
    make.roll_up(acme, datetime.now(UTC))
    client = sign_in(make.member(acme))

    assert "1,234" in words(client.get(BOTS))
    assert "1,234" in words(client.get(page_of(acme)))


def test_list_of_300_bots_has_pages_and_needs_as_many_queries_as_one_of_2(
    acme: Workspace,
) -> None:
    member = make.member(acme)
    client = sign_in(member)
    few = count_reads(lambda: client.get(BOTS))
    with in_workspace(acme.pk):
        made = Bot.objects.bulk_create(
            Bot(workspace=acme, key=f"k{n:03}", name=f"Bot {n:03}", owner=member.user)
            for n in range(300)
        )
        BotShare.objects.bulk_create(
            BotShare(workspace=acme, bot=bot, user=make.member(acme, Role.MEMBER).user)
            for bot in made[:60]
        )

    many = count_reads(lambda: client.get(BOTS))

    assert many == few <= 12
    assert "Page 1 of 7" in words(client.get(BOTS))
    assert "Bot 299" in words(client.get(f"{BOTS}?sort=-name&page=1"))
    assert "Page 7 of 7" in words(client.get(f"{BOTS}?page=999"))
    assert len(client.get(f"{BOTS}export").content.splitlines()) == 303


def test_export_has_the_rows_that_the_list_has(acme: Workspace) -> None:
    owner = make.member(acme)
    give(acme, owner, "beta")
    bots.change(bot=get(acme, "beta"), name='With, comma and "quotes"')

    response = sign_in(owner).get(f"{BOTS}export?q=beta")

    (row,) = csv.DictReader(response.content.decode().splitlines())
    assert response.headers["Content-Disposition"] == 'attachment; filename="acme-bots.csv"'
    assert row["name"] == 'With, comma and "quotes"'
    assert row["owner"] == owner.user.email
    assert (row["publish_status"], row["shares"], row["sessions"]) == ("published", "0", "0")


# Actions


def test_bot_is_registered_once(acme: Workspace) -> None:
    owner = make.member(acme)
    client = sign_in(owner)
    values = {"key": "a/b c", "name": "New", "owner": str(owner.user_id)}

    first = client.post(f"{BOTS}new", values)
    second = client.post(f"{BOTS}new", {**values, "name": "Other"})

    made = get(acme, "a/b c")
    assert first.headers["Location"] == page_of(acme, "a/b c")
    assert (made.name, made.owner) == ("New", owner.user)
    assert "There is a bot with the key a/b c already: New." in words(second)


def test_two_register_the_same_key_at_once(acme: Workspace) -> None:
    clients = [sign_in(make.member(acme, role)) for role in (Role.OWNER, Role.ADMIN)]
    answers: list[int] = []

    def register(client: Client) -> None:
        answers.append(client.post(f"{BOTS}new", {"key": "new"}).status_code)

    at_once(*(lambda client=client: register(client) for client in clients))

    assert sorted(answers) == [200, 302]


@pytest.mark.parametrize(
    "values",
    [
        {"key": ""},
        {"key": "x" * 129},
        {"key": "nul\0"},
        {"key": "ok", "name": "x" * 201},
        {"key": "ok", "owner": "abc"},
        {"key": "ok", "owner": HUGE},
        {"key": "ok", "owner": "999999"},
    ],
)
def test_bad_values_of_a_new_bot_get_a_sentence(acme: Workspace, values: dict[str, str]) -> None:
    response = sign_in(make.member(acme)).post(f"{BOTS}new", values)

    assert response.status_code == 200
    assert "field-error" in response.content.decode()
    with in_workspace(acme.pk):
        assert Bot.objects.count() == 2


@pytest.mark.parametrize(
    ("action", "values", "sentence"),
    [
        ("name", {}, "A bot needs a name."),
        ("name", {"name": "nul\0"}, "Null characters"),
        ("name", {"name": "x" * 201}, "at most 200"),
        ("publish-status", {"publish_status": "gone"}, "There is no such publish status."),
        ("publish-status", {}, "required"),
        ("share", {}, "Choose a person."),
        ("share", {"user": "abc"}, "Choose a person."),
        ("share", {"user": HUGE}, "less than or equal"),
        ("share", {"user": "999999"}, "There is no such person in this workspace."),
        ("take-back", {"user": "\0"}, "Choose a person."),
    ],
)
def test_bad_values_get_a_sentence(
    acme: Workspace, action: str, values: dict[str, str], sentence: str
) -> None:
    client = sign_in(make.member(acme))

    response = client.post(page_of(acme) + action, values, follow=True)

    assert response.status_code == 200
    assert sentence in words(response)


def test_name_and_status_are_changed_by_two_at_once(acme: Workspace) -> None:
    owner, admin = sign_in(make.member(acme)), sign_in(make.member(acme, Role.ADMIN))
    page = page_of(acme)

    at_once(
        lambda: owner.post(f"{page}name", {"name": "New"}),
        lambda: admin.post(f"{page}publish-status", {"publish_status": "suspended"}),
    )

    changed = get(acme)
    assert (changed.name, changed.publish_status, changed.key) == ("New", "suspended", "alpha")


def test_bot_is_shared_and_taken_back(acme: Workspace) -> None:
    owner, shared = make.member(acme), make.member(acme, Role.SHARED)
    client, guest = sign_in(owner), sign_in(shared)
    page = page_of(acme)

    for _ in range(2):
        client.post(f"{page}share", {"user": shared.user_id})
        assert shared_with(acme) == [shared.user.email]
    assert guest.get(page).status_code == 200

    for _ in range(2):
        client.post(f"{page}take-back", {"user": shared.user_id})
        assert shared_with(acme) == []
    assert guest.get(page).status_code == 404


def test_two_share_at_once(acme: Workspace) -> None:
    shared = make.member(acme, Role.SHARED)
    clients = [sign_in(make.member(acme, role)) for role in (Role.OWNER, Role.ADMIN)]
    address = f"{page_of(acme)}share"

    at_once(
        *(
            lambda client=client: client.post(address, {"user": shared.user_id})
            for client in clients
        )
    )

    assert shared_with(acme) == [shared.user.email]


def test_sharing_with_who_sees_it_anyway_is_refused(acme: Workspace) -> None:
    owner, finance = make.member(acme), make.member(acme, Role.FINANCE)
    member = make.member(acme, Role.MEMBER)
    give(acme, member)
    client = sign_in(owner)

    for person, sentence in ((finance, "sees all bots anyway"), (member, "owns alpha")):
        values = {"user": person.user_id}
        assert sentence in words(client.post(f"{page_of(acme)}share", values, follow=True))
    assert shared_with(acme) == []


def test_person_of_another_workspace_gets_no_bot(acme: Workspace) -> None:
    with in_workspace(make.workspace("globex").pk):
        stranger = Membership.objects.get(user__email="only@globex.example").user_id

    page = sign_in(make.member(acme)).post(f"{page_of(acme)}share", {"user": stranger}, follow=True)

    assert "There is no such person in this workspace." in words(page)
    assert "only@globex" not in words(page)
    assert shared_with(acme) == []


def test_archiving_needs_a_reason_and_keeps_everything(acme: Workspace) -> None:
    make.take_in(acme, *make.talk(0, subject="alpha"))
    client = sign_in(make.member(acme))
    page = page_of(acme)

    assert "Say why." in words(client.post(f"{page}archive", {"reason": " "}))
    assert get(acme).archived_at is None
    client.post(f"{page}archive", {"reason": "Replaced by beta"})
    make.take_in(acme, *make.talk(60, subject="alpha"))
    make.roll_up(acme)

    assert "Replaced by beta" in words(client.get(page))
    assert len(make.blocks(acme)) == 2


def test_second_archiving_keeps_the_first_reason(acme: Workspace) -> None:
    first, second = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)

    assert bots.archive(bot=get(acme), reason="First", at=first)
    assert not bots.archive(bot=get(acme), reason="Second", at=second)

    archived = get(acme)
    assert (archived.archived_at, archived.archive_reason) == (first, "First")


def test_archived_bot_is_restored(acme: Workspace) -> None:
    bots.archive(bot=get(acme), reason="By mistake", at=datetime.now(UTC))
    client = sign_in(make.member(acme))
    address = f"{page_of(acme)}restore"

    first = client.post(address, {"reason": "Needed again"}, follow=True)
    second = client.post(address, {"reason": "Once more"}, follow=True)

    assert "alpha is in the lists again." in words(first)
    assert "alpha was not archived." in words(second)
    assert get(acme).archive_reason == "Needed again"


def test_export_has_no_formulas() -> None:
    acme = make.workspace("acme")
    with in_workspace(acme.pk):
        Bot.objects.create(workspace=acme, key="-1", name="=cmd()")

    response = sign_in(make.member(acme)).get("/w/acme/bots/export")

    assert "\n'=cmd(),'-1," in response.content.decode()
