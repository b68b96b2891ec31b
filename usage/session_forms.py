"""Which sessions people and programs ask for, checked."""

import re
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import QueryDict

from accounts.days import DAY, start_of_day
from accounts.exports import list_sentences
from accounts.models import Bot, Workspace, known_zone
from usage.forms import ListField
from usage.models import SessionKind
from usage.periods import Period, in_utc
from usage.session_queries import Chosen, TooManyStreams, find_streams

DAYS_SHOWN = 30
DATE_LENGTH = len("2026-03-31")
FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2199, 12, 31)
# A plus sign in an address is read as a space.
LOST_PLUS = re.compile(r"(?<=T)(.*) (\d\d:?\d\d)\Z", re.ASCII)

KINDS = {
    "billing": (SessionKind.USAGE, SessionKind.ALERT),
    "usage": (SessionKind.USAGE,),
    "alert": (SessionKind.ALERT,),
    "voice": (SessionKind.VOICE,),
    "notification": (SessionKind.NOTIFICATION,),
    "all": tuple(SessionKind),
}
KIND_LABELS = {
    "billing": "Billing sessions (usage and alert)",
    "usage": "Usage sessions",
    "alert": "Alert sessions",
    "voice": "Voice sessions",
    "notification": "Notifications",
    "all": "Everything",
}
STATES = {"completed": (True,), "open": (False,), "all": (True, False)}
STATE_LABELS = {"completed": "Completed", "open": "Open", "all": "Completed and open"}


class BoundField(forms.CharField):
    """A local date, or an instant with its offset from UTC; None where nothing is given."""

    def to_python(self, value: Any) -> Any:  # Any: date, instant or None, as Django's fields go
        """Return what the text means.

        Raises:
            ValidationError: nothing.
        """
        text = LOST_PLUS.sub(r"\1+\2", super().to_python(value) or "")
        if not text:
            return None
        try:
            if len(text) <= DATE_LENGTH:
                found = date.fromisoformat(text)
            else:
                found = datetime.fromisoformat(text)
        except ValueError:
            raise ValidationError(
                f"{text[:40]!r} is neither a date such as 2026-03-31 nor an instant such as "
                "2026-03-31T08:00:00+02:00."
            ) from None
        day = found.date() if isinstance(found, datetime) else found
        if not FIRST_DAY < day < LAST_DAY:
            raise ValidationError(f"{text[:40]!r} lies outside the years 1970 to 2199.")
        if isinstance(found, datetime) and found.tzinfo is None:
            raise ValidationError(f"{text[:40]!r} has no offset from UTC, such as Z or +05:30.")
        return found

    def validate(self, value: Any) -> None:
        """Accept what was understood."""

    def run_validators(self, value: Any) -> None:
        """Accept what was understood; lengths were checked with it."""


