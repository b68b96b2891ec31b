"""Renewals that are paid, by whom and when; and plans whose fee is not: past due, then expired."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import DatabaseError
from pytest_django.fixtures import Settings

from accounts.models import AuditEntry, Bot, Membership, PublishStatus, Role, Workspace
from accounts.tenancy import in_workspace
from invoices import (
    close,
    collecting,
    dunning,
    orders,
    payments,
    reloads,
    renewals,
    saved_methods,
)
from invoices.models import (
    Method,
    Order,
    OrderLine,
    OrderStatus,
    Payment,
    PaymentStatus,
    SavedMethod,
)
from invoices.sandbox import SavedAnswer
from plans import entitlements, extensions, subscriptions
from plans.entitlements import Reason
from plans.models import Account, BotBilling, Posting, PostingKind, WorkspaceBilling
from plans.subscriptions import PlanStatus
from plans.verification import verify
from tests import make
from tests.at_once import at_once
from tests.invoices import buying, renewing
from tests.invoices.renewing import APRIL, CLOSE, DAY, HOUR, MAY
from tests.plans import books
from tests.rows import made_once

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

DUE = date(2026, 4, 16)
EXPIRES = date(2026, 4, 30)
DUE_AT = datetime.combine(DUE, datetime.min.time(), CLOSE.tzinfo)
EXPIRES_AT = DUE_AT + 14 * DAY
SECOND = timedelta(seconds=1)


@pytest.fixture
@made_once
def owner() -> Membership:
    globex = renewing.workspace("globex")
    renewing.has(make.bot(globex), "advanced")
    return make.member(renewing.workspace())


@pytest.fixture
def acme(owner: Membership) -> Workspace:
    return owner.workspace


@pytest.fixture
@made_once
def bot(acme: Workspace) -> Bot:
    return renewing.has(make.bot(acme), "essential")


@pytest.fixture
def save(acme: Workspace, bot: Bot) -> Callable[[SavedAnswer], SavedMethod]:
    """Save a method that answers so; also the bot is there, whose fee is to be paid."""

    def saved(answers: SavedAnswer) -> SavedMethod:
        assert bot.workspace == acme
        return buying.saved_method(acme, answers)

    return saved


def order_of(of: Workspace) -> Order:
    (order,) = renewing.orders(of)
    return order


def tried(of: Workspace) -> list[tuple[datetime, str]]:
    with in_workspace(of.pk):
        found = Payment.objects.for_workspace(of).filter(saved_method__isnull=False).order_by("pk")
        return list(found.values_list("started_at", "status"))


def pay(order: Order, *, at: datetime, answer: str = "accepted") -> None:
    """Have a person pay an order on the provider's page."""
    payment = payments.start(order=order, at=at)
    buying.answer(payment, answer, at=at)


def actions(of: Workspace, *names: str) -> list[tuple[str, str]]:
    with in_workspace(of.pk):
        found = AuditEntry.objects.for_workspace(of).filter(action__in=names).order_by("pk")
        return list(found.values_list("action", "target"))


# By a saved method


def test_saved_method_is_charged_at_once(
    acme: Workspace, save: Callable[[SavedAnswer], SavedMethod]
) -> None:
    save(SavedAnswer.ACCEPT)

    renewing.run(acme)

    order = order_of(acme)
    assert (order.status, order.completed_at) == (OrderStatus.COMPLETED, CLOSE)
    assert tried(acme) == [(CLOSE, PaymentStatus.ACCEPTED)]


def test_declined_it_is_charged_again_after_3_and_7_days_and_no_more(
    acme: Workspace, save: Callable[[SavedAnswer], SavedMethod]
) -> None:
    save(SavedAnswer.DECLINE)
    statuses = []

    for days in (0, 0.5, 2, 3, 3.5, 4, 6, 7, 7.5, 8, 11, 14):
        for moment in (CLOSE + days * DAY - SECOND, CLOSE + days * DAY):
            renewing.run(acme, moment)
        statuses.append(order_of(acme).status)

    assert [at for at, _ in tried(acme)] == [CLOSE, CLOSE + 3 * DAY, CLOSE + 7 * DAY]
    assert set(statuses) == {OrderStatus.FAILED}


