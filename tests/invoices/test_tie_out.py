"""Numbers that are kept apart agree, and where one is changed exactly that difference is shown."""

import gzip
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from accounts.models import Bot, Workspace
from accounts.tenancy import in_workspace
from benchmarks.scratch import address
from invoices import documents, tie_out
from invoices.board import Board, State
from invoices.stretch_counts import Stretch
from plans import billing, catalog, charging
from plans.catalog import FEE, Terms
from plans.models import Plan, WorkspaceBilling
from tests import make
from tests.invoices import renewing
from tests.invoices.renewing import CLOSE, DAY, HOUR, MARCH, MID_MARCH
from tests.rows import made_once
from usage import rebuild, retention
from usage.models import Intake

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

MAY_CLOSE = datetime(2026, 5, 2, tzinfo=UTC)  # of April
IN_MARCH = {"first": MARCH, "last": date(2026, 3, 31)}
IN_APRIL = {"first": MARCH, "last": date(2026, 4, 30)}


@pytest.fixture
@made_once
def acme() -> Workspace:
    """Have another workspace with other numbers, of which none may show."""
    globex = renewing.workspace("globex")
    renewing.use(make.bot(globex), 7)
    return renewing.workspace()


@pytest.fixture
@made_once
def bot(acme: Workspace) -> Bot:
    """Have a bot whose usage is taken from credits."""
    return make.bot(acme)


def check(of: Workspace, *, now: datetime = CLOSE + HOUR, **days: date) -> Board:
    return tie_out.check(of, now=now, **(days or IN_APRIL))


def gaps(of: Workspace, **values: Any) -> list[tuple[object, ...]]:
    """Return of each equation that does not hold its name, both sides and the difference."""
    return [
        (gap["equation"], gap["expected"], gap["found"], gap["difference"])
        for gap in check(of, **values).list_gaps()
    ]


def alter(statement: str, *tables: str) -> None:
    """Change rows that nobody may change, as the owner of the database who lifts all rules."""
    with psycopg.connect(address("owner")) as owner:
        for table in tables:
            owner.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER".encode())
        assert owner.execute(statement.encode()).rowcount == 1
        owner.execute(b"SET CONSTRAINTS ALL IMMEDIATE")
        for table in tables:
            owner.execute(f"ALTER TABLE {table} ENABLE TRIGGER USER".encode())


def charge(of: Workspace, now: datetime = CLOSE) -> None:
    charging.run(workspace_id=of.pk, now=now)


def send(of: Workspace, *events: make.Event, at: datetime = MID_MARCH) -> None:
    make.take_in(of, *events, now=at)


@pytest.mark.parametrize("last", [date(2026, 2, 5), date(2026, 1, 31), date(2026, 3, 18)])
def test_without_first_day_those_before_the_last_are_compared(acme: Workspace, last: date) -> None:
    at = datetime.combine(last, time(12), UTC)
    send(acme, make.event(at=at), at=at)
    alter(f"DELETE FROM usage_event WHERE workspace_id = {acme.pk}")

    found = gaps(acme, now=datetime(2026, 3, 20, tzinfo=UTC), last=last)

    assert found == [("accepted = stored + removed", 1, 0, -1)]


def bad(source: str) -> make.Event:
    return make.event("no.such.type", source=source)


# What came in


def test_batches_of_several_sources_tie_with_duplicates_and_refused_ones(acme: Workspace) -> None:
    first = [make.event(at=MID_MARCH, source=source) for source in ("/a", "/a", "/b")]
    send(acme, *first, first[0], bad("/a"), bad("/c"), {"source": 7})
    send(acme, *first)

    board = check(acme)

    assert [
        (of.day, of.source, of.received, of.accepted, of.duplicate, of.rejected, of.stored)
        for of in board.receipts
    ] == [
        (MID_MARCH.date(), "", 1, 0, 0, 1, 0),
        (MID_MARCH.date(), "/a", 6, 2, 3, 1, 2),
        (MID_MARCH.date(), "/b", 2, 1, 1, 0, 1),
        (MID_MARCH.date(), "/c", 1, 0, 0, 1, 0),
    ]
    assert list(board.list_gaps()) == []


def test_receipts_are_of_the_local_day_on_which_they_came(acme: Workspace) -> None:
    india = renewing.workspace("india", timezone="Asia/Kolkata")
    for at in (datetime(2026, 3, 9, 18, 29, tzinfo=UTC), datetime(2026, 3, 9, 18, 30, tzinfo=UTC)):
        send(india, make.event(at=at), at=at)

    assert [of.day.day for of in check(india).receipts] == [9, 10]


