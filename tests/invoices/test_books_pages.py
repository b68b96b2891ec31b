"""The operators' pages of the books, what is downloaded there, and packs that a worker makes."""

import csv
import hashlib
import io
import zipfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from types import ModuleType

import pytest
import time_machine
from django.core.files.storage import default_storage
from django.http.response import HttpResponseBase
from django.test import Client

from accounts import people
from accounts.models import AuditEntry, User
from invoices import claims
from invoices.books import pack, packs, roll_forward, sales
from invoices.claims import MOST_TRIES, Lost
from invoices.packed import MonthPack
from invoices.tasks import find_due_month_packs, remove_expired_month_packs
from tests import make
from tests.at_once import at_once
from tests.conftest import WorkerStarter
from tests.invoices import buying, history
from tests.pages import GARBAGE, words
from tests.plans import books
from tests.rows import made_once

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

BOOKS = "/operator/books/"
MARCH, MAY = date(2026, 3, 1), date(2026, 5, 1)


@pytest.fixture
@made_once
def operator() -> User:
    return people.add_operator(email="op@console.example", password=make.PASSWORD)[0]


@pytest.fixture
def client(operator: User) -> Client:
    client = Client()
    client.force_login(operator)
    return client


@pytest.fixture
@made_once
def _sale() -> None:
    """A purchase of March."""
    of = books.open_without_credits(make.workspace("acme"))
    buying.paid(of, "100")


def content(answer: HttpResponseBase) -> str:
    assert answer.streaming
    return b"".join(answer).decode()


def read_csv(answer: HttpResponseBase) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content(answer))))


def audited(action: str) -> list[tuple[str, object]]:
    """Return target and values of the entries of an action in the installation's log."""
    entries = AuditEntry.objects.using("operator").filter(workspace=None, action=action)
    return [(entry.target, entry.after) for entry in entries.order_by("pk")]


def ask(operator: User, month: date = MARCH) -> MonthPack:
    return packs.ask(month=month, by=operator, at=datetime.now(UTC))


def stored(found: MonthPack) -> MonthPack:
    return MonthPack.objects.get(pk=found.pk)


def let_claim_lapse(found: MonthPack) -> None:
    MonthPack.objects.filter(pk=found.pk).update(
        claimed_until=datetime.now(UTC) - timedelta(seconds=1)
    )


def test_month_is_shown_with_what_may_still_grow(client: Client) -> None:
    history.make_all()
    books.open_without_credits(make.workspace("late"))

    page = words(client.get(f"{BOOKS}?month=2026-05"))
    receivables = words(client.get(f"{BOOKS}receivables/?as_of=2026-05-31"))
    in_dollars = words(client.get(f"{BOOKS}receivables/?as_of=2026-05-31&currency=USD"))

    assert "3 of 4 workspaces have not closed May 2026 yet: figures may still grow." in page
    assert "At start −17.85 EUR Renewals 71.40 EUR" in page
    assert "At end 53.55 EUR Owed by order 53.55 EUR" in page
    assert "Differs" not in page
    assert "globex – – 71.40 EUR 71.40 EUR – – −89.25 EUR 53.55 EUR" in receivables
    assert "acme – – 60.00 USD" in in_dollars
    assert "globex" not in in_dollars


def test_difference_is_shown(client: Client) -> None:
    history.make_hooli()
    history.tamper("UPDATE plans_ledgerentry SET amount = -299 WHERE amount = -300")

    page = words(client.get(f"{BOOKS}?month=2026-03"))

    assert "lot 2 of hooli: 300.0000 expected, 299.0000 in the ledger (USD)" in page
    assert "Difference −1.00 USD" in page


def test_months_are_those_that_can_have_postings(client: Client) -> None:
    with time_machine.travel(datetime(2026, 4, 20, tzinfo=UTC), tick=False):
        before = client.get(BOOKS)
        buying.paid(books.open_without_credits(make.workspace("acme")), "100")
        after = client.get(BOOKS)

    assert list(before.context["form"].fields["month"].choices) == [("2026-04", "April 2026")]
    assert "Nothing was booked" in words(before)
    choices = [value for value, _ in after.context["form"].fields["month"].choices]
    assert choices == ["2026-04", "2026-03"]
    assert after.context["month"] == MARCH  # the latest that is over


@pytest.mark.parametrize("month", [*GARBAGE, "2026-13", "2199-01", "1999-01", "2026-3"])
def test_odd_months_are_said_in_a_sentence(client: Client, month: str) -> None:
    page = client.get(BOOKS, {"month": month})
    file = client.get(f"{BOOKS}journal.csv", {"month": month})
    asked = client.post(f"{BOOKS}packs/new", {"month": month})

    assert "There are no books of this month." in words(page)
    assert (file.status_code, asked.status_code) == (400, 400)
    assert file.content == b"Month: There are no books of this month."
    assert audited("journal.exported") == []


