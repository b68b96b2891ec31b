"""The sandbox: a provider of payments that moves no money and answers as it is asked to.

Its page is hosted by the console, and all else is as with a provider elsewhere: it knows what its
signed token says, asks the console's database nothing, and answers by a signed request from server
to server. It remembers of a saved method how that answers when it is charged.
"""

import hmac
import json
from dataclasses import asdict, dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from celery import current_app
from django.core import signing
from django.db import models
from django.urls import reverse
from django.utils.crypto import salted_hmac

from accounts.days import DAY, next_month
from invoices.models import MethodSetup, Payment, PaymentStatus, SavedMethod
from invoices.providers import Answer, RefundAnswer, RefundStatus, SetupAnswer
from plans.wording import say_amount

SALT = "invoices.sandbox"
SETUP_SALT = "invoices.sandbox.setup"
SIGNATURE = "X-Sandbox-Signature"
PAGE_LASTS = timedelta(hours=24)
LATE = 10  # seconds


class Choice(models.TextChoices):
    """What the page can be asked to do."""

    ACCEPT = "accept", "Accept"
    DECLINE = "decline", "Decline"
    REVIEW = "review", "Hold in review"
    LATE = "late", "Accept late"
    TWICE = "twice", "Accept, and say so twice"
    EARLY = "early", "Accept before I return"
    CANCEL = "cancel", "Cancel"


class SavedAnswer(models.TextChoices):
    """What a saved method answers whenever it is charged; its reference."""

    ACCEPT = "accept", "Accepts"
    DECLINE = "decline", "Declines"
    REVIEW = "review", "Is held in review"
    LATE = "late", "Accepts late"


class Expiry(models.TextChoices):
    """Until when a saved method is said to be good: the ends of months, as of cards."""

    NEVER = "", "Never"
    SOON = "soon", "At the end of this month"
    NEXT = "next", "At the end of next month"
    LATE = "late", "In three years"


class NotSigned(ValueError):
    """A token or a callback was not made by the sandbox, or is too old."""


@dataclass(frozen=True)
class Wish:
    """What the token of a page says on which a method is saved without a purchase."""

    workspace: int
    reference: str
    return_to: str


@dataclass(frozen=True)
class Bill:
    """What the token of a page says: what is to be paid, and where it leads back to."""

    workspace: int
    reference: str
    order: str
    amount: str
    keeps_method: bool
    return_to: str


STATUSES = {
    Choice.ACCEPT: PaymentStatus.ACCEPTED,
    Choice.DECLINE: PaymentStatus.DECLINED,
    Choice.REVIEW: PaymentStatus.IN_REVIEW,
    Choice.LATE: PaymentStatus.ACCEPTED,
    Choice.TWICE: PaymentStatus.ACCEPTED,
    Choice.EARLY: PaymentStatus.ACCEPTED,
    Choice.CANCEL: PaymentStatus.CANCELED,
}


MONTHS = {Expiry.SOON: 0, Expiry.NEXT: 1, Expiry.LATE: 36}


class Sandbox:
    """The sandbox as payments see it."""

    def open_page(self, payment: Payment, *, return_to: str) -> str:
        """Return the address of the page for one payment; it is good for a day."""
        order = payment.order
        bill = Bill(
            workspace=payment.workspace_id,
            reference=payment.reference,
            order=str(order),
            amount=say_amount(order.gross, order.currency),
            keeps_method=bool(payment.consent),
            return_to=return_to,
        )
        token = signing.dumps(asdict(bill), salt=SALT, compress=True)
        return reverse("sandbox:pay", args=[token])

    def charge(self, payment: Payment) -> Answer | None:
        """Answer as the saved method does; late ones come by a callback."""
        if payment.saved_method is None:
            raise ValueError("only a saved method is charged without the buyer")
        choice = Choice(payment.saved_method.reference)
        answer = Answer(payment.reference, STATUSES[choice])
        if choice == Choice.LATE:
            send(answer, workspace_id=payment.workspace_id, after=LATE)
            return None
        return answer

    def open_setup(self, setup: MethodSetup, *, return_to: str) -> str:
        """Return the address of the page on which a method is saved; it is good for a day."""
        wish = Wish(setup.workspace_id, setup.reference, return_to)
        token = signing.dumps(asdict(wish), salt=SETUP_SALT, compress=True)
        return reverse("sandbox:save", args=[token])

    def forget(self, saved: SavedMethod) -> None:
        """Do nothing: it remembers no methods, their references say how they answer."""

    def refund(self, payment: Payment, *, gross: Decimal, key: str) -> RefundAnswer:
        """Say that it is sent: there is no money to move."""
        return RefundAnswer(RefundStatus.SENT)


