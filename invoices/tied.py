"""The result of the latest tie-out check of each workspace; docs/operations.md says more."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from accounts.models import WorkspaceOwned, WorkspaceOwnedQuerySet


class TieOutCheck(WorkspaceOwned):
    """How many equations did not hold when the numbers of a workspace were last checked.

    ``first_day``, ``last_day``: of which local days, both included.
    """

    workspace = models.OneToOneField(
        "accounts.Workspace", on_delete=models.CASCADE, primary_key=True, related_name="tie_out"
    )
    checked_at = models.DateTimeField()
    first_day = models.DateField()
    last_day = models.DateField()
    differences = models.PositiveIntegerField()

    objects = WorkspaceOwnedQuerySet["TieOutCheck"].as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(last_day__gte=F("first_day")), name="tie_out_days_in_order"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.differences} differences of {self.workspace_id}"
