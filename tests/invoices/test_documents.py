import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from decimal import Decimal
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection

from accounts.models import Bot, Workspace
from accounts.tenancy import in_workspace
from invoices import composing, contents, documents, orders
from invoices.composing import Correction, Named
from invoices.issued import DocumentKind, IssuedDocument
from invoices.models import Order, OrderType
from invoices.tax import Category
from plans.models import Currency
from tests import make
from tests.at_once import at_once
from tests.conftest import process_environment
from tests.invoices import buying, papers, renewing

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

ISSUERS, KILLS, ORDERS = 8, 24, 200


def issued(of: Workspace) -> list[IssuedDocument]:
    with in_workspace(of.pk):
        found = IssuedDocument.objects.for_workspace(of)
        return list(found.select_related("order__workspace", "currency").order_by("pk"))


def numbers(of: Workspace) -> list[str]:
    return [document.number for document in issued(of)]


def pay(of: Workspace, net: str = "100", *, at: datetime = make.NOON, **more: Any) -> Order:
    placed = buying.order(of, net, at=at, **more)
    orders.complete(order=placed, at=at)
    return placed


def verify() -> list[dict[str, Any]]:
    said = StringIO()
    call_command("verify_invoice_numbers", stdout=said)
    return [json.loads(line) for line in said.getvalue().splitlines()]


@pytest.fixture
def acme() -> Workspace:
    return make.workspace("acme")


# What an invoice says


def test_completed_order_has_one_invoice(acme: Workspace) -> None:
    placed = pay(acme)
    orders.complete(order=placed, at=make.NOON)

    (invoice,) = issued(acme)
    assert (invoice.number, invoice.kind) == ("ACME-2026-000001", DocumentKind.INVOICE)
    assert (invoice.order_id, invoice.net, invoice.gross) == (placed.pk, placed.net, placed.gross)
    said = contents.read(invoice)
    assert (said.paid, said.due, said.paid_by) == (placed.gross, Decimal(0), "Sandbox")
    assert [line.text for line in said.lines] == ["Credits for all bots"]
    assert (said.seller.legal_name, said.buyer.country) == ("Sandbox Seller GmbH", "US")


@pytest.mark.usefixtures("own_catalog")
def test_invoice_keeps_what_seller_and_buyer_were(acme: Workspace) -> None:
    pay(acme)
    make.billing_details(acme, legal_name="Acme Renamed")
    make.seller(legal_name="Other Seller AG")

    said = contents.read(issued(acme)[0])

    assert said.seller.legal_name == "Sandbox Seller GmbH"
    assert said.buyer.legal_name != "Acme Renamed"


def test_order_that_is_not_paid_or_costs_nothing_has_no_invoice(acme: Workspace) -> None:
    placed = buying.order(acme)
    free = buying.order(acme, "0", type=OrderType.SUBSCRIPTION, bot=make.bot(acme))

    orders.fail(order=placed)
    assert documents.issue_for(order=free, at=make.NOON) is None

    assert issued(acme) == []


def test_renewal_is_invoiced_when_it_is_placed_and_due(acme: Workspace) -> None:
    of = renewing.workspace("globex")
    renewing.has(make.bot(of), "essential")

    renewing.run(of)

    (invoice,) = issued(of)
    (order,) = renewing.orders(of)
    said = contents.read(invoice)
    assert order.completed_at is None
    assert (said.due, said.due_on) == (order.gross, order.due_on)
    orders.complete(order=order, at=renewing.CLOSE + renewing.DAY)
    assert numbers(of) == [invoice.number]


def test_bots_of_one_name_are_told_apart(acme: Workspace) -> None:
    bots = [Bot(pk=1, name="Support", key="a"), Bot(pk=2, name="Support", key="b")]

    named = composing.name_bots([*bots, Bot(pk=3, name="<script>", key="c")])

    assert named == {1: "Support (a)", 2: "Support (b)", 3: "<script>"}