@pytest.mark.parametrize("day", [*GARBAGE, "1900-01-01", "9999-12-31"])
def test_odd_days_are_said_in_a_sentence(client: Client, day: str) -> None:
    page = client.get(f"{BOOKS}receivables/", {"as_of": day, "currency": "€€€€"})
    file = client.get(f"{BOOKS}receivables.csv", {"as_of": day})

    assert (page.status_code, file.status_code) == (200, 400)


def test_downloads_are_in_the_installations_audit_log(client: Client) -> None:
    history.make_hooli()

    journal = read_csv(client.get(f"{BOOKS}journal.csv?month=2026-03"))
    rolled = read_csv(client.get(f"{BOOKS}roll-forward.csv?month=2026-03"))
    owed = read_csv(client.get(f"{BOOKS}receivables.csv?as_of=2026-03-31"))

    assert len(journal) == 4
    assert {row["workspace"] for row in journal} == {"hooli"}
    assert {row["account"] for row in rolled} >= {"prepaid_credits", "tax_payable"}
    assert owed == []
    assert audited("journal.exported") == [("journal-2026-03.csv", {"month": "2026-03"})]
    assert audited("roll_forward.exported") == [("roll-forward-2026-03.csv", {"month": "2026-03"})]
    assert audited("receivables.exported") == [
        ("receivables-2026-03-31.csv", {"as_of": "2026-03-31"})
    ]


@pytest.mark.usefixtures("_sale")
def test_pack_is_asked_for_made_and_downloaded(operator: User, client: Client) -> None:
    nothing = words(client.get(f"{BOOKS}?month=2026-03"))
    asked = client.post(f"{BOOKS}packs/new", {"month": "2026-03"})
    client.post(f"{BOOKS}packs/new", {"month": "2026-03"})  # a double click
    (found,) = MonthPack.objects.all()
    waits = words(client.get(f"{BOOKS}packs/?month=2026-03"))
    early = client.get(f"{BOOKS}packs/{found.pk}")

    assert packs.make(pack_id=found.pk)
    assert not packs.make(pack_id=found.pk)

    assert "No pack yet" in nothing
    assert asked.headers["Location"] == f"{BOOKS}?month=2026-03#packs"
    assert "Waits for a worker" in waits
    assert early.status_code == 404
    answer = client.get(f"{BOOKS}packs/{found.pk}")
    made = b"".join(answer)
    found = stored(found)
    assert hashlib.sha256(made).hexdigest() == found.sha256
    assert (found.total, found.done, found.differences) == (1, 1, 0)
    buffer = io.BytesIO()
    pack.write(MARCH, buffer, progress=lambda postings: None)
    assert made == buffer.getvalue()
    assert f"Asked for by {operator.email}" in words(client.get(f"{BOOKS}?month=2026-03"))
    assert audited("month_pack.asked") == [("books-2026-03.zip", None)]
    ((target, after),) = audited("month_pack.downloaded")
    assert (target, after) == ("books-2026-03.zip", {"sha256": found.sha256, "differences": 0})


@pytest.mark.usefixtures("_sale")
def test_packs_that_a_page_asks_for_by_itself_are_no_visits(client: Client) -> None:
    by_itself = {"X-Background": "1"}

    client.get(f"{BOOKS}packs/?month=2026-03", headers=by_itself)

    assert audited("operator.books.view") == []
    client.get(f"{BOOKS}packs/?month=2026-03")
    client.get(f"{BOOKS}?month=2026-03", headers=by_itself)  # no way around the log
    assert [target for target, _ in audited("operator.books.view")] == [f"{BOOKS}packs/", BOOKS]


@pytest.mark.usefixtures("_sale")
def test_page_of_an_unfinished_pack_is_seldom_loaded_again(operator: User, client: Client) -> None:
    ask(operator)

    page = client.get(f"{BOOKS}?month=2026-03").content.decode()

    assert '<meta http-equiv="refresh" content="60">' in page
    assert 'hx-trigger="every 5s"' in page


@pytest.mark.usefixtures("_sale")
def test_packs_at_once_are_one(operator: User) -> None:
    assert at_once(*[lambda: ask(operator)] * 4) == [None] * 4

    (found,) = MonthPack.objects.all()
    at_once(*[lambda: packs.make(pack_id=found.pk)] * 3)
    assert (stored(found).state, stored(found).attempt) == ("done", 1)


