"""What the operators' pages of refunds and paybacks are sent."""

from collections.abc import Callable, Mapping

from django import forms

from accounts.forms import Reason
from invoices.issued import PaybackQuerySet
from plans.money import DECIMALS, DIGITS

BY_HAND = "by_hand"
PAYBACKS: Mapping[str, Callable[[PaybackQuerySet], PaybackQuerySet]] = {
    BY_HAND: PaybackQuerySet.by_hand,
    "under_way": PaybackQuerySet.under_way,
    "sent": PaybackQuerySet.sent,
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
