"""Extensions: asked for, approved and declined; what each moves, once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connections
from django.test import Client

from accounts import bots, people
from accounts.models import AuditEntry, Bot, Role, User, Workspace
from accounts.tenancy import in_workspace
from plans import extensions, lots
from plans.extensions import NotPossible
from plans.models import (
    BotBilling,
    BotPlan,
    CreditLot,
    Extension,
    ExtensionStatus,
    LedgerEntry,
    Plan,
    PlanVersion,
    WorkspaceBilling,
)
from tests import make
from tests.pages import GARBAGE, sign_in, words

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

NOW = make.NOON
TODAY = NOW.date()
DAY = timedelta(days=1)
OPEN_MONTH = TODAY.replace(day=1)


@pytest.fixture
def bot() -> Bot:
    return make.bot(open_without_credits(make.workspace("acme", timezone="UTC")))


@pytest.fixture
def op() -> User:
    return people.add_operator(email="op@console.example", password=make.PASSWORD)[0]


def grant(bot: Bot, amount: str, last_day: date, *, own: bool = False) -> CreditLot:
    return lots.grant_free(
        workspace=bot.workspace,
        amount=Decimal(amount),
        at=NOW,
        last_day=last_day,
        key=f"test:{amount}:{last_day}",
        bot=bot if own else None,
    )


def ask(bot: Bot, days: int = 30, at: datetime = NOW) -> Extension:
    person = make.member(bot.workspace)
    return extensions.request(bot=bot, days=days, reason="The launch moved.", by=person.user, at=at)


def list_lots(bot: Bot) -> list[tuple[str, date | None, bool]]:
    with in_workspace(bot.workspace_id):
        found = CreditLot.objects.for_workspace(bot.workspace_id).order_by("pk")
        return [(f"{lot.balance:.2f}", lot.last_day, lot.lapsed_at is not None) for lot in found]


def open_without_credits(of: Workspace) -> Workspace:
    """Open a workspace's billing so that it is given no free credits."""
    with in_workspace(of.pk):
        WorkspaceBilling.objects.create(
            workspace=of,
            default_plan=Plan.objects.get(code="standard"),
            open_month=OPEN_MONTH,
        )
    return of


def hold(bot: Bot, plan: str, *, from_day: date) -> None:
    with in_workspace(bot.workspace_id):
        version = PlanVersion.objects.on_offer().get(plan__code=plan)
        BotPlan.objects.create(
            workspace=bot.workspace, bot=bot, starts_on=from_day, version=version
        )


def test_lapsing_credits_last_longer_and_are_not_there_twice(bot: Bot, op: User) -> None:
    first = grant(bot, "400", TODAY + 9 * DAY)
    grant(bot, "100", TODAY + 50 * DAY)

    effect = extensions.approve(extension=ask(bot), note="", by=op, at=NOW)

    assert effect.amount == 400
    assert list_lots(bot) == [
        ("0.00", TODAY + 9 * DAY, False),
        ("100.00", TODAY + 50 * DAY, False),
        ("400.00", TODAY + 39 * DAY, False),
    ]
    with in_workspace(bot.workspace_id):
        assert CreditLot.objects.get(extends=first).bot_id is None
        assert sum(LedgerEntry.objects.values_list("amount", flat=True)) == 0


def test_lapsed_credits_are_given_once_more_and_only_once(bot: Bot, op: User) -> None:
    grant(bot, "400", TODAY + DAY, own=True)
    later = NOW + 10 * DAY
    lots.lapse_due(workspace_id=bot.workspace_id, now=later)

    extensions.approve(extension=ask(bot, at=later), note="", by=op, at=later)

    assert list_lots(bot) == [
        ("0.00", TODAY + DAY, True),
        ("400.00", TODAY + 40 * DAY, False),
    ]
    much_later = later + 90 * DAY
    lots.lapse_due(workspace_id=bot.workspace_id, now=much_later)
    extensions.approve(extension=ask(bot, at=much_later), note="", by=op, at=much_later)
    assert [lot[0] for lot in list_lots(bot)] == ["0.00", "0.00", "400.00"]


def test_nothing_to_extend_is_refused_in_words(bot: Bot) -> None:
    with pytest.raises(NotPossible, match="no free credits that lapse or have lapsed"):
        ask(bot)
    hold(bot, "advanced", from_day=TODAY - DAY)
    with pytest.raises(NotPossible, match="neither ends nor is past due"):
        ask(bot)


def test_day_of_expiry_moves(bot: Bot, op: User) -> None:
    hold(bot, "advanced", from_day=TODAY - 40 * DAY)
    with in_workspace(bot.workspace_id):
        BotBilling.objects.create(
            workspace=bot.workspace, bot=bot, past_due_on=TODAY, expires_on=TODAY + 14 * DAY
        )

    extensions.approve(extension=ask(bot, 7), note="", by=op, at=NOW)

    with in_workspace(bot.workspace_id):
        assert BotBilling.objects.get(bot=bot).expires_on == TODAY + 21 * DAY


def test_what_has_expired_is_not_extended(bot: Bot) -> None:
    hold(bot, "advanced", from_day=TODAY - 40 * DAY)
    with in_workspace(bot.workspace_id):
        BotBilling.objects.create(
            workspace=bot.workspace, bot=bot, past_due_on=TODAY - 14 * DAY, expires_on=TODAY
        )

    with pytest.raises(NotPossible, match="has expired"):
        ask(bot)


