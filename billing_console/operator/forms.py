"""What operators send: parsed and checked, never saved here."""

from django import forms

from accounts.forms import LARGEST_ID
from accounts.models import Role

MINUTES = (15, 30, 60)


class Search(forms.Form):
    """Which workspaces a list shows."""

    q = forms.CharField(label="Slug, name or owner", max_length=200, required=False)


class AuditFilter(forms.Form):
    """Which entries of the audit log are shown."""

    workspace = forms.CharField(label="Workspace", max_length=63, required=False)
    action = forms.CharField(label="Action begins with", max_length=64, required=False)
    actor = forms.CharField(label="Who", max_length=254, required=False)


class NewViewing(forms.Form):
    """As whom a workspace is to be looked at, why and how long.

    Either as a person of the workspace, or as a role.
    """

    person = forms.IntegerField(min_value=1, max_value=LARGEST_ID, required=False, localize=False)
    role = forms.ChoiceField(
        choices=Role.choices,
        required=False,
        error_messages={"invalid_choice": "There is no such role."},
    )
    minutes = forms.TypedChoiceField(
        choices=[(str(count), f"{count} minutes") for count in MINUTES],
        coerce=int,
        error_messages={"invalid_choice": "Choose 15, 30 or 60 minutes."},
    )
    reason = forms.CharField(max_length=500, error_messages={"required": "Say why."})

    def clean(self) -> None:
        """Refuse what names neither a person nor a role, or both."""
        super().clean()
        if bool(self.cleaned_data.get("person")) == bool(self.cleaned_data.get("role")):
            self.add_error("person", "Choose a person or a role.")
