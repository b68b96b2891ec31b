"""What pages of usage alerts are sent: parsed and checked, never saved here."""

from decimal import Decimal
from typing import Any

from django import forms

from accounts.access import may_change_bot
from accounts.models import ADMINS, Bot, Membership
from plans.alerted import Per, Watched
from plans.models import Currency
from plans.money import NotAnAmount, parse_amount
from plans.rehearsal import MONTHS

MOST_SESSIONS = Decimal(1_000_000_000)
MOST_MONEY = Decimal(1_000_000_000)
NO_BOT = "There is no such bot among those you may make usage alerts for. Type its key."


class Months(forms.Form):
    """How many months a rehearsal looks back."""

    months = forms.TypedChoiceField(
        choices=[(number, f"{number} months") for number in MONTHS],
        coerce=int,
        required=False,
        error_messages={"invalid_choice": "A rehearsal looks back 3, 6 or 12 months."},
    )

    def clean_months(self) -> int:
        """Return the number of months; the fewest where none is said."""
        return self.cleaned_data["months"] or MONTHS[0]


class Threshold(Months):
    """The number at which a usage alert fires, and for which months it is rehearsed."""

    threshold = forms.CharField(max_length=40, error_messages={"required": "Write a number."})

    def __init__(self, *args: Any, of: str = "", currency: Currency, **more: Any) -> None:
        """``of``: what the threshold is of, where the form does not say (`Watched`)."""
        super().__init__(*args, **more)
        self.of = of
        self.currency = currency

    def clean(self) -> None:
        """Read the threshold by what it is of."""
        super().clean()
        watched = self.cleaned_data.get("watched", self.of)
        if "threshold" in self.cleaned_data and watched:
            try:
                parsed = parse_threshold(
                    self.cleaned_data["threshold"], watched=watched, currency=self.currency
                )
            except NotAnAmount as error:
                self.add_error("threshold", str(error))
            else:
                self.cleaned_data["threshold"] = parsed


class ChangedAlert(Threshold):
    """Another threshold, and whether the usage alert is on."""

    is_on = forms.BooleanField(required=False)


class NewAlert(Threshold):
    """A usage alert to be rehearsed or made; ``bot`` is a key, or empty for the whole workspace."""

    bot = forms.CharField(max_length=128, required=False)
    watched = forms.ChoiceField(
        choices=Watched.choices,
        error_messages={
            "required": "Choose what to look at.",
            "invalid_choice": "There is no such number.",
        },
    )
    per = forms.ChoiceField(
        choices=Per.choices,
        error_messages={"required": "Choose day or month.", "invalid_choice": "By day or month."},
    )

    field_order = ("bot", "watched", "per", "threshold", "months")

    def __init__(self, *args: Any, membership: Membership, **more: Any) -> None:
        super().__init__(*args, **more)
        self.membership = membership

    def clean_bot(self) -> Bot | None:
        """Return the bot of a key, if the person may make usage alerts for it."""
        key: str = self.cleaned_data["bot"]
        if not key:
            if self.membership.role not in ADMINS:
                raise forms.ValidationError("Choose one of your bots.")
            return None
        bots = Bot.objects.for_workspace(self.membership.workspace_id)
        seen = bots.with_plan_for(self.membership).select_related("workspace", "owner")
        bot = seen.filter(key=key).first()
        if bot is None or not may_change_bot(
            self.membership, bot, permission="usage_alerts.change"
        ):
            raise forms.ValidationError(NO_BOT)
        if bot.archived_at is not None:
            raise forms.ValidationError(f"{bot.name} is archived: its usage alerts would rest.")
        return bot


def parse_threshold(text: str, *, watched: str, currency: Currency) -> Decimal:
    """Return a threshold that a person typed: above 0, an amount or whole sessions.

    Raises:
        NotAnAmount: it is none.
    """
    if watched == Watched.MONEY:
        amount, most = parse_amount(text, decimals=currency.decimals), MOST_MONEY
    else:
        try:
            amount, most = parse_amount(text, decimals=0), MOST_SESSIONS
        except NotAnAmount:
            raise NotAnAmount("Write a whole number of sessions, such as 500.") from None
    if not 0 < amount <= most:
        raise NotAnAmount(f"Write a number above 0 and at most {most:,}.")
    return amount
