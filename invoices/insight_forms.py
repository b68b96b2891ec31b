"""What the pages of Insight are asked for; all of it stands in the address."""

from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from accounts.days import DAY
from accounts.forms import LARGEST_ID
from accounts.log_filters import IN_TIME
from accounts.models import Bot, Membership
from invoices.what_if import MOST_MONTHS
from plans.forms import AmountField, MoneyForm
from plans.models import Currency
from usage.boundaries import MINUTES
from usage.forms import ListField

MONTHS_SHOWN = 3  # where none are named
DAYS_SHOWN = 30
MOST_DAYS = 366
MOST_SEATS = 100_000
MINUTE_CHOICES = [(minutes, f"{minutes} minute" + "s" * (minutes > 1)) for minutes in MINUTES]


def find_bots(membership: Membership, keys: list[str]) -> list[Bot]:
    """Return the bots of some keys or names whose plan a person sees; without any, all of them.

    Raises:
        ValidationError: there is none of a key, or it is not theirs.
    """
    seen = Bot.objects.for_workspace(membership.workspace).with_plan_for(membership)
    bots = list(seen.order_by("name", "key"))
    if not keys:
        return bots
    by_name = {bot.name: bot for bot in bots} | {bot.key: bot for bot in bots}
    if unknown := [key for key in keys if key not in by_name]:
        raise ValidationError(f"There is no bot {unknown[0][:128]!r} here whose plan you see.")
    return list(dict.fromkeys(by_name[key] for key in keys))


class WhatIfFilter(MoneyForm):
    """For which bot and months plans are replayed; without a bot for all.

    ``seats``: of the month by which plans are compared; empty: as many as the bot had last.
    """

    bot = forms.CharField(required=False, max_length=200, label="Bot")
    months = forms.IntegerField(
        required=False, min_value=1, max_value=MOST_MONTHS, label="Months", localize=False
    )
    to = forms.ChoiceField(
        required=False,
        choices=[("", "The last whole month"), ("running", "The month that runs")],
        label="Up to",
        error_messages={"invalid_choice": "Choose one of the list."},
    )
    top_up = AmountField(required=False)
    seats = forms.IntegerField(
        required=False, min_value=0, max_value=MOST_SEATS, label="Seats", localize=False
    )

    def __init__(self, data: QueryDict, *, membership: Membership, currency: Currency) -> None:
        super().__init__(data, currency=currency)
        self.fields["top_up"].label = "Top-up"
        self.membership = membership

    def clean_bot(self) -> list[Bot]:
        """Return the bots; without a key all whose plan the person sees."""
        key = self.cleaned_data["bot"].strip()
        return find_bots(self.membership, [key] if key else [])

    def clean_months(self) -> int:
        """Return how many months."""
        return self.cleaned_data["months"] or MONTHS_SHOWN

    def clean_top_up(self) -> Any:  # Any: an amount or None
        """Return the amount; nothing is bought for nothing."""
        return self.cleaned_data["top_up"] or None


class BoundaryFilter(forms.Form):
    """Which sessions are looked at: on which days, of which bots and channels.

    ``minutes``: by less than how many they were opened.
    """

    first = forms.DateField(required=False, label="First day", validators=IN_TIME)
    last = forms.DateField(required=False, label="Last day", validators=IN_TIME)
    bot = ListField(required=False, label="Bots")
    channel = ListField(required=False, label="Channels")
    minutes = forms.TypedChoiceField(
        required=False,
        coerce=int,
        choices=MINUTE_CHOICES,
        label="Opened by less than",
        error_messages={"invalid_choice": "Choose one of the list."},
    )

    def __init__(self, data: QueryDict, *, membership: Membership, today: date) -> None:
        super().__init__(data)
        self.membership = membership
        self.today = today

    def clean_bot(self) -> list[Bot]:
        """Return the bots; without any all whose plan the person sees."""
        return find_bots(self.membership, self.cleaned_data["bot"])

    def clean_minutes(self) -> int:
        """Return the minutes, the fewest where none are named."""
        return int(self.cleaned_data["minutes"] or MINUTES[0])

    def clean(self) -> None:
        """Give the days, the last 30 where none are named.

        Raises:
            ValidationError: there are none of them, or too many.
        """
        values = self.cleaned_data
        if self.errors:
            return
        values["last"] = values["last"] or max(self.today, values["first"] or self.today)
        values["first"] = values["first"] or values["last"] - (DAYS_SHOWN - 1) * DAY
        days = (values["last"] - values["first"]).days + 1
        if days < 1:
            raise ValidationError("The first day lies after the last one.")
        if days > MOST_DAYS:
            raise ValidationError(f"Choose at most {MOST_DAYS} days.")


class WaterfallFilter(forms.Form):
    """Whose use of a lot is shown, by bot."""

    lot = forms.IntegerField(required=False, min_value=1, max_value=LARGEST_ID, localize=False)
