"""The tie-out's page, its export, and what operators see of it."""

import csv
import io
import re
from datetime import UTC, date, datetime, timedelta
from functools import partial
from html import unescape

import psycopg
import pytest
from django.test import Client

from accounts.models import AuditEntry, Bot, Role, Workspace
from accounts.tenancy import in_workspace
from benchmarks.scratch import address
from invoices import tasks, tie_out_checks
from invoices.tied import TieOutCheck
from plans import charging
from plans.models import WorkspaceBilling
from tests import make
from tests.invoices import renewing
from tests.invoices.renewing import CLOSE, HOUR
from tests.pages import count_reads, sign_in, words
from tests.rows import made_once
from usage import zones

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

PAGE = "/w/acme/tie-out/"
MARCH = "?first=2026-03-01&last=2026-03-31"
IN_MARCH = "2026-03-16"


@pytest.fixture
@made_once
def acme() -> Workspace:
    globex = renewing.workspace("globex")
    renewing.use(make.bot(globex, "theirs"), 7)
    return renewing.workspace()


@pytest.fixture
@made_once
def bot(acme: Workspace) -> Bot:
    bot = make.bot(acme, "sales")
    renewing.use(bot, 3)
    charging.run(workspace_id=acme.pk, now=CLOSE)
    return bot


@pytest.fixture
def client(acme: Workspace) -> Client:
    return sign_in(make.member(acme))


def spoil(statement: str) -> None:
    with psycopg.connect(address("owner")) as owner:
        owner.execute(statement.encode())


def rows(client: Client, query: str) -> list[str]:
    """Return the text of each row of the table."""
    page = client.get(f"{PAGE}{query}").content.decode()
    body = page.partition("<tbody>")[2].partition("</tbody>")[0]
    return [words(Text(row)) for row in body.split("</tr>")[:-1]]


class Text:
    """A part of a page."""

    def __init__(self, text: str) -> None:
        self.content = text.encode()


def test_days_are_shown_first_with_all_that_makes_them(bot: Bot, client: Client) -> None:
    shown = rows(client, MARCH)

    assert len(shown) == 31
    (day,) = [row for row in shown if "16 Mar 2026" in row]
    assert day.split()[3:] == [
        *("0", "0", "0", "0", "0", "3", "sessions", "by", "bot", "3", "0", "0", "Ties"),
    ]


def test_day_leads_to_its_sources_and_bots_and_these_to_what_they_are_of(
    bot: Bot, client: Client
) -> None:
    day = f"first={IN_MARCH}&amp;last={IN_MARCH}"

    page = client.get(f"{PAGE}{MARCH}").content.decode()
    received = client.get(f"{PAGE}?show=receipts&kind=all&month=2026-04").content.decode()
    sessions = client.get(f"{PAGE}?show=sessions&kind=all&month=2026-03").content.decode()

    assert f"show=sessions&amp;kind=all&amp;{day}" in page
    log = "/w/acme/developers/events/?show=batches&amp;source=%2Ftests&amp;first=2026-04-02"
    assert log in received
    found = "/w/acme/usage/sessions/?bot=sales&amp;kind=all&amp;state=all&amp;timezone=UTC"
    assert f"{found}&amp;from={IN_MARCH}T00%3A00%3A00%2B00%3A00" in sessions


@pytest.mark.parametrize(
    ("tab", "first", "until"), [("sessions", "16 Mar", "17 Mar"), ("stretches", "1 Mar", "1 Apr")]
)
def test_sessions_are_of_the_zone_that_their_month_had(
    acme: Workspace, tab: str, first: str, until: str, client: Client
) -> None:
    renewing.use(renewing.has(make.bot(acme, "sales"), "essential"), 3)
    zones.change(workspace=acme, zone="Asia/Kolkata", at=CLOSE)
    page = client.get(f"{PAGE}{MARCH}&show={tab}&kind=all").content.decode()
    (address,) = re.findall(r'href="(/w/acme/usage/sessions/[^"]+)"', page)

    shown = words(client.get(unescape(address)))

    assert f"from {first} 2026, 00:00 up to {until} 2026, 00:00 (UTC)" in shown


