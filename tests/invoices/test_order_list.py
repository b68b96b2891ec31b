"""Orders & Invoices: the list, its filters, totals and exports."""

import csv
import io
import re
import zipfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.test import Client

from accounts import bots
from accounts.models import AuditEntry, Bot, Membership, Role, Workspace
from accounts.tenancy import in_workspace
from invoices import documents, files, orders
from invoices.models import Method, Order, OrderStatus, OrderType
from plans import billing, grants
from tests import make
from tests.invoices import buying
from tests.pages import count_reads, sign_in, words
from tests.rows import made_once

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

LIST = "/w/acme/orders/"
COLUMNS = [
    "Order ID", "Order date", "Plan name", "Order type", "Order status", "Amount", "Comments",
    "Payment method", "Invoice",
]  # fmt: skip
ROW = re.compile(r"O-\d{6}")


@pytest.fixture
def acme() -> Workspace:
    return make.workspace("acme")


@pytest.fixture
def owner(acme: Workspace) -> Membership:
    return make.member(acme)


@pytest.fixture
def client(owner: Membership) -> Client:
    return sign_in(owner)


def rows(client: Client, query: str = "", *, path: str = LIST) -> list[str]:
    """Return the numbers of the orders that the list shows, in its order."""
    answer = client.get(f"{path}{query}")
    assert answer.status_code == 200
    table = answer.content.decode().partition("<tbody>")[2]
    return list(dict.fromkeys(ROW.findall(table)))


def records(client: Client, query: str = "") -> list[dict[str, str]]:
    answer = client.get(f"{LIST}orders.csv{query}")
    assert answer.status_code == 200
    text = b"".join(answer).decode()
    return list(csv.DictReader(io.StringIO(text)))


def test_columns_are_those_of_the_product(acme: Workspace, client: Client) -> None:
    buying.paid(acme)

    page = client.get(LIST).content.decode()

    heads = re.findall(r"<th [^>]*>(.*?)</th>", page, re.S)
    assert [re.sub(r"<[^>]*>", "", head).strip() for head in heads] == COLUMNS


def test_row_says_what_was_ordered(acme: Workspace, client: Client) -> None:
    bot = make.bot(acme)
    placed = buying.paid(acme, "250.5", bot=bot, buyer=make.member(acme).user)
    number = buying.invoice(placed).number

    said = words(client.get(LIST))

    assert "O-000001 2 Mar 2026, 12:00 Standard support Credit purchase Completed" in said
    assert "250.50\N{NO-BREAK SPACE}USD – Sandbox" in client.get(LIST).content.decode() or (
        "250.50 USD – Sandbox" in said
    )
    assert f"{number} PDF being made" in said
    with in_workspace(acme.pk):
        files.make(workspace_id=acme.pk, document_id=buying.invoice(placed).pk, now=make.NOON)
    page = client.get(LIST).content.decode()
    assert f'href="/w/acme/invoices/{number}.pdf"' in page
    assert "being made" not in page


def test_newest_first_and_sorted_as_asked(acme: Workspace, client: Client) -> None:
    for day, net in enumerate(("100", "300", "200")):
        buying.order(acme, net, at=make.NOON + timedelta(days=day))

    assert rows(client) == ["O-000003", "O-000002", "O-000001"]
    assert rows(client, "?sort=gross") == ["O-000001", "O-000003", "O-000002"]
    assert rows(client, "?sort=created_at") == ["O-000001", "O-000002", "O-000003"]


def test_fifty_a_page(acme: Workspace, client: Client) -> None:
    for number in range(51):
        buying.order(acme, key=f"many:{number}")

    assert len(rows(client)) == 50
    assert rows(client, "?page=2") == ["O-000001"]


