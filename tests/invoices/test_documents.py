from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Workspace
from accounts.tenancy import in_workspace
from invoices import contents, orders
from invoices.issued import DocumentKind, IssuedDocument
from invoices.models import Order
from tests import make
from tests.invoices import buying

pytestmark = pytest.mark.django_db(databases=["default", "operator"])
NEW_YEAR_IN_BERLIN = datetime(2026, 12, 31, 23, 30, tzinfo=UTC)


def issued(of: Workspace) -> list[IssuedDocument]:
    with in_workspace(of.pk):
        found = IssuedDocument.objects.for_workspace(of).select_related("file", "order")
        return list(found.order_by("pk"))


def pay(of: Workspace, net: str = "100", *, at: datetime = make.NOON, **more: Any) -> Order:
    placed = buying.order(of, net, at=at, **more)
    orders.complete(order=placed, at=at)
    return placed


def test_completed_order_has_one_invoice() -> None:
    acme = make.workspace("acme")

    placed = pay(acme)
    orders.complete(order=placed, at=make.NOON)

    (invoice,) = issued(acme)
    assert invoice.number == "ACME-2026-000001"
    assert (invoice.order, invoice.kind) == (placed, DocumentKind.INVOICE)
    assert (invoice.net, invoice.gross) == (placed.net, placed.gross)
    said = contents.read(invoice)
    assert (said.paid, said.due, said.paid_by) == (placed.gross, Decimal(0), "Sandbox")
