"""Mails about plans, credits, extensions and owners: who gets them, when, and how often."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from django.db import transaction

from accounts import bots, people
from accounts.days import start_of_day
from accounts.models import Bot, Membership, Role, Workspace
from accounts.tenancy import in_workspace
from plans import charging, extensions, grants, lots, low_balance, subscriptions, warnings
from plans.models import CreditLot, Extension
from plans.tasks import find_due_warnings
from tests import letters, make
from tests.invoices import renewing
from tests.plans import books
from tests.rows import made_once

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

DAY = timedelta(days=1)
NOW = make.NOON
TODAY = NOW.date()


@made_once
def fill() -> None:
    globex = books.open_without_credits(make.workspace("globex"))
    make.member(globex)
    make.bot(globex)
    books.buy(globex, 10)
    made = books.open_without_credits(make.workspace("acme", name="Acme Ltd"))
    for role in Role:
        make.member(made, role)


@pytest.fixture
def acme() -> Workspace:
    """A workspace with one person of each role, and another one beside it."""
    fill()
    return make.workspace("acme")


@pytest.fixture
def bot(acme: Workspace) -> Bot:
    """A bot that the member owns; they see no other."""
    return own(make.bot(acme), Role.MEMBER)


def own(bot: Bot, role: Role) -> Bot:
    bots.change(bot=bot, owner=make.member(bot.workspace, role).user)
    return bot


def warn(of: Workspace, at: datetime = NOW) -> None:
    warnings.run(workspace_id=of.pk, now=at)


def leave(of: Workspace, left: int, *, bot: Bot | None = None) -> None:
    with in_workspace(of.pk):
        CreditLot.objects.for_workspace(of).filter(bot=bot).update(balance=left)


Case = Callable[[Bot], object]


def low(bot: Bot) -> None:
    books.buy(bot.workspace, 20, bot=bot)
    warn(bot.workspace)


def gone(bot: Bot) -> None:
    books.buy(bot.workspace, 20, bot=bot)
    leave(bot.workspace, 0, bot=bot)
    warn(bot.workspace)


def lapsing(bot: Bot, *, own: bool) -> None:
    books.free(bot.workspace, 100, last_day=TODAY + 14 * DAY, bot=bot if own else None)
    warn(bot.workspace)


def lapsed(bot: Bot, *, own: bool) -> None:
    books.free(bot.workspace, 100, last_day=TODAY, bot=bot if own else None)
    lots.lapse_due(workspace_id=bot.workspace_id, now=NOW + 3 * DAY)


def change(bot: Bot) -> None:
    renewing.has(bot, "essential", at=NOW)


def schedule(bot: Bot) -> None:
    day = TODAY + 30 * DAY
    subscriptions.schedule(bot=bot, version=renewing.version("essential"), day=day, at=NOW)


def ask(bot: Bot) -> Extension:
    people.add_operator(email="op@console.example")
    books.free(bot.workspace, 50, last_day=TODAY + DAY)
    asks = make.member(bot.workspace, Role.MEMBER).user
    return extensions.request(bot=bot, days=9, reason="Late.", by=asks, at=NOW)


def decide(bot: Bot) -> None:
    by = people.add_operator(email="op@console.example")[0]
    extensions.approve(extension=ask(bot), note="Once.", by=by, at=NOW)


def hand_over(bot: Bot) -> None:
    to = make.member(bot.workspace, Role.MEMBER, "new@acme.example")
    was = make.member(bot.workspace, Role.MEMBER).user_id
    bots.hand_over(bot=bot, to=to, was=was, keeps_access=False, reason="Moves on.", at=NOW)


@pytest.mark.parametrize(
    ("kind", "happen", "who"),
    [
        ("low_balance", low, ["member"]),
        ("credits_gone", gone, ["member"]),
        ("credits_gone_all", gone, ["owner"]),
        ("credits_lapsing", partial(lapsing, own=True), ["member"]),
        ("credits_lapsing", partial(lapsing, own=False), ["admin", "owner"]),
        ("credits_lapsed", partial(lapsed, own=True), ["member"]),
        ("credits_lapsed", partial(lapsed, own=False), ["admin", "owner"]),
        ("plan_changed", change, ["member"]),
        ("plan_scheduled", schedule, ["member"]),
        ("extension_asked", ask, ["member", "op"]),
        ("extension_decided", decide, ["member", "op"]),
        ("bot_owner_changed", hand_over, ["member", "new"]),
    ],
)
def test_who_is_told(acme: Workspace, bot: Bot, kind: str, happen: Case, who: list[str]) -> None:
    happen(bot)

    assert letters.addressed(acme, kind) == who
    assert letters.find(make.workspace("globex"), kind) == []
    assert letters.subjects(acme, kind)


def test_rollback_tells_nobody(acme: Workspace, bot: Bot) -> None:
    with transaction.atomic():
        change(bot)
        transaction.set_rollback(True)

    assert letters.find(acme) == []


def test_bot_without_owner_is_told_of_to_the_admins(acme: Workspace) -> None:
    low(make.bot(acme))

    assert letters.addressed(acme, "low_balance") == ["admin", "owner"]


def test_member_hears_nothing_of_others_bots(acme: Workspace, bot: Bot) -> None:
    low(own(make.bot(acme, "sales"), Role.OWNER))

    assert letters.addressed(acme, "low_balance") == ["owner"]


@pytest.mark.parametrize(("left", "told"), [(50, False), (49, True), (1, True)])
def test_balance_is_low_below_the_limit(acme: Workspace, bot: Bot, left: int, told: bool) -> None:
    books.buy(acme, left, bot=bot)

    warn(acme)

    assert bool(letters.find(acme, "low_balance")) == told


def test_low_balance_is_told_again_only_after_credits_were_added(acme: Workspace, bot: Bot) -> None:
    books.buy(acme, 20, bot=bot)
    for hours in range(0, 72, 6):
        warn(acme, NOW + timedelta(hours=hours))
    assert len(letters.find(acme, "low_balance")) == 1
    books.buy(acme, 20, bot=bot)

    for hours in range(72, 144, 6):
        warn(acme, NOW + timedelta(hours=hours))

    assert letters.subjects(acme, "low_balance") == [
        "Low balance: 20.00 USD left for support",
        "Low balance: 40.00 USD left for support",
    ]


def test_low_balance_is_told_again_below_another_limit(acme: Workspace, bot: Bot) -> None:
    books.buy(acme, 20, bot=bot)
    warn(acme)
    low_balance.change(bot=bot, limit=Decimal(30))

    warn(acme, NOW + timedelta(hours=1))
    assert len(letters.find(acme, "low_balance")) == 1  # one a day
    warn(acme, NOW + DAY)

    assert len(letters.find(acme, "low_balance")) == 2


def test_shared_credits_that_are_gone_are_told_to_each_owner_and_in_one_summary(
    acme: Workspace, bot: Bot
) -> None:
    own(make.bot(acme, "sales"), Role.ADMIN)
    make.bot(acme, "nobodys")
    books.buy(acme, 20)
    leave(acme, 0)

    for hours in (0, 1, 30):
        warn(acme, NOW + timedelta(hours=hours))

    assert letters.addressed(acme, "credits_gone") == ["admin", "member"]
    assert letters.addressed(acme, "credits_gone_all") == ["owner"]
    assert "nobodys, sales, support" in letters.texts(acme, "credits_gone_all")


def test_bot_that_runs_out_later_on_a_day_stands_in_the_next_days_summary(
    acme: Workspace, bot: Bot
) -> None:
    gone(bot)
    gone(own(make.bot(acme, "sales"), Role.ADMIN))
    assert len(letters.find(acme, "credits_gone_all")) == 1

    for hours in (24, 48):
        warn(acme, NOW + timedelta(hours=hours))

    assert letters.subjects(acme, "credits_gone_all") == [
        "1 bot without credits in Acme Ltd",
        "2 bots without credits in Acme Ltd",
    ]


def test_bot_that_never_had_credits_is_not_told_of(acme: Workspace, bot: Bot) -> None:
    warn(acme)

    assert letters.find(acme) == []


def test_archived_bot_is_not_told_of(acme: Workspace, bot: Bot) -> None:
    books.buy(acme, 20, bot=bot)
    bots.archive(bot=bot, reason="-", at=NOW)

    warn(acme)

    assert letters.find(acme) == []


def test_nothing_is_told_under_a_contract(acme: Workspace, bot: Bot) -> None:
    books.buy(acme, 20, bot=bot)
    books.free(acme, 20, last_day=TODAY + 3 * DAY)
    grants.begin_contract(workspace=acme, day=TODAY + DAY, reason="-", at=NOW)

    warn(acme, NOW + DAY)

    assert letters.find(acme) == []


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/Adak", "Asia/Kolkata"])
@pytest.mark.parametrize("days", [14, 3])
def test_credits_are_told_of_on_the_local_day_14_and_3_days_before(zone: str, days: int) -> None:
    place = books.open_without_credits(make.workspace("place", timezone=zone))
    make.member(place)
    last_day = date(2026, 3, 29) + timedelta(days=days)
    books.free(place, 100, last_day=last_day)
    if days == 3:  # told of 14 days before
        warn(place, NOW + 20 * DAY)
    before = len(letters.find(place))
    midnight = start_of_day(date(2026, 3, 29), ZoneInfo(zone)).astimezone(UTC)

    warn(place, midnight - timedelta(seconds=1))
    assert len(letters.find(place)) == before
    warn(place, midnight)

    assert len(letters.find(place)) == before + 1
    assert f"in {days} days" in letters.texts(place)


def test_lapse_is_told_of_at_each_stage_once(acme: Workspace) -> None:
    books.free(acme, 100, last_day=TODAY + 20 * DAY)

    for hours in range(0, 24 * 23, 4):
        warn(acme, NOW + timedelta(hours=hours))

    assert letters.addressed(acme, "credits_lapsing") == ["admin", "admin", "owner", "owner"]
    assert letters.subjects(acme, "credits_lapsing") == [
        "100.00 USD of free credits lapse after 22 Mar 2026"
    ]


def test_missed_day_is_made_up_for(acme: Workspace) -> None:
    books.free(acme, 100, last_day=TODAY + 20 * DAY)

    warn(acme, NOW + 15 * DAY)

    assert "in 5 days" in letters.texts(acme)


def test_credits_given_for_a_few_days_are_told_of_3_days_before(acme: Workspace) -> None:
    books.free(acme, 100, last_day=TODAY + 7 * DAY)
    warn(acme)
    assert letters.find(acme) == []

    warn(acme, NOW + 4 * DAY)

    assert len(letters.find(acme)) == 2


def test_two_lots_of_other_days_are_told_of_on_two_days(acme: Workspace) -> None:
    for days in (20, 21):
        books.free(acme, 100, last_day=TODAY + days * DAY)

    for hours in (0, 1, 24, 25):
        warn(acme, NOW + 8 * DAY + timedelta(hours=hours))

    assert len(letters.find(acme, "credits_lapsing")) == 4  # two to each of two


def test_credits_of_many_bots_are_one_mail_to_their_owner(acme: Workspace, bot: Bot) -> None:
    bots_of = [own(make.bot(acme, f"bot{number}"), Role.MEMBER) for number in range(30)]
    for one in [*bots_of, make.bot(acme, "nobodys"), own(make.bot(acme, "of-admin"), Role.ADMIN)]:
        books.free(acme, 10, last_day=TODAY + 14 * DAY, bot=one)
    books.free(acme, 100, last_day=TODAY + 14 * DAY)

    for hours in range(4):
        warn(acme, NOW + timedelta(hours=hours))

    written = letters.find(acme, "credits_lapsing")
    to_member = [mail for mail in written if mail.address.startswith("member")]
    assert len(to_member) == 1
    assert letters.subjects(acme, "credits_lapsing") == [
        "300.00 USD of free credits lapse after 16 Mar 2026",
        "10.00 USD of free credits lapse after 16 Mar 2026",
        "100.00 USD of free credits lapse after 16 Mar 2026",
    ]
    assert "for 30 bots lapse in 14 days" in letters.texts(acme, "credits_lapsing")
    assert "'the bot bot29', '10.00 USD'" in letters.texts(acme, "credits_lapsing")


def test_lapse_is_told_to_who_owns_the_bot_since(acme: Workspace, bot: Bot) -> None:
    books.free(acme, 10, last_day=TODAY + 14 * DAY, bot=bot)
    warn(acme)

    own(bot, Role.ADMIN)
    warn(acme, NOW + DAY)

    assert letters.addressed(acme, "credits_lapsing") == ["admin", "member"]


def test_credits_that_are_added_to_lapse_as_well_are_told_of_too(acme: Workspace, bot: Bot) -> None:
    books.free(acme, 10, last_day=TODAY + 3 * DAY, bot=bot)
    warn(acme)
    books.free(acme, 20, last_day=TODAY + 3 * DAY, bot=own(make.bot(acme, "new"), Role.MEMBER))

    for hours in (1, 24, 25):
        warn(acme, NOW + timedelta(hours=hours))

    assert letters.subjects(acme, "credits_lapsing") == [
        "10.00 USD of free credits lapse after 5 Mar 2026",
        "20.00 USD of free credits lapse after 5 Mar 2026",
    ]


def test_used_up_credits_are_not_told_of(acme: Workspace) -> None:
    books.free(acme, 100, last_day=TODAY + 14 * DAY)
    leave(acme, 0)

    warn(acme)
    lots.lapse_due(workspace_id=acme.pk, now=NOW + 20 * DAY)

    assert letters.find(acme) == []


def test_lapse_is_told_of_once(acme: Workspace, bot: Bot) -> None:
    for _ in range(2):
        books.free(acme, 30, last_day=TODAY)

    for _ in range(2):
        lots.lapse_due(workspace_id=acme.pk, now=NOW + 3 * DAY)

    assert letters.subjects(acme) == ["60.00 USD of credits have lapsed"]
    assert len(letters.find(acme)) == 2


def test_charging_warns(acme: Workspace, bot: Bot) -> None:
    books.buy(acme, 50, bot=bot)
    make.take_in(acme, *make.talk(0, 5), now=make.LONG_AFTER)
    make.roll_up(acme)

    charging.run(workspace_id=acme.pk, now=make.LONG_AFTER)

    assert letters.subjects(acme) == ["Low balance: 49.80 USD left for support"]


def test_beat_finds_all_workspaces(acme: Workspace) -> None:
    assert warnings.find_due() == [make.workspace("globex").pk, acme.pk]
    find_due_warnings()


def test_bot_that_comes_back_the_same_day_is_told_of_rightly(acme: Workspace, bot: Bot) -> None:
    hand_over(bot)
    new = make.member(acme, Role.MEMBER, "new@acme.example")
    back = make.member(acme, Role.MEMBER)

    bots.hand_over(
        bot=bot,
        to=back,
        was=new.user_id,
        keeps_access=True,
        reason="-",
        at=NOW + timedelta(hours=1),
    )

    assert letters.addressed(acme) == ["member", "member", "new", "new"]


def test_bots_of_who_leaves_are_told_of_in_one_mail(acme: Workspace, bot: Bot) -> None:
    own(make.bot(acme, "sales"), Role.MEMBER)
    member: Membership = make.member(acme, Role.MEMBER)

    people.hand_over_bots(member=member, to=make.member(acme), at=NOW)

    assert letters.addressed(acme) == ["member", "owner"]
    assert letters.subjects(acme) == ["2 bots have another owner"]


def test_operator_and_who_asked_read_what_was_asked_and_decided(acme: Workspace, bot: Bot) -> None:
    decide(bot)

    assert letters.subjects(acme, "extension_asked", "extension_decided") == [
        "An extension of 9 days is asked for support",
        "The extension for support is approved",
    ]
    assert "Late." in letters.texts(acme, "extension_asked")
    assert "Once." in letters.texts(acme, "extension_decided")
