"""What the page sends on which a plan is changed: parsed and checked, never saved here."""

from typing import Any

from django import forms

from accounts.forms import LARGEST_ID
from invoices.plan_changes import Seen
from plans.money import DECIMALS, DIGITS

ANEW = {"required": "Open this page anew.", "invalid": "Open this page anew."}


class PlanChange(forms.Form):
    """A change as somebody confirms it, with what they saw; ``key``: of the page, to do it once."""

    version = forms.IntegerField(min_value=1, max_value=LARGEST_ID, error_messages=ANEW)
    current = forms.IntegerField(min_value=1, max_value=LARGEST_ID, error_messages=ANEW)
    scheduled = forms.IntegerField(
        min_value=1, max_value=LARGEST_ID, required=False, error_messages=ANEW
    )
    net = forms.DecimalField(
        max_digits=DIGITS, decimal_places=DECIMALS, min_value=0, error_messages=ANEW
    )
    key = forms.UUIDField(error_messages=ANEW)
    method = forms.ChoiceField(
        required=False, error_messages={"invalid_choice": "This payment method is not offered."}
    )

    def __init__(self, *args: Any, methods: list[tuple[str, str]], **kwargs: Any) -> None:
        # Any: Django's
        super().__init__(*args, **kwargs)
        self.fields["method"].choices = methods  # type: ignore[attr-defined]  # a ChoiceField

    @property
    def seen(self) -> Seen:
        """What the person saw."""
        values = self.cleaned_data
        return Seen(values["current"], values["scheduled"], values["net"])