def test_success_after_a_failure_completes_the_order(
    acme: Workspace, save: Callable[[SavedAnswer], SavedMethod]
) -> None:
    save(SavedAnswer.DECLINE)
    renewing.run(acme)
    assert order_of(acme).status == OrderStatus.FAILED
    saved_methods.choose(saved=save(SavedAnswer.ACCEPT))

    renewing.run(acme, CLOSE + 3 * DAY)

    assert order_of(acme).status == OrderStatus.COMPLETED
    moves = actions(acme, "order.failed", "order.pending", "order.completed")
    assert [name for name, order in moves if order == "O-000002"] == [
        "order.failed",
        "order.pending",
        "order.completed",
    ]


def test_runs_at_once_charge_once(
    acme: Workspace, save: Callable[[SavedAnswer], SavedMethod]
) -> None:
    save(SavedAnswer.ACCEPT)

    raised = at_once(*[lambda: renewals.run(workspace_id=acme.pk, now=CLOSE)] * 5)

    assert raised == [None] * 5
    assert tried(acme) == [(CLOSE, PaymentStatus.ACCEPTED)]
    assert order_of(acme).status == OrderStatus.COMPLETED


def test_worker_that_died_before_it_charged_is_made_good(
    acme: Workspace, save: Callable[[SavedAnswer], SavedMethod]
) -> None:
    save(SavedAnswer.ACCEPT)
    close.run(workspace_id=acme.pk, now=CLOSE)
    assert collecting.begin(acme, order_id=order_of(acme).pk, now=CLOSE)

    assert collecting.run(workspace_id=acme.pk, now=CLOSE) == 0
    assert acme.pk in reloads.find_due()
    reloads.run(workspace_id=acme.pk, now=CLOSE + make.MINUTE)

    assert order_of(acme).status == OrderStatus.COMPLETED
    assert len(tried(acme)) == 1


def test_payment_in_review_is_waited_for(
    acme: Workspace, save: Callable[[SavedAnswer], SavedMethod]
) -> None:
    save(SavedAnswer.REVIEW)

    for day in (0, 3, 7):
        renewing.run(acme, CLOSE + day * DAY)

    assert order_of(acme).status == OrderStatus.IN_REVIEW
    assert len(tried(acme)) == 1


def test_person_on_the_payment_page_is_not_charged_by_the_saved_method_meanwhile(
    acme: Workspace, bot: Bot, save: Callable[[SavedAnswer], SavedMethod]
) -> None:
    renewing.closed(acme)
    by_hand = payments.start(order=order_of(acme), at=CLOSE + HOUR)
    save(SavedAnswer.ACCEPT)

    renewing.run(acme, CLOSE + 2 * HOUR)
    assert tried(acme) == []
    renewing.run(acme, CLOSE + 25 * HOUR)  # the page has ended
    assert [status for _, status in tried(acme)] == [PaymentStatus.ACCEPTED]

    buying.answer(by_hand, "accepted", at=CLOSE + 26 * HOUR)
    assert actions(acme, "payment.surplus") == [("payment.surplus", "O-000001")]
    keys = [posting.key for posting in postings(acme)]
    assert keys == ["renewal:1", "renewal:1:paid", f"surplus:{by_hand.reference}"]


