"""Mails about orders, payments, auto-reload, unpaid plans and documents."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from accounts import bots, people
from accounts.models import Bot, Membership, Role, Workspace
from accounts.tenancy import in_workspace
from invoices import auto_reload, mails, orders, payments, reloads, saved_methods
from invoices.issued import DocumentKind
from invoices.models import AutoReload, Order, OrderType, Payment
from invoices.sandbox import SavedAnswer
from plans.models import BotBilling
from tests import letters, make
from tests.invoices import buying, renewing
from tests.invoices.test_reloads import charge, leave
from tests.rows import made_once

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

NOW = make.NOON
LATER = NOW + timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
@made_once
def acme() -> Workspace:
    """A workspace with one person of each role, and another one beside it."""
    make.member(make.workspace("globex"))
    made = make.workspace("acme", name="Acme Ltd")
    for role in Role:
        make.member(made, role)
    make.billing_details(made, recipients=["invoices@acme.example", "cfo@acme.example"])
    return made


@pytest.fixture
def member(acme: Workspace) -> Membership:
    return make.member(acme, Role.MEMBER)


def begin(order: Order) -> Payment:
    return payments.start(order=order, at=NOW)


def pay(acme: Workspace, answer: str) -> None:
    """Have a member buy credits for a bot, and the provider answer."""
    buyer = make.member(acme, Role.MEMBER).user
    order = buying.order(acme, buyer=buyer, bot=make.bot(acme))
    buying.answer(begin(order), answer)


def fail_renewal(acme: Workspace) -> None:
    buying.answer(begin(buying.order(acme, type=OrderType.RENEWAL)), "declined")


def hold_renewal(acme: Workspace) -> None:
    buying.answer(begin(buying.order(acme, type=OrderType.RENEWAL)), "in_review")


def turn_on(acme: Workspace, answers: SavedAnswer = SavedAnswer.ACCEPT) -> AutoReload:
    return auto_reload.turn_on(
        workspace=acme,
        bot=None,
        amount=Decimal(100),
        limit=Decimal(50),
        saved_method=buying.saved_method(acme, answers),
        by=make.member(acme, Role.ADMIN).user,
        at=NOW,
    )


def reload(acme: Workspace, answers: SavedAnswer = SavedAnswer.ACCEPT) -> None:
    turn_on(acme, answers)
    leave(acme, "10")
    charge(acme)
    reloads.run(workspace_id=acme.pk, now=LATER)


def turn_off(acme: Workspace) -> None:
    turn_on(acme)
    for _ in range(2):
        auto_reload.turn_off(workspace=acme, bot=None, at=LATER)


def stop(acme: Workspace) -> None:
    """Have an auto-reload stop since whoever saved its method is no admin any more."""
    turn_on(acme)
    leave(acme, "10")
    charge(acme)
    second = make.member(acme, Role.OWNER, "second@acme.example")
    people.change_role(member=make.member(acme), role=Role.FINANCE, by=second, reason="-", at=NOW)
    reloads.run(workspace_id=acme.pk, now=LATER)


def remove_method(acme: Workspace) -> None:
    saved = turn_on(acme).saved_method
    for _ in range(2):
        saved_methods.remove(saved=saved, by=make.member(acme).user, at=LATER)


def issue(acme: Workspace, kind: DocumentKind = DocumentKind.INVOICE) -> None:
    for _ in range(2):
        mails.tell_issued(
            workspace=acme,
            kind=kind,
            number="ACME-2026-000001",
            gross="119.00 USD",
            link="/w/acme/orders/1/",
            at=NOW,
            due_on="16 Mar 2026",
        )


def await_wire(acme: Workspace) -> None:
    """Have the member begin a wire, twice."""
    payment = buying.wire(acme, buyer=make.member(acme, Role.MEMBER).user)
    payments.start(order=payment.order, at=NOW)


@pytest.mark.parametrize(
    ("kind", "happen", "who"),
    [
        ("purchase", lambda acme: pay(acme, "accepted"), ["member"]),
        ("payment_pending", lambda acme: pay(acme, "in_review"), ["member"]),
        ("wire_awaited", await_wire, ["member"]),
        ("payment_failed", lambda acme: pay(acme, "declined"), ["member"]),
        ("payment_failed", fail_renewal, ["cfo", "invoices"]),
        ("payment_pending", hold_renewal, ["cfo", "invoices"]),
        ("reload_on", turn_on, ["admin", "owner"]),
        ("reload_off", turn_off, ["admin", "owner"]),
        ("reload_done", reload, ["admin", "owner"]),
        ("reload_failed", lambda acme: reload(acme, SavedAnswer.DECLINE), ["admin", "owner"]),
        ("reload_failed", stop, ["admin", "second"]),
        ("reload_failed", remove_method, ["admin", "owner"]),
        ("invoice_issued", issue, ["cfo", "invoices"]),
        (
            "credit_note_issued",
            lambda acme: issue(acme, DocumentKind.CREDIT_NOTE),
            ["cfo", "invoices"],
        ),
    ],
)
def test_who_is_told(
    acme: Workspace, kind: str, happen: Callable[[Workspace], object], who: list[str]
) -> None:
    happen(acme)

    assert letters.addressed(acme, kind) == who
    assert letters.find(make.workspace("globex")) == []
    assert len(letters.subjects(acme, kind)) == 1


def test_answer_that_is_repeated_is_told_once(acme: Workspace, member: Membership) -> None:
    payment = begin(buying.order(acme, buyer=member.user))

    for _ in range(3):
        buying.answer(payment, "accepted")

    assert letters.addressed(acme, "purchase") == ["member"]
    assert letters.addressed(acme, "invoice_issued") == ["cfo", "invoices"]


def test_purchase_says_what_was_paid(acme: Workspace, member: Membership) -> None:
    pay(acme, "accepted")

    said = letters.texts(acme, "purchase")
    assert "O-000001 of 2 Mar 2026 is completed. 100.00 USD were paid by Sandbox" in said
    assert "Credit purchase" in said
    assert member.user.email not in said


def test_order_day_is_that_of_the_workspaces_zone() -> None:
    tonga = make.workspace("tonga", timezone="Pacific/Tongatapu")
    pay(tonga, "accepted")

    assert "of 3 Mar 2026" in letters.texts(tonga, "purchase")


def test_each_failed_attempt_of_a_renewal_is_told(acme: Workspace) -> None:
    order = buying.order(acme, type=OrderType.RENEWAL)

    for _ in range(3):
        payment = begin(order)
        buying.answer(payment, "declined")
        buying.answer(payment, "declined")

    assert letters.addressed(acme) == ["cfo"] * 3 + ["invoices"] * 3


def test_paid_renewal_is_told_by_its_invoice_alone(acme: Workspace) -> None:
    buying.answer(begin(buying.order(acme, type=OrderType.RENEWAL)), "accepted")

    assert letters.find(acme, "purchase") == []


def test_canceled_order_is_told_to_nobody(acme: Workspace, member: Membership) -> None:
    order = buying.order(acme, buyer=member.user)

    orders.cancel(order=order)

    assert letters.find(acme) == []


@pytest.fixture
@made_once
def unpaid() -> Bot:
    """A bot on Essential, whose renewal nobody pays: due on the 16th of April."""
    acme = renewing.workspace()
    for role in (Role.OWNER, Role.MEMBER):
        make.member(acme, role)
    bot = make.bot(acme)
    bots.change(bot=bot, owner=make.member(acme, Role.MEMBER).user)
    return renewing.has(bot, "essential")


def dun(of: Workspace, *days: int) -> list[tuple[int, str, list[str]]]:
    """Run some days after the close, twice each; return on which what else was told."""
    told = []
    for day in days:
        before = len(letters.find(of))
        for hours in (0, 12):
            renewing.run(of, renewing.CLOSE + day * DAY + timedelta(hours=hours))
        told += [(day, mail.kind, mail.address.split("@")[0]) for mail in letters.find(of)[before:]]
    return [(day, kind, [who]) for day, kind, who in told if kind != "invoice_issued"]


def test_plan_that_is_not_paid_is_told_of_on_its_days(unpaid: Bot) -> None:
    told = dun(unpaid.workspace, 0, 1, 13, 14, 15, 24, 25, 26, 27, 28, 29, 39)

    assert told == [
        (14, "payment_due", ["invoices"]),
        (14, "plan_past_due", ["member"]),
        (25, "plan_expiring", ["member"]),
        (28, "plan_expired", ["member"]),
    ]
    assert "30 Apr 2026" in letters.texts(unpaid.workspace, "plan_past_due")
    assert letters.subjects(unpaid.workspace, "plan_expiring") == [
        "The plan of support expires on 30 Apr 2026"
    ]


def test_extended_plan_is_told_of_14_days_before_too(unpaid: Bot) -> None:
    acme = unpaid.workspace
    dun(acme, 0, 14)
    with in_workspace(acme.pk):
        row = BotBilling.objects.for_workspace(acme).get(bot=unpaid)
        row.expires_on = row.expires_on + 20 * DAY if row.expires_on else None
        row.save()

    told = dun(acme, 30, 33, 34, 35, 44, 45, 46, 47, 48, 49)

    assert [(day, kind) for day, kind, _ in told if kind.startswith("plan")] == [
        (34, "plan_expiring"),
        (45, "plan_expiring"),
        (48, "plan_expired"),
    ]


def test_paid_plan_is_told_of_no_more(unpaid: Bot) -> None:
    acme = unpaid.workspace
    dun(acme, 0, 14)
    (order,) = renewing.orders(acme)
    paid_at: datetime = renewing.CLOSE + 15 * DAY
    buying.answer(payments.start(order=order, at=paid_at), "accepted", at=paid_at)

    assert dun(acme, 15, 16, 24, 25, 27, 28, 29, 39) == []
