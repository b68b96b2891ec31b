"""Money that came by wire transfer: noted by an operator, once, whoever notes it and how often.

The full amount completes the order. Another sum cancels it and becomes an order of credits of
exactly what came, since money that is there has to stand somewhere. What nothing was to be paid
with any more is a surplus, to be sent back.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from accounts import audit
from accounts.days import DAY
from accounts.models import User
from accounts.tenancy import in_workspace
from invoices import orders, paybacks, payments, tax, wire
from invoices.models import (
    OF_CREDITS,
    OPEN,
    PAID,
    Method,
    Order,
    OrderType,
    Outcome,
    Payment,
    PaymentStatus,
    Transfer,
)
from invoices.providers import Answer
from invoices.tax import Sums
from plans import billing
from plans.money import MOST, round_amount
from plans.wording import say_amount

AHEAD = timedelta(hours=14)  # of UTC is the first zone in which a day begins
OLDEST = 366 * DAY  # a value date before that is mistyped


class NotPossible(ValueError):
    """What came cannot be noted so; the message says why."""


class PartOfAPlan(NotPossible):
    """Less came than a plan costs. It can become credits, if the operator says so."""


class Changed(NotPossible):
    """It would do something else by now than the operator was shown."""


@dataclass(frozen=True)
class Effect:
    """What noting a sum does.

    ``credits``: the sums of the order that is made for it. ``surplus``: what is left, to be sent
    back. ``cancels``: the order that was to be paid is canceled; a renewal stays owed.
    """

    outcome: Outcome
    surplus: Decimal = Decimal(0)
    credits: Sums | None = None
    cancels: bool = False


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """What the bank says of a transfer; ``value_on``: the day on which it credited it."""

    amount: Decimal
    value_on: date
    bank_reference: str = ""
    comment: str = ""


def find_effect(*, payment: Payment, amount: Decimal, as_credits: bool = False) -> Effect:
    """Return what noting a sum would do; the caller has admitted the workspace.

    ``as_credits``: less than a plan costs is to become credits.

    Raises:
        PartOfAPlan: it is less than a plan costs.
        NotPossible: it is no amount of this currency, or an order for it could not be invoiced.
    """
    order = payment.order
    decimals = order.currency.decimals
    if not 0 < amount <= MOST or amount != round_amount(amount, decimals=decimals):
        raise NotPossible(f"{amount} {order.currency_id} is no amount that can have come.")
    if order.status in PAID:
        return Effect(Outcome.SURPLUS, surplus=amount)
    of_credits = order.type in OF_CREDITS
    if amount == order.gross or (amount > order.gross and not of_credits):
        rest = round_amount(amount - order.gross, decimals=decimals)
        return Effect(Outcome.PAID, surplus=rest)
    if not of_credits and not as_credits:
        raise PartOfAPlan(
            f"{order} costs {say_amount(order.gross, order.currency)}, and a part of a plan cannot"
            " be bought. Wait for the rest and note the sum of all transfers then, or have what"
            " came become credits."
        )
    try:
        treatment = orders.find_treatment(order.workspace)
    except orders.NotOrdered as error:
        raise NotPossible(str(error)) from None
    sums = tax.take_out(gross=amount, rate=treatment.rate, decimals=decimals)
    cancels = order.status in OPEN and order.type != OrderType.RENEWAL
    return Effect(Outcome.CREDITS, credits=sums, cancels=cancels)


def note(
    *,
    payment: Payment,
    number: int,
    arrival: Arrival,
    by: User,
    at: datetime,
    seen: Outcome,
    as_credits: bool = False,
) -> Transfer:
    """Note that money came with the reference of a wire, and do what `find_effect` says of it.

    ``number``: which transfer with this reference it is, from 1 on. Noted again, perhaps by
    another operator, the same transfer changes nothing. ``seen``: what the operator was shown.

    Raises:
        NotPossible: see there; its value date cannot be; another sum or the next transfer is noted
            under the number already; or (`Changed`) it would do something else.
    """
    with in_workspace(payment.workspace_id):
        found = lock(payment, at=at)
        noted = Transfer.objects.for_workspace(found.workspace_id).filter(payment=found)
        if before := noted.filter(number=number).select_related("noted_by").first():
            check_same(before, arrival, found.order)
            return before
        if number != noted.count() + 1:
            raise NotPossible("An earlier transfer with this reference is not noted yet.")
        check_value_date(arrival.value_on, at=at)
        effect = find_effect(payment=found, amount=arrival.amount, as_credits=as_credits)
        if effect.outcome != seen:
            raise Changed("Meanwhile something else became of the order. Look at it again.")
        paid = act(found, effect, number=number, arrival=arrival, at=at)
        transfer = Transfer.objects.create(
            workspace=found.order.workspace,
            payment=found,
            number=number,
            amount=arrival.amount,
            surplus=effect.surplus,
            outcome=effect.outcome,
            order=paid,
            value_on=arrival.value_on,
            bank_reference=arrival.bank_reference,
            comment=arrival.comment,
            noted_at=at,
            noted_by=by,
        )
        record(transfer)
    return transfer


def lock(payment: Payment, *, at: datetime) -> Payment:
    """Return a wire as it is now; nobody else moves its order before the transaction ends."""
    wires = Payment.objects.for_workspace(payment.workspace_id).filter(method=Method.WIRE)
    wires = wires.select_related("order__workspace", "order__currency", "order__bot")
    billing.lock(workspace=wires.get(pk=payment.pk).order.workspace, at=at)
    return wires.get(pk=payment.pk)


def check_same(before: Transfer, arrival: Arrival, order: Order) -> None:
    """Let the same transfer through that was noted before.

    Raises:
        NotPossible: it is another.
    """
    if (before.amount, before.value_on) != (arrival.amount, arrival.value_on):
        amount = say_amount(before.amount, order.currency)
        raise NotPossible(
            f"{before.noted_by.known_as} has noted {amount} with this reference meanwhile."
            " If another transfer came, note it as the next one."
        )


def check_value_date(day: date, *, at: datetime) -> None:
    """Refuse a day on which the bank cannot have credited what came.

    Raises:
        NotPossible: it is still to come anywhere, or long ago.
    """
    if day > (at.astimezone(UTC) + AHEAD).date():
        raise NotPossible("The value date is still to come.")
    if day < (at - OLDEST).date():
        raise NotPossible("The value date is more than a year ago.")


def act(
    payment: Payment, effect: Effect, *, number: int, arrival: Arrival, at: datetime
) -> Order | None:
    """Do what a transfer brings about; return the order that it paid."""
    if effect.outcome == Outcome.SURPLUS:
        return None
    if effect.credits is None:
        accept(payment, at=at)
        return payment.order
    order = payment.order
    payments.cancel(order=order, at=at)  # not a renewal, which stays owed
    key = f"wire:{payment.pk}:{number}"
    made = make_order(order, paid=effect.credits, key=key, at=at)
    accept(payments.start(order=made, at=at, is_there=True), at=at)
    return made


def accept(payment: Payment, *, at: datetime) -> None:
    """Have a wire accepted, which completes its order.

    Raises:
        NotPossible: it was before.
    """
    answer = Answer(payment.reference, PaymentStatus.ACCEPTED)
    if not payments.take_answer(workspace_id=payment.workspace_id, answer=answer, at=at):
        raise NotPossible(f"The wire for {payment.order} was accepted before.")


def make_order(order: Order, *, paid: Sums, key: str, at: datetime) -> Order:
    """Place the order of credits for what came for another: of its buyer, for its bot."""
    came, asked = (say_amount(gross, order.currency) for gross in (paid.gross, order.gross))
    instead = f"By wire transfer {came} came for {order}, and not {asked}."
    return orders.place(
        workspace=order.workspace,
        type=OrderType.CREDIT_PURCHASE,
        buyer=order.buyer,
        net=paid.net,
        at=at,
        key=key,
        method=Method.WIRE,
        bot=order.bot,
        comments=instead,
        paid=paid,
    )


def record(transfer: Transfer) -> None:
    """Note a transfer in the audit log; what is left of it is owed to the sender."""
    order = transfer.payment.order
    reference = wire.write_reference(transfer.payment)
    audit.record(
        "transfer.noted",
        workspace=order.workspace,
        target=str(order),
        after={
            "reference": reference,
            "number": transfer.number,
            "amount": transfer.amount,
            "currency": order.currency_id,
            "value_date": transfer.value_on,
            "bank_reference": transfer.bank_reference,
            "comment": transfer.comment,
            "outcome": transfer.outcome,
            "order": str(transfer.order or ""),
        },
    )
    if transfer.surplus:
        paybacks.owe_surplus(payment=transfer.payment, at=transfer.noted_at, transfer=transfer)
        after = {"reference": reference, "gross": transfer.surplus}
        audit.record("payment.surplus", workspace=order.workspace, target=str(order), after=after)


def cancel(*, payment: Payment, reason: str, at: datetime) -> bool:
    """Wait for the money of a wire no more; False: it is not waited for.

    Its order is canceled, unless it may still be paid by another payment or is a renewal, which
    stays owed. Money that comes all the same is noted as any other.
    """
    with in_workspace(payment.workspace_id):
        found = lock(payment, at=at)
        answer = Answer(found.reference, PaymentStatus.CANCELED)
        if not payments.take_answer(workspace_id=found.workspace_id, answer=answer, at=at):
            return False
        audit.record(
            "wire.canceled",
            workspace=found.order.workspace,
            target=str(found.order),
            after={"reference": wire.write_reference(found), "reason": reason},
        )
    return True
