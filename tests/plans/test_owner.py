"""A bot is given another owner: what goes with it, who may, and what two admins at once do."""

import re

import pytest
from django.test import Client

from accounts import bots, people
from accounts.models import AuditEntry, Bot, BotShare, Membership, Role, Workspace
from accounts.tenancy import in_workspace
from tests import make
from tests.pages import GARBAGE, sign_in, words

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def acme() -> Workspace:
    return make.workspace("acme")


@pytest.fixture
def ann(acme: Workspace) -> Membership:
    return make.member(acme, Role.MEMBER, "ann@acme.example")


@pytest.fixture
def ben(acme: Workspace) -> Membership:
    return make.member(acme, Role.MEMBER, "ben@acme.example")


@pytest.fixture
def bot(acme: Workspace, ann: Membership) -> Bot:
    bot = make.bot(acme)
    bots.change(bot=bot, owner=ann.user)
    return bot


def find_owner(bot: Bot) -> str | None:
    with in_workspace(bot.workspace_id):
        owner = Bot.objects.select_related("owner").get(pk=bot.pk).owner
    return owner.email if owner else None


def find_guests(bot: Bot) -> list[str]:
    with in_workspace(bot.workspace_id):
        return [share.user.email for share in BotShare.objects.filter(bot=bot)]


def list_entries(of: Workspace) -> list[AuditEntry]:
    with in_workspace(of.pk):
        entries = AuditEntry.objects.for_workspace(of).filter(action="bot.owner_changed")
        return list(entries.order_by("pk"))


def hand_over(bot: Bot, to: Membership, was: Membership | None, *, keeps: bool = False) -> bool:
    owner = was.user_id if was else None
    return bots.hand_over(
        bot=bot, to=to, was=owner, keeps_access=keeps, reason="Moves on.", at=make.NOON
    )


def test_old_owner_keeps_no_access(bot: Bot, ann: Membership, ben: Membership) -> None:
    assert hand_over(bot, ben, ann)

    assert find_owner(bot) == "ben@acme.example"
    assert find_guests(bot) == []
    entry = list_entries(bot.workspace)[-1]
    assert entry.before == {"owner": "ann@acme.example"}
    assert entry.after == {
        "owner": "ben@acme.example",
        "old_owner_keeps_access": False,
        "reason": "Moves on.",
    }


def test_old_owner_keeps_shared_access(bot: Bot, ann: Membership, ben: Membership) -> None:
    assert hand_over(bot, ben, ann, keeps=True)
    assert hand_over(bot, ann, ben, keeps=False)

    assert find_owner(bot) == "ann@acme.example"
    assert find_guests(bot) == []


def test_who_sees_all_bots_is_not_given_a_share(
    acme: Workspace, bot: Bot, ann: Membership, ben: Membership
) -> None:
    owner = make.member(acme)
    hand_over(bot, owner, ann)

    assert hand_over(bot, ben, owner, keeps=True)
    assert find_guests(bot) == []


def test_who_left_is_not_given_a_share(
    acme: Workspace, bot: Bot, ann: Membership, ben: Membership
) -> None:
    hand_over(bot, ben, ann, keeps=True)

    assert find_guests(bot) == ["ann@acme.example"]


def test_twice_changes_nothing(bot: Bot, ann: Membership, ben: Membership) -> None:
    hand_over(bot, ben, ann)
    before = len(list_entries(bot.workspace))

    assert not hand_over(bot, ben, ann)
    assert len(list_entries(bot.workspace)) == before


def test_second_of_two_admins_is_told(bot: Bot, ann: Membership, ben: Membership) -> None:
    carl = make.member(bot.workspace, Role.MEMBER, "carl@acme.example")
    hand_over(bot, ben, ann)

    with pytest.raises(bots.OwnerChanged, match=r"ben@acme\.example owns support by now"):
        hand_over(bot, carl, ann)
    assert find_owner(bot) == "ben@acme.example"


@pytest.fixture
def admin(acme: Workspace) -> Client:
    return sign_in(make.member(acme, Role.ADMIN))


def address(bot: Bot) -> str:
    return f"/w/acme/plan/bots/{bot.pk}/owner"


def test_page_shows_the_effect_and_gives_it(
    admin: Client, bot: Bot, ann: Membership, ben: Membership
) -> None:
    page = words(admin.get(address(bot)))
    sent = {"owner": ben.user_id, "was": ann.user_id, "access": "shared", "reason": "Moves on."}
    answer = admin.post(address(bot), sent, follow=True)

    assert "Credits, overdraft, plan and usage stay with the bot. Orders keep their buyer." in page
    assert "ben@acme.example owns support now." in words(answer)
    assert find_guests(bot) == ["ann@acme.example"]


def test_page_refuses_strangers_and_who_may_own_none(
    admin: Client, bot: Bot, ann: Membership
) -> None:
    shared = make.member(bot.workspace, Role.SHARED)
    stranger = make.member(make.workspace("globex"))
    for person in (shared, stranger, ann):
        sent = {
            "owner": person.user_id,
            "was": ann.user_id,
            "access": "none",
            "reason": "Moves on.",
        }
        answer = admin.post(address(bot), sent)
        assert answer.status_code == 200
        assert "field-error" in answer.content.decode()
    for value in GARBAGE:
        assert admin.post(address(bot), {"owner": value, "reason": "x"}).status_code == 200
    assert find_owner(bot) == "ann@acme.example"


def test_owner_who_is_shared_by_now_is_refused_in_words(
    bot: Bot, ann: Membership, ben: Membership
) -> None:
    owner = make.member(bot.workspace)
    people.change_role(member=ben, role=Role.SHARED, by=owner, reason="Less.", at=make.NOON)

    with pytest.raises(Exception, match="cannot own a bot any more"):
        hand_over(bot, ben, ann)
    assert find_owner(bot) == "ann@acme.example"


def test_bot_of_nobody_is_given_an_owner_by_what_the_page_holds(
    admin: Client, acme: Workspace, ben: Membership
) -> None:
    bot = make.bot(acme, "lonely")
    page = admin.get(address(bot)).content.decode()
    sent = dict(re.findall(r'<input type="hidden"\s+name="(was|access)"\s+value="(.*?)">', page))

    answer = admin.post(address(bot), {**sent, "owner": ben.user_id, "reason": "New."}, follow=True)

    assert sent == {"was": "", "access": "none"}
    assert "ben@acme.example owns lonely now." in words(answer)


def test_page_says_that_somebody_was_quicker(
    admin: Client, bot: Bot, ann: Membership, ben: Membership
) -> None:
    carl = make.member(bot.workspace, Role.MEMBER, "carl@acme.example")
    hand_over(bot, ben, ann)

    sent = {"owner": carl.user_id, "was": ann.user_id, "access": "none", "reason": "Moves on."}
    answer = admin.post(address(bot), sent)

    assert "ben@acme.example owns support by now. Look again." in words(answer)
    assert find_owner(bot) == "ben@acme.example"