def test_only_methods_of_owners_and_admins_saved_for_renewals_are_charged(
    acme: Workspace, bot: Bot, save: Callable[[SavedAnswer], SavedMethod]
) -> None:
    member = make.member(acme, Role.MEMBER).user
    with in_workspace(acme.pk):
        for by, consent in ((member, payments.CONSENT), (make.member(acme).user, "Reloads only.")):
            SavedMethod.objects.create(
                workspace=acme, method=Method.SANDBOX, reference=f"accept:{by.pk}", label="Card",
                consent=consent, consented_at=CLOSE, saved_by=by,
            )  # fmt: skip
        assert collecting.find_saved(acme) is None

    first, latest = save(SavedAnswer.DECLINE), save(SavedAnswer.ACCEPT)

    with in_workspace(acme.pk):
        assert collecting.find_saved(acme) == first != latest
    saved_methods.choose(saved=latest)
    with in_workspace(acme.pk):
        assert collecting.find_saved(acme) == latest


def test_method_that_is_offered_no_more_is_not_charged(
    acme: Workspace, save: Callable[[SavedAnswer], SavedMethod], settings: Settings
) -> None:
    save(SavedAnswer.ACCEPT)
    settings.SANDBOX_PAYMENTS = False

    renewing.run(acme)

    order = order_of(acme)
    assert (order.status, order.method) == (OrderStatus.PENDING, Method.WIRE)


# By a person


@pytest.mark.usefixtures("bot")
def test_without_a_saved_method_it_waits_for_a_person(acme: Workspace) -> None:
    renewing.closed(acme)
    order = order_of(acme)
    assert order.status == OrderStatus.PENDING

    pay(order, at=CLOSE + DAY)

    assert buying.status(order) == OrderStatus.COMPLETED


@pytest.mark.usefixtures("bot")
def test_declined_or_left_by_a_person_it_can_be_paid_again(acme: Workspace) -> None:
    renewing.closed(acme)
    order = order_of(acme)

    pay(order, at=CLOSE + HOUR, answer="declined")
    assert buying.status(order) == OrderStatus.FAILED
    pay(order, at=CLOSE + 2 * HOUR, answer="canceled")
    assert buying.status(order) == OrderStatus.PENDING
    pay(order, at=CLOSE + 3 * HOUR)

    assert buying.status(order) == OrderStatus.COMPLETED


@pytest.mark.usefixtures("bot")
def test_renewal_is_owed_and_cannot_be_canceled(acme: Workspace) -> None:
    renewing.closed(acme)
    order = order_of(acme)

    assert not payments.cancel(order=order, at=CLOSE)
    assert not orders.cancel(order=order)

    assert buying.status(order) == OrderStatus.PENDING


# What was paid


def postings(of: Workspace) -> list[Posting]:
    with in_workspace(of.pk):
        kinds = (PostingKind.SUBSCRIPTION, PostingKind.PAYMENT)
        return list(Posting.objects.for_workspace(of).filter(kind__in=kinds).order_by("id"))


def test_paid_renewal_is_posted_once_to_its_revenues(acme: Workspace, bot: Bot) -> None:
    renewing.use(bot, 410)
    renewing.hold(bot, 1)
    renewing.run(acme)

    raised = at_once(*[lambda: orders.complete(order=order_of(acme), at=CLOSE + DAY)] * 3)

    assert raised == [None] * 3
    sums = books.sums(acme)
    assert sums[Account.PAYMENTS] == Decimal("81.80")
    assert sums[Account.REVENUE_SUBSCRIPTIONS] == -80
    assert sums[Account.REVENUE_USAGE] == Decimal("-1.80")
    assert Account.RECEIVABLE not in sums
    billed, paid = postings(acme)
    assert (billed.service_day, billed.booking_month) == (date(2026, 4, 2), APRIL)
    assert (paid.service_day, paid.booking_month) == (date(2026, 4, 3), APRIL)
    assert verify(acme) == []


# When it is not paid


