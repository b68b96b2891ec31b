"""Credit lots: what there is of whom, and which usage took what; a bot's own limit."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from urllib.parse import quote

import pytest
from django.test import Client

from accounts import bots
from accounts.models import AuditEntry, Bot, Membership, Role, Workspace
from accounts.tenancy import in_workspace
from plans import billing, ledger, lots
from plans.ledger import Entry
from plans.models import Account, BotBilling, CreditLot, Meter, PostingKind
from tests import make
from tests.pages import GARBAGE, sign_in, words

pytestmark = pytest.mark.django_db(transaction=True)

CREDITS = "/w/acme/plan/credits/"
SERVED = date(2026, 3, 2)


@pytest.fixture
def acme() -> Workspace:
    grant(make.workspace("globex"), "777")
    acme = make.workspace("acme", timezone="Asia/Kolkata")
    for key in ("sales", "support"):
        make.bot(acme, key)
    return acme


@pytest.fixture
def member(acme: Workspace) -> Membership:
    member = make.member(acme, Role.MEMBER)
    bots.change(bot=make.bot(acme, "sales"), owner=member.user)
    return member


def grant(of: Workspace, amount: str, *, bot: Bot | None = None) -> CreditLot:
    now = datetime.now(UTC)
    return lots.grant_free(
        workspace=of,
        amount=Decimal(amount),
        at=now,
        last_day=now.date() + timedelta(days=30),
        key=f"test:{amount}",
        bot=bot,
        reason=f"Trial {amount}",
    )


def charge(lot: CreditLot, key: str, amount: str, meter: str = Meter.BILLING_SESSIONS) -> None:
    entries: Sequence[Entry] = [
        Entry(Account.FREE_CREDITS, Decimal(amount), lot=lot.pk),
        Entry(Account.PROMOTION, -Decimal(amount)),
    ]
    with in_workspace(lot.workspace_id):
        workspace = lot.workspace
        ledger.post(
            workspace=workspace,
            at=datetime.now(UTC),
            key=f"charge:{key}:{meter}:{amount}",
            kind=PostingKind.CHARGE,
            booking_month=SERVED.replace(day=1),
            entries=entries,
            bot=make.bot(workspace, key).pk,
            service_day=SERVED,
            meter=meter,
        )


def address(lot: CreditLot) -> str:
    return f"{CREDITS}{lot.pk}/"


def test_lists_lots_in_the_order_of_their_use(acme: Workspace) -> None:
    shared = grant(acme, "300")
    own = grant(acme, "40.129", bot=make.bot(acme, "sales"))
    charge(shared, "support", "300")

    page = words(sign_in(make.member(acme)).get(CREDITS))

    assert page.index(f"#{own.pk} Free sales") < page.index(f"#{shared.pk} Free All bots")
    assert "40.12 USD" in page
    assert "Used up" in page
    assert "777" not in page


def test_says_which_usage_took_what_and_leads_to_its_sessions(acme: Workspace) -> None:
    lot = grant(acme, "300")
    charge(lot, "support", "0.4")
    charge(lot, "support", "-0.2")
    charge(lot, "support", "0.125", Meter.VOICE_SESSIONS)
    charge(lot, "sales", "10")

    response = sign_in(make.member(acme)).get(address(lot))

    page = words(response)
    assert "2 Mar 2026 support Billing sessions 0.20 USD" in page
    assert "2 Mar 2026 support Voice sessions 0.125 USD" in page
    assert "2 Mar 2026 sales Billing sessions 10.00 USD" in page
    assert "Used 10.32 USD" in page
    starts = quote("2026-03-02T00:00:00+05:30")
    assert f"kind=billing&amp;from={starts}" in response.content.decode()
    assert "bot=support" in response.content.decode()


def test_member_sees_shared_and_own_lots_and_own_usage(acme: Workspace, member: Membership) -> None:
    shared = grant(acme, "300")
    theirs = grant(acme, "60", bot=make.bot(acme, "support"))
    own = grant(acme, "40", bot=make.bot(acme, "sales"))
    charge(shared, "support", "11")
    charge(shared, "sales", "7")
    client = sign_in(member)

    page = words(client.get(CREDITS))
    of_shared = words(client.get(address(shared)))

    assert f"#{shared.pk}" in page
    assert f"#{own.pk}" in page
    assert f"#{theirs.pk}" not in page
    assert client.get(address(theirs)).status_code == 404
    assert "sales Billing sessions 7.00 USD" in of_shared
    assert "support" not in of_shared
    assert "Usage of bots that you do not own" in of_shared


def test_lots_of_others_are_nobodys(acme: Workspace) -> None:
    client = sign_in(make.member(acme))
    with in_workspace(make.workspace("globex").pk):
        theirs = CreditLot.objects.filter(reason="Trial 777").get()

    assert client.get(address(theirs)).status_code == 404
    assert sign_in(make.member(acme, Role.SHARED)).get(CREDITS).status_code == 404


def find_limit(bot: Bot) -> Decimal | None:
    with in_workspace(bot.workspace_id):
        row = BotBilling.objects.filter(bot=bot).first()
        return row.low_balance if row else None


def set_limit(client: Client, bot: Bot, limit: str) -> str:
    address = f"/w/acme/plan/bots/{bot.pk}/low-balance"
    return words(client.post(address, {"low_balance": limit}, follow=True))


def test_limit_is_set_and_taken_away(acme: Workspace, member: Membership) -> None:
    bot = make.bot(acme, "sales")
    client = sign_in(member)

    for limit, kept in (("120.5", Decimal("120.5")), ("0", Decimal(0)), ("", None), ("", None)):
        assert "The low-balance limit of sales is set." in set_limit(client, bot, limit)
        assert find_limit(bot) == kept

    with in_workspace(acme.pk):
        entries = AuditEntry.objects.filter(action="bot.low_balance_changed").order_by("pk")
        assert [entry.after for entry in entries] == [
            {"limit": "120.50"},
            {"limit": "0.00"},
            {"limit": None},
        ]


@pytest.mark.parametrize("limit", ["-1", "1,000", "NaN", "0.001", "1e400", *GARBAGE[:5]])
def test_bad_limit_is_one_sentence(acme: Workspace, limit: str) -> None:
    bot = make.bot(acme, "sales")
    client = sign_in(make.member(acme))

    assert "is set." not in set_limit(client, bot, limit)
    assert find_limit(bot) is None


def test_limit_leaves_the_overdraft_alone(acme: Workspace) -> None:
    bot = make.bot(acme, "sales")
    billing.open_billing(workspace=acme, at=datetime.now(UTC))
    with in_workspace(acme.pk):
        BotBilling.objects.create(workspace=acme, bot=bot, overdraft=Decimal(3))

    set_limit(sign_in(make.member(acme)), bot, "70")

    with in_workspace(acme.pk):
        row = BotBilling.objects.get(bot=bot)
        assert (row.overdraft, row.low_balance) == (Decimal(3), Decimal(70))


def test_limit_is_not_set_by_who_may_not(acme: Workspace, member: Membership) -> None:
    other, own = make.bot(acme, "support"), make.bot(acme, "sales")
    for person, bot, status in (
        (member, other, 404),
        (make.member(acme, Role.FINANCE), own, 403),
        (make.member(acme, Role.SHARED), own, 404),
    ):
        address = f"/w/acme/plan/bots/{bot.pk}/low-balance"
        assert sign_in(person).post(address, {"low_balance": "5"}).status_code == status
        assert find_limit(bot) is None
