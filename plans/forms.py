"""What pages of plans are sent: parsed and checked, never saved here."""

from datetime import date
from decimal import Decimal
from typing import Any
from uuid import uuid4

from django import forms

from accounts.forms import LARGEST_ID, Reason
from plans.balances import BalanceStatus
from plans.extensions import LONGEST
from plans.models import Currency, ExtensionStatus
from plans.money import NotAnAmount, parse_amount
from plans.subscriptions import PlanStatus

MOST_GRANTED = Decimal(1_000_000)  # beyond it a comma is missing
TABS = [
    ("", "All"),
    ("low", "Low balance"),
    ("inactive", "Inactive"),
    ("due", "Past due or expired"),
    ("changes", "Plan changes"),
    ("archived", "Archived"),
]
EXTENSION_TABS = [(status.value, status.label) for status in ExtensionStatus] + [("all", "All")]


class PlanFilter(forms.Form):
    """Which bots the Plan page lists; all of it stands in the address."""

    q = forms.CharField(label="Name or key", max_length=200, required=False)
    show = forms.ChoiceField(
        label="Tab",
        choices=TABS,
        required=False,
        error_messages={"invalid_choice": "There is no such tab."},
    )
    plan = forms.SlugField(label="Plan", max_length=40, required=False)
    plan_status = forms.ChoiceField(
        label="Plan status",
        choices=[("", "Any"), *PlanStatus.choices],
        required=False,
        error_messages={"invalid_choice": "There is no such plan status."},
    )
    balance = forms.ChoiceField(
        label="Balance status",
        choices=[("", "Any"), *BalanceStatus.choices],
        required=False,
        error_messages={"invalid_choice": "There is no such balance status."},
    )
    owner = forms.IntegerField(
        label="Owner", min_value=1, max_value=LARGEST_ID, required=False, localize=False
    )


class NewOwner(Reason):
    """Who is to own a bot, and what the one before keeps.

    ``was``: the owner whom the form showed; empty: nobody.
    """

    owner = forms.IntegerField(
        min_value=1,
        max_value=LARGEST_ID,
        localize=False,
        error_messages={"required": "Choose a person.", "invalid": "Choose a person."},
    )
    was = forms.IntegerField(min_value=1, max_value=LARGEST_ID, required=False)
    access = forms.ChoiceField(
        choices=[("shared", "Keeps shared access"), ("none", "Has no access any more")],
        error_messages={
            "required": "Choose what the owner so far keeps.",
            "invalid_choice": "Choose what the owner so far keeps.",
        },
    )


class AmountField(forms.CharField):
    """An amount of money of 0 or more, as a person types it.

    ``decimals``: its currency's, where no `MoneyForm` says so.
    """

    def __init__(self, *, required: bool = True, decimals: int = 2) -> None:
        errors = {"required": "Write an amount."}
        super().__init__(max_length=40, required=required, error_messages=errors)
        self.decimals = decimals

    def clean(self, value: str | None) -> Decimal | None:
        """Return the amount; None: the field was left empty, as it may be."""
        text = super().clean(value)
        if not text:
            return None
        try:
            amount = parse_amount(text, decimals=self.decimals)
        except NotAnAmount as error:
            raise forms.ValidationError(str(error)) from None
        if amount < 0:
            raise forms.ValidationError("Write an amount of 0 or more.")
        return amount


class MoneyForm(forms.Form):
    """A form whose amounts are in one currency."""

    def __init__(self, *args: Any, currency: Currency, **options: Any) -> None:  # Any: Django's
        super().__init__(*args, **options)
        self.currency = currency
        for field in self.fields.values():
            if isinstance(field, AmountField):
                field.decimals = currency.decimals


class LowBalance(MoneyForm):
    """Below which balance a bot is low; empty: as the currency's default says."""

    low_balance = AmountField(required=False)


DAYS = f"Write a number of days from 1 to {LONGEST}."


class NewExtension(Reason):
    """For how many more days is asked, and why."""

    days = forms.IntegerField(
        min_value=1,
        max_value=LONGEST,
        error_messages=dict.fromkeys(("required", "invalid", "min_value", "max_value"), DAYS),
    )


class Decision(forms.Form):
    """What the operator says to a request for an extension."""

    decision = forms.ChoiceField(
        choices=[("approve", "Approve"), ("decline", "Decline")],
        error_messages={
            "required": "Approve or decline it.",
            "invalid_choice": "Approve or decline it.",
        },
    )
    note = forms.CharField(max_length=500, required=False)

    def clean(self) -> None:
        """Ask for a note where it is declined."""
        super().clean()
        declined = self.cleaned_data.get("decision") == "decline"
        if declined and not self.cleaned_data.get("note") and "note" not in self.errors:
            self.add_error("note", "Say why it is declined.")


class ExtensionFilter(forms.Form):
    """Which requests for extensions the operator is shown."""

    status = forms.ChoiceField(
        choices=EXTENSION_TABS,
        required=False,
        error_messages={"invalid_choice": "There is no such status."},
    )


class NewGrant(MoneyForm, Reason):
    """Free credits that the operator gives.

    ``bot`` empty: to all bots together. ``once``: makes a form that is sent twice one grant.
    """

    bot = forms.IntegerField(min_value=1, max_value=LARGEST_ID, required=False, localize=False)
    amount = AmountField()
    last_day = forms.DateField(
        error_messages={
            "required": "Choose the last day.",
            "invalid": "There is no such day. Write it as 2026-12-31.",
        }
    )
    once = forms.UUIDField(initial=uuid4, error_messages={"required": "Open the page again."})

    def clean_amount(self) -> Decimal:
        """Refuse what is not above zero, or too much to be meant."""
        amount: Decimal = self.cleaned_data["amount"]
        if not 0 < amount <= MOST_GRANTED:
            raise forms.ValidationError(f"Give more than 0 and at most {MOST_GRANTED:,}.")
        return amount

    def clean_last_day(self) -> date:
        """Refuse years that nobody means."""
        last_day: date = self.cleaned_data["last_day"]
        if last_day.year > 2200:
            raise forms.ValidationError("Choose an earlier last day.")
        return last_day


class Contract(Reason):
    """From which local day on a workspace is under contract; empty: it is not to be."""

    enterprise_from = forms.DateField(
        required=False,
        error_messages={"invalid": "There is no such day. Write it as 2026-12-31."},
    )

    def clean_enterprise_from(self) -> date | None:
        """Refuse years that nobody means."""
        day: date | None = self.cleaned_data["enterprise_from"]
        if day is not None and day.year > 2200:
            raise forms.ValidationError("Choose an earlier day.")
        return day
