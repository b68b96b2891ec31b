"""Workspaces, the people in them, their bots and API keys."""

import zoneinfo
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from typing import Any, ClassVar, Self, TypeVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import (
    MaxValueValidator,
    MinValueValidator,
    ProhibitNullCharactersValidator,
    RegexValidator,
)
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower, Now

from accounts.actors import ActorKind


class UserManager(BaseUserManager["User"]):
    """Users are found by their mail address, in whatever case it is typed."""

    def get_by_natural_key(self, username: str | None) -> "User":
        """Return the user of a mail address."""
        return self.get(email__iexact=username)

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        """Create a user; without password they cannot sign in until they set one."""
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser):
    """A person who signs in; one account for all workspaces. Operators run the installation.

    ``default_workspace`` is where a sign-in leads, as long as the person has a role there.
    """

    email = models.EmailField(max_length=254, unique=True)
    name = models.CharField(max_length=200, blank=True)
    is_active = models.BooleanField(default=True)
    is_operator = models.BooleanField(default=False)
    default_workspace = models.ForeignKey(
        "accounts.Workspace", on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    created_at = models.DateTimeField(db_default=Now())

    objects = UserManager()

    USERNAME_FIELD = "email"

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(Lower("email"), name="user_email_unique")]

    def __str__(self) -> str:
        return self.email

    @property
    def known_as(self) -> str:
        """The name by which others know the person; the mail address where none is given."""
        return self.name or self.email


class Role(models.TextChoices):
    """What a person may do in a workspace; accounts/access.py says what that is."""

    OWNER = "owner"
    ADMIN = "admin"
    FINANCE = "finance"
    MEMBER = "member"
    SHARED = "shared"


ADMINS = frozenset({Role.OWNER, Role.ADMIN})  # who have the workspace in their hands

slug_validator = RegexValidator(
    r"\A[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z",
    "A slug has 1 to 63 lower-case letters, digits and inner hyphens.",
)
currency_validator = RegexValidator(
    r"\A[A-Z]{3}\Z", "A currency is three capital letters of ISO 4217, such as USD."
)


@cache
def list_zones() -> Sequence[str]:
    """Return the names of all time zones, in order; to look them up takes long."""
    return sorted(zoneinfo.available_timezones())


def known_zone(name: str) -> None:
    """Refuse what is not a time zone of the IANA database.

    Raises:
        ValidationError: it is not.
    """
    if name not in list_zones():
        raise ValidationError(
            f"There is no time zone {name[:64]!r}; one is Europe/Berlin, for example."
        )


class Workspace(models.Model):
    """A tenant.

    ``lateness_days``: how old an event may be when it arrives over HTTP. ``retention_months``: how
    long events are kept (None: for ever); sessions are kept in any case. ``events_from``: events
    before it were removed and are refused, so that an id never counts twice. ``idle_minutes``: how
    long a person stays signed in without a request.
    """

    slug = models.CharField(max_length=63, unique=True, validators=[slug_validator])
    name = models.CharField(max_length=200)
    timezone = models.CharField(max_length=64, default="UTC", validators=[known_zone])
    currency = models.CharField(max_length=3, default="USD", validators=[currency_validator])
    lateness_days = models.PositiveSmallIntegerField(
        default=35, validators=[MinValueValidator(1), MaxValueValidator(365)]
    )
    retention_months = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1), MaxValueValidator(120)]
    )
    events_from = models.DateTimeField(null=True, blank=True)
    idle_minutes = models.PositiveSmallIntegerField(
        default=15, validators=[MinValueValidator(5), MaxValueValidator(480)]
    )
    requires_second_factor = models.BooleanField(default=False)
    created_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return self.name


OwnedModel = TypeVar("OwnedModel", bound="WorkspaceOwned", covariant=True)


class WorkspaceOwnedQuerySet(models.QuerySet[OwnedModel]):
    """Where every query of customer data starts."""

    def for_workspace(self, workspace: Workspace | int) -> Self:
        """Keep the rows of one workspace, named by itself or by its id."""
        return self.filter(workspace=workspace)


