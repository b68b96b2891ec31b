"""What the operator's pages of the books are asked for: parsed and checked, never saved here."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from django import forms

FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2199, 12, 31)


class MonthChoice(forms.Form):
    """Which month is shown: one that can have postings."""

    month = forms.TypedChoiceField(
        label="Month",
        coerce=lambda text: date.fromisoformat(f"{text}-01"),
        empty_value=None,
        required=False,
        error_messages={"invalid_choice": "There are no books of this month."},
    )

    def __init__(self, data: Any, *, months: Sequence[date]) -> None:  # Any: Django's is free
        """``months``: those that there are, the latest first."""
        super().__init__(data)
        field = self.fields["month"]
        if isinstance(field, forms.ChoiceField):
            field.choices = [(f"{month:%Y-%m}", f"{month:%B %Y}") for month in months]


class DayChoice(forms.Form):
    """Receivables of which day and currency are shown."""

    as_of = forms.DateField(
        label="At the end of",
        required=False,
        input_formats=["%Y-%m-%d"],
        error_messages={"invalid": "Write a day such as 2026-03-31."},
    )
    currency = forms.CharField(max_length=3, required=False)

    def clean_as_of(self) -> date | None:
        """Refuse a day that no ledger has."""
        day: date | None = self.cleaned_data["as_of"]
        if day and not FIRST_DAY <= day <= LAST_DAY:
            raise forms.ValidationError("Choose a day from 1970 to 2199.")
        return day
