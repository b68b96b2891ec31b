"""The month's close: when it is, that it is once, and what its renewal has."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
import time_machine
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from accounts.models import AuditEntry, Bot, Workspace
from accounts.tenancy import in_workspace
from invoices import close, contents, order_lines, orders, plan_changes, renewals, tasks
from invoices.issued import IssuedDocument, Payback
from invoices.models import Method, Order, OrderLine
from plans import billing, charging, subscriptions, verification
from plans.models import Account, Posting, PostingKind, WorkspaceBilling
from tests import make
from tests.at_once import at_once
from tests.invoices import renewing
from tests.invoices.renewing import APRIL, CLOSE, DAY, HOUR, MARCH, MID_MARCH
from tests.plans import books
from tests.rows import made_once
from usage import zones
from usage.models import UsageBucket

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

MAY_CLOSE = datetime(2026, 5, 2, tzinfo=UTC)  # of April
JUNE_CLOSE = datetime(2026, 6, 2, tzinfo=UTC)


@pytest.fixture
@made_once
def acme() -> Workspace:
    globex = renewing.workspace("globex")
    renewing.has(make.bot(globex), "advanced")
    return renewing.workspace()


@pytest.fixture
@made_once
def bot(acme: Workspace) -> Bot:
    return renewing.has(make.bot(acme), "essential")


def actions(of: Workspace) -> list[str]:
    with in_workspace(of.pk):
        return list(
            AuditEntry.objects.for_workspace(of).order_by("pk").values_list("action", flat=True)
        )


# When


@pytest.mark.usefixtures("bot")
def test_month_closes_24_hours_after_its_end_and_not_before(acme: Workspace) -> None:
    assert renewing.run(acme, CLOSE - timedelta(microseconds=1)) == 0
    assert renewing.open_month(acme) == MARCH

    assert renewing.run(acme, CLOSE) == 1

    assert renewing.open_month(acme) == APRIL
    (order,) = renewing.orders(acme)
    assert (order.key, order.created_at, order.due_on) == (
        "renewal:2026-04", CLOSE, date(2026, 4, 16),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("zone", "closes"),
    [
        ("Pacific/Kiritimati", datetime(2026, 4, 1, 10, tzinfo=UTC)),
        ("Pacific/Pago_Pago", datetime(2026, 4, 2, 11, tzinfo=UTC)),
        ("Asia/Kolkata", datetime(2026, 4, 1, 18, 30, tzinfo=UTC)),
        ("Europe/Berlin", datetime(2026, 4, 1, 22, tzinfo=UTC)),  # clocks went forward in March
    ],
)
def test_month_ends_by_the_zone_of_the_workspace_and_the_beat_finds_it(
    zone: str, closes: datetime
) -> None:
    of = renewing.workspace("far", opened=MID_MARCH, timezone=zone)

    assert renewing.run(of, closes - timedelta(microseconds=1)) == 0
    assert of.pk in renewals.find_due(now=closes)
    assert renewing.run(of, closes) == 1
    assert of.pk not in renewals.find_due(now=closes)


@pytest.mark.parametrize(
    ("zone", "closes"),
    [
        ("America/New_York", datetime(2026, 11, 2, 4, tzinfo=UTC)),  # a first of 25 hours
        ("Australia/Sydney", datetime(2028, 10, 1, 14, tzinfo=UTC)),  # of 23
    ],
)
def test_month_closes_24_hours_after_its_end_also_where_that_is_another_time_of_day(
    zone: str, closes: datetime
) -> None:
    of = renewing.workspace("far", opened=closes - 2 * DAY, timezone=zone)

    assert renewing.run(of, closes - timedelta(microseconds=1)) == 0
    assert of.pk in renewals.find_due(now=closes)
    assert renewing.run(of, closes) == 1


def test_zone_that_changed_holds_from_the_next_month_on() -> None:
    of = renewing.workspace("far", opened=MID_MARCH, timezone="Pacific/Kiritimati")
    zones.change(workspace=of, zone="Pacific/Pago_Pago", at=MID_MARCH)

    # March ends as it began, by the old zone; April by the new one.
    assert renewing.run(of, datetime(2026, 4, 1, 9, 59, tzinfo=UTC)) == 0
    assert renewing.run(of, datetime(2026, 4, 1, 10, tzinfo=UTC)) == 1
    assert renewing.run(of, datetime(2026, 5, 2, 10, 59, tzinfo=UTC)) == 0
    assert renewing.run(of, datetime(2026, 5, 2, 11, tzinfo=UTC)) == 1


@pytest.mark.usefixtures("bot")
def test_months_that_were_missed_are_closed_one_after_the_other(acme: Workspace) -> None:
    assert renewing.run(acme, JUNE_CLOSE) == 3

    assert [order.key for order in renewing.orders(acme)] == [
        "renewal:2026-04", "renewal:2026-05", "renewal:2026-06",
    ]  # fmt: skip
    assert renewing.nets(acme) == [60, 60, 60]


def test_billing_that_is_not_open_has_no_month_to_close() -> None:
    assert renewing.run(make.workspace("new"), CLOSE) == 0


# Once


@pytest.mark.usefixtures("bot")
def test_close_twice_is_one_order(acme: Workspace) -> None:
    counts = [renewing.run(acme) for _ in range(2)]

    assert counts == [1, 0]
    assert len(renewing.orders(acme)) == 1
    assert actions(acme).count("month.closed") == 1


@pytest.mark.usefixtures("bot")
def test_closes_at_once_are_one_order(acme: Workspace) -> None:
    raised = at_once(*[lambda: close.run(workspace_id=acme.pk, now=CLOSE)] * 5)

    assert raised == [None] * 5
    assert renewing.open_month(acme) == APRIL
    assert [order.number for order in renewing.orders(acme)] == [1]


@pytest.mark.usefixtures("bot")
def test_killed_half_way_nothing_is_done_and_the_next_run_does_it(
    acme: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(**_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(order_lines, "keep", die)  # the order is written, its lines are not
        with pytest.raises(KeyboardInterrupt):
            renewing.run(acme)
    assert (renewing.open_month(acme), renewing.orders(acme)) == (MARCH, [])
    assert "month.closed" not in actions(acme)

    assert renewing.run(acme) == 1
    assert [order.number for order in renewing.orders(acme)] == [1]


def test_month_stays_open_until_its_renewal_can_be_invoiced() -> None:
    of = make.workspace("nameless")
    billing.open_billing(workspace=of, at=renewing.OPENED)
    renewing.has(make.bot(of), "essential")

    assert renewing.run(of, CLOSE) == 0
    assert (renewing.open_month(of), renewing.orders(of)) == (MARCH, [])

    make.billing_details(of, at=CLOSE)
    assert renewing.run(of, CLOSE + HOUR) == 1
    assert [order.key for order in renewing.orders(of)] == ["renewal:2026-04"]


def test_other_workspace_is_left_alone(acme: Workspace, bot: Bot) -> None:
    globex = make.workspace("globex")

    renewing.run(acme)

    assert (renewing.open_month(globex), renewing.orders(globex)) == (MARCH, [])
    with in_workspace(acme.pk):
        assert set(OrderLine.objects.values_list("bot", flat=True)) == {bot.pk}


# What is outstanding


def test_bots_that_wait_are_charged_before_the_close_and_booked_in_their_month(
    acme: Workspace,
) -> None:
    renewing.use(make.bot(acme, "sales"), 3)

    assert renewing.run(acme) == 1

    with in_workspace(acme.pk):
        charge = Posting.objects.for_workspace(acme).get(kind=PostingKind.CHARGE)
    assert (charge.service_day, charge.booking_month) == (MID_MARCH.date(), MARCH)


def test_mark_that_stands_keeps_the_month_open(
    acme: Workspace, bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    books.mark(bot)
    with monkeypatch.context() as busy:
        busy.setattr(charging, "run", lambda **_: 0)  # another run is at it
        assert renewing.run(acme) == 0
    assert renewing.open_month(acme) == MARCH

    assert renewing.run(acme) == 1


def test_usage_of_the_next_month_that_goes_on_being_counted_keeps_none_open(
    acme: Workspace, bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewing.use(bot, 2)
    renewing.use(bot, 1, at=CLOSE - HOUR)
    charging.run(workspace_id=acme.pk, now=CLOSE)
    renewing.use(bot, 1, at=CLOSE - make.MINUTE)
    with monkeypatch.context() as busy:
        busy.setattr(charging, "run", lambda **_: 0)

        assert renewing.run(acme) == 1


def test_late_usage_that_is_counted_and_not_charged_keeps_its_month_open(
    acme: Workspace, bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewing.use(bot, 2)
    charging.run(workspace_id=acme.pk, now=CLOSE)
    renewing.use(bot, 1, at=MID_MARCH + HOUR)
    with monkeypatch.context() as busy:
        busy.setattr(charging, "run", lambda **_: 0)

        assert renewing.run(acme) == 0


def test_seats_that_are_counted_and_not_looked_at_keep_their_month_open(
    acme: Workspace, bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewing.use(bot, 2)
    charging.run(workspace_id=acme.pk, now=CLOSE)
    renewing.hold(bot, 1)
    with monkeypatch.context() as busy:
        busy.setattr(charging, "run", lambda **_: 0)
        assert renewing.run(acme) == 0

    assert renewing.run(acme) == 1


def test_usage_that_waits_to_be_counted_keeps_its_month_open(acme: Workspace, bot: Bot) -> None:
    make.take_in(acme, make.event("alert.delivered", at=CLOSE - DAY, subject=bot.key), now=CLOSE)
    assert renewing.run(acme) == 1  # of the first of April: not of March

    make.take_in(acme, make.event("alert.delivered", at=CLOSE, subject=bot.key), now=MAY_CLOSE)
    assert renewing.run(acme, MAY_CLOSE) == 0
    make.roll_up(acme, now=MAY_CLOSE)
    assert renewing.run(acme, MAY_CLOSE) == 1


def test_usage_that_came_after_the_clock_keeps_its_month_open(acme: Workspace, bot: Bot) -> None:
    renewing.use(bot, 1, at=CLOSE, rolled=CLOSE + make.MINUTE)
    assert renewing.run(acme) == 1  # of March: what came is of April

    renewing.use(bot, 1, at=CLOSE, rolled=MAY_CLOSE + make.MINUTE)
    assert renewing.run(acme, MAY_CLOSE) == 0
    assert renewing.run(acme, MAY_CLOSE + make.MINUTE) == 1


@pytest.mark.usefixtures("bot")
def test_task_reads_its_own_clock(acme: Workspace) -> None:
    with time_machine.travel(CLOSE, tick=False):
        tasks.run_renewals(workspace_id=acme.pk)

    assert renewing.open_month(acme) == APRIL


def test_usage_that_comes_after_the_close_is_booked_in_the_open_month(acme: Workspace) -> None:
    sales = make.bot(acme, "sales")
    renewing.run(acme)

    renewing.use(sales, 2, rolled=CLOSE + HOUR)
    charging.run(workspace_id=acme.pk, now=CLOSE + HOUR)

    with in_workspace(acme.pk):
        charge = Posting.objects.for_workspace(acme).get(kind=PostingKind.CHARGE)
    assert (charge.service_day, charge.booking_month) == (MID_MARCH.date(), APRIL)


# What the renewal has


def test_fee_in_advance_and_usage_and_seats_in_arrears_by_bot(acme: Workspace, bot: Bot) -> None:
    sales = renewing.has(make.bot(acme, "sales"), "advanced")
    make.bot(acme, "idle")
    renewing.use(bot, 405)
    renewing.hold(bot, 2)

    renewing.run(acme)

    (order,) = renewing.orders(acme)
    assert renewing.facts(order) == [
        (sales.key, "fee", "advanced", 1, "400.00"),
        (bot.key, "fee", "essential", 1, "60.00"),
        (bot.key, "usage", "essential", 5, "0.90"),
        (bot.key, "seats", "essential", 2, "40.00"),
    ]
    assert order.net == Decimal("500.90")
    assert (order.buyer, order.bot, order.method) == (None, None, Method.SANDBOX)


def test_usage_of_each_plan_of_the_month_by_its_days(acme: Workspace) -> None:
    bot = renewing.has(make.bot(acme), "essential", at=datetime(2026, 3, 11, 9, tzinfo=UTC))
    renewing.has(bot, "advanced", at=datetime(2026, 3, 21, 9, tzinfo=UTC))
    renewing.use(bot, 300, at=datetime(2026, 3, 10, 23, 59, 59, tzinfo=UTC))  # Standard: credits
    renewing.use(bot, 131, at=datetime(2026, 3, 20, 23, 59, 59, tzinfo=UTC))
    renewing.use(bot, 1066, at=datetime(2026, 3, 21, tzinfo=UTC))

    renewing.run(acme)

    (order,) = renewing.orders(acme)
    # 400 x 10 / 31 rounded up are 130, 3,000 x 11 / 31 are 1,065.
    assert renewing.facts(order) == [
        (bot.key, "fee", "advanced", 1, "400.00"),
        (bot.key, "usage", "essential", 1, "0.18"),
        (bot.key, "usage", "advanced", 1, "0.14"),
    ]


@pytest.mark.parametrize(
    ("at", "billed"),
    [
        (datetime(2026, 2, 28, 23, 59, 59, 999999, tzinfo=UTC), 0),
        (datetime(2026, 3, 1, tzinfo=UTC), 1),
        (datetime(2026, 3, 31, 23, 59, 59, 999999, tzinfo=UTC), 1),
        (datetime(2026, 4, 1, tzinfo=UTC), 0),
    ],
)
def test_usage_at_the_edges_of_the_month(
    acme: Workspace, bot: Bot, at: datetime, billed: int
) -> None:
    renewing.use(bot, 400)
    renewing.use(bot, 1, at=at)

    renewing.run(acme)

    (order,) = renewing.orders(acme)
    assert [fact[3] for fact in renewing.facts(order) if fact[1] == "usage"] == [1] * billed


def test_month_with_a_change_of_clocks_has_all_of_its_usage() -> None:
    of = renewing.workspace("berlin", timezone="Europe/Berlin")
    zone = ZoneInfo("Europe/Berlin")
    bot = renewing.has(make.bot(of), "essential")
    for at in (
        datetime(2026, 3, 1, tzinfo=zone),
        datetime(2026, 3, 29, 3, tzinfo=zone),
        datetime(2026, 3, 31, 23, 59, tzinfo=zone),
        datetime(2026, 4, 1, tzinfo=zone),  # of the next
    ):
        renewing.use(bot, 150, at=at)

    renewing.run(of)

    (order,) = renewing.orders(of)
    assert [fact[3] for fact in renewing.facts(order)] == [1, 50]


def test_nothing_to_pay_is_no_order(acme: Workspace) -> None:
    renewing.use(make.bot(acme, "sales"), 10)  # from credits

    assert renewing.run(acme) == 1

    assert renewing.orders(acme) == []
    assert renewing.open_month(acme) == APRIL


def test_fee_is_less_what_an_upgrade_on_the_first_paid(acme: Workspace, bot: Bot) -> None:
    first = datetime(2026, 4, 1, 8, tzinfo=UTC)
    quoted = plan_changes.quote(bot=bot, version=renewing.version("advanced"), at=first)
    upgrade = plan_changes.change(
        bot=bot, version=renewing.version("advanced"), seen=quoted.seen,
        buyer=make.member(acme).user, at=first, key="page", method=Method.SANDBOX,
    )  # fmt: skip
    assert upgrade is not None
    orders.complete(order=upgrade, at=first)

    renewing.run(acme)

    (order,) = renewing.orders(acme)
    assert renewing.facts(upgrade) == [(bot.key, "upgrade", "advanced", 1, "340.00")]
    assert renewing.facts(order) == [(bot.key, "fee", "advanced", 1, "60.00")]


def test_scheduled_change_holds_in_the_month_that_begins(acme: Workspace, bot: Bot) -> None:
    subscriptions.schedule(bot=bot, version=renewing.version("standard"), day=APRIL, at=MID_MARCH)
    renewing.use(bot, 401)

    renewing.run(acme)

    (order,) = renewing.orders(acme)
    assert renewing.facts(order) == [(bot.key, "usage", "essential", 1, "0.18")]


@pytest.mark.parametrize(
    ("begins", "ordered"), [(date(2026, 4, 1), 0), (date(2026, 4, 2), 0), (date(2026, 4, 3), 1)]
)
@pytest.mark.usefixtures("bot")
def test_under_a_contract_months_are_closed_without_an_order(
    acme: Workspace, begins: date, ordered: int
) -> None:
    with in_workspace(acme.pk):
        WorkspaceBilling.objects.for_workspace(acme).update(enterprise_from=begins)

    assert renewing.run(acme, CLOSE + 3 * DAY) == 1

    assert len(renewing.orders(acme)) == ordered
    assert renewing.open_month(acme) == APRIL


def test_order_of_many_bots_takes_as_many_statements_as_of_one() -> None:
    counts = []
    for bots in (1, 12):
        of = renewing.workspace(f"with-{bots}")
        for number in range(bots):
            renewing.has(make.bot(of, f"bot-{number}"), "essential")
        charging.run(workspace_id=of.pk, now=CLOSE)
        with CaptureQueriesContext(connection) as captured:
            assert close.close_next(workspace_id=of.pk, now=CLOSE)
        counts.append(len(captured))
        assert renewing.nets(of) == [60 * bots]

    assert counts[0] == counts[1]


# Late usage


def test_late_usage_of_a_closed_month_is_a_line_of_its_own(acme: Workspace, bot: Bot) -> None:
    renewing.use(bot, 410)
    renewing.run(acme)
    renewing.use(bot, 7, rolled=CLOSE + DAY)

    renewing.run(acme, MAY_CLOSE)
    renewing.run(acme, JUNE_CLOSE)

    march, april, may = renewing.orders(acme)
    assert renewing.facts(march)[1:] == [(bot.key, "usage", "essential", 10, "1.80")]
    assert renewing.facts(april)[1:] == [(bot.key, "late", "essential", 7, "1.26")]
    assert renewing.facts(may)[1:] == []
    with in_workspace(acme.pk):
        line = OrderLine.objects.for_workspace(acme).get(kind="late")
    assert (line.first_day, line.last_day) == (MARCH, date(2026, 3, 31))
    assert (line.used, line.included) == (417, 400)


def test_late_usage_below_what_is_included_costs_nothing(acme: Workspace, bot: Bot) -> None:
    renewing.use(bot, 300)
    renewing.run(acme)
    renewing.use(bot, 100, rolled=CLOSE + DAY)

    renewing.run(acme, MAY_CLOSE)

    assert renewing.nets(acme) == [60, 60]


def test_late_usage_of_a_month_from_credits_is_no_line(acme: Workspace) -> None:
    bot = make.bot(acme)
    renewing.run(acme)
    renewing.has(bot, "essential", at=CLOSE)
    renewing.use(bot, 500, rolled=CLOSE + DAY)

    renewing.run(acme, MAY_CLOSE)

    assert renewing.nets(acme) == [60]


def test_what_was_ordered_too_much_is_noted_and_no_line(acme: Workspace, bot: Bot) -> None:
    renewing.use(bot, 410)
    renewing.run(acme)
    with in_workspace(acme.pk):  # a rule that counts less from now on
        UsageBucket.objects.for_workspace(acme).filter(bot=bot).update(alert_sessions=403)

    renewing.run(acme, MAY_CLOSE)

    assert renewing.facts(renewing.orders(acme)[1]) == [(bot.key, "fee", "essential", 1, "60.00")]
    with in_workspace(acme.pk):
        entry = AuditEntry.objects.for_workspace(acme).get(action="usage.overcharged")
    assert entry.target == bot.key
    assert entry.after == {
        "meter": "billing_sessions", "from": "2026-03-01", "to": "2026-03-31",
        "net": "1.2600", "currency": "USD",
    }  # fmt: skip


def test_what_was_ordered_too_much_is_given_back_once_by_credit_note(
    acme: Workspace, bot: Bot
) -> None:
    renewing.use(bot, 410)
    renewing.run(acme)
    (april,) = renewing.orders(acme)
    orders.complete(order=april, at=CLOSE + DAY)
    with in_workspace(acme.pk):  # a rule that counts less from now on
        UsageBucket.objects.for_workspace(acme).filter(bot=bot).update(alert_sessions=403)

    renewing.run(acme, MAY_CLOSE)
    renewing.run(acme, JUNE_CLOSE)

    with in_workspace(acme.pk):
        (note,) = IssuedDocument.objects.for_workspace(acme).credit_notes()
        (payback,) = Payback.objects.for_workspace(acme)
        assert note.corrects == IssuedDocument.objects.get(order=april, kind="invoice")
    (line,) = contents.read(note).lines
    assert (line.quantity, line.price, line.net) == (Decimal(7), Decimal("0.18"), Decimal("1.26"))
    assert line.days == (MARCH, date(2026, 3, 31))
    assert payback.amount == note.gross == Decimal("1.26")
    assert books.sums(acme)[Account.REVENUE_USAGE] == Decimal("-0.54")
    assert verification.verify(acme) == []


def test_credit_notes_go_to_the_latest_order_first_and_are_at_most_what_it_ordered(
    acme: Workspace, bot: Bot
) -> None:
    renewing.use(bot, 410)
    renewing.run(acme)
    renewing.use(bot, 20, rolled=CLOSE + DAY)
    renewing.run(acme, MAY_CLOSE)
    with in_workspace(acme.pk):
        UsageBucket.objects.for_workspace(acme).filter(bot=bot).update(alert_sessions=0)

    renewing.run(acme, JUNE_CLOSE)

    with in_workspace(acme.pk):
        notes = IssuedDocument.objects.for_workspace(acme).credit_notes().order_by("corrects")
        named = notes.values_list("corrects__number", "net")
        assert list(named) == [
            ("ACME-2026-000001", Decimal("1.80")), ("ACME-2026-000002", Decimal("3.60")),
        ]  # fmt: skip
        assert not Payback.objects.exists()  # neither invoice is paid
        (april, *_) = renewing.orders(acme)
    orders.complete(order=april, at=JUNE_CLOSE)
    with in_workspace(acme.pk):
        assert [payback.amount for payback in Payback.objects.all()] == [Decimal("1.80")]


# As promised


@settings(max_examples=12, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(
    plan=st.sampled_from(["essential", "advanced"]),
    first=st.integers(2, 28),
    then=st.sampled_from(["", "standard", "essential"]),
    usage=st.lists(st.tuples(st.integers(1, 27), st.integers(1, 900)), max_size=4),
    seats=st.integers(0, 3),
)
def test_renewal_is_what_the_next_invoices_promised(
    plan: str, first: int, then: str, usage: list[tuple[int, int]], seats: int
) -> None:
    of = renewing.workspace(f"promise-{next(make.numbers)}")
    owner = make.member(of).user
    bot = make.bot(of)
    upgraded = datetime(2026, 3, first, 12, tzinfo=UTC)
    last = datetime(2026, 3, 31, 23, 30, tzinfo=UTC)
    quoted = plan_changes.quote(bot=bot, version=renewing.version(plan), at=upgraded)
    order = plan_changes.change(
        bot=bot, version=renewing.version(plan), seen=quoted.seen, buyer=owner, at=upgraded,
        key="first", method=Method.SANDBOX,
    )  # fmt: skip
    assert order is not None
    orders.complete(order=order, at=upgraded)
    for day, sessions in usage:
        renewing.use(bot, sessions, at=datetime(2026, 3, day, 15, tzinfo=UTC), rolled=last)
    renewing.hold(bot, seats, at=MID_MARCH, rolled=last)
    if then and then != plan:
        seen = plan_changes.quote(bot=bot, version=renewing.version(then), at=last)
        if seen.upgrade is None:
            plan_changes.change(
                bot=bot, version=renewing.version(then), seen=seen.seen, buyer=owner, at=last,
                key="then", method=None,
            )  # fmt: skip
            promised = seen.bills[0]
            assert promised.on == APRIL
            check(of, promised)
            return
    with in_workspace(of.pk):
        bills = plan_changes.expect_bills(
            bot, quoted.offer, quoted.offer, None, APRIL, today=last.date(), at=last
        )
    check(of, bills[0])


def check(of: Workspace, promised: plan_changes.Bill) -> None:
    """Close March, and compare the renewal with what was promised on its last evening."""
    renewing.run(of)
    found: list[Order] = renewing.orders(of)

    assert sum(renewing.nets(of)) == promised.net
    with in_workspace(of.pk):
        lines = [
            line for order in found for group in order_lines.read(order) for line in group.lines
        ]
    assert [line.kind for line in lines] == [line.kind for line in promised.lines]
    assert [line.net for line in lines] == [line.net for line in promised.lines]