class WorkspaceOwned(models.Model):
    """A row of customer data: it belongs to one workspace, and row-level security isolates it."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE)

    class Meta:
        abstract = True


class MonthZone(WorkspaceOwned):
    """From which month on a time zone holds for charging, periods and statements.

    Where a workspace has none its zone never changed. ``month``: its first day.
    """

    month = models.DateField()
    zone = models.CharField(max_length=64)

    objects = WorkspaceOwnedQuerySet["MonthZone"].as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("workspace", "month", name="month_zone_unique"),
            models.CheckConstraint(condition=Q(month__day=1), name="month_zone_first_day"),
        ]

    def __str__(self) -> str:
        return f"{self.zone} from {self.month}"


class MembershipQuerySet(WorkspaceOwnedQuerySet["Membership"]):
    """Who is in which workspace."""

    def of_user(self, user: User) -> Self:
        """Keep one person's memberships."""
        return self.filter(user=user)

    def may_own_bots(self) -> Self:
        """Keep the people whose role lets them own a bot."""
        return self.exclude(role=Role.SHARED)


class Membership(WorkspaceOwned):
    """A person in a workspace, with one role there."""

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    role = models.CharField(max_length=10, choices=Role.choices)
    created_at = models.DateTimeField(db_default=Now())

    objects = MembershipQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("workspace", "user", name="membership_unique"),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} as {self.role}"


class InvitationQuerySet(WorkspaceOwnedQuerySet["Invitation"]):
    """Invitations into a workspace."""

    def open(self) -> Self:
        """Keep those neither accepted nor withdrawn; they may have expired."""
        return self.filter(accepted_at__isnull=True, withdrawn_at__isnull=True)

    def unsent(self, at: datetime) -> Self:
        """Keep the open ones whose mail has still to be sent at ``at``."""
        return self.open().filter(sent_at__isnull=True, expires_at__gt=at)


class Invitation(WorkspaceOwned):
    """Somebody is asked by mail to join a workspace with a role.

    The link holds the signed ``nonce``; ``hash`` is that of the whole, by which it is found again.
    ``sent_at``: when the mail was handed to the mail server.
    """

    email = models.EmailField(max_length=254)
    role = models.CharField(max_length=10, choices=Role.choices)
    nonce = models.CharField(max_length=43)
    hash = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(User, on_delete=models.PROTECT)
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True, blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    objects = InvitationQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                "workspace",
                Lower("email"),
                condition=Q(accepted_at__isnull=True, withdrawn_at__isnull=True),
                name="invitation_open_unique",
            ),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="invitation_role_known"),
            models.CheckConstraint(
                condition=Q(accepted_at__isnull=True) | Q(withdrawn_at__isnull=True),
                name="invitation_ends_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} as {self.role}"


class PublishStatus(models.TextChoices):
    """Whether a bot is in use; set by the bot platform or by its owner."""

    IN_DEVELOPMENT = "in_development", "In development"
    PUBLISHED = "published", "Published"
    SUSPENDED = "suspended", "Suspended"


class BotQuerySet(WorkspaceOwnedQuerySet["Bot"]):
    """Bots of a workspace."""

    def in_use(self) -> Self:
        """Keep the bots that are not archived."""
        return self.filter(archived_at__isnull=True)

    def visible_to(self, membership: Membership) -> Self:
        """Keep the bots that a person may see: all, or those owned by or shared with them."""
        if membership.role in (Role.OWNER, Role.ADMIN, Role.FINANCE):
            return self
        shared = BotShare.objects.for_workspace(membership.workspace_id)
        seen = Q(pk__in=shared.filter(user=membership.user_id).values("bot"))
        if membership.role == Role.MEMBER:
            seen |= Q(owner=membership.user_id)
        return self.filter(seen)

    def with_plan_for(self, membership: Membership) -> Self:
        """Keep the bots whose plan and balance a person may see: all, or those that they own."""
        if membership.role in (Role.OWNER, Role.ADMIN, Role.FINANCE):
            return self
        if membership.role == Role.MEMBER:
            return self.filter(owner=membership.user_id)
        return self.none()


class Bot(WorkspaceOwned):
    """What is metered and has a plan. ``key`` is the subject of its events and never changes.

    An archived bot is left out of lists; its events still count and its numbers stay.
    ``archive_reason``: why it was archived, or since then restored.
    """

    key = models.CharField(
        max_length=128, db_collation="C", validators=[ProhibitNullCharactersValidator()]
    )
    name = models.CharField(max_length=200, validators=[ProhibitNullCharactersValidator()])
    owner = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True)
    publish_status = models.CharField(
        max_length=14, choices=PublishStatus.choices, default=PublishStatus.PUBLISHED
    )
    created_at = models.DateTimeField(db_default=Now())
    archived_at = models.DateTimeField(null=True, blank=True)
    archive_reason = models.CharField(max_length=500, blank=True, db_default="")

    objects = BotQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("workspace", "key", name="bot_key_unique"),
            models.UniqueConstraint("workspace", "id", name="bot_id_in_workspace"),
            models.CheckConstraint(
                condition=Q(publish_status__in=PublishStatus.values), name="bot_status_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class BotShare(WorkspaceOwned):
    """A bot that a person sees without owning it."""

    bot = models.ForeignKey(Bot, on_delete=models.CASCADE)
    user = models.ForeignKey(User, on_delete=models.CASCADE)
    created_at = models.DateTimeField(db_default=Now())

    objects = WorkspaceOwnedQuerySet["BotShare"].as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("workspace", "bot", "user", name="bot_share_unique")
        ]

    def __str__(self) -> str:
        return f"{self.bot} for {self.user}"


