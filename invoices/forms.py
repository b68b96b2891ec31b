"""What pages of orders are sent: parsed and checked, never saved here."""

from decimal import Decimal
from typing import Any

from django import forms

from invoices.models import SavedMethod
from invoices.orders import say_range
from invoices.sandbox import Choice, Expiry, SavedAnswer
from plans.forms import AmountField, MoneyForm
from plans.wording import write


class Funds(MoneyForm):
    """How many credits are to be bought at a time, in a currency; the amount is before tax."""

    amount = AmountField()

    def clean_amount(self) -> Decimal:
        """Refuse what is not sold at a time."""
        amount: Decimal = self.cleaned_data["amount"]
        if not self.currency.top_up_from <= amount <= self.currency.top_up_to:
            raise forms.ValidationError(say_range(self.currency))
        return amount


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
        super().__init__(*args, **kwargs)  # Any: Django's
        field = self.fields["method"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # declared so above
        field.choices = methods


class PayBy(forms.Form):
    """By which method an order is to be paid; empty: by its own."""

    method = forms.ChoiceField(required=False)

    def __init__(self, *args: Any, methods: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["method"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # declared so above
        field.choices = methods


class Reload(Funds):
    """Below which limit a wallet is to be reloaded, by how much, and what is charged for it."""

    limit = AmountField()
    saved_method = forms.ModelChoiceField(
        queryset=SavedMethod.objects.none(),
        error_messages={
            "required": "Choose a saved payment method.",
            "invalid_choice": "Choose a saved payment method.",
        },
    )

    def __init__(self, *args: Any, methods: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["saved_method"]
        assert isinstance(field, forms.ModelChoiceField)  # noqa: S101  # declared so above
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
            return write(value, self.currency)
        return str(value or "")


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
    expiry = forms.ChoiceField(
        choices=Expiry.choices,
        required=False,
        error_messages={"invalid_choice": "The sandbox has no such expiry."},
    )


class SandboxMethod(forms.Form):
    """What a method that the sandbox is to keep answers later; without it none is kept."""

    saved = forms.ChoiceField(
        choices=SavedAnswer.choices,
        required=False,
        error_messages={"invalid_choice": "The sandbox has no such answer."},
    )
    expiry = forms.ChoiceField(
        choices=Expiry.choices,
        required=False,
        error_messages={"invalid_choice": "The sandbox has no such expiry."},
    )
    choice = forms.ChoiceField(
        choices=[("save", "Save"), ("cancel", "Cancel")],
        error_messages={
            "required": "Choose an answer.",
            "invalid_choice": "The sandbox has no such answer.",
        },
    )

    def clean(self) -> dict[str, Any]:  # Any: Django's
        """Keep nothing where that was chosen."""
        values: dict[str, Any] = self.cleaned_data
        if values.get("choice") == "save":
            return values | {"saved": values.get("saved") or SavedAnswer.ACCEPT}
        return values | {"saved": ""}


class NewMethod(forms.Form):
    """Which kind of payment method is to be saved, by words that are agreed to."""

    method = forms.ChoiceField(
        error_messages={
            "required": "Choose a payment method.",
            "invalid_choice": "This payment method cannot be saved.",
        }
    )
    agreed = forms.BooleanField(
        error_messages={"required": "Nothing is saved without your consent. Tick the box to agree."}
    )
    as_default = forms.BooleanField(required=False)

    def __init__(self, *args: Any, methods: list[tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["method"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101  # declared so above
        field.choices = methods