class SessionFilter(forms.Form):
    """The filters of the list of sessions, as its address holds them."""

    bot = ListField(required=False, label="Bot")
    channel = ListField(required=False, label="Channel")
    kind = forms.ChoiceField(choices=list(KIND_LABELS.items()), required=False, label="Kind")
    user = forms.CharField(required=False, max_length=256, label="User begins with", strip=False)
    conversation = forms.CharField(
        required=False, max_length=256, label="Conversation begins with", strip=False
    )
    timezone = forms.CharField(required=False, max_length=64, label="Time zone")
    state = forms.ChoiceField(choices=list(STATE_LABELS.items()), required=False, label="State")

    def __init__(
        self, data: QueryDict, *, workspace: Workspace, bots: QuerySet[Bot], now: datetime
    ) -> None:
        super().__init__(data)
        self.query = data
        self.fields["from"] = BoundField(required=False, label="From")
        self.fields["to"] = BoundField(required=False, label="To")
        self.workspace = workspace
        self.visible = bots
        self.now = now
        self.zone = ZoneInfo(workspace.timezone)

    @property
    def further(self) -> list[tuple[str, str]]:
        """Bots and channels beside the last of each, which the page's form has fields for."""
        return [
            (name, value) for name in ("bot", "channel") for value in self.query.getlist(name)[:-1]
        ]

    @property
    def sentences(self) -> list[str]:
        """What is wrong, one sentence for each bad value."""
        return list_sentences(self)

    def clean_timezone(self) -> ZoneInfo:
        """Return the zone, or the workspace's where none is given."""
        if name := self.cleaned_data["timezone"]:
            known_zone(name)
            self.zone = ZoneInfo(name)
        return self.zone

    def clean_bot(self) -> list[int]:
        """Return the bots of the keys; without any all that are visible.

        Raises:
            ValidationError: one is unknown, or not to be seen.
        """
        keys = self.cleaned_data["bot"]
        if not keys:
            return list(self.visible.values_list("pk", flat=True))
        found = dict(self.visible.filter(key__in=keys).values_list("key", "pk"))
        for key in keys:
            if key not in found:
                raise ValidationError(f"There is no bot {key[:128]!r} here.")
        return list(found.values())

    def clean(self) -> None:
        """Add ``chosen``: which sessions are meant.

        Raises:
            ValidationError: the range is empty, or too many users are meant.
        """
        if self.errors:
            return
        values = self.cleaned_data
        kind, state = values["kind"] or "billing", values["state"] or "completed"
        values["chosen"] = Chosen(
            workspace_id=self.workspace.pk,
            bots=values["bot"],
            period=self.find_period(),
            kinds=KINDS[kind],
            completed=STATES[state],
            channels=values["channel"],
            streams=self.find_streams(),
        )

    def find_period(self) -> Period:
        """Return the stretch asked for; without bounds the last 30 local days, today included.

        Raises:
            ValidationError: it ends before it begins.
        """
        today = self.now.astimezone(self.zone).date()
        first, last = self.cleaned_data["from"], self.cleaned_data["to"]
        ends_at = self.to_instant(last or today + DAY)
        if first is None:
            first = start_of_day(ends_at.date() - DAYS_SHOWN * DAY, self.zone)
        starts_at = self.to_instant(first)
        if in_utc(starts_at) >= in_utc(ends_at):
            raise ValidationError("The range is empty: its end must lie after its start.")
        return Period(starts_at, ends_at)

    def to_instant(self, bound: date | datetime) -> datetime:
        """Return an instant in the zone of the page."""
        if isinstance(bound, datetime):
            return bound.astimezone(self.zone)
        return start_of_day(bound, self.zone)

    def find_streams(self) -> list[int] | None:
        """Return the streams of the user and conversation asked for; None: of all.

        Raises:
            ValidationError: they are too many.
        """
        user, conversation = self.cleaned_data["user"], self.cleaned_data["conversation"]
        if not user and not conversation:
            return None
        try:
            return find_streams(
                workspace_id=self.workspace.pk,
                bots=self.cleaned_data["bot"],
                user=user,
                conversation=conversation,
            )
        except TooManyStreams:
            raise ValidationError(
                "Too many users or conversations begin so; type more of the id."
            ) from None

    def list_set(self) -> Iterator[tuple[str, str, str]]:
        """Yield each filter that is set: its parameter, its value, and what a chip says."""
        labels = {"kind": KIND_LABELS, "state": STATE_LABELS}
        for name in ("from", "to"):
            if isinstance(at := self.cleaned_data.get(name), datetime):
                local = at.astimezone(self.zone)
                labels[name] = {self.data[name]: f"{local.day} {local:%b %Y, %H:%M}"}
        for name in ("from", "to", "bot", "channel", "kind", "state", "user", "conversation",
                     "timezone"):  # fmt: skip
            for value in dict.fromkeys(self.query.getlist(name)):
                if value.strip():
                    said = labels.get(name, {}).get(value, value)
                    yield name, value, f"{self.fields[name].label}: {said[:80]}"