class Scope(models.TextChoices):
    """What a program may do with an API key."""

    WRITE_EVENTS = "events:write", "Send events"
    WRITE_BOTS = "bots:write", "Register bots"
    READ_USAGE = "usage:read", "Read usage"
    READ_INVOICES = "invoices:read", "Read invoices"
    READ_ENTITLEMENT = "entitlement:read", "Ask for entitlement"


class ApiKey(WorkspaceOwned):
    """A program's access to one workspace; of the key a hash is kept, and its first letters.

    ``last_used_at`` is at most a minute older than the latest use.
    """

    name = models.CharField(max_length=100)
    start = models.CharField(max_length=12)
    hash = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=20, choices=Scope.choices))
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)

    objects = WorkspaceOwnedQuerySet["ApiKey"].as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("workspace", "name", name="api_key_name_unique"),
            models.UniqueConstraint("workspace", "id", name="api_key_id_in_workspace"),
        ]

    def __str__(self) -> str:
        return self.name


class AuditEntryQuerySet(WorkspaceOwnedQuerySet["AuditEntry"]):
    """Entries of the audit log."""

    def newest_first(self) -> Self:
        """Order the entries as pages show them."""
        return self.order_by("-at", "-pk")


class AuditEntry(WorkspaceOwned):
    """One thing that was done: by whom, to what, and what it was before and after.

    Rows are added by accounts/audit.py and never changed; the database refuses it. An entry without
    workspace is of the installation. All of it is text as it was at that time: no reference is
    followed later.
    """

    workspace = models.ForeignKey(  # type: ignore[assignment]  # others always have one
        Workspace, on_delete=models.PROTECT, null=True
    )
    at = models.DateTimeField(db_default=Now())
    action = models.CharField(max_length=64)
    actor_kind = models.CharField(max_length=8)
    actor_id = models.TextField(blank=True)
    actor_name = models.TextField(blank=True)
    target = models.TextField(blank=True)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    address = models.CharField(max_length=45, blank=True)
    request_id = models.CharField(max_length=64, blank=True)

    objects = AuditEntryQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(action__regex=r"^[a-z_]+(\.[a-z_]+)+$"), name="audit_action_is_code"
            ),
            models.CheckConstraint(
                condition=Q(actor_kind__in=[kind.value for kind in ActorKind]),
                name="audit_actor_kind_known",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["workspace", "at", "id"], name="audit_by_time"),
            models.Index(fields=["workspace", "action", "at"], name="audit_by_action"),
        ]

    def __str__(self) -> str:
        return f"{self.action}: {self.target}"