def test_unpaid_it_is_past_due_on_the_due_day_and_expires_14_days_later(
    acme: Workspace, bot: Bot
) -> None:
    renewing.closed(acme)
    found = {}

    for days in (0, 1, 12, 13, 14, 15, 26, 27, 28, 29):
        at = CLOSE + days * DAY
        renewing.run(acme, at - SECOND)
        renewing.run(acme, at)
        found[days] = renewing.status(bot, at.date()).status

    assert found == {
        **dict.fromkeys((0, 1, 12, 13), PlanStatus.ACTIVE),
        **dict.fromkeys((14, 15, 26, 27), PlanStatus.PAST_DUE),
        **dict.fromkeys((28, 29), PlanStatus.EXPIRED),
    }
    assert renewing.days(bot) == (DUE, EXPIRES)
    assert actions(acme, "plan.past_due") == [("plan.past_due", bot.key)]


def test_due_day_is_of_the_zone_of_the_workspace() -> None:
    of = renewing.workspace("far", opened=renewing.MID_MARCH, timezone="Asia/Kolkata")
    bot = renewing.has(make.bot(of), "essential", at=renewing.MID_MARCH)
    begins = datetime(2026, 4, 15, 18, 30, tzinfo=CLOSE.tzinfo)  # the 16th there

    renewing.run(of, CLOSE - 5.5 * HOUR)
    renewing.run(of, begins - SECOND)
    assert renewing.days(bot) == (None, None)
    renewing.run(of, begins)

    assert renewing.days(bot) == (DUE, EXPIRES)


def test_bot_may_answer_until_its_plan_expires_and_again_when_it_is_paid(
    acme: Workspace, bot: Bot
) -> None:
    with in_workspace(acme.pk):
        bot.publish_status = PublishStatus.PUBLISHED
        bot.save(update_fields=["publish_status"])
    renewing.run(acme)
    renewing.run(acme, DUE_AT)

    def reason(at: datetime) -> Reason:
        return entitlements.find(workspace_id=acme.pk, key=bot.key, now=at).reason

    assert reason(EXPIRES_AT - SECOND) == Reason.OK
    assert reason(EXPIRES_AT) == Reason.EXPIRED
    assert renewing.status(bot, EXPIRES).status == PlanStatus.EXPIRED

    pay(order_of(acme), at=EXPIRES_AT + HOUR)

    assert reason(EXPIRES_AT + HOUR) == Reason.OK
    assert renewing.status(bot, EXPIRES).status == PlanStatus.ACTIVE
    assert actions(acme, "plan.active_again") == [("plan.active_again", bot.key)]


def test_bots_whose_fee_is_not_on_the_order_stay_active(acme: Workspace, bot: Bot) -> None:
    sales = renewing.has(make.bot(acme, "sales"), "essential")
    subscriptions.schedule(
        bot=sales, version=renewing.version("standard"), day=APRIL, at=renewing.MID_MARCH
    )
    renewing.use(sales, 500)
    renewing.run(acme)
    assert {fact[0] for fact in renewing.facts(order_of(acme))} == {bot.key, sales.key}

    renewing.run(acme, DUE_AT)

    assert renewing.days(bot) == (DUE, EXPIRES)
    assert renewing.days(sales) == (None, None)


def test_dunning_twice_and_at_once_says_it_once(acme: Workspace, bot: Bot) -> None:
    renewing.closed(acme)

    raised = at_once(*[lambda: dunning.run(workspace_id=acme.pk, now=DUE_AT)] * 4)

    assert raised == [None] * 4
    assert dunning.run(workspace_id=acme.pk, now=DUE_AT) == 0
    assert actions(acme, "plan.past_due") == [("plan.past_due", bot.key)]


def test_low_balance_limit_and_overdraft_stay_as_they_are(acme: Workspace, bot: Bot) -> None:
    with in_workspace(acme.pk):
        BotBilling.objects.create(workspace=acme, bot=bot, overdraft=3, low_balance=7)
    renewing.run(acme)
    renewing.run(acme, DUE_AT)

    with in_workspace(acme.pk):
        row = BotBilling.objects.for_workspace(acme).get(bot=bot)
    assert (row.overdraft, row.low_balance) == (Decimal(3), Decimal(7))
    assert row.past_due_on == DUE