def test_only_differences_are_shown_first_and_where_there_are_none_that_is_said(
    bot: Bot, client: Client
) -> None:
    assert "Everything ties" in words(client.get(f"{PAGE}{MARCH}&show=sessions"))

    spoil("UPDATE plans_chargedday SET quantity = 5")

    (row,) = rows(client, f"{MARCH}&show=sessions")
    assert "posted = charged: 3 and 5 (+2)" in row


def test_days_without_anything_say_so(bot: Bot, client: Client) -> None:
    assert "Nothing to compare" in words(client.get(f"{PAGE}?month=2025-12"))


def test_numbers_say_as_of_when_they_are(bot: Bot, client: Client) -> None:
    page = words(client.get(f"{PAGE}{MARCH}"))

    assert "Complete until" in page
    assert "0 open. As of 2 Apr, 00:00:00" in page


def test_day_that_is_not_over_is_open(acme: Workspace, client: Client) -> None:
    now = datetime.now(UTC)
    make.take_in(acme, make.event(at=now), now=now)

    (row,) = rows(client, f"?first={now.date()}&last={now.date()}")

    assert "Open The day is not over." in row


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("?month=1999-01", "Month: Choose one of the months offered."),
        ("?first=2026-01-01&last=2026-04-03", "At most 92 days are compared at once."),
        ("?first=2026-03-02&last=2026-03-01", "The range ends before it begins."),
        ("?show=nothing", "Show: There is no such tab."),
        ("?show=sessions&bot=theirs", "Bot (key): There is no bot 'theirs' here."),
    ],
)
def test_what_cannot_be_meant_is_said_on_the_page_and_by_the_export(
    bot: Bot, query: str, sentence: str, client: Client
) -> None:
    page, export = client.get(f"{PAGE}{query}"), client.get(f"{PAGE}export{query}")

    assert sentence in words(page)
    assert (export.status_code, sentence in export.content.decode()) == (400, True)


def test_rows_of_one_bot(acme: Workspace, bot: Bot, client: Client) -> None:
    renewing.use(make.bot(acme, "other"), 2)

    (row,) = rows(client, f"{MARCH}&show=sessions&kind=all&bot=sales")

    assert "sales" in row


@pytest.mark.parametrize(
    ("show", "values"),
    [
        ("", {"day": IN_MARCH, "sessions": "3", "charged": "3", "state": "ties"}),
        ("sessions", {"bot_key": "sales", "meter": "billing sessions", "posted": "3"}),
    ],
)
def test_export_has_the_rows_of_the_page_and_is_in_the_audit_log(
    acme: Workspace, bot: Bot, show: str, values: dict[str, str], client: Client
) -> None:
    answer = client.get(f"{PAGE}export?first={IN_MARCH}&last={IN_MARCH}&show={show}&kind=all")

    (record,) = csv.DictReader(io.StringIO(b"".join(answer).decode()))
    assert {name: record[name] for name in values} == values
    with in_workspace(acme.pk):
        entry = AuditEntry.objects.for_workspace(acme).get(action="tie_out.exported")
    assert (entry.after or {})["filters"]["first"] == [IN_MARCH]


def test_export_without_rows_has_its_columns(bot: Bot, client: Client) -> None:
    answer = client.get(f"{PAGE}export?month=2025-12&show=orders")

    assert b"".join(answer).decode().startswith("order,placed_at,net,lines,invoice,state,")


def test_plans_with_a_fee_and_their_orders(acme: Workspace, bot: Bot, client: Client) -> None:
    paid = renewing.has(make.bot(acme, "paid"), "essential")
    renewing.use(paid, 405)
    renewing.run(acme)

    (stretch,) = rows(client, f"{MARCH}&show=stretches&kind=all&bot=paid")
    (order,) = rows(client, "?month=2026-04&show=orders&kind=all")

    assert "405 sessions of paid 400 5 on order O-000001 0 0 0 Ties" in stretch
    assert "60.90 USD 60.90 USD 60.90 USD Ties" in order.replace("\xa0", " ")