@pytest.fixture
@made_once
def various(acme: Workspace) -> dict[str, Order]:
    """Make orders of which each filter finds one."""
    bot = bots.create(workspace=acme, key="desk", name="Help Desk")[0]
    found = {
        "paid": buying.paid(acme, "100"),
        "open": buying.order(acme, "200", at=make.NOON + timedelta(days=1)),
        "bot": buying.paid(acme, "300", bot=bot, at=make.NOON + timedelta(days=2)),
        "renewal": buying.order(
            acme, "60", type=OrderType.RENEWAL, at=make.NOON + timedelta(days=3)
        ),
        "failed": buying.order(acme, "400", at=make.NOON + timedelta(days=4)),
    }
    orders.fail(order=found["failed"])
    documents.issue_for(order=found["renewal"], at=make.NOON)
    return found


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?show=open", ["renewal", "open"]),
        ("?show=completed", ["bot", "paid"]),
        ("?show=unpaid", ["failed"]),
        ("?show=refunded", []),
        ("?type=renewal", ["renewal"]),
        ("?status=failed", ["failed"]),
        ("?show=open&status=failed", []),
        ("?first=2026-03-05&last=2026-03-05", ["renewal"]),
        ("?last=2026-03-02", ["paid"]),
        ("?least=300", ["failed", "bot"]),
        ("?least=100&most=200", ["open", "paid"]),
        ("?bot=desk", ["bot"]),
        ("?bot=support", ["renewal"]),
        ("?number=O-000002", ["open"]),
        ("?number=2", ["open"]),
        ("?number=acme-2026-000002", ["bot"]),
        ("?number=ACME-2026", ["renewal", "bot", "paid"]),
        ("?q=help d", ["bot"]),
        ("?q=support", ["renewal"]),
        ("?q=2026-000001", ["paid"]),
        ("?q=o-000005", ["failed"]),
        ("?q=nothing", []),
    ],
)
def test_each_filter(
    various: dict[str, Order], client: Client, query: str, names: list[str]
) -> None:
    expected = [str(various[name]) for name in names]

    assert rows(client, query) == expected
    assert [record["order_id"] for record in records(client, query)] == expected


def test_search_finds_a_comment(acme: Workspace, client: Client) -> None:
    for words_of_buyer in ("Cost center 7", "Cost center 8"):
        place_with(acme, comments=words_of_buyer)

    assert rows(client, "?q=CENTER 7") == ["O-000001"]


def test_totals_are_those_of_the_rows(various: dict[str, Order], client: Client) -> None:
    buying.credit(various["bot"], "50")
    buying.credit(various["paid"], "100")
    orders.move(order=various["paid"], to=OrderStatus.REFUNDED)

    for query in ("", "?least=200", "?show=open", "?bot=desk", "?show=refunded", "?type=renewal"):
        found = records(client, query)
        paid = [row for row in found if row["order_status"] in ("completed", "refunded")]
        sums = [sum(Decimal(row[name]) for row in paid) for name in ("net", "tax", "gross")]
        credited = sum(Decimal(row["credited"]) for row in found)
        said = words(client.get(f"{LIST}{query}")).replace("\N{NO-BREAK SPACE}", " ")
        assert f"Orders {len(found)} {len(paid)} paid" in said, query
        for label, amount in zip(
            ("Paid, net", "Tax", "Paid, gross", "Credited, gross"), [*sums, credited], strict=True
        ):
            assert f"{label} {amount:,.2f} USD" in said, (query, label)
    assert rows(client, "?show=refunded") == ["O-000001"]


def test_credit_notes_stand_below_the_invoice(various: dict[str, Order], client: Client) -> None:
    note = buying.credit(various["bot"], "50")

    said = words(client.get(f"{LIST}?bot=desk")).replace("\N{NO-BREAK SPACE}", " ")

    assert f"{note.number} PDF being made View Credit note, \N{MINUS SIGN}50.00 USD" in said


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("type=x", "Order type: There is no such type of order."),
        ("status=x", "Order status: There is no such status of an order."),
        ("show=x", "Tab: There is no such tab."),
        ("first=x", "From: Enter a valid date."),
        ("first=1066-01-01", "From: The year lies before 1970."),
        ("first=2026-03-02&last=2026-03-01", "The range ends before it begins."),
        ("least=ten", "Amount from: Write an amount such as 1234.56."),
        ("most=-1", "Amount to: Write an amount of 0 or more."),
        ("least=2&most=1", "The largest amount is smaller than the smallest."),
        ("bot=nobody", "Bot: There is no bot 'nobody' here."),
    ],
)
def test_bad_values_are_said_in_a_sentence(
    various: dict[str, Order], client: Client, query: str, sentence: str
) -> None:
    page = client.get(f"{LIST}?{query}")
    file = client.get(f"{LIST}orders.csv?{query}")

    assert sentence in words(page)
    assert "<tbody" not in page.content.decode()
    assert (file.status_code, file.content.decode()) == (400, sentence)


def test_filters_are_chips_that_can_be_taken_away(
    various: dict[str, Order], client: Client
) -> None:
    page = client.get(f"{LIST}?show=open&type=renewal&least=10&bot=support").content.decode()

    assert 'href="?show=open&amp;least=10&amp;bot=support"' in page
    assert "Amount from: 10, gross" in page
    assert "Remove the filter Bot: support" in page
    assert "Remove the filter Tab" not in page
    assert "Clear filters" in page


def test_nothing_yet_differs_from_nothing_matches(acme: Workspace, client: Client) -> None:
    empty = client.get(LIST)
    assert "No orders yet" in words(empty)
    assert 'href="/w/acme/plan/funds"' in empty.content.decode()
    buying.order(acme)

    nothing = words(client.get(f"{LIST}?q=nothing"))
    assert "No orders match" in nothing
    assert "No orders yet" not in nothing
    assert "Clear filters" in nothing
    assert "No orders match" in words(client.get(f"{LIST}?show=refunded"))


