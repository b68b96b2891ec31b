"""What operators send of the catalog: parsed and checked, never saved here."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from django import forms

from plans.catalog import FEE, LARGEST_NUMBER, LONGEST_DAYS, Offer, Terms
from plans.forms import AmountField
from plans.models import Currency, Meter, PlanVersion
from plans.money import DECIMALS
from plans.wording import write

WHOLE = {
    "invalid": "Write a whole number.",
    "min_value": "Write a number of at least %(limit_value)s.",
    "max_value": "Write a number of at most %(limit_value)s.",
}


def whole(*, least: int = 0, most: int = LARGEST_NUMBER, required: bool = False) -> Any:
    """Return a field of a whole number; Any: Django's."""
    return forms.IntegerField(
        min_value=least,
        max_value=most,
        required=required,
        localize=False,
        error_messages={**WHOLE, "required": "Write a whole number."},
    )


class MeterRow(NamedTuple):
    """The fields of one meter, or of the fee, as the page shows them in a row."""

    label: str
    included: forms.BoundField | None
    prices: list[tuple[Currency, forms.BoundField]]


class NewVersion(forms.Form):
    """A new version of a plan; a meter that has no number of included ones is not priced."""

    replaces = forms.IntegerField(
        min_value=1, max_value=LARGEST_NUMBER, required=False, localize=False
    )
    uses_credits = forms.BooleanField(required=False)
    most_sessions = whole()
    most_agents = whole()
    bought_credit_days = whole(least=1, most=LONGEST_DAYS)

    def __init__(self, *args: Any, currencies: Sequence[Currency], **kwargs: Any) -> None:
        # Any: Django's
        super().__init__(*args, **kwargs)
        self.currencies = currencies
        for meter in Meter:
            self.fields[f"included_{meter.value}"] = whole()
        for currency in currencies:
            self.fields[f"price_{currency}_"] = AmountField(
                decimals=currency.decimals, required=False
            )
            for meter in Meter:
                self.fields[f"price_{currency}_{meter.value}"] = AmountField(
                    decimals=DECIMALS, required=False
                )

    def rows(self) -> list[MeterRow]:
        """Return the fields of prices as the page shows them: the fee, then each meter."""
        return [
            MeterRow(
                meter.label.capitalize() if meter else "Fee of a month",
                self[f"included_{meter.value}"] if meter else None,
                [
                    (currency, self[f"price_{currency}_{meter.value if meter else FEE}"])
                    for currency in self.currencies
                ],
            )
            for meter in (None, *Meter)
        ]

    @property
    def terms(self) -> Terms:
        """What the version is to offer."""
        values = self.cleaned_data
        included = {
            meter.value: values[f"included_{meter.value}"]
            for meter in Meter
            if values[f"included_{meter.value}"] is not None
        }
        prices = {
            (currency.code, meter): values[f"price_{currency}_{meter}"]
            for currency in self.currencies
            for meter in (FEE, *Meter.values)
            if values[f"price_{currency}_{meter}"] is not None
        }
        return Terms(
            uses_credits=values["uses_credits"],
            included=included,
            prices=prices,
            most_sessions=values["most_sessions"],
            most_agents=values["most_agents"],
            bought_credit_days=values["bought_credit_days"],
        )


def fill_in(version: PlanVersion | None, offers: Sequence[Offer]) -> dict[str, str | bool]:
    """Return what the form of a new version begins with: what the plan offers so far.

    Numbers are texts, as they are typed: templates would write them with commas.
    """
    if version is None:
        return {}
    numbers = {
        "replaces": version.number if version.withdrawn_at is None else None,
        "most_sessions": version.most_sessions,
        "most_agents": version.most_agents,
        "bought_credit_days": version.bought_credit_days,
    }
    found: dict[str, str | bool] = {
        name: "" if number is None else str(number) for name, number in numbers.items()
    }
    found["uses_credits"] = version.uses_credits
    for offer in offers:
        found[f"price_{offer.currency}_"] = write(offer.fee, offer.currency)
        for priced in offer.meters:
            found[f"included_{priced.meter.value}"] = str(priced.included)
            found[f"price_{offer.currency}_{priced.meter.value}"] = write(
                priced.price, offer.currency
            )
    return found


class Withdrawal(forms.Form):
    """A version that is to be sold no more, and why."""

    seen = forms.IntegerField(
        min_value=1,
        max_value=LARGEST_NUMBER,
        localize=False,
        error_messages={"required": "Open this page anew.", "invalid": "Open this page anew."},
    )
    reason = forms.CharField(max_length=500, error_messages={"required": "Say why."})


class CurrencyAmounts(forms.Form):
    """The amounts that hold in a currency."""

    free_days = whole(least=1, most=LONGEST_DAYS, required=True)

    def __init__(self, *args: Any, currency: Currency, **kwargs: Any) -> None:  # Any: Django's
        super().__init__(*args, **kwargs)
        for name in ("free_credits", "top_up_from", "top_up_to", "low_balance"):
            self.fields[name] = AmountField(decimals=currency.decimals, required=True)
