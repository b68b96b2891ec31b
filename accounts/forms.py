"""What pages of accounts are sent: parsed and checked, never saved here."""

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django import forms
from django.http import QueryDict

from accounts.days import DAY
from accounts.mail_kinds import KINDS, Category
from accounts.models import MailState, PublishStatus, Role, Scope, User
from accounts.queries import ARCHIVED

TAB_ORDER = (PublishStatus.PUBLISHED, PublishStatus.IN_DEVELOPMENT, PublishStatus.SUSPENDED)
STATUSES = [
    ("", "All"),
    *((status.value, status.label) for status in TAB_ORDER),
    (ARCHIVED, "Archived"),
]
ROLE_TABS = [("", "Everybody"), *Role.choices]
LARGEST_ID = 2**63 - 1
LONGEST_LIFE = timedelta(days=3650)

SCOPES = {
    Scope.WRITE_EVENTS: "Send events. This is what a bot platform needs first.",
    Scope.WRITE_BOTS: "Register bots, change their name, owner and status, and list them.",
    Scope.READ_USAGE: "Read the numbers and rows of usage, and list bots.",
    Scope.READ_INVOICES: "List invoices and download their PDF.",
    Scope.READ_ENTITLEMENT: "Ask whether a bot may answer.",
}


class BotFilter(forms.Form):
    """Which bots a list shows; all of it stands in the address."""

    q = forms.CharField(label="Search", max_length=200, required=False)
    owner = forms.IntegerField(
        label="Owner", min_value=1, max_value=LARGEST_ID, required=False, localize=False
    )
    status = forms.ChoiceField(
        label="Status",
        choices=STATUSES,
        required=False,
        error_messages={"invalid_choice": "There is no such status."},
    )


class NewBot(forms.Form):
    """A bot to be registered."""

    key = forms.CharField(max_length=128)
    name = forms.CharField(max_length=200, required=False)
    owner = forms.IntegerField(min_value=1, max_value=LARGEST_ID, required=False)


class BotName(forms.Form):
    """What a bot is to be called."""

    name = forms.CharField(max_length=200, error_messages={"required": "A bot needs a name."})


class BotStatus(forms.Form):
    """Whether a bot is to be in use."""

    publish_status = forms.ChoiceField(
        choices=PublishStatus.choices,
        error_messages={"invalid_choice": "There is no such publish status."},
    )


class Person(forms.Form):
    """Somebody, named by the id of their account."""

    user = forms.IntegerField(
        min_value=1,
        max_value=LARGEST_ID,
        error_messages={"required": "Choose a person.", "invalid": "Choose a person."},
    )


class Reason(forms.Form):
    """Why something is done that has an effect on others."""

    reason = forms.CharField(max_length=500, error_messages={"required": "Say why."})


NO_SUCH_ROLE = {"required": "Choose a role.", "invalid_choice": "There is no such role."}


class PeopleFilter(forms.Form):
    """Which people a list shows; all of it stands in the address."""

    q = forms.CharField(label="Search", max_length=200, required=False)
    role = forms.ChoiceField(
        label="Role",
        choices=ROLE_TABS,
        required=False,
        error_messages={"invalid_choice": "There is no such role."},
    )


class NewRole(Reason):
    """The role that a person is to have, and why."""

    role = forms.ChoiceField(choices=Role.choices, error_messages=NO_SUCH_ROLE)


class NewInvitation(forms.Form):
    """Who is to join, and with which role."""

    email = forms.EmailField(max_length=254)
    role = forms.ChoiceField(choices=Role.choices, error_messages=NO_SUCH_ROLE)

    def clean_email(self) -> str:
        """Return the address as accounts have it."""
        return User.objects.normalize_email(self.cleaned_data["email"])


class NewAccount(forms.Form):
    """Who an invited person is, and the password that they will sign in with."""

    name = forms.CharField(max_length=200, error_messages={"required": "Say who you are."})
    password = forms.CharField(
        max_length=200, strip=False, error_messages={"required": "Choose a password."}
    )


class NewKey(forms.Form):
    """An API key to be made."""

    name = forms.CharField(max_length=100)
    scopes = forms.MultipleChoiceField(
        choices=Scope.choices,
        error_messages={
            "required": "Choose at least one scope.",
            "invalid_choice": "There is no such scope.",
        },
    )
    expires_on = forms.DateField(required=False)

    def __init__(self, data: QueryDict | None, *, zone: ZoneInfo, now: datetime) -> None:
        super().__init__(data)
        self.zone = zone
        self.now = now

    def clean_expires_on(self) -> date | None:
        """Refuse a last day that is over, or too far ahead."""
        last: date | None = self.cleaned_data["expires_on"]
        today = self.now.astimezone(self.zone).date()
        if last is not None and not today <= last <= today + LONGEST_LIFE:
            raise forms.ValidationError("The last day is to be today or later, within ten years.")
        return last

    @property
    def expires_at(self) -> datetime | None:
        """The end of the last local day."""
        last: date | None = self.cleaned_data["expires_on"]
        if last is None:
            return None
        return datetime.combine(last + DAY, time(), self.zone).astimezone(UTC)


class General(forms.Form):
    """A workspace's name, and how late its events may come."""

    name = forms.CharField(max_length=200)
    lateness_days = forms.IntegerField(min_value=1, max_value=365)


class SignInRules(forms.Form):
    """After how many minutes people are signed out, and whether they need a second factor."""

    idle_minutes = forms.IntegerField(
        min_value=5,
        max_value=480,
        error_messages={
            "required": "Say after how many minutes people are signed out, from 5 to 480.",
            "invalid": "Say after how many minutes people are signed out, from 5 to 480.",
            "min_value": "People stay signed in for at least 5 minutes.",
            "max_value": "People are signed out after 480 minutes at the latest.",
        },
    )
    requires_second_factor = forms.BooleanField(required=False)


class OwnName(forms.Form):
    """What a person is called."""

    name = forms.CharField(max_length=200, required=False)


class OwnAddress(forms.Form):
    """The mail address that a person wants to have."""

    email = forms.EmailField(
        max_length=254,
        error_messages={
            "required": "Type the new mail address.",
            "invalid": "This is no mail address.",
        },
    )

    def clean_email(self) -> str:
        """Return the address as accounts have it."""
        return User.objects.normalize_email(self.cleaned_data["email"])


class DefaultWorkspace(forms.Form):
    """Where a sign-in leads; empty: to the list of workspaces."""

    workspace = forms.IntegerField(min_value=1, max_value=LARGEST_ID, required=False)


class Address(forms.Form):
    """The mail address of somebody who has forgotten their password."""

    email = forms.EmailField(max_length=254)


class MailChoice(forms.Form):
    """Which mails a person wants; those that are always sent are not asked for."""

    wanted = forms.MultipleChoiceField(
        choices=[(category.value, category.value) for category in Category], required=False
    )


class MailFilter(forms.Form):
    """Which mails operators look at."""

    state = forms.ChoiceField(
        label="State", choices=[("", "All"), *MailState.choices], required=False
    )
    kind = forms.ChoiceField(
        label="Kind", choices=[("", "Any kind"), *((name, name) for name in KINDS)], required=False
    )
    workspace = forms.CharField(label="Workspace", max_length=63, required=False)
    to = forms.CharField(label="To", max_length=254, required=False)


class Retention(forms.Form):
    """How many months a workspace keeps its events; empty: for ever."""

    retention_months = forms.IntegerField(min_value=1, max_value=120, required=False)
    confirmed = forms.BooleanField(required=False)