def test_extension_moves_the_day_and_dunning_keeps_it(acme: Workspace, bot: Bot) -> None:
    user = make.member(acme).user
    renewing.closed(acme)
    renewing.closed(acme, DUE_AT)
    asked = extensions.request(bot=bot, days=10, reason="Budget", by=user, at=DUE_AT)
    extensions.approve(extension=asked, note="", by=user, at=DUE_AT)

    renewing.run(acme, DUE_AT + DAY)

    assert renewing.days(bot) == (DUE, EXPIRES + 10 * DAY)


def test_paid_the_next_unpaid_renewal_takes_its_place(acme: Workspace, bot: Bot) -> None:
    renewing.closed(acme)
    later = datetime(2026, 5, 16, tzinfo=CLOSE.tzinfo)
    renewing.run(acme, later - 14 * DAY)
    renewing.run(acme, later)
    april, may = renewing.orders(acme)
    assert renewing.days(bot) == (DUE, EXPIRES)

    pay(april, at=later)
    assert renewing.days(bot) == (date(2026, 5, 16), date(2026, 5, 30))
    pay(may, at=later)

    assert renewing.days(bot) == (None, None)


def test_plan_from_credits_is_not_held_up_by_the_fee_of_an_earlier_one(
    acme: Workspace, bot: Bot
) -> None:
    renewing.closed(acme)
    renewing.closed(acme, DUE_AT)
    subscriptions.schedule(bot=bot, version=renewing.version("standard"), day=MAY, at=DUE_AT)

    renewing.run(acme, EXPIRES_AT)
    assert renewing.status(bot, EXPIRES).status == PlanStatus.EXPIRED
    renewing.run(acme, EXPIRES_AT + DAY)

    assert renewing.status(bot, MAY).status == PlanStatus.ACTIVE
    assert order_of(acme).status == OrderStatus.PENDING  # it is owed all the same


def test_under_a_contract_nothing_is_past_due(acme: Workspace, bot: Bot) -> None:
    renewing.closed(acme)
    renewing.closed(acme, DUE_AT)
    with in_workspace(acme.pk):
        WorkspaceBilling.objects.for_workspace(acme).update(enterprise_from=DUE + DAY)

    renewing.run(acme, DUE_AT + DAY)

    assert renewing.days(bot) == (None, None)


def test_other_workspace_is_left_alone(acme: Workspace, bot: Bot) -> None:
    globex = make.workspace("globex")
    other = make.bot(globex)
    renewing.run(globex)
    renewing.run(acme)

    renewing.run(acme, DUE_AT)
    assert (renewing.days(bot), renewing.days(other)) == ((DUE, EXPIRES), (None, None))
    renewing.run(globex, DUE_AT)
    pay(order_of(acme), at=DUE_AT)

    assert (renewing.days(bot), renewing.days(other)) == ((None, None), (DUE, EXPIRES))


@pytest.mark.usefixtures("bot")
def test_beat_finds_what_is_owed_until_it_is_paid(acme: Workspace) -> None:
    renewing.closed(acme)
    assert acme.pk in renewals.find_due(now=CLOSE)

    pay(order_of(acme), at=CLOSE)

    assert acme.pk not in renewals.find_due(now=CLOSE)


def test_database_keeps_due_days_and_lines(acme: Workspace, bot: Bot) -> None:
    renewing.closed(acme)
    order = order_of(acme)

    for change in (
        lambda: Order.objects.for_workspace(acme).filter(pk=order.pk).update(due_on=MAY),
        lambda: OrderLine.objects.for_workspace(acme).update(net=1),
        lambda: OrderLine.objects.for_workspace(acme).delete(),
    ):
        with pytest.raises(DatabaseError), in_workspace(acme.pk):
            change()