def test_import_of_a_packed_file_ties_and_once_more_too(acme: Workspace, tmp_path: Path) -> None:
    file = tmp_path / "events.ndjson.gz"
    lines = [*make.encode(*make.talk(0, 1, 2, source="/file"), bad("/file")), b"not json"]
    file.write_bytes(gzip.compress(b"\n".join(lines)))
    today = datetime.now(UTC).date()

    for _ in range(2):
        call_command(
            *("import_events", str(file), "--workspace", "acme", "--create-bots"),
            stdout=StringIO(), stderr=StringIO(),
        )  # fmt: skip

    board = check(acme, now=datetime.now(UTC), first=today - DAY, last=today)
    totals = [
        (of.source, of.received, of.accepted, of.duplicate, of.rejected, of.stored)
        for of in board.receipts
    ]
    assert totals == [("", 2, 0, 0, 2, 0), ("/file", 8, 3, 3, 2, 3)]
    assert list(board.list_gaps()) == []


def test_event_that_is_gone_is_the_difference(acme: Workspace) -> None:
    send(acme, *make.talk(0, 1, 2, start=MID_MARCH))

    one = f"SELECT ctid FROM usage_event WHERE workspace_id = {acme.pk} LIMIT 1"
    alter(f"DELETE FROM usage_event WHERE ctid IN ({one})")

    assert gaps(acme) == [("accepted = stored + removed", 3, 2, -1)]


def test_event_that_no_batch_brought_is_the_difference(acme: Workspace) -> None:
    send(acme, *make.talk(0, 1, start=MID_MARCH))

    alter("UPDATE usage_intake SET accepted = 1, received = 1 WHERE accepted = 2")

    assert gaps(acme) == [("accepted = stored + removed", 1, 2, 1)]


def test_event_that_nothing_became_of_is_the_difference(acme: Workspace) -> None:
    send(acme, *make.talk(0, 1, start=MID_MARCH), bad("/tests"))

    alter("UPDATE usage_intake SET rejected = 0 WHERE rejected = 1")

    assert gaps(acme) == [("received = accepted + duplicate + rejected", 3, 2, -1)]


def test_batches_from_before_it_was_counted_are_said_to_be(acme: Workspace) -> None:
    send(acme, *make.talk(0, 1, start=MID_MARCH))
    alter("UPDATE usage_intake SET received = NULL, removed = NULL WHERE accepted = 2")

    (receipt,) = check(acme).receipts

    assert (receipt.received, receipt.uncounted, receipt.is_earlier) == (2, 2, True)
    assert receipt.gaps == []


def keep_a_year(of: Workspace, now: datetime) -> None:
    """Remove what is older than a year, as two nights do."""
    with in_workspace(of.pk):
        of.retention_months = 12
        of.save(update_fields=["retention_months"])
    for _ in range(2):
        retention.remove_old_events(workspace_id=of.pk, now=now)
    with in_workspace(of.pk):
        of.refresh_from_db()


def test_removed_events_are_noted_with_their_batch(acme: Workspace) -> None:
    old = MID_MARCH - timedelta(days=500)
    send(acme, *make.talk(0, 1, start=old, source="/old"), *make.talk(0, start=MID_MARCH))
    send(acme, *make.talk(5, start=old, source="/old"), at=MID_MARCH + HOUR)

    keep_a_year(acme, MID_MARCH + HOUR)

    board = check(acme)
    assert [(of.source, of.accepted, of.stored, of.removed) for of in board.receipts] == [
        ("/old", 3, 0, 3),
        ("/tests", 1, 1, 0),
    ]
    assert list(board.list_gaps()) == []
    with in_workspace(acme.pk):
        noted = Intake.objects.for_workspace(acme).order_by("pk").values_list("removed", flat=True)
        assert list(noted) == [2, 0, 1]


def test_what_was_removed_before_it_was_counted_is_no_difference(acme: Workspace) -> None:
    old = MID_MARCH - timedelta(days=500)
    send(acme, *make.talk(0, 1, start=old))
    alter("UPDATE usage_intake SET removed = NULL WHERE accepted = 2")

    keep_a_year(acme, MID_MARCH)

    (receipt,) = check(acme).receipts
    assert (receipt.accepted, receipt.stored, receipt.is_earlier) == (2, 0, True)
    assert receipt.gaps == []


BATCHES = st.lists(
    st.tuples(
        st.integers(0, 3),  # the day
        st.lists(st.tuples(st.sampled_from(["/a", "/b"]), st.integers(1, 4), st.booleans())),
    ),
    max_size=5,
)


