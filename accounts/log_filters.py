"""What people look for on pages that list what happened, checked."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import QueryDict

from accounts import audit_log, chips
from accounts.audit_log import Sought
from accounts.days import DAY, start_of_day
from accounts.models import Workspace

IN_TIME = [
    MinValueValidator(date(1970, 1, 2), "The year lies before 1970."),
    MaxValueValidator(date(2199, 12, 31), "The year lies after 2199."),
]


class LogFilter(forms.Form):
    """A log's filters, the days ``first`` and ``last`` in the workspace's zone among them."""

    def __init__(self, data: QueryDict, *, workspace: Workspace) -> None:
        """Take a page's parameters."""
        super().__init__(data)
        self.workspace = workspace
        self.parameters = data

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

    def find_range(self) -> tuple[datetime | None, datetime | None]:
        """Return the instants between which the days lie, the second exclusive; None: open.

        The form has been found valid.
        """
        zone = ZoneInfo(self.workspace.timezone)
        first, last = self.cleaned_data.get("first"), self.cleaned_data.get("last")
        return (
            start_of_day(first, zone) if first else None,
            start_of_day(last + DAY, zone) if last else None,
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


class AuditFilter(LogFilter):
    """The filters of the audit log."""

    who = forms.CharField(max_length=254, required=False)
    target = forms.CharField(max_length=200, required=False)
    first = forms.DateField(label="From", required=False, validators=IN_TIME)
    last = forms.DateField(label="To", required=False, validators=IN_TIME)

    def __init__(self, data: QueryDict, *, workspace: Workspace, actions: Sequence[str]) -> None:
        """Take a page's parameters, and the actions that the log has."""
        super().__init__(data, workspace=workspace)
        labels = sorted((audit_log.name_action(action), action) for action in actions)
        action = forms.ChoiceField(
            choices=[("", "Any action"), *((action, label) for label, action in labels)],
            required=False,
            error_messages={"invalid_choice": "The log of this workspace has no such action."},
        )
        self.fields = {"action": action, **self.fields}

    def find_sought(self) -> Sought:
        """Return what is looked for; the form has been found valid."""
        values = self.cleaned_data
        since, until = self.find_range()
        return Sought(
            action=values["action"],
            who=values["who"],
            target=values["target"],
            since=since,
            until=until,
        )
