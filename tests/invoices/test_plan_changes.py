"""Plans are changed: priced, ordered, paid, scheduled and undone, each of it once."""

import uuid
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from accounts.models import AuditEntry, Bot, Membership, Workspace
from accounts.tenancy import in_workspace
from invoices import orders, plan_changes
from invoices.models import Method, Order, OrderStatus, OrderType
from invoices.plan_changes import Quote
from plans import billing, catalog, ledger, subscriptions
from plans.ledger import Entry
from plans.models import (
    Account,
    BotPlan,
    ChargedDay,
    CreditLot,
    LedgerEntry,
    Plan,
    PlanVersion,
    Posting,
    PostingKind,
    WorkspaceBilling,
)
from plans.subscriptions import NotChangeable
from tests import make
from tests.at_once import at_once
from tests.invoices import renewing

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)  # of a month of 31 days: 30 are left
DAY = timedelta(days=1)
GIVEN = (Account.FREE_CREDITS, Account.PROMOTION)  # when the workspace was opened
APRIL, MAY, JUNE = (date(2026, month, 1) for month in (4, 5, 6))


def version(code: str) -> PlanVersion:
    return PlanVersion.objects.on_offer().select_related("plan").get(plan__code=code)


class Desk:
    """A bot, the owner of its workspace, and what they do about its plan."""

    def __init__(self, **values: str) -> None:
        self.acme: Workspace = make.workspace("acme", **values)
        make.billing_details(self.acme)
        self.bot: Bot = make.bot(self.acme)
        self.owner: Membership = make.member(self.acme)
        with in_workspace(self.acme.pk):
            billing.open_billing(workspace=self.acme, at=NOON)

    def has(self, code: str, at: datetime = NOON - DAY) -> None:
        subscriptions.change_today(bot=self.bot, version=version(code), at=at)

    def quote(self, code: str, at: datetime = NOON) -> Quote:
        return plan_changes.quote(bot=self.bot, version=version(code), at=at)

    def change(
        self, code: str, quoted: Quote | None = None, *, key: str = "", at: datetime = NOON
    ) -> Order | None:
        return plan_changes.change(
            bot=self.bot,
            version=version(code),
            seen=(quoted or self.quote(code, at)).seen,
            buyer=self.owner.user,
            at=at,
            key=key or str(uuid.uuid4()),
            method=Method.SANDBOX,
        )

    def order(self, code: str, at: datetime = NOON) -> Order:
        placed = self.change(code, at=at)
        assert placed is not None
        return placed

    def rows(self) -> list[tuple[date, str]]:
        with in_workspace(self.acme.pk):
            found = BotPlan.objects.for_workspace(self.acme).filter(bot=self.bot)
            return list(found.order_by("starts_on").values_list("starts_on", "version__plan__code"))

    def orders(self) -> list[tuple[str, str]]:
        with in_workspace(self.acme.pk):
            found = Order.objects.for_workspace(self.acme).order_by("number")
            return list(found.values_list("type", "status"))

    def sums(self) -> dict[str, Decimal]:
        found: dict[str, Decimal] = {}
        with in_workspace(self.acme.pk):
            for entry in LedgerEntry.objects.for_workspace(self.acme).exclude(account__in=GIVEN):
                found[entry.account] = found.get(entry.account, Decimal(0)) + entry.amount
        return found

    def bought(self) -> list[tuple[str | None, Decimal]]:
        with in_workspace(self.acme.pk):
            lots = CreditLot.objects.for_workspace(self.acme).filter(kind="bought")
            return list(lots.order_by("pk").values_list("bot__key", "amount"))


@pytest.fixture
def desk() -> Desk:
    renewing.has(make.bot(make.workspace("globex")), "advanced", at=NOON)
    return Desk()


# What a change would be


def test_upgrade_is_quoted_for_the_days_left_from_today_on(desk: Desk) -> None:
    quoted = desk.quote("essential")

    assert quoted.upgrade is not None
    assert (quoted.upgrade.days_left, quoted.upgrade.days) == (30, 31)
    assert (quoted.starts_on, quoted.net) == (NOON.date(), Decimal("58.06"))
    assert [(bill.on, bill.net) for bill in quoted.bills] == [
        (NOON.date(), Decimal("58.06")), (APRIL, Decimal(60)), (MAY, Decimal(60)),
    ]  # fmt: skip


