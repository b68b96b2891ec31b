"""What people look for in the event log, checked."""

from collections.abc import Iterator
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.http import QueryDict

from accounts import chips
from accounts.models import Bot, Workspace
from usage.event_format import TYPES
from usage.event_log import Sought
from usage.forms import IN_TIME
from usage.periods import DAY, start_of_day

SHOWN = {"batches": "Batches", "events": "Accepted events", "rejected": "Refused events"}
RESULTS = {
    "accepted": "with accepted events",
    "duplicate": "with duplicates",
    "differing": "with differing duplicates",
    "rejected": "with refused events",
}
# Which filters each list has.
FILTERS = {
    "batches": ("source", "result", "first", "last"),
    "events": ("bot", "type", "id", "source", "first", "last"),
    "rejected": ("code", "bot", "id", "source", "first", "last"),
}
CODES = (
    *("bad_field", "bad_json", "bad_time", "in_future", "missing_field", "no_offset", "too_long"),
    *("too_old", "unknown_bot", "unknown_type"),
)


def any_of(labels: dict[str, str], *, otherwise: str) -> list[tuple[str, str]]:
    """Return the choices of a filter that need not be set."""
    return [("", otherwise), *labels.items()]


class EventFilter(forms.Form):
    """The filters of one of the lists; those that it does not have are left out."""

    bot = forms.CharField(label="Bot (key)", max_length=128, required=False)
    type = forms.ChoiceField(
        choices=any_of({name: name for name in TYPES}, otherwise="Any type"), required=False
    )
    code = forms.ChoiceField(
        choices=any_of({name: name for name in CODES}, otherwise="Any code"), required=False
    )
    result = forms.ChoiceField(choices=any_of(RESULTS, otherwise="Any result"), required=False)
    id = forms.CharField(label="Event id", max_length=256, required=False, strip=False)
    source = forms.CharField(max_length=512, required=False, strip=False)
    first = forms.DateField(label="Received from", required=False, validators=IN_TIME)
    last = forms.DateField(label="Received to", required=False, validators=IN_TIME)

    def __init__(self, data: QueryDict, *, workspace: Workspace) -> None:
        """Take a page's parameters."""
        super().__init__(data)
        self.workspace = workspace
        self.parameters = data
        self.shown = data.get("show", "")
        if self.shown not in SHOWN:
            self.shown = "batches"
        for name in set(self.fields) - set(FILTERS[self.shown]):
            del self.fields[name]

    def clean(self) -> dict[str, Any]:  # Any: a form's values are free
        """Refuse days in the wrong order.

        Raises:
            ValidationError: they are.
        """
        values = super().clean() or {}
        first, last = values.get("first"), values.get("last")
        if first and last and last < first:
            raise ValidationError("The range ends before it begins.")
        return values

    def find_sought(self) -> Sought | None:
        """Return what is looked for; None: nothing can be like that.

        The form has been found valid.
        """
        values = self.cleaned_data
        zone = ZoneInfo(self.workspace.timezone)
        first, last = values.get("first"), values.get("last")
        key = values.get("bot") or ""
        bot = None
        if key and self.shown == "events":
            bot = Bot.objects.for_workspace(self.workspace).filter(key=key).first()
            if bot is None:
                return None
        return Sought(
            bot=bot.pk if bot else None,
            bot_key=key,
            type=int(TYPES[values["type"]]) if values.get("type") else None,
            event_id=values.get("id") or "",
            source=values.get("source") or "",
            result=values.get("result") or "",
            code=values.get("code") or "",
            since=start_of_day(first, zone) if first else None,
            until=start_of_day(last + DAY, zone) if last else None,
        )

    def list_chips(self) -> Iterator[chips.Chip]:
        """Yield the filters in force."""
        for name, field in self.fields.items():
            value = self.parameters.get(name, "")
            if not value:
                continue
            choices = dict(getattr(field, "choices", ()))
            text = choices.get(value, value)
            label = field.label or name.capitalize()
            said = f"{label}: {str(text)[:80]}"
            yield chips.make(self.parameters, name, value, label=said)