@pytest.mark.usefixtures("_sale")
def test_pack_whose_worker_died_is_begun_anew(
    operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = ask(operator)

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(pack, "write", die)
        with pytest.raises(KeyboardInterrupt):
            packs.make(pack_id=found.pk)
    assert packs.find_due() == []  # it may live

    let_claim_lapse(found)

    assert packs.find_due() == [found.pk]
    assert packs.make(pack_id=found.pk)
    assert stored(found).attempt == 2


@pytest.mark.usefixtures("_sale")
def test_pack_that_another_worker_took_is_given_up(
    operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = ask(operator)
    monkeypatch.setattr(claims, "SAYS_SO", 0)
    write = pack.write

    def be_slow(month: date, file: io.BytesIO, **values: object) -> object:
        let_claim_lapse(found)
        monkeypatch.setattr(pack, "write", write)
        assert packs.make(pack_id=found.pk)
        return write(month, file, **values)  # type: ignore[arg-type]  # as it was called

    monkeypatch.setattr(pack, "write", be_slow)

    assert not packs.make(pack_id=found.pk)

    assert (stored(found).state, stored(found).attempt) == ("done", 2)
    assert default_storage.exists(stored(found).name)


@pytest.mark.usefixtures("_sale")
@pytest.mark.parametrize("reader", [(roll_forward, "read"), (sales, "list_payments")])
def test_worker_of_a_pack_is_not_taken_for_dead_while_it_reads_the_ledger(
    operator: User, monkeypatch: pytest.MonkeyPatch, reader: tuple[ModuleType, str]
) -> None:
    found = ask(operator)
    monkeypatch.setattr(claims, "SAYS_SO", 0)
    read = getattr(*reader)
    claimed: list[datetime | None] = []

    def look(*args: object, **values: object) -> object:
        claimed.append(stored(found).claimed_until)
        return read(*args, **values)

    monkeypatch.setattr(*reader, look)
    assert packs.make(pack_id=found.pk)

    (until,) = claimed
    assert until is not None
    assert until > datetime.now(UTC) + 2 * claims.LEASE


@pytest.mark.usefixtures("_sale")
def test_pack_that_fails_is_said_and_asked_for_anew(
    operator: User, monkeypatch: pytest.MonkeyPatch, client: Client
) -> None:
    found = ask(operator)

    def fail(*_: object, **__: object) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(pack, "write", fail)
        assert not packs.make(pack_id=found.pk)

    page = words(client.get(f"{BOOKS}?month=2026-03"))
    assert "The console could not make it." in page
    assert "the disk is full" not in page
    assert ask(operator).pk != found.pk


@pytest.mark.usefixtures("_sale")
def test_pack_that_kills_its_workers_is_given_up(operator: User) -> None:
    found = ask(operator)
    for _ in range(MOST_TRIES):
        assert packs.claim(found.pk)
        let_claim_lapse(found)

    assert packs.claim(found.pk) is None
    assert stored(found).state == "failed"


def test_claim_that_lapsed_says_nothing_more(operator: User) -> None:
    found = ask(operator)
    taken = packs.claim(found.pk)
    assert taken is not None
    let_claim_lapse(found)
    packs.claim(found.pk)

    with pytest.raises(Lost):
        packs.hold(taken, done=1)


@pytest.mark.usefixtures("_sale")
def test_pack_is_removed_after_a_week_with_its_file(operator: User, client: Client) -> None:
    found = ask(operator)
    packs.make(pack_id=found.pk)
    name = stored(found).name
    default_storage.delete(name)
    gone = client.get(f"{BOOKS}packs/{found.pk}", follow=True)
    again = ask(operator)
    packs.make(pack_id=again.pk)

    with time_machine.travel(datetime.now(UTC) + timedelta(days=8), tick=False):
        remove_expired_month_packs()

    assert "This pack is not there any more." in words(gone)
    assert not MonthPack.objects.exists()
    assert not default_storage.exists(stored_name(again))


def stored_name(found: MonthPack) -> str:
    return f"packs/{found.pk}-1.zip"


@pytest.mark.usefixtures("_sale")
def test_beat_finds_packs_that_wait(operator: User, start_worker: WorkerStarter) -> None:
    found = ask(operator)
    start_worker(concurrency=1)

    find_due_month_packs()

    assert any(state == "done" for state in watch(found))


def watch(found: MonthPack) -> Iterator[str]:
    """Yield the state of a pack again and again, for a while."""
    give_up = datetime.now(UTC) + timedelta(seconds=60)
    while datetime.now(UTC) < give_up:
        yield stored(found).state


@pytest.mark.usefixtures("_sale")
def test_pack_holds_files_alone_that_a_zip_program_reads(operator: User) -> None:
    found = ask(operator)
    packs.make(pack_id=found.pk)

    with default_storage.open(stored(found).name) as file, zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 11