@settings(max_examples=25, deadline=None, phases=[Phase.generate])
@given(batches=BATCHES)
def test_any_sequence_of_batches_ties(
    batches: Sequence[tuple[int, Sequence[tuple[str, int, bool]]]],
) -> None:
    of = make.workspace(f"any-{next(make.numbers)}")
    for day, events in batches:
        at = MID_MARCH + day * DAY
        made = [
            make.event("alert.delivered" if fine else "no.such.type", source=source,
                       id=f"{number}", at=MID_MARCH)
            for source, number, fine in events
        ]  # fmt: skip
        send(of, *made, at=at)

    board = check(of)

    assert list(board.list_gaps()) == []
    sent = sum(len(events) for _, events in batches)
    assert sum(receipt.received for receipt in board.receipts) == sent
    stored = {event[:2] for _, events in batches for event in events if event[2]}
    assert sum(receipt.stored for receipt in board.receipts) == len(stored)


# What is charged from credits


def test_sessions_tie_with_totals_charges_and_postings(acme: Workspace, bot: Bot) -> None:
    renewing.use(bot, 3)
    charge(acme)

    board = check(acme)

    (count,) = board.counts
    assert count.counted[2:4] == ("billing_sessions", renewing.version("standard").pk)
    assert count.counted[6:11] == (3, 3, 0, 3, 3)
    assert (board.find_state(count), list(board.list_gaps())) == (State.TIES, [])


def test_usage_that_waits_to_be_charged_is_open(acme: Workspace, bot: Bot) -> None:
    renewing.use(bot, 3)

    board = check(acme)

    (count,) = board.counts
    assert (count.open, board.find_state(count), count.gaps) == (3, State.OPEN, [])


def test_running_session_and_the_day_itself_are_open(acme: Workspace, bot: Bot) -> None:
    make.take_in(acme, *make.talk(0, 1, start=CLOSE), now=CLOSE)
    make.roll_up(acme, now=CLOSE + 2 * make.MINUTE)
    charge(acme)

    (count,) = check(acme, now=CLOSE + 2 * make.MINUTE).counts

    assert (count.counted.sessions, count.counted.running, count.gaps) == (0, 1, [])
    today = check(acme, now=CLOSE + 2 * make.MINUTE).list_days()[-33]
    assert (today.day, today.state) == (CLOSE.date(), State.OPEN)


@pytest.mark.usefixtures("own_catalog")
def test_running_session_is_counted_once_however_many_meters_a_plan_has(acme: Workspace) -> None:
    meters = ("conversations", "alert_sessions", "voice_sessions")
    terms = Terms(
        uses_credits=False,
        included=dict.fromkeys(meters, 0),
        prices={("USD", name): Decimal(1) for name in (FEE, *meters)},
    )
    plan = Plan.objects.get(code="essential")
    catalog.publish(plan=plan, terms=terms, replaces=1, at=MID_MARCH)
    renewing.has(make.bot(acme), "essential")
    make.take_in(acme, *make.talk(0, 1, start=CLOSE), now=CLOSE)
    make.roll_up(acme, now=CLOSE + 2 * make.MINUTE)

    board = check(acme, now=CLOSE + 2 * make.MINUTE)

    assert board.add_up().running == 1
    assert [(of.counted.meter, of.counted.running) for of in board.counts] == [("conversations", 1)]


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        (
            "UPDATE usage_usagebucket SET alert_sessions = alert_sessions + 2",
            ("sessions = totals", 3, 5, 2),
        ),
        (
            "UPDATE plans_chargedday SET quantity = quantity + 4",
            ("posted = charged", 3, 7, 4),
        ),
        (
            "DELETE FROM usage_billingsession WHERE number = 2",
            ("sessions = totals", 2, 3, 1),
        ),
    ],
)
def test_changed_row_is_shown_with_exactly_the_difference(
    acme: Workspace, bot: Bot, statement: str, expected: tuple[object, ...]
) -> None:
    renewing.use(bot, 3)
    charge(acme)
    where = "AND" if "WHERE" in statement else "WHERE"

    alter(f"{statement} {where} workspace_id = {acme.pk}")

    assert expected in gaps(acme)


def test_changed_posting_differs_from_sessions_and_from_what_is_kept(
    acme: Workspace, bot: Bot
) -> None:
    renewing.use(bot, 3)
    charge(acme)

    alter("UPDATE plans_posting SET quantity = 1 WHERE quantity = 3", "plans_posting")

    assert gaps(acme) == [
        ("sessions = posted + open", 3, 1, -2),
        ("posted = charged", 1, 3, 2),
    ]


