"""The operator's books: journal, roll-forward, receivables by age and the month-end pack."""

import csv
import io
import json
import subprocess
import sys
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
import time_machine
from django.core.management import CommandError, call_command
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import AuditEntry, Workspace
from accounts.tenancy import in_workspace
from invoices import refunds
from invoices.books import journal, pack, receivables, roll_forward
from invoices.books.journal import Row, Tally
from invoices.books.receivables import Age
from invoices.books.roll_forward import RollForward
from plans.models import Account, CreditLot, Currency, LedgerEntry, Posting
from tests import make
from tests.conftest import ROOT, process_environment
from tests.invoices import buying, history, renewing
from tests.invoices.history import MONTHS, tamper
from tests.invoices.renewing import CLOSE, DAY
from tests.plans import books
from tests.rows import made_once

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

MARCH, APRIL, MAY, JUNE = MONTHS
NONE = Decimal(0)


def run(command: str, *, month: date | None = None, **options: object) -> tuple[str, str]:
    """Run a command and return what it prints, and what it says."""
    out, said = io.StringIO(), io.StringIO()
    of = ["--month", f"{month:%Y-%m}"] if month else []
    given = [part for name, value in options.items() for part in (option(name), str(value))]
    call_command(command, *of, *given, stdout=out, stderr=said)
    return out.getvalue(), said.getvalue()


def option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def run_receivables(day: str, format: str = "csv") -> tuple[str, str]:
    return run("receivables", as_of=day, format=format)


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def all_entries() -> Iterator[tuple[Posting, LedgerEntry]]:
    """Return all entries of all workspaces with their postings."""
    postings = {(one.workspace_id, one.id): one for one in Posting.objects.using("operator").all()}
    for entry in LedgerEntry.objects.using("operator").all():
        yield postings[entry.workspace_id, entry.posting_id], entry


def make_pack(month: date) -> bytes:
    buffer = io.BytesIO()
    pack.write(month, buffer, progress=lambda postings: None)
    return buffer.getvalue()


