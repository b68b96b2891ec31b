"""What people ask of the pages of usage, checked."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from accounts.log_filters import IN_TIME
from accounts.models import Bot, Membership, known_zone
from usage import reports
from usage.periods import Grain
from usage.report_queries import BotName, list_names
from usage.reports import Range, RangeRefused

MOST_CHOSEN = 50  # bots or channels that a person may name; without any they are all meant
RANGES = {
    Range.LAST_24_HOURS: "24 hours",
    Range.LAST_7_DAYS: "7 days",
    Range.LAST_30_DAYS: "30 days",
    Range.THIS_MONTH: "This month",
    Range.LAST_MONTH: "Last month",
    Range.CUSTOM: "Custom",
}
GRAINS = {
    "": "Automatic",
    Grain.HOUR: "Hour",
    Grain.DAY: "Day",
    Grain.WEEK: "Week",
    Grain.MONTH: "Month",
}
VIEWS = {"graph": "Graph", "table": "Table"}
ROWS = {"period": "By time", "bot": "By bot"}


class ListField(forms.Field):
    """Texts of a parameter that may be given several times; empty ones do not count."""

    widget = forms.SelectMultiple

    def to_python(self, value: Any) -> list[str]:  # Any: a form's data is free
        """Return the texts, each once, in the order given."""
        return [text for text in dict.fromkeys(value or ()) if text.strip()]

    def validate(self, value: list[str]) -> None:
        """Refuse more than a person would choose, and what no database would take.

        Raises:
            ValidationError: one of them.
        """
        if len(value) > MOST_CHOSEN:
            raise ValidationError(f"Choose at most {MOST_CHOSEN}, or none for all.")
        if any("\0" in text for text in value):
            raise ValidationError("A name holds a character that no name has.")


class UsageFilter(forms.Form):
    """The filters of the Usage page, as its address holds them."""

    range = forms.ChoiceField(choices=list(RANGES.items()), required=False, label="Period")
    first = forms.DateField(required=False, label="First day", validators=IN_TIME)
    last = forms.DateField(required=False, label="Last day", validators=IN_TIME)
    by = forms.ChoiceField(choices=list(GRAINS.items()), required=False, label="By")
    bot = ListField(required=False, label="Bots")
    channel = ListField(required=False, label="Channels")
    timezone = forms.CharField(required=False, max_length=64, label="Time zone")
    view = forms.ChoiceField(choices=list(VIEWS.items()), required=False)
    rows = forms.ChoiceField(choices=list(ROWS.items()), required=False)
    running = forms.BooleanField(required=False)

    def __init__(self, data: QueryDict, *, membership: Membership, now: datetime) -> None:
        super().__init__(data)
        self.membership = membership
        self.now = now
        self.chosen_bots: list[str] = []  # keys; none: all that the person may see

    @property
    def shown_range(self) -> str:
        """The range that the page shows as chosen."""
        report = self.cleaned_data.get("report")
        return report.range if report else self.data.get("range") or Range.LAST_30_DAYS

    def clean_timezone(self) -> ZoneInfo:
        """Return the zone, or the workspace's where none is given."""
        name = self.cleaned_data["timezone"] or self.membership.workspace.timezone
        known_zone(name)
        return ZoneInfo(name)

    def clean_bot(self) -> list[BotName]:
        """Return the bots, by key or else by name; without any all that the person may see."""
        visible = Bot.objects.for_workspace(self.membership.workspace).visible_to(self.membership)
        bots = list_names(visible)
        asked = self.cleaned_data["bot"]
        if not asked:
            return bots
        by_name = {bot.name: bot for bot in bots} | {bot.key: bot for bot in bots}
        if unknown := [text for text in asked if text not in by_name]:
            raise ValidationError(f"There is no bot {unknown[0][:128]!r} here.")
        found = list(dict.fromkeys(by_name[text] for text in asked))
        self.chosen_bots = [bot.key for bot in found]
        return found

    def clean(self) -> None:
        """Add the ``report``, if its parts are right.

        Raises:
            ValidationError: the range cannot be shown.
        """
        if self.errors:
            return
        values = self.cleaned_data
        try:
            values["report"] = reports.make_report(
                range=Range(values["range"] or self.default_range()),
                grain=Grain(values["by"]) if values["by"] else None,
                zone=values["timezone"],
                now=self.now,
                first=values["first"],
                last=values["last"],
            )
        except RangeRefused as error:
            raise ValidationError(str(error)) from None

    def default_range(self) -> Range:
        """Return the range where none is named: the one of the days that are, else 30 days."""
        named = self.cleaned_data["first"] or self.cleaned_data["last"]
        return Range.CUSTOM if named else Range.LAST_30_DAYS