def test_charge_of_a_total_that_was_wrong_stays_a_difference(acme: Workspace, bot: Bot) -> None:
    renewing.use(bot, 3)
    alter(f"UPDATE usage_usagedayinall SET alert_sessions = 5 WHERE workspace_id = {acme.pk}")

    charge(acme)

    assert gaps(acme) == [("sessions = posted + open", 3, 5, 2)]


def test_statement_that_says_something_else_than_was_posted_differs(
    acme: Workspace, bot: Bot
) -> None:
    renewing.use(bot, 3)
    renewing.closed(acme)
    assert [count.counted.stated for count in check(acme, now=CLOSE + HOUR).counts] == [3]

    alter("UPDATE invoices_statementline SET quantity = 4", "invoices_statementline")

    board = check(acme, now=CLOSE + HOUR)
    assert [gap["equation"] for gap in board.list_gaps()] == [
        "posted in closed months = on statements"
    ]


def test_late_usage_after_the_close_ties_by_its_service_day(acme: Workspace, bot: Bot) -> None:
    renewing.use(bot, 3)
    renewing.closed(acme)
    renewing.use(bot, 2, rolled=CLOSE + HOUR)
    charge(acme, CLOSE + HOUR)

    board = check(acme, now=CLOSE + 2 * HOUR)

    assert [count.counted.posted for count in board.counts] == [5]
    assert list(board.list_gaps()) == []


def put_under_contract(of: Workspace, day: date) -> None:
    with in_workspace(of.pk):
        WorkspaceBilling.objects.for_workspace(of).update(enterprise_from=day)


def test_under_contract_nothing_is_charged_and_that_ties(acme: Workspace, bot: Bot) -> None:
    put_under_contract(acme, MID_MARCH.date())
    renewing.use(bot, 2, at=MID_MARCH - DAY)
    renewing.use(bot, 3)
    charge(acme)

    board = check(acme)

    assert [(of.counted.sessions, of.counted.posted) for of in board.counts] == [(2, 2), (3, 0)]
    assert list(board.list_gaps()) == []
    free = {total.day: total.free for total in board.list_days() if total.free}
    assert free == {MID_MARCH.date(): 3}


# What is ordered for plans without credits


def stretch(of: Workspace, meter: str = "billing_sessions", **values: Any) -> Stretch:
    found = check(of, **values).stretches
    (one,) = [one for one in found if one.service.meter == meter and one.service.first == MARCH]
    return one


def ordered(one: Stretch) -> tuple[int, ...]:
    """Return what was used and included, ordered, late and credited, and what is open."""
    of = one.ordered
    return (one.used, one.included, of.ordered, of.late, of.credited, one.open)


@pytest.fixture
@made_once
def paid(acme: Workspace) -> Bot:
    """Have a bot whose plan has a fee, with 5 sessions and 2 seats beyond what is included."""
    bot = renewing.has(make.bot(acme, "paid"), "essential")
    renewing.use(bot, 405)
    renewing.hold(bot, 2)
    return bot


def test_usage_of_the_open_month_is_open(acme: Workspace, paid: Bot) -> None:
    board = check(acme)

    assert ordered(stretch(acme)) == (405, 400, 0, 0, 0, 5)
    assert {board.find_state(one) for one in board.stretches} == {State.OPEN}
    assert list(board.list_gaps()) == []


def test_usage_and_seats_of_a_closed_month_tie_with_the_order(acme: Workspace, paid: Bot) -> None:
    renewing.run(acme)

    board = check(acme)

    assert ordered(stretch(acme)) == (405, 400, 5, 0, 0, 0)
    assert ordered(stretch(acme, "agents")) == (2, 0, 2, 0, 0, 0)
    assert [
        (one.service.first.month, board.find_state(one)) for one in board.stretches
    ] == [(3, State.TIES), (3, State.TIES), (4, State.OPEN)]  # fmt: skip
    assert [(of.net, of.lines, of.invoice) for of in board.orders] == [(board.orders[0].net,) * 3]
    assert list(board.list_gaps()) == []


def test_late_usage_is_open_until_the_next_renewal_orders_it(acme: Workspace, paid: Bot) -> None:
    renewing.closed(acme)
    renewing.use(paid, 3, rolled=CLOSE + HOUR)
    assert ordered(stretch(acme)) == (408, 400, 5, 0, 0, 3)

    renewing.run(acme, MAY_CLOSE)

    assert ordered(stretch(acme)) == (408, 400, 5, 3, 0, 0)
    assert gaps(acme) == []


