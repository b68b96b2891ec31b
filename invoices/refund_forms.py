"""What the operators' pages of refunds and paybacks are sent."""

from collections.abc import Mapping

from django import forms
from django.db.models import Q

from accounts.forms import Reason
from invoices.issued import Payback
from plans.money import DECIMALS, DIGITS

BY_HAND = "by_hand"
# A provider sends what it took; what it refused, or did not take, a person has to send.
PAYBACKS: Mapping[str, Q] = {
    BY_HAND: Q(sent_at=None) & (Q(payment=None) | ~Q(refused="")),
    "under_way": Q(sent_at=None, refused="", payment__isnull=False),
    "sent": Q(sent_at__isnull=False),
}
PAYBACK_TABS = [(BY_HAND, "To send by hand"), ("under_way", "Under way"), ("sent", "Sent")]


class Refund(Reason):
    """A refund as it was shown; ``gross``: what would be given back then."""

    gross = forms.DecimalField(
        max_digits=DIGITS,
        decimal_places=DECIMALS,
        error_messages=dict.fromkeys(("required", "invalid"), "Open this page anew."),
    )


class PaybackFilter(forms.Form):
    """Which paybacks a list shows."""

    status = forms.ChoiceField(choices=PAYBACK_TABS, required=False)


class Sent(forms.Form):
    """That money was sent by hand; ``reference``: by which the bank knows the transfer."""

    reference = forms.CharField(
        max_length=100, error_messages={"required": "Write the bank's reference of the transfer."}
    )


def is_by_hand(payback: Payback) -> bool:
    """Tell whether a person has to send a payback."""
    return payback.sent_at is None and (payback.payment is None or bool(payback.refused))
