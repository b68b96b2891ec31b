"""Which numbers of the tie-out people ask for, checked; all of it stands in the address."""

from collections.abc import Iterator
from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from accounts.chips import Chip
from accounts.days import DAY, list_months, months_before, next_month
from accounts.exports import list_sentences
from accounts.log_filters import IN_TIME, LogFilter
from accounts.models import Bot, Workspace

MOST_DAYS = 92
MONTHS_OFFERED = 24
TABS = [
    ("", "Days"),
    ("receipts", "Received"),
    ("sessions", "Sessions"),
    ("stretches", "Plans with a fee"),
    ("orders", "Orders"),
]
KINDS = [("", "Differences"), ("all", "All")]


class TieOutFilter(LogFilter):
    """The filters of the tie-out: a month, or local days; without either the month that runs."""

    show = forms.ChoiceField(
        choices=TABS,
        required=False,
        error_messages={"invalid_choice": "There is no such tab."},
    )
    kind = forms.ChoiceField(
        choices=KINDS,
        required=False,
        error_messages={"invalid_choice": "Rows are all, or those that differ."},
    )
    month = forms.ChoiceField(
        required=False, error_messages={"invalid_choice": "Choose one of the months offered."}
    )
    first = forms.DateField(label="From", required=False, validators=IN_TIME)
    last = forms.DateField(label="To", required=False, validators=IN_TIME)
    bot = forms.CharField(label="Bot (key)", max_length=128, required=False, strip=False)

    def __init__(self, data: QueryDict, *, workspace: Workspace, today: date) -> None:
        """Take a page's parameters; ``today`` is the workspace's local day."""
        super().__init__(data, workspace=workspace)
        self.today = today
        month = self.fields["month"]
        assert isinstance(month, forms.ChoiceField)  # noqa: S101
        month.choices = [("", "This month"), *offer_months(today)]

    @property
    def tab(self) -> str:
        """The tab that is shown; the form has been found valid."""
        return str(self.cleaned_data["show"])

    @property
    def differing(self) -> bool:
        """Whether only rows that differ are shown; totals of days are shown always."""
        return bool(self.tab) and not self.cleaned_data["kind"]

    def clean_bot(self) -> Bot | None:
        """Return the bot of the key; None: any.

        Raises:
            ValidationError: there is none.
        """
        if not (key := self.cleaned_data["bot"]):
            return None
        found = Bot.objects.for_workspace(self.workspace).filter(key=key).first()
        if found is None:
            raise ValidationError(f"There is no bot {key!r} here.")
        return found

    def clean(self) -> dict[str, Any]:  # Any: a form's values are free
        """Add the days that are meant: ``days``, a first and a last one.

        Raises:
            ValidationError: they are too many, or in the wrong order.
        """
        values = super().clean()
        if not self.errors:
            values["days"] = first, last = self.find_days(values)
            if (last - first).days >= MOST_DAYS:
                raise ValidationError(f"At most {MOST_DAYS} days are compared at once.")
        return values

    def find_days(self, values: dict[str, Any]) -> tuple[date, date]:
        """Return the first and the last day that are meant; days to come are left out."""
        first, last = values["first"], values["last"]
        if first or last:
            first = first or last.replace(day=1)
            return first, last or max(first, min(self.today, next_month(first) - DAY))
        month = date.fromisoformat(f"{values['month'] or f'{self.today:%Y-%m}'}-01")
        return month, min(next_month(month) - DAY, self.today)

    @property
    def sentences(self) -> list[str]:
        """What is wrong, one sentence for each bad value."""
        return list_sentences(self)

    def list_chips(self) -> Iterator[Chip]:
        """Yield the filters in force, but for the tabs."""
        given = [name for name in self.fields if self.parameters.get(name, "")]
        for chip, name in zip(super().list_chips(), given, strict=True):
            if name not in ("show", "kind"):
                yield chip


def offer_months(today: date) -> Iterator[tuple[str, str]]:
    """Yield the last months before the one that runs, the latest first."""
    for month in reversed(list_months(months_before(today, MONTHS_OFFERED), today.replace(day=1))):
        yield f"{month:%Y-%m}", f"{month:%B %Y}"
