"""Which orders people ask for, checked; all of it stands in the address."""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import QueryDict

from accounts import chips
from accounts.chips import Chip
from accounts.exports import list_sentences
from accounts.log_filters import IN_TIME, LogFilter
from accounts.models import Bot, Workspace
from invoices.models import OPEN, OrderStatus, OrderType
from invoices.order_queries import Sought
from plans.forms import AmountField

TABS = [
    ("", "All"),
    ("open", "Open"),
    ("completed", "Completed"),
    ("refunded", "Refunded"),
    ("unpaid", "Failed or canceled"),
]
OF_TAB = {
    "": frozenset(OrderStatus),
    "open": OPEN,
    "completed": frozenset({OrderStatus.COMPLETED}),
    "refunded": frozenset({OrderStatus.REFUNDED}),
    "unpaid": frozenset({OrderStatus.FAILED, OrderStatus.CANCELED}),
}
ORDER_NUMBER = re.compile(r"(?:O-)?0*([0-9]{1,9})", re.IGNORECASE | re.ASCII)


class OrderFilter(LogFilter):
    """The filters of the list of orders; amounts are gross, days in the workspace's zone."""

    q = forms.CharField(label="Search", max_length=200, required=False)
    number = forms.CharField(label="Number", max_length=40, required=False)
    type = forms.ChoiceField(
        label="Order type",
        choices=[("", "Any"), *OrderType.choices],
        required=False,
        error_messages={"invalid_choice": "There is no such type of order."},
    )
    status = forms.ChoiceField(
        label="Order status",
        choices=[("", "Any"), *OrderStatus.choices],
        required=False,
        error_messages={"invalid_choice": "There is no such status of an order."},
    )
    bot = forms.CharField(label="Bot", max_length=128, required=False, strip=False)
    first = forms.DateField(label="From", required=False, validators=IN_TIME)
    last = forms.DateField(label="To", required=False, validators=IN_TIME)
    least = AmountField(required=False)
    most = AmountField(required=False)
    show = forms.ChoiceField(
        label="Tab",
        choices=TABS,
        required=False,
        error_messages={"invalid_choice": "There is no such tab."},
    )

    def __init__(self, data: QueryDict, *, workspace: Workspace, bots: QuerySet[Bot]) -> None:
        """Take a page's parameters, and the bots that the person sees."""
        super().__init__(data, workspace=workspace)
        self.bots = bots
        self.fields["least"].label, self.fields["most"].label = "Amount from", "Amount to"

    def clean_bot(self) -> Bot | None:
        """Return the bot of the key; None: any.

        Raises:
            ValidationError: there is none, or it is not to be seen.
        """
        if not (key := self.cleaned_data["bot"]):
            return None
        found = self.bots.filter(key=key).first()
        if found is None:
            raise ValidationError(f"There is no bot {key!r} here.")
        return found

    def clean(self) -> dict[str, Any]:  # Any: a form's values are free
        """Refuse bounds in the wrong order.

        Raises:
            ValidationError: they are.
        """
        values = super().clean()
        least, most = values.get("least"), values.get("most")
        if least is not None and most is not None and most < least:
            raise ValidationError("The largest amount is smaller than the smallest.")
        return values

    @property
    def sentences(self) -> list[str]:
        """What is wrong, one sentence for each bad value."""
        return list_sentences(self)

    def find_sought(self) -> Sought:
        """Return what is looked for; the form has been found valid."""
        values = self.cleaned_data
        since, until = self.find_range()
        status = values["status"]
        statuses = OF_TAB[values["show"]] & ({status} if status else frozenset(OrderStatus))
        return Sought(
            text=values["q"],
            text_number=read_number(values["q"]),
            number=values["number"],
            order_number=read_number(values["number"]),
            type=values["type"],
            statuses=None if len(statuses) == len(OrderStatus) else statuses,
            bot=values["bot"],
            since=since,
            until=until,
            least=values["least"],
            most=values["most"],
        )

    def list_chips(self) -> Iterator[Chip]:
        """Yield the filters in force, but for the tab."""
        for chip, name in zip(super().list_chips(), self.list_set(), strict=True):
            if name == "bot" and isinstance(bot := self.cleaned_data.get("bot"), Bot):
                yield chips.make(self.parameters, name, bot.key, label=f"Bot: {bot.name}")
            elif name in ("least", "most") and isinstance(self.cleaned_data.get(name), Decimal):
                yield chip._replace(label=f"{chip.label}, gross")
            elif name != "show":
                yield chip

    def list_set(self) -> list[str]:
        """Return the names of the parameters that are given."""
        return [name for name in self.fields if self.parameters.get(name, "")]


def read_number(text: str) -> int | None:
    """Return the number of an order that a text names, ``O-000012`` or ``12``; None: none."""
    found = ORDER_NUMBER.fullmatch(text.strip())
    return int(found[1]) if found else None
