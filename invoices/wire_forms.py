"""What operators' pages of wires are sent: parsed and checked, never saved here."""

from datetime import date
from decimal import Decimal

from django import forms

from invoices import wire, wire_queries
from invoices.models import Outcome
from invoices.transfers import Arrival
from invoices.wire_queries import Shown
from plans.forms import AmountField, MoneyForm
from plans.money import MOST


class WireFilter(forms.Form):
    """Which wires the operator is shown; all of it stands in the address."""

    q = forms.CharField(label="Reference, order, workspace", max_length=200, required=False)
    show = forms.ChoiceField(
        label="Tab",
        choices=Shown.choices,
        required=False,
        error_messages={"invalid_choice": "There is no such tab."},
    )

    def clean_q(self) -> str:
        """Refuse a reference that is mistyped, so that no other wire is taken for it."""
        text: str = self.cleaned_data["q"]
        try:
            wire_queries.match(text)
        except wire.Mistyped as error:
            raise forms.ValidationError(str(error)) from None
        return text


class NewTransfer(MoneyForm):
    """What came for a wire, as the operator reads it from the bank.

    ``number``: which transfer it is, as the page counted; ``seen``: what was said that it does,
    empty where that was not shown yet.
    """

    number = forms.IntegerField(
        min_value=1,
        max_value=1000,
        error_messages=dict.fromkeys(
            ("required", "invalid", "min_value", "max_value"), "Open the page again."
        ),
    )
    amount = AmountField()
    value_on = forms.DateField(
        error_messages={
            "required": "Choose the value date.",
            "invalid": "There is no such day. Write it as 2026-12-31.",
        }
    )
    bank_reference = forms.CharField(max_length=140, required=False)
    comment = forms.CharField(max_length=500, required=False)
    as_credits = forms.BooleanField(required=False)
    seen = forms.ChoiceField(
        choices=Outcome.choices,
        required=False,
        error_messages={"invalid_choice": "Open the page again."},
    )

    def clean_amount(self) -> Decimal:
        """Refuse nothing, and what cannot be meant."""
        amount: Decimal = self.cleaned_data["amount"]
        if not 0 < amount <= MOST:
            raise forms.ValidationError("Write the amount that came; it is more than 0.")
        return amount

    def clean_value_on(self) -> date:
        """Refuse years that nobody means."""
        day: date = self.cleaned_data["value_on"]
        if not 2000 <= day.year <= 2200:
            raise forms.ValidationError("This is no value date.")
        return day

    def read(self) -> Arrival:
        """Return what came, of a valid form."""
        names = ("amount", "value_on", "bank_reference", "comment")
        return Arrival(**{name: self.cleaned_data[name] for name in names})
