"""What pages of orders are sent: parsed and checked, never saved here."""

from decimal import Decimal
from typing import Any

from django import forms

from invoices.models import SavedMethod
from invoices.orders import say_range
from invoices.sandbox import Choice, SavedAnswer
from plans.models import Currency
from plans.money import NotAnAmount, parse_amount


def read_amount(text: str, *, currency: Currency) -> Decimal:
    """Return an amount of a currency.

    Raises:
        ValidationError: it is none.
    """
    try:
        return parse_amount(text, decimals=currency.decimals)
    except NotAnAmount as error:
        raise forms.ValidationError(str(error)) from None


def read_top_up(text: str, *, currency: Currency) -> Decimal:
    """Return an amount of credits that are sold at a time.

    Raises:
        ValidationError: it is none, too little or too much.
    """
    amount = read_amount(text, currency=currency)
    if not currency.top_up_from <= amount <= currency.top_up_to:
        raise forms.ValidationError(say_range(currency))
    return amount


class Funds(forms.Form):
    """How many credits are to be bought, in a currency."""

    amount = forms.CharField(max_length=40, error_messages={"required": "Write an amount."})

    def __init__(self, *args: Any, currency: Currency, **kwargs: Any) -> None:  # Any: Django's
        super().__init__(*args, **kwargs)
        self.currency = currency

    def clean_amount(self) -> Decimal:
        """Return the amount before tax."""
        return read_top_up(self.cleaned_data["amount"], currency=self.currency)


class Checkout(Funds):
    """An order as its buyer confirms it; ``key``: of the page, so that it is placed once."""

    key = forms.UUIDField(error_messages={"required": "Open this page anew."})
    comments = forms.CharField(max_length=500, required=False)
    method = forms.ChoiceField(
        error_messages={
            "required": "Choose a payment method.",
            "invalid_choice": "This payment method is not offered.",
        }
    )
    keep_method = forms.BooleanField(required=False)

    def __init__(self, *args: Any, methods: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["method"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # as above
        field.choices = methods


class Reload(forms.Form):
    """When a wallet is to be reloaded, by how much, and what is charged for it."""

    amount = forms.CharField(max_length=40, error_messages={"required": "Write an amount."})
    limit = forms.CharField(max_length=40, error_messages={"required": "Write a limit; 0 is one."})
    saved_method = forms.ModelChoiceField(
        queryset=SavedMethod.objects.none(),
        error_messages={
            "required": "Choose a saved payment method.",
            "invalid_choice": "Choose a saved payment method.",
        },
    )

    def __init__(self, *args: Any, currency: Currency, methods: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.currency = currency
        field = self.fields["saved_method"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101  # as above
        field.queryset = methods

    def shown_amount(self) -> str:
        """Return the amount as the field shows it."""
        return self.show("amount")

    def shown_limit(self) -> str:
        """Return the limit as the field shows it."""
        return self.show("limit")

    def shown_method(self) -> str:
        """Return the id of the method that the field shows."""
        return str(self["saved_method"].value() or "")

    def show(self, name: str) -> str:
        """Return an amount that was stored in the decimals of its currency, one typed as it was."""
        value = self[name].value()
        if isinstance(value, Decimal):
            return f"{value:.{self.currency.decimals}f}"
        return str(value or "")

    def clean_amount(self) -> Decimal:
        """Return the amount of one order, before tax."""
        return read_top_up(self.cleaned_data["amount"], currency=self.currency)

    def clean_limit(self) -> Decimal:
        """Return the limit below which there is an order."""
        limit = read_amount(self.cleaned_data["limit"], currency=self.currency)
        if limit < 0:
            raise forms.ValidationError("A limit is 0 or more.")
        return limit


class SandboxAnswer(forms.Form):
    """What the sandbox is to answer, and what a method that it keeps answers later."""

    choice = forms.ChoiceField(
        choices=Choice.choices,
        error_messages={
            "required": "Choose an answer.",
            "invalid_choice": "The sandbox has no such answer.",
        },
    )
    saved = forms.ChoiceField(choices=SavedAnswer.choices, required=False)