def test_day_of_a_scheduled_change_moves(bot: Bot, op: User) -> None:
    hold(bot, "advanced", from_day=TODAY - 40 * DAY)
    hold(bot, "standard", from_day=TODAY + 10 * DAY)

    effect = extensions.approve(extension=ask(bot, 5), note="", by=op, at=NOW)

    assert (effect.ends, effect.until) == (TODAY + 9 * DAY, TODAY + 14 * DAY)
    with in_workspace(bot.workspace_id):
        days = BotPlan.objects.filter(bot=bot).order_by("starts_on")
        assert days.values_list("starts_on", flat=True).last() == TODAY + 15 * DAY


def test_asked_twice_is_refused_until_it_is_decided(bot: Bot, op: User) -> None:
    grant(bot, "400", TODAY + 9 * DAY)
    first = ask(bot)
    with pytest.raises(NotPossible, match="asked for already"):
        ask(bot)

    extensions.decline(extension=first, note="Not now.", by=op, at=NOW)

    assert ask(bot).status == ExtensionStatus.REQUESTED
    assert [lot[0] for lot in list_lots(bot)] == ["400.00"]


def test_decided_once(bot: Bot, op: User) -> None:
    grant(bot, "400", TODAY + 9 * DAY)
    asked = ask(bot)
    extensions.approve(extension=asked, note="", by=op, at=NOW)

    with pytest.raises(NotPossible, match="has decided it: Approved"):
        extensions.approve(extension=asked, note="", by=op, at=NOW)
    with pytest.raises(NotPossible, match="has decided it: Approved"):
        extensions.decline(extension=asked, note="No.", by=op, at=NOW)
    assert len(list_lots(bot)) == 2


def test_approved_by_two_operators_at_once_is_one_lot(bot: Bot, op: User) -> None:
    grant(bot, "400", TODAY + 9 * DAY)
    asked = ask(bot)

    def approve(_: int) -> str:
        try:
            extensions.approve(extension=asked, note="", by=op, at=NOW)
        except NotPossible:
            return "refused"
        finally:
            connections.close_all()
        return "approved"

    with ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(approve, range(4)))

    assert answers == ["approved", "refused", "refused", "refused"]
    assert [lot[0] for lot in list_lots(bot)] == ["0.00", "400.00"]


def test_other_workspaces_stay_as_they_are(bot: Bot, op: User) -> None:
    theirs = make.bot(open_without_credits(make.workspace("globex", timezone="UTC")))
    grant(theirs, "300", TODAY + 3 * DAY)
    grant(bot, "400", TODAY + 9 * DAY)

    extensions.approve(extension=ask(bot), note="", by=op, at=NOW)

    assert list_lots(theirs) == [("300.00", TODAY + 3 * DAY, False)]


# Pages


@pytest.fixture
def live(bot: Bot) -> Bot:
    """Have the bot's credits lapse soon, as the clock is now."""
    lots.grant_free(
        workspace=bot.workspace,
        amount=Decimal(400),
        at=datetime.now(UTC),
        last_day=datetime.now(UTC).date() + 9 * DAY,
        key="test:live",
    )
    return bot


@pytest.fixture
def operator(op: User) -> Client:
    client = Client()
    client.force_login(op)
    return client


def list_actions(of: Workspace) -> list[str]:
    with in_workspace(of.pk):
        entries = AuditEntry.objects.for_workspace(of).filter(action__startswith="extension.")
        return list(entries.order_by("pk").values_list("action", flat=True))


def test_owner_asks_and_reads_the_answer(live: Bot, operator: Client) -> None:
    member = make.member(live.workspace, Role.MEMBER)
    bots.change(bot=live, owner=member.user)
    client = sign_in(member)
    address = f"/w/acme/plan/bots/{live.pk}/extension"

    assert "now 400.00 USD, last so many days longer" in words(client.get(address))
    asked = client.post(address, {"days": "30", "reason": "Late."}, follow=True)
    assert "An extension of 30 days is asked for support." in words(asked)
    assert "Late." in words(operator.get("/operator/extensions/"))
    with in_workspace(live.workspace_id):
        number = Extension.objects.get().pk
    page = f"/operator/extensions/{number}/"
    assert "all bots of the workspace share them" in words(operator.get(page))
    no_note = operator.post(page, {"decision": "decline"})
    assert "Say why it is declined." in words(no_note)
    operator.post(page, {"decision": "decline", "note": "Ask in May."})

    assert "is declined. Ask in May." in words(client.get("/w/acme/plan/"))
    assert list_actions(live.workspace) == ["extension.requested", "extension.declined"]
    assert "has decided it" in words(operator.post(page, {"decision": "approve"}))


@pytest.mark.parametrize("days", ["0", "91", "-1", "1.5", "NaN", "", *GARBAGE])
def test_days_out_of_range_are_one_sentence(live: Bot, days: str) -> None:
    client = sign_in(make.member(live.workspace))
    address = f"/w/acme/plan/bots/{live.pk}/extension"

    answer = client.post(address, {"days": days, "reason": "Late."})

    assert answer.status_code == 200
    assert "Write a number of days from 1 to 90." in words(answer)
    assert list_actions(live.workspace) == []


def test_finance_asks_for_nothing(live: Bot) -> None:
    client = sign_in(make.member(live.workspace, Role.FINANCE))

    answer = client.post(f"/w/acme/plan/bots/{live.pk}/extension", {"days": "3", "reason": "x"})

    assert answer.status_code == 403