def test_downgrade_is_quoted_for_the_next_month_and_costs_nothing_now(desk: Desk) -> None:
    desk.has("advanced")

    quoted = desk.quote("essential")

    assert quoted.upgrade is None
    assert quoted.net == 0
    assert quoted.starts_on == APRIL
    assert [bill.on for bill in quoted.bills] == [APRIL, MAY, JUNE]
    assert [bill.net for bill in quoted.bills] == [60, 60, 60]


def test_cancellation_leaves_nothing_to_bill_but_what_was_used(desk: Desk) -> None:
    desk.has("essential")
    make.take_in(
        desk.acme,
        *(make.event("alert.delivered", at=NOON - DAY) for _ in range(500)),
        now=NOON,
    )
    make.roll_up(desk.acme, now=NOON)

    quoted = desk.quote("standard")

    # 500 so far and, at 500 / 28 a day, 518 in the 29 days to come; all 31 days' 400 are included.
    (usage,) = quoted.bills[0].lines
    assert (usage.used, usage.included, usage.quantity) == (500 + 518, 400, 618)
    assert quoted.bills[0].net == Decimal("111.24")
    assert [bill.net for bill in quoted.bills[1:]] == [0, 0]


def test_on_the_first_the_invoice_of_the_month_has_the_fee_before(desk: Desk) -> None:
    desk.has("essential", at=NOON - 20 * DAY)
    first = NOON - DAY

    quoted = desk.quote("advanced", at=first)

    assert [bill.on for bill in quoted.bills] == [first.date(), first.date(), APRIL]
    assert [bill.net for bill in quoted.bills] == [340, 60, 400]


def test_fee_of_a_month_is_less_what_an_upgrade_on_its_first_day_paid(desk: Desk) -> None:
    desk.has("essential", at=NOON - 20 * DAY)
    first = NOON - DAY
    orders.complete(order=desk.order("advanced", at=first), at=first)

    quoted = desk.quote("standard", at=first)

    assert [bill.net for bill in quoted.bills] == [60, 0, 0]


def test_charges_of_today_are_said_to_be_given_back(desk: Desk) -> None:
    with in_workspace(desk.acme.pk):
        for day, amount in ((NOON.date(), "3.2000"), ((NOON - DAY).date(), "7")):
            ChargedDay.objects.create(
                workspace=desk.acme, bot=desk.bot, day=day, meter="billing_sessions",
                version=version("standard"), quantity=1, amount=Decimal(amount), postings=1,
            )  # fmt: skip

    assert desk.quote("essential").given_back == Decimal("3.20")


def test_seats_to_come_are_expected_as_this_month(desk: Desk) -> None:
    make.take_in(
        desk.acme,
        *(make.event("agent.seat_assigned", at=NOON - DAY, agent=f"a{one}") for one in range(3)),
        now=NOON,
    )
    make.roll_up(desk.acme, now=NOON)

    quoted = desk.quote("essential")

    assert [bill.net for bill in quoted.bills] == [Decimal("58.06"), 120, 120]


@pytest.mark.usefixtures("own_catalog")
def test_what_is_not_open_is_refused_in_a_sentence(desk: Desk) -> None:
    withdrawn, essential = version("advanced"), Plan.objects.get(code="advanced")
    catalog.withdraw(plan=essential, seen=1, reason="Over.", at=NOON)

    with pytest.raises(NotChangeable, match="already"):
        desk.quote("standard")
    with pytest.raises(NotChangeable, match="not offered"):
        plan_changes.quote(bot=desk.bot, version=withdrawn, at=NOON)
    with in_workspace(desk.acme.pk):
        WorkspaceBilling.objects.update_or_create(
            workspace=desk.acme,
            defaults={
                "default_plan": Plan.objects.get(code="standard"),
                "open_month": date(2026, 3, 1),
                "enterprise_from": NOON.date(),
            },
        )
    with pytest.raises(NotChangeable, match="contract"):
        desk.quote("essential")


# Changing


