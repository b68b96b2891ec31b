"""What people look for in the event log, checked."""

from django import forms
from django.http import QueryDict

from accounts.log_filters import IN_TIME, LogFilter
from accounts.models import Bot, Workspace
from usage.event_format import TYPES
from usage.event_log import Sought

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


class EventFilter(LogFilter):
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
        super().__init__(data, workspace=workspace)
        self.shown = data.get("show", "")
        if self.shown not in SHOWN:
            self.shown = "batches"
        for name in set(self.fields) - set(FILTERS[self.shown]):
            del self.fields[name]

    def find_sought(self) -> Sought | None:
        """Return what is looked for; None: nothing can be like that.

        The form has been found valid.
        """
        values = self.cleaned_data
        since, until = self.find_range()
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
            since=since,
            until=until,
        )