def test_under_contract_orders_are_named_and_lead_nowhere(
    acme: Workspace, bot: Bot, client: Client
) -> None:
    renewing.use(renewing.has(make.bot(acme, "paid"), "essential"), 405)
    renewing.run(acme)
    with in_workspace(acme.pk):
        WorkspaceBilling.objects.for_workspace(acme).update(enterprise_from=CLOSE.date())

    pages = [
        client.get(f"{PAGE}{query}&kind=all").content.decode()
        for query in (f"{MARCH}&show=stretches", "?month=2026-04&show=orders")
    ]

    assert "O-000001" in pages[1]
    assert not any("/w/acme/orders/1/" in page for page in pages)


def test_first_page_says_which_differences_are_of_no_day(
    acme: Workspace, bot: Bot, client: Client
) -> None:
    renewing.has(make.bot(acme, "paid"), "essential")
    renewing.run(acme)
    spoil("ALTER TABLE invoices_orderline DISABLE TRIGGER USER")
    spoil("UPDATE invoices_orderline SET net = 59")
    spoil("ALTER TABLE invoices_orderline ENABLE TRIGGER USER")

    page = client.get(f"{PAGE}?month=2026-04")

    assert "Differences 1 1 Apr 2026 to 30 Apr 2026 1 in orders" in words(page)
    assert "?month=2026-04&amp;show=orders" in page.content.decode()


@pytest.mark.parametrize(
    ("role", "status"),
    [
        (Role.OWNER, 200),
        (Role.ADMIN, 200),
        (Role.FINANCE, 200),
        (Role.MEMBER, 403),
        (Role.SHARED, 404),
    ],
)
def test_who_sees_it(acme: Workspace, role: Role, status: int) -> None:
    assert sign_in(make.member(acme, role)).get(PAGE).status_code == status


def test_event_log_is_not_linked_for_who_may_not_see_it(acme: Workspace, bot: Bot) -> None:
    finance = sign_in(make.member(acme, Role.FINANCE))

    page = finance.get(f"{PAGE}?show=receipts&kind=all&month=2026-04").content.decode()

    assert "2 Apr 2026" in page
    assert "developers/events" not in page


def test_as_many_statements_for_many_bots_as_for_one(
    acme: Workspace, bot: Bot, client: Client
) -> None:
    def read() -> list[int]:
        tabs = ("", "receipts", "sessions", "stretches", "orders")
        return [count_reads(partial(client.get, f"{PAGE}{MARCH}&show={tab}")) for tab in tabs]

    renewing.use(renewing.has(make.bot(acme, "paid"), "essential"), 1)
    before = read()
    for number in range(5):
        renewing.use(make.bot(acme, f"more{number}"), 1)
        renewing.use(renewing.has(make.bot(acme, f"paid{number}"), "essential"), 1)

    assert read() == before


# At night


def check(of: Workspace, now: datetime = CLOSE) -> TieOutCheck:
    tie_out_checks.run(workspace_id=of.pk, now=now)
    with in_workspace(of.pk):
        return TieOutCheck.objects.for_workspace(of).get()


def test_check_at_night_keeps_how_many_differ_and_a_later_one_replaces_it(
    acme: Workspace, bot: Bot
) -> None:
    kept = check(acme)
    assert (kept.differences, kept.first_day, kept.last_day) == (
        0, date(2026, 2, 26), date(2026, 4, 2),
    )  # fmt: skip

    spoil(f"UPDATE plans_chargedday SET quantity = 5 WHERE bot_id = {bot.pk}")
    kept = check(acme, CLOSE + HOUR)

    assert (kept.differences, kept.checked_at) == (1, CLOSE + HOUR)


def test_month_that_stays_open_is_checked_from_its_first_day(acme: Workspace, bot: Bot) -> None:
    assert check(acme, datetime(2026, 6, 20, tzinfo=UTC)).first_day == date(2026, 3, 1)


def test_workspaces_that_were_not_checked_this_night_are_due(acme: Workspace) -> None:
    globex = make.workspace("globex")
    check(acme)

    assert tie_out_checks.find_due(now=CLOSE + HOUR) == [globex.pk]
    assert tie_out_checks.find_due(now=CLOSE + timedelta(days=1)) == [globex.pk, acme.pk]


def test_task_checks_a_workspace(acme: Workspace, bot: Bot) -> None:
    tasks.check_tie_out(workspace_id=acme.pk, now=CLOSE.isoformat())

    assert tie_out_checks.summarize()[:4] == (2, 1, 0, 0)