def read_bill(token: str) -> Bill:
    """Return what is to be paid.

    Raises:
        NotSigned: the token is forged, cut, or too old.
    """
    return Bill(**read_token(token, salt=SALT))


def read_wish(token: str) -> Wish:
    """Return which method is to be saved.

    Raises:
        NotSigned: the token is forged, cut, or too old.
    """
    return Wish(**read_token(token, salt=SETUP_SALT))


def read_token(token: str, *, salt: str) -> dict[str, Any]:  # Any: our own words, as we signed them
    """Return what the token of a page says.

    Raises:
        NotSigned: it is forged, cut, or too old.
    """
    try:
        values: dict[str, Any] = signing.loads(token, salt=salt, max_age=PAGE_LASTS)
    except (signing.BadSignature, ValueError) as error:
        raise NotSigned("This is no page of a payment, or its day is over.") from error
    return values


def find_last_day(expiry: Expiry, *, today: date) -> date | None:
    """Return the last day of a method that expires so; None: it does not."""
    months = MONTHS.get(expiry)
    if months is None:
        return None
    month = today
    for _ in range(months):
        month = next_month(month)
    return next_month(month) - DAY


def decide(bill: Bill, *, choice: Choice, saved: SavedAnswer, until: date | None = None) -> None:
    """Send the answer to a choice; ``saved``: how the method answers later, where it is kept."""
    answer = Answer(bill.reference, STATUSES[choice])
    if bill.keeps_method:
        answer = replace(answer, saved_reference=saved.value, saved_label=name_saved(saved))
        answer = replace(answer, saved_until=until)
    for _ in range(2 if choice == Choice.TWICE else 1):
        send(
            answer,
            workspace_id=bill.workspace,
            after=LATE if choice == Choice.LATE else 0,
        )


def save(wish: Wish, *, saved: SavedAnswer | None, until: date | None = None) -> None:
    """Send the answer to a wish for a saved method; None: there is none."""
    answer = SetupAnswer(wish.reference)
    if saved:
        answer = SetupAnswer(wish.reference, saved.value, name_saved(saved), until)
    send(answer, workspace_id=wish.workspace, after=0)


def name_saved(saved: SavedAnswer) -> str:
    """Return what a saved method is called."""
    return f"Sandbox, {saved.label.lower()}"


def send(answer: Answer | SetupAnswer, *, workspace_id: int, after: int) -> None:
    """Have a worker send an answer to the console, after some seconds."""
    call = {"body": write_callback(answer, workspace_id=workspace_id)}
    # By its name: the module of tasks imports this one.
    current_app.send_task(
        "invoices.tasks.deliver_sandbox_answer", kwargs=call, countdown=after, retry=False
    )


def write_callback(answer: Answer | SetupAnswer, *, workspace_id: int) -> str:
    """Return the body of a callback."""
    values = {name: value for name, value in asdict(answer).items() if value}
    if until := values.get("saved_until"):
        values["saved_until"] = until.isoformat()
    return json.dumps({"workspace": workspace_id, **values})


def sign(body: str) -> str:
    """Return the signature of a callback, by a key made from the installation's secret."""
    return salted_hmac(SALT, body, algorithm="sha256").hexdigest()


def read_callback(body: bytes, *, signature: str) -> tuple[int, Answer | SetupAnswer]:
    """Return the workspace and the answer of a callback; only a payment's has a status.

    Raises:
        NotSigned: the sandbox did not send it.
    """
    try:
        text = body.decode()
    except UnicodeDecodeError:
        raise NotSigned("The body is no text.") from None
    if not hmac.compare_digest(sign(text).encode(), signature.encode()):
        raise NotSigned("The signature is not that of the body.")
    values: dict[str, Any] = json.loads(text)  # Any: our own words, as we signed them
    workspace_id: int = values.pop("workspace")
    if "saved_until" in values:
        values["saved_until"] = date.fromisoformat(values["saved_until"])
    if "status" not in values:
        return workspace_id, SetupAnswer(**values)
    values["status"] = PaymentStatus(values["status"])
    return workspace_id, Answer(**values)