@pytest.mark.usefixtures("own_catalog")
def test_yen_have_no_cents() -> None:
    Currency.objects.using("operator").create(
        code="JPY", decimals=0, free_credits=0, free_days=90, low_balance=5000,
        top_up_from=10000, top_up_to=2000000,
    )  # fmt: skip
    tokyo = make.workspace("tokyo", currency="JPY")

    pay(tokyo, "15000")

    (invoice,) = issued(tokyo)
    assert contents.read(invoice).currency == papers.JPY
    assert (invoice.net, invoice.gross) == (Decimal(15000), Decimal(15000))


# Numbers


def test_number_and_year_are_of_the_sellers_zone(acme: Workspace) -> None:
    pay(acme, at=datetime(2026, 12, 31, 22, 59, tzinfo=UTC))
    pay(acme, at=datetime(2026, 12, 31, 23, 1, tzinfo=UTC))

    assert numbers(acme) == ["ACME-2026-000001", "ACME-2027-000001"]
    assert [str(document.issued_on) for document in issued(acme)] == ["2026-12-31", "2027-01-01"]


def test_dates_of_a_series_never_go_back(acme: Workspace) -> None:
    pay(acme, at=make.NOON)
    pay(acme, at=make.NOON - 2 * renewing.DAY)

    first, second = issued(acme)
    assert (second.sequence, second.issued_on) == (2, first.issued_on)


def test_codes_of_workspaces_differ() -> None:
    slugs = ["a-cme", "acme", "ac-me", "x" * 40, "x" * 41]
    found = []
    for slug in slugs:
        of = make.workspace(slug)
        pay(of)
        found.append(issued(of)[0].number)

    assert found == [
        "ACME-2026-000001", "ACME2-2026-000001", "ACME3-2026-000001",
        f"{'X' * 10}-2026-000001", f"{'X' * 9}2-2026-000001",
    ]  # fmt: skip


def test_eight_issuers_at_once_leave_no_gap(acme: Workspace) -> None:
    globex = make.workspace("globex")
    placed = [buying.order(of) for of in (acme, globex) for _ in range(4)]

    def complete(order: Order) -> Any:
        return lambda: orders.complete(order=order, at=make.NOON)

    raised = at_once(*[complete(order) for order in placed])

    assert raised == [None] * ISSUERS
    for of in (acme, globex):
        assert [document.sequence for document in issued(of)] == [1, 2, 3, 4]
    assert all(not series["gaps"] and not series["duplicates"] for series in verify())


# A nest sets Django up once and hatches one issuer after the other, telling their numbers; an
# issuer completes pending orders of a workspace, in any order, until there is none.
NEST = """
import django, os, random, sys
django.setup()
from datetime import UTC, datetime
from accounts.tenancy import in_workspace
from invoices import orders
from invoices.models import Order, OrderType
of = int(sys.argv[1])
def issue_all():
    while True:
        with in_workspace(of):
            found = Order.objects.filter(status="pending").select_related("workspace", "currency")
            waiting = list(found.select_related("bot")[:50])
        if not waiting:
            return
        order = random.choice(waiting)
        orders.complete(order=order, at=datetime(2026, 3, 2, 12, tzinfo=UTC))
while True:
    issuer = os.fork()
    if issuer == 0:
        issue_all()
        os._exit(0)
    print(issuer, flush=True)
    if os.waitpid(issuer, 0)[1] == 0:
        break
"""


def start_nest(of: Workspace) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", NEST, str(of.pk)],
        env=process_environment(),
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_issuers_killed_at_random_points_leave_no_gap(acme: Workspace) -> None:
    for _ in range(ORDERS):
        buying.order(acme)
    rng = random.Random(1)
    nests = [start_nest(acme) for _ in range(3)]
    for kill in range(KILLS):
        hatched = nests[kill % len(nests)].stdout
        assert hatched is not None
        if number := hatched.readline():
            time.sleep(rng.uniform(0.02, 0.15))
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(number), signal.SIGKILL)

    assert [nest.wait(timeout=120) for nest in nests] == [0] * 3

    with in_workspace(acme.pk):
        assert Order.objects.filter(status="completed").count() == ORDERS
    assert [document.sequence for document in issued(acme)] == list(range(1, ORDERS + 1))
    (series,) = verify()
    assert series == {
        "series": "ACME-2026", "first": 1, "last": ORDERS, "documents": ORDERS, "duplicates": 0,
        "gaps": [],
    }  # fmt: skip