def test_less_usage_is_open_until_a_credit_note_gives_it_back(acme: Workspace, paid: Bot) -> None:
    renewing.closed(acme)
    remove_usage(acme, 2)
    assert ordered(stretch(acme)) == (403, 400, 5, 0, 0, -2)

    renewing.run(acme, MAY_CLOSE)

    assert ordered(stretch(acme)) == (403, 400, 5, 0, 2, 0)
    assert gaps(acme) == []


def remove_usage(of: Workspace, sessions: int) -> None:
    """Have the events of some sessions never been, and all counted again."""
    with psycopg.connect(address("owner")) as owner:
        owner.execute(
            "DELETE FROM usage_event WHERE ctid IN (SELECT ctid FROM usage_event"
            " WHERE workspace_id = %s AND type = 10 LIMIT %s)",
            [of.pk, sessions],
        )
        owner.execute(
            "UPDATE usage_intake SET accepted = accepted - %s, received = received - %s"
            " WHERE workspace_id = %s AND accepted > 100",
            [sessions, sessions, of.pk],
        )
    list(rebuild.run(workspace_id=of.pk, now=CLOSE + HOUR))


def test_changed_quantity_of_an_order_is_the_difference_beside_late_usage(
    acme: Workspace, paid: Bot
) -> None:
    renewing.closed(acme)
    renewing.use(paid, 3, rolled=CLOSE + HOUR)

    alter("UPDATE invoices_orderline SET quantity = 12 WHERE quantity = 5", "invoices_orderline")

    assert ordered(stretch(acme)) == (408, 400, 12, 0, 0, 3)
    assert gaps(acme) == [("used - included = ordered + late - credited + open", 8, 15, 7)]


def test_line_that_is_gone_is_missing_from_its_order(acme: Workspace, paid: Bot) -> None:
    renewing.closed(acme)

    alter("DELETE FROM invoices_orderline WHERE quantity = 5", "invoices_orderline")

    assert gaps(acme) == [("order = its lines", "100.9000", "100.0000", "-0.9000")]
    assert ordered(stretch(acme)) == (405, 400, 0, 0, 0, 5)  # what the next renewal would order


def test_order_that_lacks_its_invoice_differs(
    acme: Workspace, paid: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "issue_for", lambda **_: None)
    renewing.run(acme)

    assert gaps(acme) == [("order = its invoice", "100.9000", "0", "-100.9000")]


def test_changed_bucket_of_a_plan_with_a_fee_is_a_difference(acme: Workspace, paid: Bot) -> None:
    alter(f"UPDATE usage_usagebucket SET alert_sessions = 406 WHERE bot_id = {paid.pk}")

    assert gaps(acme) == [("sessions = totals", 405, 406, 1)] * 2  # of the day and of the stretch


def test_under_contract_nothing_of_the_month_is_ordered_and_nothing_is_open(
    acme: Workspace, paid: Bot
) -> None:
    put_under_contract(acme, date(2026, 4, 2))
    renewing.run(acme)

    one = stretch(acme)

    assert (one.open, one.due, one.left_out) == (0, 5, "Under the contract nothing is ordered.")
    assert gaps(acme) == []


# The command


def test_command_prints_each_difference_and_fails(acme: Workspace, bot: Bot) -> None:
    renewing.use(bot, 3)
    charge(acme)
    alter(f"UPDATE plans_chargedday SET quantity = 4 WHERE bot_id = {bot.pk}")
    printed = StringIO()

    with pytest.raises(CommandError, match="1 equation does not hold"):
        call_command(
            *("verify_tie_out", "--workspace", "acme"),
            *("--from", "2026-03-01", "--to", "2026-04-01"),
            stdout=printed, stderr=StringIO(),
        )  # fmt: skip

    assert [json.loads(line) for line in printed.getvalue().splitlines()] == [
        {
            "workspace": "acme",
            "bot": bot.key,
            "day": "2026-03-16",
            "meter": "billing_sessions",
            "plan": "Standard (version 1)",
            "equation": "posted = charged",
            "expected": 3,
            "found": 4,
            "difference": 1,
        }
    ]


def test_command_of_all_workspaces_succeeds_where_all_ties(acme: Workspace, bot: Bot) -> None:
    billing.open_billing(workspace=make.workspace("new"), at=CLOSE)
    said = StringIO()

    call_command("verify_tie_out", stdout=StringIO(), stderr=said)

    assert "The numbers of 3 workspaces tie." in said.getvalue()
