"""Orders and saved methods for tests."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.test import Client

from accounts.models import Bot, User, Workspace
from accounts.tenancy import in_workspace
from invoices import (
    billing_details,
    contents,
    documents,
    keepers,
    orders,
    payments,
    plan_changes,
    refunds,
    saved_methods,
)
from invoices.composing import Correction, Named
from invoices.issued import DocumentFile, IssuedDocument, Payback
from invoices.models import (
    LineKind,
    Method,
    MethodSetup,
    Order,
    OrderStatus,
    OrderType,
    Payment,
    PaymentStatus,
    SavedMethod,
)
from invoices.order_lines import BotLine
from invoices.providers import Answer, SetupAnswer
from invoices.rating import Line
from invoices.sandbox import SavedAnswer
from plans import catalog
from plans.models import CreditLot, LotKind, PlanVersion
from tests import make
from tests.rows import made_once

keys: Iterator[int] = itertools.count(1)


@made_once
def order(
    of: Workspace,
    net: str = "100",
    *,
    buyer: User | None = None,
    key: str = "",
    type: OrderType = OrderType.CREDIT_PURCHASE,
    bot: Bot | None = None,
    method: Method = Method.SANDBOX,
    at: datetime = make.NOON,
) -> Order:
    """Place an order, most often of the sandbox, of a workspace with billing details.

    A renewal is for the fee of one bot.
    """
    renewal = type == OrderType.RENEWAL
    if billing_details.find(of) is None:
        make.billing_details(of, at=at)
    return orders.place(
        workspace=of,
        type=type,
        buyer=buyer,
        net=Decimal(net),
        at=at,
        key=key or f"test:{next(keys)}",
        method=method,
        bot=bot,
        due_on=at.date() if renewal else None,
        lines=[BotLine(make.bot(of).pk, fee(of, Decimal(net), day=at.date()))] if renewal else (),
    )


@made_once
def paid(of: Workspace, net: str = "100", *, at: datetime = make.NOON, **more: Any) -> Order:
    """Place an order and complete it; its invoice is issued with that."""
    placed = order(of, net, at=at, **more)
    orders.complete(order=placed, at=at)
    return placed


def upgrade(bot: Bot, code: str = "essential", *, at: datetime) -> Order:
    """Order the upgrade of a bot to a plan."""
    version = PlanVersion.objects.on_offer().get(plan__code=code)
    placed = plan_changes.change(
        bot=bot,
        version=version,
        seen=plan_changes.quote(bot=bot, version=version, at=at).seen,
        buyer=make.member(bot.workspace).user,
        at=at,
        key=f"test:{next(keys)}",
        method=Method.SANDBOX,
    )
    assert placed is not None
    return placed


def invoice(of: Order) -> IssuedDocument:
    """Return the invoice of an order."""
    with in_workspace(of.workspace_id):
        found = IssuedDocument.objects.for_workspace(of.workspace_id)
        return found.invoices().select_related("order", "workspace").get(order=of)


def file(of: Order) -> DocumentFile:
    """Return the row of the invoice's PDF."""
    with in_workspace(of.workspace_id):
        return DocumentFile.objects.for_workspace(of.workspace_id).get(document__order=of)


def credit(of: Order, net: str) -> IssuedDocument:
    """Give some of an order back by a credit note, without paying it back."""
    issued = invoice(of)
    line = contents.read(issued).lines[0]
    given = replace(line, quantity=Decimal(1), unit="", price=Decimal(net), net=Decimal(net))
    correction = Correction((given,), Named(issued.number, issued.issued_on), "Given back.")
    key = f"credit:{of.number}:{net}"
    with in_workspace(of.workspace_id):
        return documents.issue_credit_note(
            invoice=issued, correction=correction, key=key, at=make.NOON
        )


def fee(of: Workspace, net: Decimal, *, day: date) -> Line:
    """Return the line of a fee."""
    offer = next(one for one in catalog.find_offers(currency=of.currency) if one.fee)
    return Line(LineKind.FEE, offer, day, day, price=net, net=net)


def wire(of: Workspace, net: str = "100", **values: Any) -> Payment:
    """Place an order that is paid by wire transfer, whose money is waited for."""
    placed = order(of, net, method=Method.WIRE, **values)
    return payments.start(order=placed, at=make.NOON)


def answer(payment: Payment, status: str, *, at: datetime = make.NOON, saved: str = "") -> bool:
    """Have the sandbox answer."""
    said = Answer(payment.reference, PaymentStatus(status), saved, f"Sandbox, {saved}")
    return payments.take_answer(workspace_id=payment.workspace_id, answer=said, at=at)


def saved_method(of: Workspace, answers: SavedAnswer = SavedAnswer.ACCEPT) -> SavedMethod:
    """Have the owner buy credits and save the method, which answers so when it is charged."""
    placed = order(of, buyer=make.member(of).user)
    payment = payments.start(order=placed, at=make.NOON, consent=payments.CONSENT)
    answer(payment, "accepted", saved=answers)
    with in_workspace(of.pk):
        return SavedMethod.objects.for_workspace(of).get(reference=answers)


def kept_method(
    of: Workspace,
    *,
    by: User,
    answers: SavedAnswer = SavedAnswer.ACCEPT,
    as_default: bool = False,
    at: datetime = make.NOON,
    until: date | None = None,
) -> SavedMethod:
    """Have somebody add a method without a purchase, which answers so when it is charged."""
    begun = setup(of, by=by, as_default=as_default, at=at)
    answer = SetupAnswer(begun.reference, answers, f"Sandbox, {answers.label}", until)
    keepers.take_answer(workspace_id=of.pk, answer=answer, at=at)
    with in_workspace(of.pk):
        kept = SavedMethod.objects.for_workspace(of).kept().select_related("workspace")
        return kept.get(reference=answers, saved_by=by)


def setup(
    of: Workspace,
    *,
    by: User,
    as_default: bool = False,
    at: datetime = make.NOON,
    method: Method = Method.SANDBOX,
) -> MethodSetup:
    """Have somebody begin to add a method without a purchase."""
    return keepers.start(workspace=of, by=by, method=method, as_default=as_default, at=at)


def remove(of: Workspace, *, by: User, at: datetime = make.NOON) -> None:
    """Remove all saved methods of a workspace."""
    with in_workspace(of.pk):
        kept = list(SavedMethod.objects.for_workspace(of).kept().select_related("workspace"))
    for saved in kept:
        saved_methods.remove(saved=saved, by=by, at=at)


def lead_on(client: Client, address: str) -> str:
    """Return the provider's page to which the console leads on from an address."""
    return str(client.get(address).headers["Location"])


def status(of: Order) -> OrderStatus:
    """Return the status that is stored."""
    with in_workspace(of.workspace_id):
        return OrderStatus(Order.objects.for_workspace(of.workspace).get(pk=of.pk).status)


def bought(of: Workspace) -> list[Decimal]:
    """Return the amounts of all bought lots, in order of their making."""
    with in_workspace(of.pk):
        lots = CreditLot.objects.for_workspace(of).filter(kind=LotKind.BOUGHT)
        return list(lots.order_by("pk").values_list("amount", flat=True))


def payback(of: Workspace, *, key: str = "") -> Payback:
    """Buy credits, have them refunded, and return what goes back."""
    placed = order(of, key=key)
    if orders.complete(order=placed, at=make.NOON):
        refunds.refund(order=placed, expected=placed.gross, reason="Odd.", at=make.NOON)
    with in_workspace(of.pk):
        return Payback.objects.for_workspace(of).get(order=placed)