def test_upgrade_is_ordered_and_holds_once_it_is_paid(desk: Desk) -> None:
    order = desk.order("essential")

    assert (order.type, order.net) == (OrderType.SUBSCRIPTION, Decimal("58.06"))
    assert len(desk.rows()) == 1

    assert orders.complete(order=order, at=NOON)

    assert desk.rows()[1:] == [(NOON.date(), "essential")]
    assert desk.sums() == {
        Account.PAYMENTS: Decimal("58.06"), Account.REVENUE_SUBSCRIPTIONS: Decimal("-58.06"),
    }  # fmt: skip
    assert desk.bought() == []


def test_upgrade_between_fees_is_a_plan_change(desk: Desk) -> None:
    desk.has("essential")

    order = desk.order("advanced")

    assert (order.type, order.net) == (OrderType.PLAN_CHANGE, Decimal("329.03"))


def test_paid_twice_changes_once(desk: Desk) -> None:
    order = desk.order("essential")

    raised = at_once(*[lambda: orders.complete(order=order, at=NOON)] * 3)

    assert raised == [None] * 3
    assert len(desk.rows()) == 2
    assert desk.sums()[Account.PAYMENTS] == Decimal("58.06")


def test_failed_order_changes_nothing(desk: Desk) -> None:
    orders.fail(order=desk.order("essential"))

    assert len(desk.rows()) == 1
    assert desk.orders() == [("subscription", "failed")]


def test_double_click_orders_once(desk: Desk) -> None:
    quoted = desk.quote("essential")

    first, again = (desk.change("essential", quoted, key="page") for _ in range(2))

    assert first == again
    assert len(desk.orders()) == 1


def test_double_click_at_once_orders_once(desk: Desk) -> None:
    quoted = desk.quote("essential")

    raised = at_once(*[lambda: desk.change("essential", quoted, key="page")] * 4)

    assert raised == [None] * 4
    assert len(desk.orders()) == 1


def test_of_two_admins_at_once_one_is_told(desk: Desk) -> None:
    quotes = {code: desk.quote(code) for code in ("essential", "advanced")}

    raised = at_once(
        lambda: desk.change("essential", quotes["essential"]),
        lambda: desk.change("advanced", quotes["advanced"]),
    )

    (refused,) = [error for error in raised if error]
    assert isinstance(refused, NotChangeable)
    assert "waits for its payment" in str(refused)
    assert len(desk.orders()) == 1


def test_what_changed_since_it_was_seen_is_not_done(desk: Desk) -> None:
    desk.has("essential")
    advanced, standard = desk.quote("advanced"), desk.quote("standard")
    desk.change("standard")

    with pytest.raises(NotChangeable, match="changed meanwhile"):
        desk.change("advanced", advanced)
    with pytest.raises(NotChangeable, match="changed meanwhile"):
        desk.change("advanced", advanced, at=NOON + DAY)
    assert desk.change("standard", standard) is None  # it is scheduled: a second click

    assert desk.orders() == []
    assert desk.rows()[2:] == [(APRIL, "standard")]


def test_price_of_yesterday_is_not_charged_today(desk: Desk) -> None:
    quoted = desk.quote("essential")

    with pytest.raises(NotChangeable, match="changed meanwhile"):
        desk.change("essential", quoted, at=NOON + DAY)


def test_downgrade_is_scheduled_and_undone(desk: Desk) -> None:
    desk.has("advanced")

    assert desk.change("essential") is None

    assert desk.rows()[2:] == [(APRIL, "essential")]
    assert subscriptions.undo(bot=desk.bot, at=NOON)
    assert len(desk.rows()) == 2
    with in_workspace(desk.acme.pk):
        entries = AuditEntry.objects.for_workspace(desk.acme).order_by("pk")
        assert list(entries.values_list("action", flat=True))[-2:] == [
            "plan_change.scheduled", "plan_change.undone",
        ]  # fmt: skip


def test_downgrade_and_undo_at_once_leave_one_or_the_other(desk: Desk) -> None:
    desk.has("advanced")
    quoted = desk.quote("essential")

    raised = at_once(
        lambda: desk.change("essential", quoted),
        lambda: subscriptions.undo(bot=desk.bot, at=NOON),
    )

    assert raised == [None, None]
    assert desk.rows()[2:] in ([], [(APRIL, "essential")])