def test_gap_is_found(acme: Workspace) -> None:
    pay(acme)
    with in_workspace(acme.pk):
        (made,) = issued(acme)
        made.pk, made.sequence, made.number, made.key = None, 4, "ACME-2026-000004", "other"
        made.kind, made.corrects_id = DocumentKind.CREDIT_NOTE, issued(acme)[0].pk
        made.save(force_insert=True)

    said = StringIO()
    with pytest.raises(CommandError, match="missing or given twice in ACME-2026"):
        call_command("verify_invoice_numbers", stdout=said)

    assert json.loads(said.getvalue())["gaps"] == [2, 3]


# What cannot be


def test_document_is_frozen(acme: Workspace) -> None:
    pay(acme)
    statements = [
        "UPDATE invoices_issueddocument SET gross = gross",
        "DELETE FROM invoices_issueddocument",
    ]

    for statement in statements:
        with (
            pytest.raises(DatabaseError),
            in_workspace(acme.pk),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)

    assert numbers(acme) == ["ACME-2026-000001"]


@pytest.mark.usefixtures("own_catalog")
def test_what_cannot_be_invoiced_is_paid_all_the_same_and_invoiced_later(
    acme: Workspace, caplog: pytest.LogCaptureFixture
) -> None:
    make.billing_details(acme, country="FR", vat_id="FR40303265045")
    placed = buying.order(acme)
    assert placed.tax_category == Category.REVERSE_CHARGE
    make.seller(standing="unregistered", vat_id="", tax_rate=Decimal(0), tax_reason="Small.")

    orders.complete(order=placed, at=make.NOON)

    assert buying.status(placed) == "completed"
    assert issued(acme) == []
    assert "no invoice of order O-000001" in caplog.text
    with pytest.raises(CommandError, match="1 orders have no invoice"):
        verify()
    make.seller()
    assert documents.issue_missing(at=make.NOON + renewing.HOUR) == 1
    assert documents.issue_missing(at=make.NOON + renewing.HOUR) == 0
    assert numbers(acme) == ["ACME-2026-000001"]
    assert contents.read(issued(acme)[0]).paid == placed.gross


@pytest.mark.parametrize(("net", "is_left"), [("60", True), ("100", True), ("100.01", False)])
def test_credit_note_is_at_most_what_is_left(acme: Workspace, net: str, is_left: bool) -> None:
    order = pay(acme)
    (invoice,) = issued(acme)

    def credit(amount: str, key: str) -> IssuedDocument:
        line = papers.line(
            quantity="1", price=amount, category=Category(order.tax_category), unit="",
            first=None, last=None,
        )  # fmt: skip
        what = Correction((line,), Named(invoice.number, invoice.issued_on), "Agreed.")
        return documents.issue_credit_note(invoice=invoice, correction=what, key=key, at=make.NOON)

    if not is_left:
        with pytest.raises(documents.NotIssued, match="more than what is left"):
            credit(net, "one")
        assert len(issued(acme)) == 1
        return
    note = credit(net, "one")
    assert credit(net, "one").pk == note.pk
    with pytest.raises(documents.NotIssued, match="more than what is left"):
        credit("50", "two")
    assert note.number == "ACME-C-2026-000001"
    said = contents.read(note)
    assert (said.preceding_number, said.notes) == (invoice.number, ("Agreed.",))
    assert documents.find_left(invoice).net == 100 - Decimal(net)


def test_other_workspaces_documents_are_not_seen(acme: Workspace) -> None:
    globex = make.workspace("globex")
    pay(globex)

    with in_workspace(acme.pk):
        assert not IssuedDocument.objects.exists()