def unpack(content: bytes) -> dict[str, str]:
    """Return the files of a pack by their names."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        return {name.partition("/")[2]: archive.read(name).decode() for name in archive.namelist()}


def find(accounts: list[RollForward], code: str, account: Account) -> dict[str, Decimal]:
    """Return the lines of an account that are not zero."""
    (found,) = (of for of in accounts if (of.currency.code, of.account) == (code, account))
    return {line.code: line.amount for line in found.all_lines if line.amount}


# The journal


def test_journal_has_every_entry_once_in_its_month() -> None:
    history.make_all()

    found = [row for month in MONTHS for row in journal.read(month=month)]

    assert {(row.workspace, row.posting, row.entry) for row in found} == {
        (entry.workspace.slug, posting.id, entry.number) for posting, entry in all_entries()
    }
    assert len(found) == len(list(all_entries()))
    amounts: defaultdict[date, Decimal] = defaultdict(Decimal)
    for posting, entry in all_entries():
        amounts[posting.booking_month] += max(entry.amount, NONE)
    for month in MONTHS:
        tally = Tally()
        rows = list(tally.watch(journal.read(month=month)))
        assert sum(of.debits for of in tally.sums.values()) == amounts[month]
        assert sum(of.credits for of in tally.sums.values()) == amounts[month]
        assert [(row.workspace, row.posting, row.entry) for row in rows] == sorted(
            (row.workspace, row.posting, row.entry or 0) for row in rows
        )


def test_journal_names_orders_and_documents() -> None:
    history.make_all()

    text, said = run("export_journal", month=MAY)
    rows = {(row["workspace"], row["key"], row["account"]): row for row in read_csv(text)}

    corrected = rows["acme", "credit_note:ACME-C-2026-000001", "receivable"]
    assert (corrected["order"], corrected["document"]) == ("O-000001", "ACME-C-2026-000001")
    assert (corrected["debit"], corrected["credit"]) == ("", "1.2600")
    placed = rows["globex", "renewal:3", "receivable"]
    assert placed["posted_at"] == "2026-05-02T00:00:00.000000Z"
    assert (placed["booking_month"], placed["service_day"]) == ("2026-05", "2026-05-02")
    assert (placed["order"], placed["document"]) == ("O-000003", "GLOBEX-2026-000003")
    assert (placed["debit"], placed["credit"], placed["currency"]) == ("71.4000", "", "EUR")
    assert {row["order"] for row in rows.values()} == {"O-000001", "O-000002", "O-000003"}
    assert "EUR: debits 71.4000, credits 71.4000, 3 entries" in said
    assert "USD: debits 124.3200, credits 124.3200, 8 entries" in said


def test_usage_has_its_bot_day_meter_and_quantity() -> None:
    history.make_acme()

    text, _ = run("export_journal", month=MARCH)

    (row,) = (row for row in read_csv(text) if row["account"] == "free_credits" and row["bot"])
    assert (row["bot"], row["service_day"], row["meter"], row["quantity"], row["debit"]) == (
        "support", "2026-03-16", "billing_sessions", "100", "20.0000",
    )  # fmt: skip


def test_journal_of_one_workspace_has_nothing_of_others() -> None:
    history.make_acme()
    hooli = history.make_hooli()

    text, _ = run("export_journal", month=MARCH, workspace="hooli")

    assert {row["workspace"] for row in read_csv(text)} == {"hooli"}
    with in_workspace(hooli.pk):
        entry = AuditEntry.objects.for_workspace(hooli).get(action="journal.exported")
    assert (entry.actor_kind, entry.actor_name) == ("command", "export_journal")


def test_journal_is_no_formula() -> None:
    acme = make.workspace("acme")
    books.open_without_credits(acme)
    bot = make.bot(acme, "=1+1")
    books.free(acme, 10, bot=bot)

    text, _ = run("export_journal", month=MARCH)

    assert {row["bot"] for row in read_csv(text)} == {"'=1+1"}


def test_posting_that_does_not_balance_is_named() -> None:
    history.make_all()
    tamper("UPDATE plans_ledgerentry SET amount = 62 WHERE account = 'payments' AND amount = 61.8")

    out = io.StringIO()
    with pytest.raises(CommandError) as refused:
        call_command("export_journal", "--month", "2026-04", stdout=out, stderr=io.StringIO())

    said = str(refused.value)
    assert "renewal:1:paid of acme: debits 62.0000, credits 61.8000 USD" in said
    assert "surplus:" in said  # likewise paid
    assert "globex" not in said
    assert len(read_csv(out.getvalue())) == len(list(journal.read(month=APRIL)))


def test_posting_without_entries_is_named() -> None:
    history.make_hooli()
    tamper("DELETE FROM plans_ledgerentry WHERE account IN ('payments', 'prepaid_credits')")

    with pytest.raises(CommandError, match="order:1 of hooli has no entries"):
        run("export_journal", month=MARCH)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(1, 4),
            st.sampled_from(["USD", "JPY"]),
            st.decimals(-100, 100, places=4).filter(bool),
        )
    )
)
def test_tally_is_the_sum_of_its_rows(given_rows: list[tuple[int, str, Decimal]]) -> None:
    rows = [
        Row("acme", posting, f"k{posting}", "charge", make.NOON, MARCH, None, None, "", None, "",
            place, "payments", None, amount, currency, None, None)
        for place, (posting, currency, amount) in enumerate(sorted(given_rows))
    ]  # fmt: skip
    tally = Tally()

    assert list(tally.watch(rows)) == rows

    for currency in {row.currency for row in rows}:
        own = [row.amount for row in rows if row.currency == currency]
        assert tally.sums[currency].debits - tally.sums[currency].credits == sum(own)
        assert tally.sums[currency].entries == len(own)
    sums: defaultdict[tuple[int, str], Decimal] = defaultdict(Decimal)
    for row in rows:
        sums[row.posting, row.currency] += row.amount
    assert {(one.posting, one.currency) for one in tally.unbalanced} == {
        key for key, amount in sums.items() if amount
    }


# The roll-forward


def test_accounts_of_a_mixed_history_add_up_from_month_to_month() -> None:
    history.make_all()

    found = {month: roll_forward.read(month=month) for month in MONTHS}

    for of in found.values():
        assert of.all_differences == []
    for before, after in pairwise(MONTHS):
        ends = {(of.currency, of.account): of.end for of in found[before].accounts}
        starts = {(of.currency, of.account): of.start for of in found[after].accounts}
        assert starts == ends
    march, april, may, june = (found[month].accounts for month in MONTHS)
    assert find(march, "USD", Account.FREE_CREDITS) == {
        "granted": 1000, "used": -20, "end": 980, "kept": 980,
    }  # fmt: skip
    assert find(march, "EUR", Account.OVERDRAFT) == {"used": 20, "end": 20, "kept": 20}
    assert find(april, "EUR", Account.OVERDRAFT) == {"start": 20, "overdrafts_paid": -20}
    assert find(april, "EUR", Account.PREPAID_CREDITS) == {
        "bought": 100, "used": -5, "overdrafts_paid": -20, "refunded": -75,
    }  # fmt: skip
    assert find(april, "EUR", Account.TAX_PAYABLE) == {
        "credits": 19, "plans": Decimal("11.4"), "refunded": Decimal("-14.25"),
        "end": Decimal("16.15"), "kept": Decimal("16.15"),
    }  # fmt: skip
    assert find(april, "USD", Account.RECEIVABLE) == {
        "renewals": Decimal("61.8"), "paid": Decimal("-123.6"),
        "end": Decimal("-61.8"), "kept": Decimal("-61.8"),
    }  # fmt: skip
    assert find(may, "USD", Account.RECEIVABLE) == {
        "start": Decimal("-61.8"), "renewals": 60, "corrected": Decimal("-1.26"),
        "paid_back": Decimal("63.06"), "end": 60, "kept": 60,
    }  # fmt: skip
    assert find(june, "USD", Account.FREE_CREDITS) == {
        "start": 980, "lapsed": -480, "end": 500, "kept": 500,
    }  # fmt: skip


def test_sums_are_those_of_the_entries() -> None:
    history.make_all()
    expected: defaultdict[tuple[date, str, str], Decimal] = defaultdict(Decimal)
    for posting, entry in all_entries():
        for month in MONTHS:
            if posting.booking_month <= month:
                expected[month, entry.currency, entry.account] += entry.amount

    for month in MONTHS:
        for of in roll_forward.read(month=month).accounts:
            sign = -1 if of.account in roll_forward.LIABILITIES else 1
            assert of.end == sign * expected[month, of.currency.code, of.account]


def test_accounts_of_what_is_seldom_add_up_too() -> None:
    history.make_initech()

    found = {month: roll_forward.read(month=month) for month in MONTHS}

    for of in found.values():
        assert of.all_differences == []
        assert all(one.total == one.ledger == sum(one.amounts) for one in of.aged.currencies)
    march, april, may, _ = (found[month].accounts for month in MONTHS)
    assert find(march, "EUR", Account.PREPAID_CREDITS) == {
        "bought": Decimal("19.35"), "overdrafts_paid": Decimal("-0.005"),
        "refunded": Decimal("-19.345"),
    }  # fmt: skip
    assert find(march, "EUR", Account.TAX_PAYABLE) == {
        "credits": Decimal("3.68"), "plans": Decimal("7.35"), "refunded": Decimal("-3.68"),
        "end": Decimal("7.35"), "kept": Decimal("7.35"),
    }  # fmt: skip
    assert find(march, "EUR", Account.RECEIVABLE) == {
        "refunded": Decimal("-23.03"), "end": Decimal("-23.03"), "kept": Decimal("-23.03"),
    }  # fmt: skip
    assert find(april, "EUR", Account.RECEIVABLE) == {
        "start": Decimal("-23.03"), "renewals": Decimal("73.76"), "refunded": -119,
        "end": Decimal("-68.27"), "kept": Decimal("-68.27"),
    }  # fmt: skip
    assert find(may, "EUR", Account.RECEIVABLE) == {
        "start": Decimal("-68.27"), "renewals": Decimal("71.40"), "corrected": Decimal("-1.07"),
        "paid": Decimal("-78.76"), "paid_back": Decimal("148.10"),
        "end": Decimal("71.40"), "kept": Decimal("71.40"),
    }  # fmt: skip


def test_changed_entry_of_a_lot_is_named_and_its_account_differs() -> None:
    history.make_acme()
    tamper(
        "UPDATE plans_ledgerentry SET amount = 21 WHERE account = 'free_credits' AND amount = 20"
    )

    with pytest.raises(CommandError) as refused:
        run("roll_forward", month=APRIL)

    assert "lot 1 of acme: 0.0000 expected, -1.0000 in the ledger (USD)" in str(refused.value)
    (of,) = (one for one in roll_forward.read(month=APRIL).accounts if one.difference)
    assert (of.account, of.difference) == (Account.FREE_CREDITS, Decimal(-1))


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        (
            "UPDATE plans_ledgerentry SET amount = 25 WHERE account = 'overdraft' AND amount > 0",
            "overdraft of bot support of globex: 0.0000 expected, 5.0000 in the ledger (EUR)",
        ),
        (
            "UPDATE plans_ledgerentry SET amount = 70 WHERE account = 'receivable'"
            " AND amount = 71.4 AND posting_id = (SELECT id FROM plans_posting"
            " WHERE key = 'renewal:1' AND workspace_id = plans_ledgerentry.workspace_id)",
            "receivable of order O-000001 of globex: 71.4000 expected, 70.0000 in the ledger (EUR)",
        ),
        (
            "UPDATE plans_ledgerentry SET amount = -12 WHERE account = 'tax_payable'"
            " AND amount = -19",
            "tax on orders, less credit notes of globex: 16.1500 expected, 9.1500 in the ledger",
        ),
        (
            "UPDATE plans_ledgerentry SET amount = -90 WHERE account = 'prepaid_credits'"
            " AND amount = -100",
            "lot 1 of globex: 0.0000 expected, -10.0000 in the ledger (EUR)",
        ),
    ],
)
def test_changed_entry_is_named(statement: str, named: str) -> None:
    history.make_globex()
    tamper(statement)

    with pytest.raises(CommandError) as refused:
        run("roll_forward", month=APRIL, format="csv")

    assert named in str(refused.value)


def test_kept_balance_that_was_changed_is_named() -> None:
    hooli = history.make_hooli()
    with in_workspace(hooli.pk):
        CreditLot.objects.for_workspace(hooli).filter(kind="bought").update(balance=250)

    with pytest.raises(CommandError, match=r"lot 2 of hooli: 250\.0000 expected, 300\.0000 in"):
        run("roll_forward", month=MARCH)


def test_roll_forward_as_json_and_csv() -> None:
    history.make_globex()

    lines, said = run("roll_forward", month=APRIL)
    text, _ = run("roll_forward", month=APRIL, format="csv")

    credits = json.loads(lines.splitlines()[0])
    assert (credits["currency"], credits["account"]) == ("EUR", "prepaid_credits")
    assert (credits["bought"], credits["used"], credits["end"]) == ("100.0000", "-5.0000", "0.0000")
    rows = {(row["account"], row["line"]): row["amount"] for row in read_csv(text)}
    assert rows["overdraft", "start"] == "20.0000"
    assert rows["receivable", "end"] == "-17.8500"
    assert "have not closed" not in said  # globex has closed April


# Receivables


def test_receivables_are_aged_by_their_due_days() -> None:
    history.make_globex()

    ages = {
        day: receivables.read(as_of=day).currencies[0].amounts
        for day in (
            date(2026, 4, 16), date(2026, 4, 17), date(2026, 4, 30), date(2026, 5, 1),
            date(2026, 5, 17), date(2026, 6, 16), date(2026, 7, 16),
        )
    }  # fmt: skip

    of_april = [list(Age)[[index for index, one in enumerate(found[:6]) if one][-1]]
                for found in ages.values()]  # fmt: skip
    assert of_april == [
        Age.NOT_DUE, Age.TO_14, Age.TO_14, Age.TO_30, Age.TO_60, Age.TO_90, Age.OLDER,
    ]  # fmt: skip
    assert {found[-1] for found in ages.values()} == {Decimal("-89.25")}


def test_receivables_of_a_past_day_are_as_they_were_then() -> None:
    history.make_all()

    def owed(day: date) -> list[tuple[str, str, Decimal]]:
        found = receivables.read(as_of=day)
        assert found.all_differences == []
        return [(item.workspace, item.order, item.amount) for item in found.items]

    assert owed(date(2026, 4, 1)) == []
    assert owed(date(2026, 4, 4)) == [
        ("globex", "O-000001", Decimal("71.4")), ("acme", "O-000001", Decimal("61.8")),
    ]  # fmt: skip
    # Paid twice on 5 April, refunded in globex on the 8th, paid back on 4 May.
    assert owed(date(2026, 4, 5))[1:] == [("acme", "O-000001", Decimal("-61.8"))]
    assert owed(date(2026, 5, 3)) == [
        ("globex", "O-000001", Decimal("71.4")), ("globex", "O-000002", Decimal("-89.25")),
        ("globex", "O-000003", Decimal("71.4")), ("acme", "O-000001", Decimal("-63.06")),
        ("acme", "O-000002", 60),
    ]  # fmt: skip
    assert ("acme", "O-000001", Decimal("-63.06")) not in owed(date(2026, 5, 4))


def test_day_ends_by_the_zone_of_the_workspace() -> None:
    globex = history.make_globex()  # in India, where the refund of 8 April 00:00 UTC is at 05:30
    assert globex.timezone == "Asia/Kolkata"

    totals = [
        receivables.read(as_of=day).currencies[0].total
        for day in (date(2026, 4, 7), date(2026, 4, 8))
    ]

    assert totals == [Decimal("71.4"), Decimal("-17.85")]


def test_receivables_are_those_of_the_ledger() -> None:
    history.make_all()

    for month in MONTHS:
        aged = receivables.read(as_of=roll_forward.find_last_day(month))
        of_month = {
            of.currency.code: of.end
            for of in roll_forward.read(month=month).accounts
            if of.account == Account.RECEIVABLE and of.end
        }
        assert {of.currency.code: of.total for of in aged.currencies} == of_month
        assert all(of.total == of.ledger == sum(of.amounts) for of in aged.currencies)


def test_receivables_by_command() -> None:
    history.make_all()

    text, said = run_receivables("2026-05-31")
    lines, _ = run_receivables("2026-05-31", format="json")
    nothing, of_nothing = run_receivables("2026-01-01")

    rows = read_csv(text)
    assert [json.loads(line)["order"] for line in lines.splitlines()] == [
        row["order"] for row in rows
    ]
    assert rows[0] == {
        "as_of": "2026-05-31", "workspace": "globex", "name": "globex", "order": "O-000001",
        "type": "renewal", "due_on": "2026-04-16", "days_overdue": "45", "age": "31_60",
        "amount": "71.40", "currency": "EUR",
    }  # fmt: skip
    assert "EUR: 53.5500 (15\N{EN DASH}30 days 71.4000, 31\N{EN DASH}60 days 71.4000" in said
    assert len(nothing.splitlines()) == 1
    assert "Nothing was owed at the end of 2026-01-01." in of_nothing


def test_receivable_that_no_order_knows_of_is_named() -> None:
    history.make_globex()
    tamper("UPDATE plans_ledgerentry SET amount = -80 WHERE account = 'receivable' AND amount < 0")

    with pytest.raises(CommandError, match=r"order O-000002 of globex: -89\.2500 expected"):
        run_receivables("2026-04-30")


# The pack


def test_same_rows_give_the_same_bytes() -> None:
    history.make_all()

    first = make_pack(MAY)
    with time_machine.travel(datetime.now(UTC) + timedelta(days=400), tick=False):
        later = make_pack(MAY)

    assert first == later
    assert first != make_pack(APRIL)


def test_pack_of_a_closed_month_stays_the_same_whatever_comes_later() -> None:
    history.make_hooli()
    first = make_pack(MARCH)
    late = renewing.workspace("late", opened=history.MAY_CLOSE)
    buying.paid(late, "100", at=history.MAY_CLOSE + DAY)

    assert make_pack(MARCH) == first


def test_pack_passes_its_own_checksums(tmp_path: Path) -> None:
    history.make_all()
    path = tmp_path / "may.zip"

    run("month_end_pack", month=MAY, output=str(path))

    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path)
    folder = tmp_path / "books-2026-05"
    checked = subprocess.run(
        ["sha256sum", "-c", "MANIFEST.sha256"], cwd=folder, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    said = {line.partition(":")[0] for line in checked.stdout.splitlines()}
    assert said | {"MANIFEST.sha256"} == {file.name for file in folder.iterdir()}
    assert path.stat().st_mode & 0o077 == 0


def test_pack_goes_to_standard_output_with_the_same_bytes() -> None:
    history.make_hooli()

    made = subprocess.run(
        [sys.executable, "manage.py", "month_end_pack", "--month", "2026-03", "--output", "-"],
        cwd=ROOT, env=process_environment(), capture_output=True, check=False,
    )  # fmt: skip

    assert made.returncode == 0, made.stderr
    assert made.stdout == make_pack(MARCH)
    assert b"4 entries." in made.stderr


def test_pack_has_the_documents_of_its_month_as_they_stood_at_its_end() -> None:
    history.make_all()

    april, may = (read_csv(unpack(make_pack(month))["documents.csv"]) for month in (APRIL, MAY))

    facts = [(row["number"], row["status"], row["gross"], row["country"]) for row in april]
    assert facts == [
        ("ACME-2026-000001", "paid", "61.80", "US"),
        ("GLOBEX-2026-000001", "overdue", "71.40", "DE"),
        ("GLOBEX-2026-000002", "paid", "119.00", "DE"),
        ("GLOBEX-C-2026-000001", "to_pay_back", "89.25", "DE"),
    ]
    assert april[3]["corrects"] == "GLOBEX-2026-000002"
    assert [(row["number"], row["status"]) for row in may] == [
        ("ACME-2026-000002", "overdue"), ("ACME-C-2026-000001", "paid_back"),
        ("GLOBEX-2026-000003", "overdue"),
    ]  # fmt: skip


@pytest.mark.usefixtures("own_catalog")
def test_document_of_a_month_that_is_over_for_the_buyer_stands_as_it_was_issued() -> None:
    make.seller(timezone="America/Los_Angeles")
    acme = books.open_without_credits(make.workspace("acme", timezone="Asia/Tokyo"))
    at = datetime(2026, 4, 1, 3, tzinfo=UTC)  # still March in Los Angeles, but not in Tokyo
    buying.paid(acme, "100", at=at)
    refunded = buying.paid(acme, "200", at=at)
    refunds.refund(order=refunded, expected=refunded.gross, reason="Agreed.", at=at)

    march = read_csv(unpack(make_pack(MARCH))["documents.csv"])

    assert [(row["number"], row["status"]) for row in march] == [
        ("ACME-2026-000001", "paid"),
        ("ACME-2026-000002", "credited"),
        ("ACME-C-2026-000001", "to_pay_back"),
    ]


def test_pack_has_tax_payments_and_series() -> None:
    history.make_all()

    files = unpack(make_pack(APRIL))

    assert files["tax.csv"].splitlines()[1:] == [
        "EUR,DE,S,19.00,2,1,85.00,16.15", "USD,US,G,0.00,1,0,61.80,0.00",
    ]  # fmt: skip
    assert files["payments.csv"].splitlines()[1:] == [
        "EUR,sandbox,1,119.00,0,0.00,119.00", "USD,sandbox,2,123.60,0,0.00,123.60",
    ]  # fmt: skip
    assert "GLOBEX-2026,1,2,2,0,,yes" in files["series.csv"].splitlines()
    assert "ACME-C-2026" not in files["series.csv"]  # begun in May
    assert files["differences.csv"].splitlines()[1:] == []
    assert "All workspaces have closed this month" in files["README.txt"]
    assert read_csv(files["journal-totals.csv"])[0] == {
        "currency": "EUR", "entries": "13", "debits": "304.6500", "credits": "304.6500",
    }  # fmt: skip


def test_pack_names_what_does_not_agree(tmp_path: Path) -> None:
    history.make_globex()
    tamper("UPDATE plans_ledgerentry SET amount = -80 WHERE account = 'receivable' AND amount < 0")
    path = tmp_path / "april.zip"

    with pytest.raises(CommandError, match="The books do not agree"):
        run("month_end_pack", month=APRIL, output=str(path))

    differences = read_csv(unpack(path.read_bytes())["differences.csv"])
    assert ("globex", "credits of refund:2") in {
        (row["workspace"], row["what"]) for row in differences
    }
    assert ("globex", "receivable of order O-000002", "9.2500") in {
        (row["workspace"], row["what"], row["difference"]) for row in differences
    }


def test_pack_of_a_month_without_anything_has_all_files() -> None:
    history.make_hooli()

    files = unpack(make_pack(date(2026, 1, 1)))

    assert len(files) == 11
    assert len(files["journal.csv"].splitlines()) == 1
    assert files["roll-forward.csv"].splitlines()[1:] == []


@pytest.mark.usefixtures("own_catalog")
def test_yen_have_no_decimals_and_are_not_added_to_others() -> None:
    Currency.objects.using("operator").create(
        code="JPY", decimals=0, free_credits=0, top_up_from=1000, top_up_to=10**6, low_balance=500
    )
    yen = make.workspace("yen", currency="JPY")
    buying.paid(yen, "10000")
    history.make_hooli()

    files = unpack(make_pack(MARCH))

    (document,) = (row for row in read_csv(files["documents.csv"]) if row["workspace"] == "yen")
    assert (document["net"], document["gross"]) == ("10000", "10000")
    assert {row["currency"] for row in read_csv(files["roll-forward.csv"])} == {"JPY", "USD"}
    assert "JPY,unknown" not in files["payments.csv"]
    assert "JPY,sandbox,1,10000,0,0,10000" in files["payments.csv"]


def test_contract_keeps_what_was_bought_before_it() -> None:
    history.make_hooli()

    found = roll_forward.read(month=MAY)

    assert found.all_differences == []
    assert find(found.accounts, "USD", Account.PREPAID_CREDITS)["end"] == 300


# Odd input


@pytest.mark.parametrize("command", ["export_journal", "roll_forward", "month_end_pack"])
def test_month_to_come_is_refused(command: str) -> None:
    later = datetime.now(UTC) + timedelta(days=62)
    options = {"output": "-"} if command == "month_end_pack" else {}

    with pytest.raises(CommandError, match=f"{later:%Y-%m} is still to come"):
        run(command, month=later.date().replace(day=1), **options)


@pytest.mark.parametrize(
    "month", ["2026-13", "2026", "2026-3", "march", "2026-03-01", "٢٠٢٦-٠٣", "1900-01", ""]
)
def test_malformed_month_is_refused_in_a_sentence(month: str) -> None:
    with pytest.raises(CommandError, match="--month"):
        call_command("export_journal", "--month", month, stdout=io.StringIO())


def test_month_without_postings_is_said() -> None:
    text, said = run("export_journal", month=MARCH)

    assert text.splitlines() == [",".join(journal.COLUMNS)]
    assert "Nothing was booked in 2026-03." in said


def test_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be written"):
        run("month_end_pack", month=MARCH, output=str(tmp_path / "no" / "where.zip"))


def test_open_months_are_said() -> None:
    history.make_acme()
    make.workspace("late")
    books.open_without_credits(make.workspace("late"))

    _, said = run("export_journal", month=MARCH)

    assert "1 of 2 workspaces have not closed 2026-03 yet" in said


def test_commands_are_in_the_installations_audit_log(tmp_path: Path) -> None:
    for command, options in (
        ("export_journal", {"month": MARCH}), ("roll_forward", {"month": MARCH}),
        ("receivables", {}), ("month_end_pack", {"month": MARCH, "output": str(tmp_path / "z")}),
    ):  # fmt: skip
        run(command, **options)

    entries = AuditEntry.objects.using("operator").filter(workspace=None).order_by("pk")
    assert [(entry.action, entry.actor_name) for entry in entries] == [
        ("journal.exported", "export_journal"), ("roll_forward.exported", "roll_forward"),
        ("receivables.exported", "receivables"), ("month_pack.exported", "month_end_pack"),
    ]  # fmt: skip


@pytest.fixture
@made_once
def many() -> Workspace:
    """A workspace with more postings than are read at once."""
    acme = make.workspace("acme")
    books.open_without_credits(acme)
    for _ in range(3):
        books.buy(acme, 1)
    return acme


def test_journal_is_read_a_few_rows_at_a_time(
    many: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.tenancy.ROWS_AT_ONCE", 2)
    rows = journal.read(month=MARCH)

    first = next(rows)
    books.buy(many, 5)  # what comes while it is read is not in it
    found = [first, *rows]

    assert len(found) == 6
    assert found[0].posted_at < CLOSE