# Money that comes late, or for what no longer fits


def test_paid_later_in_the_month_holds_from_then_and_the_rest_becomes_credits(desk: Desk) -> None:
    order = desk.order("essential")

    orders.complete(order=order, at=NOON + 10 * DAY)

    assert desk.rows()[1:] == [((NOON + 10 * DAY).date(), "essential")]
    assert desk.sums()[Account.REVENUE_SUBSCRIPTIONS] == Decimal("-38.71")  # 60 x 20 / 31
    assert desk.bought() == [("support", Decimal("19.35"))]


def test_paid_when_the_fee_is_as_high_already_becomes_credits(desk: Desk) -> None:
    order = desk.order("essential")
    desk.has("advanced", at=NOON)

    orders.complete(order=order, at=NOON)

    assert desk.rows()[1:] == [(NOON.date(), "advanced")]
    assert desk.bought() == [("support", Decimal("58.06"))]

    assert desk.orders() == [("subscription", OrderStatus.COMPLETED)]


def test_paid_too_little_for_the_month_that_runs_by_then_becomes_credits(desk: Desk) -> None:
    order = desk.order("essential", at=NOON + 20 * DAY)

    orders.complete(order=order, at=NOON + 30 * DAY)

    assert len(desk.rows()) == 1
    assert desk.bought() == [("support", order.net)]


def test_paid_under_a_contract_becomes_credits(desk: Desk) -> None:
    order = desk.order("essential")
    with in_workspace(desk.acme.pk):
        held = WorkspaceBilling.objects.for_workspace(desk.acme)
        held.update(enterprise_from=NOON.date())

    orders.complete(order=order, at=NOON)

    assert len(desk.rows()) == 1
    assert desk.bought() == [("support", Decimal("58.06"))]


@pytest.mark.usefixtures("own_catalog")
def test_version_withdrawn_after_the_order_is_still_given(desk: Desk) -> None:
    order = desk.order("essential")
    catalog.withdraw(plan=Plan.objects.get(code="essential"), seen=1, reason="Over.", at=NOON)

    orders.complete(order=order, at=NOON)

    assert desk.rows()[1:] == [(NOON.date(), "essential")]


def test_scheduled_change_is_dropped_by_the_upgrade_that_is_paid(desk: Desk) -> None:
    desk.has("essential")
    desk.change("standard")
    order = desk.order("advanced")

    orders.complete(order=order, at=NOON)

    assert desk.rows()[1:] == [
        ((NOON - DAY).date(), "essential"), (NOON.date(), "advanced"),
    ]  # fmt: skip


def test_tax_is_split_as_the_net_is() -> None:
    desk = Desk(currency="EUR")
    make.billing_details(desk.acme, country="DE")
    order = desk.order("essential")

    orders.complete(order=order, at=NOON + 10 * DAY)

    sums = desk.sums()
    # 19 % are 11.03; 11.03 x 38.71 / 58.06 = 7.3541; the rest of it is of the credits.
    with in_workspace(desk.acme.pk):
        posted = LedgerEntry.objects.for_workspace(desk.acme).filter(account=Account.TAX_PAYABLE)
        assert -Decimal("7.35") in [entry.amount for entry in posted]
    assert sum(sums.values()) == 0


def test_posting_of_a_plan_has_its_day_month_and_version(desk: Desk) -> None:
    orders.complete(order=desk.order("essential"), at=NOON)

    with in_workspace(desk.acme.pk):
        posting = Posting.objects.for_workspace(desk.acme).get(kind=PostingKind.SUBSCRIPTION)
        assert (posting.service_day, posting.booking_month) == (NOON.date(), date(2026, 3, 1))
        assert (posting.version, posting.bot_id) == (version("essential"), desk.bot.pk)
        assert not ledger.post(
            workspace=desk.acme, key=posting.key, kind=PostingKind.SUBSCRIPTION, at=NOON,
            booking_month=date(2026, 3, 1),
            entries=[Entry(Account.PAYMENTS, Decimal(1)), Entry(Account.RECEIVABLE, Decimal(-1))],
        )  # fmt: skip
