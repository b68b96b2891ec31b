"""Paybacks are sent by the provider that took the money; those that it cannot send, by hand."""

from datetime import datetime, timedelta

from django.db.models import Q

from accounts import audit
from accounts.tenancy import in_workspace, read_as_operator
from invoices import paybacks, payments
from invoices.issued import Payback
from invoices.providers import ByHand, ProviderDown, RefundStatus
from plans import billing

ASK_AGAIN = timedelta(minutes=5)  # a provider that was asked and has not answered
BY_HAND = "This way of payment sends no money back by itself."
# Index payback_due.
FIND_DUE = """
SELECT workspace_id, id FROM invoices_payback
WHERE sent_at IS NULL AND payment_id IS NOT NULL AND refused = ''
    AND (asked_at IS NULL OR asked_at <= %(before)s)
ORDER BY id
"""


def find_due(*, now: datetime) -> list[tuple[int, int]]:
    """Return workspace and id of paybacks that a provider is to send, as the operator sees them."""
    return [
        (workspace, of) for workspace, of in read_as_operator(FIND_DUE, {"before": now - ASK_AGAIN})
    ]


def send(*, workspace_id: int, payback_id: int, now: datetime) -> bool:
    """Have the provider send a payback; tell whether it is sent.

    Not in a transaction of the caller's: a provider takes its time. What it refuses waits for an
    operator.
    """
    payback = claim(workspace_id, payback_id, now=now)
    if payback is None or payback.payment is None:
        return False
    try:
        answer = payments.refund(
            payment=payback.payment,
            gross=payback.amount,
            key=f"payback:{workspace_id}:{payback_id}",
        )
    except ProviderDown:
        return False
    except (ByHand, payments.Unavailable):
        refuse(payback, BY_HAND)
        return False
    if answer.status == RefundStatus.REFUSED:
        refuse(payback, answer.reason)
        return False
    try:
        paybacks.note_sent(payback=payback, at=now)
    except paybacks.NotOwed:
        return False
    return True


def claim(workspace_id: int, payback_id: int, *, now: datetime) -> Payback | None:
    """Return a payback that is to be sent now, and note that its provider is asked."""
    with in_workspace(workspace_id):
        due = Payback.objects.for_workspace(workspace_id).filter(
            Q(asked_at=None) | Q(asked_at__lte=now - ASK_AGAIN),
            pk=payback_id,
            sent_at=None,
            refused="",
        )
        # One statement: of two at once the second waits for the first, and finds it asked.
        if not due.update(asked_at=now):
            return None
        found = Payback.objects.for_workspace(workspace_id)
        return found.select_related(
            "order__workspace", "order__currency", "payment__order__currency", "currency"
        ).get(pk=payback_id)


def refuse(payback: Payback, reason: str) -> None:
    """Note that a provider does not send a payback, so that an operator does it by hand."""
    with in_workspace(payback.workspace_id):
        billing.lock(workspace=payback.order.workspace)
        waiting = Payback.objects.for_workspace(payback.workspace_id).filter(sent_at=None)
        if waiting.filter(pk=payback.pk).update(refused=reason[:300]):
            audit.record(
                "payback.refused",
                workspace=payback.order.workspace,
                target=str(payback.order),
                after={"reason": reason},
            )
