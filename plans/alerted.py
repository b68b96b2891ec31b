"""Usage alerts and when they fired; docs/plans.md says more.

Always *usage alert* in words: an alert session is something else, a delivered alert that is billed.
"""

from typing import ClassVar, Self

from django.db import models
from django.db.models import Q

from accounts.models import Bot, WorkspaceOwned, WorkspaceOwnedQuerySet
from plans.money import DECIMALS, DIGITS


class Watched(models.TextChoices):
    """What a usage alert looks at; money: what was taken from credits."""

    SESSIONS = "billing_sessions", "Billing sessions"
    MONEY = "money", "Money charged"


class Per(models.TextChoices):
    """The periods whose numbers it looks at: those of charging (`accounts.months`)."""

    DAY = "day", "Day"
    MONTH = "month", "Month"


class UsageAlertQuerySet(WorkspaceOwnedQuerySet["UsageAlert"]):
    """Usage alerts of a workspace."""

    def watching(self) -> Self:
        """Keep those that are on and whose bot is not archived: these rest."""
        return self.filter(Q(bot=None) | Q(bot__archived_at=None), is_on=True)


class UsageAlert(WorkspaceOwned):
    """People are told once for each period in which a number reaches a threshold.

    Of one bot or (None) of the whole workspace. ``since_on``: the local day on which it was made,
    turned on or given another threshold; periods that were over before are not told of.
    """

    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, null=True, blank=True)
    watched = models.CharField(max_length=16, choices=Watched.choices)
    per = models.CharField(max_length=5, choices=Per.choices)
    threshold = models.DecimalField(max_digits=DIGITS, decimal_places=DECIMALS)
    is_on = models.BooleanField(default=True)
    since_on = models.DateField()
    created_at = models.DateTimeField()

    objects = UsageAlertQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("workspace", "id", name="usage_alert_id_in_workspace"),
            models.UniqueConstraint(
                fields=["workspace", "bot", "watched", "per", "threshold"],
                nulls_distinct=False,
                name="usage_alert_once",
            ),
            models.CheckConstraint(
                condition=Q(watched__in=Watched.values, per__in=Per.values),
                name="usage_alert_known",
            ),
            models.CheckConstraint(condition=Q(threshold__gt=0), name="usage_alert_threshold"),
        ]

    def __str__(self) -> str:
        return f"usage alert {self.pk}"

    @property
    def rests(self) -> bool:
        """Whether it rests with its bot, which is archived."""
        return self.bot is not None and self.bot.archived_at is not None


class UsageAlertFiring(WorkspaceOwned):
    """A usage alert fired for a period, once: the number then, and the threshold it had reached.

    ``starts_on``: the first day of the period. Later corrections change nothing of it.
    """

    alert = models.ForeignKey(UsageAlert, on_delete=models.CASCADE, related_name="firings")
    starts_on = models.DateField()
    number = models.DecimalField(max_digits=DIGITS, decimal_places=DECIMALS)
    threshold = models.DecimalField(max_digits=DIGITS, decimal_places=DECIMALS)
    fired_at = models.DateTimeField()

    objects = WorkspaceOwnedQuerySet["UsageAlertFiring"].as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("workspace", "alert", "starts_on", name="firing_once"),
        ]

    def __str__(self) -> str:
        return f"firing of {self.starts_on}"
