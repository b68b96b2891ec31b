"""Usage statements: one for each closed month, frozen, which tie to ledger and sessions."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from io import StringIO
from typing import LiteralString

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection
from django.test.utils import CaptureQueriesContext
from psycopg.sql import SQL, Identifier

from accounts.models import Bot, Workspace
from accounts.tenancy import in_workspace
from benchmarks import scratch
from invoices import close, refunds, statement_contents, statement_queries, statements
from plans import charging
from plans.models import Currency, Price, WorkspaceBilling
from tests import make
from tests.at_once import at_once
from tests.invoices import buying, renewing, stating
from tests.invoices.renewing import APRIL, CLOSE, DAY, HOUR, MARCH, MAY, MID_MARCH
from tests.plans import books
from tests.rows import made_once
from usage import zones
from usage.models import UsageDayInAll

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

MAY_CLOSE = datetime(2026, 5, 2, tzinfo=UTC)  # of April
JUNE_CLOSE = datetime(2026, 6, 2, tzinfo=UTC)
MARCH_16, MARCH_17 = date(2026, 3, 16), date(2026, 3, 17)
SESSIONS = "billing_sessions"


@pytest.fixture
@made_once
def acme() -> Workspace:
    globex = renewing.workspace("globex")
    renewing.use(make.bot(globex, "foreign"), 3)
    return renewing.workspace()


@pytest.fixture
@made_once
def bot(acme: Workspace) -> Bot:
    return made_then(make.bot(acme))


def made_then(bot: Bot) -> Bot:
    """Have a bot be as old as the billing: the database's clock is another than the tests'."""
    with in_workspace(bot.workspace_id):
        Bot.objects.filter(pk=bot.pk).update(created_at=renewing.OPENED)
    return bot


# What it says


def test_close_states_what_was_used_and_what_it_took_from_credits(
    acme: Workspace, bot: Bot
) -> None:
    renewing.use(bot, 5)
    renewing.use(bot, 2, at=MID_MARCH + DAY)

    renewing.run(acme)

    assert stating.lines(acme) == [
        (bot.key, MARCH_16, SESSIONS, 5, "1.00"),
        (bot.key, MARCH_17, SESSIONS, 2, "0.40"),
    ]
    assert stating.balances(acme) == {
        ("shared", "free"): ["0.00", "500.00", "-1.40", "0.00", "0.00", "0.00", "498.60"]
    }
    assert stating.bot(bot).alert_sessions == 7
    assert stating.differences(acme) == []


def test_next_month_opens_with_what_the_month_before_closed_with(acme: Workspace, bot: Bot) -> None:
    renewing.use(bot, 5)
    renewing.closed(acme)
    renewing.use(bot, 1, at=CLOSE + DAY, rolled=MAY_CLOSE)

    renewing.run(acme, MAY_CLOSE)

    assert stating.balances(acme, APRIL) == {
        ("shared", "free"): ["499.00", "0.00", "-0.20", "0.00", "0.00", "0.00", "498.80"]
    }
    assert stating.differences(acme) == []


def test_late_usage_stands_on_the_statement_of_the_month_in_which_it_is_booked(
    acme: Workspace, bot: Bot
) -> None:
    renewing.use(bot, 5)
    renewing.closed(acme)
    renewing.use(bot, 2, rolled=CLOSE + DAY)

    renewing.run(acme, MAY_CLOSE)

    assert stating.lines(acme) == [(bot.key, MARCH_16, SESSIONS, 5, "1.00")]
    assert stating.lines(acme, APRIL) == [(bot.key, MARCH_16, SESSIONS, 2, "0.40")]
    assert stating.bot(bot, APRIL).alert_sessions == 0
    (of,) = read(acme, APRIL).bots
    assert [(usage.late, usage.quantity) for usage in of.usage] == [(True, 2)]
    assert stating.differences(acme) == []


def test_month_without_usage_has_a_statement(acme: Workspace, bot: Bot) -> None:
    renewing.run(acme)

    assert stating.lines(acme) == []
    assert stating.closing(acme) == 500
    assert stating.bot(bot).billing_sessions == 0
    assert not read(acme).has_usage


def test_wallets_of_bots_overdrafts_lapses_and_refunds_add_up(acme: Workspace, bot: Bot) -> None:
    sales = make.bot(acme, "sales")
    order = buying.paid(acme, "100", bot=sales)
    books.free(acme, 3, bot=bot, last_day=date(2026, 3, 20))
    renewing.use(bot, 10)  # 2.00 of its own 3.00
    renewing.use(sales, 10)  # 2.00 of the shared free ones
    charging.run(workspace_id=acme.pk, now=CLOSE - 2 * DAY)
    refunds.refund(order=order, expected=Decimal(100), reason="Not needed.", at=CLOSE - 2 * DAY)
    renewing.run(acme)
    renewing.use(sales, 2500, at=CLOSE, rolled=CLOSE + HOUR)  # 500.00, of which 2.00 are owed
    charging.run(workspace_id=acme.pk, now=CLOSE + DAY)
    buying.paid(acme, "100", at=CLOSE + DAY)  # pays the overdraft
    renewing.run(acme, MAY_CLOSE)

    assert stating.balances(acme) == {
        ("shared", "free"): ["0.00", "500.00", "-2.00", "0.00", "0.00", "0.00", "498.00"],
        (bot.key, "free"): ["0.00", "3.00", "-2.00", "0.00", "-1.00", "0.00", "0.00"],
        (sales.key, "bought"): ["0.00", "100.00", "0.00", "0.00", "0.00", "-100.00", "0.00"],
    }
    assert stating.balances(acme, APRIL) == {
        ("shared", "bought"): ["0.00", "100.00", "0.00", "-2.00", "0.00", "0.00", "98.00"],
        ("shared", "free"): ["498.00", "0.00", "-498.00", "0.00", "0.00", "0.00", "0.00"],
        (sales.key, "overdraft"): ["0.00", "0.00", "-2.00", "2.00", "0.00", "0.00", "0.00"],
    }
    assert stating.differences(acme) == []


def test_credits_that_come_before_the_month_closes_pay_usage_that_is_booked_in_it(
    acme: Workspace, bot: Bot
) -> None:
    renewing.use(bot, 2500)  # 500.00
    charging.run(workspace_id=acme.pk, now=CLOSE - HOUR)
    buying.paid(acme, "100", at=CLOSE - HOUR)  # on the first of April
    renewing.use(bot, 5, rolled=CLOSE - HOUR)

    renewing.run(acme)
    renewing.run(acme, MAY_CLOSE)

    assert stating.balances(acme)["shared", "bought"][-1] == "-1.00"
    assert stating.balances(acme, APRIL)["shared", "bought"] == [
        "-1.00", "100.00", "0.00", "0.00", "0.00", "0.00", "99.00",
    ]  # fmt: skip
    assert stating.differences(acme) == []


def test_plan_with_a_fee_is_stated_by_counts_and_what_it_includes(
    acme: Workspace, bot: Bot
) -> None:
    renewing.has(bot, "essential")
    renewing.use(bot, 410)

    renewing.run(acme)

    assert stating.lines(acme) == [(bot.key, MARCH_16, SESSIONS, 410, None)]
    (use, *_) = statement_contents.read_uses(stating.bot(bot))
    assert (use.plan, use.used, use.included, use.ordered) == ("Essential", 410, 400, 10)
    assert (use.price, use.net) == (Decimal("0.18"), Decimal("1.80"))
    (order,) = renewing.orders(acme)
    assert ("usage", 10) in [(fact[1], fact[3]) for fact in renewing.facts(order)]
    assert stating.differences(acme) == []


def test_usage_within_what_is_included_is_stated_too(acme: Workspace, bot: Bot) -> None:
    renewing.has(bot, "essential")
    renewing.use(bot, 3)

    renewing.run(acme)

    (use, *_) = statement_contents.read_uses(stating.bot(bot))
    assert (use.used, use.included, use.ordered, use.net) == (3, 400, 0, Decimal(0))


def test_late_usage_of_a_plan_with_a_fee_is_stated_once(acme: Workspace, bot: Bot) -> None:
    renewing.has(bot, "essential")
    renewing.use(bot, 5)
    renewing.closed(acme)
    renewing.use(bot, 2, rolled=CLOSE + DAY)

    renewing.run(acme, JUNE_CLOSE)

    assert stating.lines(acme, APRIL) == [(bot.key, MARCH_16, SESSIONS, 2, None)]
    assert stating.lines(acme, MAY) == []
    assert stating.differences(acme) == []


def test_under_a_contract_usage_is_counted_and_nothing_is_moved(acme: Workspace, bot: Bot) -> None:
    renewing.use(bot, 1, at=MID_MARCH - DAY, rolled=MID_MARCH)
    charging.run(workspace_id=acme.pk, now=MID_MARCH)
    with in_workspace(acme.pk):
        WorkspaceBilling.objects.for_workspace(acme).update(enterprise_from=MARCH_16)
    renewing.use(bot, 4)
    renewing.run(acme)
    renewing.use(bot, 2, at=CLOSE + DAY, rolled=MAY_CLOSE)

    renewing.run(acme, MAY_CLOSE)

    assert stating.lines(acme) == [
        (bot.key, date(2026, 3, 15), SESSIONS, 1, "0.20"),
        (bot.key, MARCH_16, SESSIONS, 4, None),
    ]
    assert [line[3:] for line in stating.lines(acme, APRIL)] == [(2, None)]
    assert stating.closing(acme) == stating.closing(acme, APRIL) == Decimal("499.80")
    assert stating.statement(acme, APRIL).contract_from == MARCH_16
    assert stating.differences(acme) == []


def test_upgrade_takes_the_charges_of_its_day_back_and_the_day_is_counted(
    acme: Workspace, bot: Bot
) -> None:
    renewing.use(bot, 4, rolled=MID_MARCH)
    charging.run(workspace_id=acme.pk, now=MID_MARCH)
    renewing.has(bot, "essential", at=MID_MARCH)

    renewing.run(acme)

    assert stating.lines(acme) == [(bot.key, MARCH_16, SESSIONS, 4, None)]
    assert stating.closing(acme) == 500
    assert stating.differences(acme) == []


def test_days_are_those_of_the_zone_that_the_month_has() -> None:
    of = renewing.workspace("far", timezone="Pacific/Kiritimati")
    bot = make.bot(of)
    renewing.use(bot, 1, at=datetime(2026, 3, 16, 11, tzinfo=UTC))  # the 17th there
    zones.change(workspace=of, zone="Pacific/Pago_Pago", at=MID_MARCH)
    make.roll_up(of, now=CLOSE)

    renewing.run(of)

    assert stating.lines(of) == [(bot.key, MARCH_17, SESSIONS, 1, "0.20")]
    assert stating.statement(of).zone == "Pacific/Kiritimati"
    assert stating.differences(of) == []


def test_workspace_that_was_made_in_the_month_and_a_bot_that_was_archived_in_it() -> None:
    of = renewing.workspace("new", opened=MID_MARCH)
    bot = make.bot(of)
    gone = make.bot(of, "gone")
    renewing.use(gone, 2)
    with in_workspace(of.pk):
        Bot.objects.for_workspace(of).update(created_at=MID_MARCH)
        Bot.objects.filter(pk=gone.pk).update(archived_at=MID_MARCH)

    renewing.run(of, JUNE_CLOSE)

    said = [[each.bot.key for each in read(of, month).bots] for month in (MARCH, APRIL)]
    assert said == [[gone.key, bot.key], [bot.key]]
    assert [each.month for each in stating.statements(of)] == [MARCH, APRIL, MAY]


@pytest.mark.usefixtures("own_catalog")
def test_currency_without_decimals() -> None:
    Currency.objects.using("operator").create(
        code="JPY", decimals=0, free_credits=60000, top_up_from=10000, top_up_to=2000000,
        low_balance=5000,
    )  # fmt: skip
    for meter, amount in (("", "0"), (SESSIONS, "30.5")):
        Price.objects.using("operator").create(
            version=renewing.version("standard"), currency_id="JPY", meter=meter,
            amount=Decimal(amount),
        )  # fmt: skip
    of = renewing.workspace("tokyo", currency="JPY", timezone="Asia/Tokyo")
    bot = make.bot(of)
    renewing.use(bot, 3)

    renewing.run(of)

    assert (stating.statement(of).currency, stating.statement(of).decimals) == ("JPY", 0)
    assert [line[3:] for line in stating.lines(of)] == [(3, "91.50")]
    assert stating.closing(of) == Decimal("59908.5")
    assert stating.differences(of) == []


def test_usage_of_a_plan_without_a_price_in_the_currency_is_counted() -> None:
    of = renewing.workspace("oslo", currency="NOK")
    bot = make.bot(of)
    renewing.use(bot, 3)

    renewing.run(of)

    assert [line[3:] for line in stating.lines(of)] == [(3, None)]
    assert stating.balances(of) == {}
    assert stating.differences(of) == []


@pytest.mark.usefixtures("own_catalog")
def test_what_has_no_price_is_not_said_to_be_ordered() -> None:
    with psycopg.connect(scratch.address("owner")) as owner:
        for table in ("plans_price", "plans_planmeter"):
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
        owner.execute("UPDATE plans_price SET amount = 0 WHERE meter = 'billing_sessions'")
        owner.execute("UPDATE plans_planmeter SET included = 0")
        for table in ("plans_price", "plans_planmeter"):
            owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER".encode())
    of = renewing.workspace("gratis")
    bot = renewing.has(make.bot(of), "essential")
    renewing.use(bot, 3)

    renewing.run(of)

    uses = statement_contents.read_uses(stating.bot(bot))
    assert [(use.used, use.ordered) for use in uses if use.meter == SESSIONS] == [(3, 0)]


def test_statements_are_not_made_up_for_while_usage_of_their_months_waits(
    acme: Workspace, bot: Bot
) -> None:
    renewing.use(bot, 2)
    renewing.closed(acme)
    with psycopg.connect(scratch.address("owner")) as owner:
        for table in ("statementline", "statementbalance", "statementbot", "usagestatement"):
            owner.execute(f"TRUNCATE invoices_{table} CASCADE".encode())
    late = make.event("alert.delivered", at=MID_MARCH + HOUR, subject=bot.key)
    make.take_in(acme, late, now=CLOSE + HOUR)

    with pytest.raises(statements.StillWaiting):
        statements.make_missing(workspace_id=acme.pk, at=CLOSE + HOUR)
    make.roll_up(acme, now=CLOSE + HOUR)
    charging.run(workspace_id=acme.pk, now=CLOSE + HOUR)

    assert statements.make_missing(workspace_id=acme.pk, at=CLOSE + HOUR) == 1


def test_statement_keeps_names_as_they_were(acme: Workspace, bot: Bot) -> None:
    renewing.closed(acme)
    with in_workspace(acme.pk):
        Bot.objects.filter(pk=bot.pk).update(name="Renamed")

    assert [each.bot.name for each in read(acme).bots] == [bot.key]
    assert read(acme).heading.buyer is not None


def read(of: Workspace, month: date = MARCH) -> statement_queries.Said:
    statement = stating.statement(of, month)
    with in_workspace(of.pk):
        return statement_queries.read(statement)


# Once, and for ever


@pytest.mark.usefixtures("bot")
def test_closes_at_once_make_one_statement(acme: Workspace) -> None:
    raised = at_once(*[lambda: close.run(workspace_id=acme.pk, now=CLOSE)] * 5)

    assert raised == [None] * 5
    assert len(stating.statements(acme)) == 1


def test_close_that_is_killed_leaves_nothing_and_the_next_makes_it(
    acme: Workspace, bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewing.use(bot, 2)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(statements, "add_bots", die)
        with pytest.raises(KeyboardInterrupt):
            renewing.run(acme)
    assert (renewing.open_month(acme), stating.statements(acme)) == (MARCH, [])

    renewing.run(acme)

    assert [line[3] for line in stating.lines(acme)] == [2]


def test_usage_that_is_counted_while_a_month_closes_keeps_it_open(
    acme: Workspace, bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewing.use(bot, 2)
    make_closed = statements.make_closed

    def count_meanwhile(**values: object) -> None:
        books.mark(bot)
        make_closed(**values)  # type: ignore[arg-type]  # as it was called

    with monkeypatch.context() as busy:
        busy.setattr(statements, "make_closed", count_meanwhile)
        assert renewing.run(acme) == 0
    assert (renewing.open_month(acme), stating.statements(acme)) == (MARCH, [])
    books.mark(bot)

    assert renewing.run(acme) == 1


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE invoices_statementline SET quantity = 9",
        "UPDATE invoices_statementbalance SET opening = 1, closing = closing + 1",
        "DELETE FROM invoices_statementbot",
        "UPDATE invoices_usagestatement SET zone = 'UTC'",
        "DELETE FROM invoices_usagestatement",
    ],
)
def test_nothing_changes_a_statement_not_even_the_owner_of_the_tables(
    acme: Workspace, bot: Bot, change: LiteralString
) -> None:
    renewing.use(bot, 2)
    renewing.closed(acme)

    with (
        psycopg.connect(scratch.address("owner")) as owner,
        pytest.raises(psycopg.errors.RestrictViolation),
    ):
        owner.execute(SQL(change))


def test_second_statement_of_a_month_is_refused(acme: Workspace) -> None:
    renewing.closed(acme)
    statement = stating.statement(acme)
    statement.pk = None

    with pytest.raises(IntegrityError), in_workspace(acme.pk):
        statement.save(force_insert=True)


def test_statements_of_months_that_closed_before_are_made_from_the_ledger(
    acme: Workspace, bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        before.setattr(statements, "make_closed", lambda **_: None)
        renewing.use(bot, 5)
        renewing.run(acme)
        renewing.use(bot, 2, rolled=CLOSE + DAY)
        renewing.run(acme, MAY_CLOSE)
    assert stating.differences(acme) == ["2026-03 statement", "2026-04 statement"]

    made = [json.loads(run("make_statements", "--workspace", "acme"))["made"] for _ in range(2)]

    assert made == [2, 0]
    assert stating.lines(acme) == [(bot.key, MARCH_16, SESSIONS, 5, "1.00")]
    assert stating.lines(acme, APRIL) == [(bot.key, MARCH_16, SESSIONS, 2, "0.40")]
    assert stating.differences(acme) == []


def test_workspace_without_a_closed_month_has_no_statement_to_make(acme: Workspace) -> None:
    assert statements.make_missing(workspace_id=acme.pk, at=MID_MARCH) == 0
    assert statements.make_missing(workspace_id=make.workspace("new").pk, at=MID_MARCH) == 0
    assert stating.statements(acme) == []


def test_statement_of_many_bots_takes_as_many_queries_as_of_one() -> None:
    counts = []
    for bots in (1, 12):
        of = renewing.workspace(f"with-{bots}")
        for number in range(bots):
            renewing.use(renewing.has(make.bot(of, f"bot-{number}"), "essential"), 2)
        charging.run(workspace_id=of.pk, now=CLOSE)
        with CaptureQueriesContext(connection) as captured:
            assert close.close_next(workspace_id=of.pk, now=CLOSE)
        counts.append(len(captured))

    assert counts[0] == counts[1]


# Verified


def run(command: str, *arguments: str) -> str:
    written = StringIO()
    call_command(command, *arguments, stdout=written, stderr=StringIO())
    return written.getvalue()


def test_verification_tells_each_difference_and_fails(acme: Workspace, bot: Bot) -> None:
    renewing.use(bot, 5)
    renewing.closed(acme)
    with psycopg.connect(scratch.address("owner")) as owner:
        for table, column in (("statementline", "quantity"), ("statementbot", "alert_sessions")):
            name, set_to = Identifier(f"invoices_{table}"), Identifier(column)
            owner.execute(SQL("ALTER TABLE {} DISABLE TRIGGER append_only").format(name))
            owner.execute(SQL("UPDATE {} SET {} = 4").format(name, set_to))
            owner.execute(SQL("ALTER TABLE {} ENABLE TRIGGER append_only").format(name))

    with pytest.raises(CommandError, match="2 places"):
        run("verify_statements", "--workspace", "acme")

    assert stating.differences(acme) == [
        f"2026-03 charges of bot {bot.pk} on 2026-03-16 billing_sessions version 1",
        f"2026-03 sessions of bot {bot.pk}",
    ]
    assert run("verify_statements", "--workspace", "acme", "--month", "2026-04") == ""


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("agents = 3", "seats"),
        ("agents_peak = 3", "seats"),
        ("content = jsonb_set(content, '{0,included}', '401')", "plans"),
        ("content = '[]'", "plans"),
    ],
)
def test_verification_compares_seats_and_what_plans_include(
    acme: Workspace, bot: Bot, change: LiteralString, what: str
) -> None:
    renewing.use(renewing.has(bot, "essential"), 405)
    renewing.hold(bot, 2)
    renewing.closed(acme)
    assert stating.differences(acme) == []

    with psycopg.connect(scratch.address("owner")) as owner:
        owner.execute("ALTER TABLE invoices_statementbot DISABLE TRIGGER append_only")
        owner.execute(SQL("UPDATE invoices_statementbot SET {}").format(SQL(change)))
        owner.execute("ALTER TABLE invoices_statementbot ENABLE TRIGGER append_only")

    assert stating.differences(acme) == [f"2026-03 {what} of bot {bot.pk}"]


def test_verification_knows_seats_that_were_told_of_after_the_statement(
    acme: Workspace, bot: Bot
) -> None:
    renewing.has(bot, "essential")
    renewing.closed(acme)

    renewing.hold(bot, 2, at=renewing.OPENED - 2 * DAY, rolled=CLOSE + DAY)
    charging.run(workspace_id=acme.pk, now=CLOSE + DAY)

    assert stating.differences(acme) == []


def test_verification_knows_sessions_that_came_after_the_statement(
    acme: Workspace, bot: Bot
) -> None:
    renewing.has(bot, "essential")
    renewing.use(bot, 5)
    renewing.closed(acme)

    renewing.use(bot, 2, rolled=CLOSE + DAY)

    assert stating.differences(acme) == []


def test_verification_finds_sessions_that_are_on_no_statement(acme: Workspace, bot: Bot) -> None:
    renewing.has(bot, "essential")
    renewing.use(bot, 5)
    renewing.closed(acme)
    with in_workspace(acme.pk):
        UsageDayInAll.objects.for_workspace(acme).filter(bot=bot).update(alert_sessions=6)

    assert stating.differences(acme) == [
        f"2026-03 sessions of bot {bot.pk}",
        f"2026-03 sessions of bot {bot.pk} on 2026-03-16 billing_sessions",
    ]


def test_verification_of_all_workspaces_passes(acme: Workspace, bot: Bot) -> None:
    renewing.use(bot, 5)
    renewing.run(acme)

    assert run("verify_statements") == ""