def test_member_sees_the_orders_that_they_placed(acme: Workspace) -> None:
    member = make.member(acme, Role.MEMBER)
    buying.paid(acme, "100", buyer=make.member(acme).user)
    buying.paid(acme, "200", buyer=member.user)
    client = sign_in(member)

    assert rows(client) == ["O-000002"]
    assert "Paid, net 200.00 USD" in words(client.get(LIST)).replace("\N{NO-BREAK SPACE}", " ")
    assert [row["order_id"] for row in records(client)] == ["O-000002"]


def test_nothing_of_another_workspace(acme: Workspace, client: Client) -> None:
    globex = make.workspace("globex")
    buying.paid(globex, "999")
    buying.paid(acme, "100")

    assert rows(client) == ["O-000001"]
    assert rows(client, "?number=GLOBEX") == []
    assert "999" not in words(client.get(LIST))
    assert client.get("/w/globex/orders/").status_code == 404
    assert client.get("/w/globex/orders/orders.csv").status_code == 404


def test_export_is_audited_and_no_formula(acme: Workspace, client: Client) -> None:
    bot = bots.create(workspace=acme, key="evil", name="=1+1")[0]
    placed = place_with(acme, comments="@SUM(A1)", bot=bot)

    (row,) = records(client, "?least=10")
    sheet = zipfile.ZipFile(io.BytesIO(client.get(f"{LIST}orders.xlsx").content))

    assert (row["bot"], row["comments"]) == ("'=1+1", "'@SUM(A1)")
    assert (row["order_id"], row["gross"], row["currency"]) == (str(placed), "100.00", "USD")
    assert "'=1+1" in sheet.read("xl/sharedStrings.xml").decode()
    assert "<f>" not in sheet.read("xl/worksheets/sheet1.xml").decode()
    with in_workspace(acme.pk):
        entries = AuditEntry.objects.for_workspace(acme).filter(action="orders.exported")
        found = list(entries.order_by("pk").values_list("target", "after"))
    assert found == [
        ("orders-acme.csv", {"filters": {"least": ["10"]}}),
        ("orders-acme.xlsx", {"filters": {}}),
    ]


def test_names_are_never_markup(acme: Workspace, client: Client) -> None:
    bot = bots.create(workspace=acme, key="evil", name="<script>alert(1)</script>")[0]
    buying.paid(acme, bot=bot)

    page = client.get(f"{LIST}?bot=evil").content.decode()

    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_as_many_queries_for_one_order_as_for_many(acme: Workspace, client: Client) -> None:
    buying.paid(acme, bot=make.bot(acme))
    client.get(LIST)
    few = count_reads(lambda: client.get(LIST))
    for number in range(8):
        paid = buying.paid(acme, bot=make.bot(acme, f"b{number}"), buyer=make.member(acme).user)
        buying.credit(paid, "1")

    assert count_reads(lambda: client.get(LIST)) == few


def test_under_a_contract_there_are_no_orders(acme: Workspace, client: Client) -> None:
    placed = buying.paid(acme)
    with in_workspace(acme.pk):
        billing.open_billing(workspace=acme, at=make.NOON)
    assert f'href="{LIST}"' in client.get("/w/acme/plan/").content.decode()
    day = (make.NOON + timedelta(days=1)).date()
    grants.begin_contract(workspace=acme, day=day, reason="Signed.", at=make.NOON)

    for path in ("", "orders.csv", "orders.xlsx"):
        refused = client.get(f"{LIST}{path}")
        assert refused.status_code == 404, path
        assert str(placed) not in words(refused)
        assert "This workspace is under contract" in words(refused)
    menu = client.get("/w/acme/plan/").content.decode()
    assert f'href="{LIST}"' not in menu
    assert 'href="/w/acme/settings/documents"' in menu


def test_a_contract_to_come_changes_nothing(acme: Workspace, client: Client) -> None:
    now = datetime.now(UTC)
    with in_workspace(acme.pk):
        billing.open_billing(workspace=acme, at=now)
    grants.begin_contract(
        workspace=acme, day=(now + timedelta(days=9)).date(), reason="Signed.", at=now
    )

    assert client.get(LIST).status_code == 200


def place_with(of: Workspace, *, comments: str, bot: Bot | None = None) -> Order:
    make.billing_details(of)
    return orders.place(
        workspace=of,
        type=OrderType.CREDIT_PURCHASE,
        buyer=None,
        net=Decimal(100),
        at=make.NOON,
        key=comments,
        method=Method.SANDBOX,
        comments=comments,
        bot=bot,
    )