class UnsealedEntry(models.Model):
    """An entry of the audit log that no seal holds yet: added with it, removed by its seal.

    Only a number, so it is of no workspace. Numbers of entries are not in order of their commit;
    that is why what is left to seal is not found by comparing them.
    """

    entry_id = models.BigIntegerField(primary_key=True)

    def __str__(self) -> str:
        return f"entry {self.entry_id}"


class AuditSeal(models.Model):
    """A batch of entries of the audit log, of all workspaces, that can no longer differ unnoticed.

    ``hashes``: of each of ``entries``, in their order; empty where the entry was gone already.
    ``hash`` covers all of it and ``previous``, the hash of the seal before. Rows are never changed.
    """

    number = models.BigIntegerField(primary_key=True)
    sealed_at = models.DateTimeField()
    entries = ArrayField(models.BigIntegerField())
    hashes = ArrayField(models.CharField(max_length=64, blank=True))
    previous = models.CharField(max_length=64, unique=True)
    hash = models.CharField(max_length=64)

    def __str__(self) -> str:
        return f"{self.number}:{self.hash}"


class MailState(models.TextChoices):
    """What became of a mail."""

    WAITING = "waiting", "Waiting"
    SENT = "sent", "Sent"
    REFUSED = "refused", "Address refused"
    FAILED = "failed", "Failed"
    DROPPED = "dropped", "Not sent"


class MailQuerySet(WorkspaceOwnedQuerySet["Mail"]):
    """Mails of a workspace."""

    def due(self, at: datetime) -> Self:
        """Keep those that are to be sent, or tried again, at an instant."""
        return self.filter(state=MailState.WAITING, due_at__lte=at)


class Mail(WorkspaceOwned):
    """One mail to one person or address, written together with what it tells of; docs/mail.md.

    ``key`` makes it once: kind, what it is of, recipient. ``day``: the local day, of kinds of which
    there is at most one a day and bot. ``why`` the recipient gets it: an `accounts.recipients.Why`.
    ``context``: what the template says, as it was at that time. ``created_at``: when it happened;
    ``due_at``: when it is tried (again). ``reason``: why it was not sent, or not yet; a code.
    """

    kind = models.CharField(max_length=40)
    key = models.CharField(max_length=400, db_collation="C")
    day = models.DateField(null=True)
    address = models.EmailField(max_length=254)
    user = models.ForeignKey(User, on_delete=models.PROTECT, null=True)
    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, null=True)
    why = models.CharField(max_length=10)
    context = models.JSONField()
    state = models.CharField(max_length=7, choices=MailState.choices, default=MailState.WAITING)
    reason = models.CharField(max_length=40, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    objects = MailQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("workspace", "key", name="mail_key_unique"),
            models.UniqueConstraint(
                fields=["workspace", "kind", "bot", "address", "day"],
                condition=Q(day__isnull=False),
                nulls_distinct=False,
                name="mail_once_a_day",
            ),
            models.CheckConstraint(
                condition=Q(state__in=MailState.values), name="mail_state_known"
            ),
            models.CheckConstraint(
                condition=Q(state=MailState.SENT, sent_at__isnull=False)
                | (~Q(state=MailState.SENT) & Q(sent_at=None)),
                name="mail_sent_at",
            ),
        ]
        indexes: ClassVar = [
            # Few at any time.
            models.Index("due_at", condition=Q(state=MailState.WAITING), name="mail_waiting"),
            models.Index("workspace", "kind", "created_at", name="mail_of_kind"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} mail {self.pk}"


class MutedMail(WorkspaceOwned):
    """A person wants no mails of a category from a workspace."""

    user = models.ForeignKey(User, on_delete=models.CASCADE)
    category = models.CharField(max_length=20)

    objects = WorkspaceOwnedQuerySet["MutedMail"].as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("workspace", "user", "category", name="muted_mail_once")
        ]

    def __str__(self) -> str:
        return f"{self.category} for user {self.user_id}"
