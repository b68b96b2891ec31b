"""Bundles: ZIP files of documents that somebody asked for; docs/invoices.md says more."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from accounts.models import User, WorkspaceOwned, WorkspaceOwnedQuerySet


class BundleState(models.TextChoices):
    """How far a bundle is."""

    WAITING = "waiting", "Waiting"
    RUNNING = "running", "Being made"
    DONE = "done", "Ready"
    FAILED = "failed", "Failed"
    CANCELED = "canceled", "Canceled"


UNFINISHED = frozenset({BundleState.WAITING, BundleState.RUNNING})
AGAIN = frozenset({BundleState.FAILED, BundleState.CANCELED})  # what may be tried again


class DocumentBundle(WorkspaceOwned):
    """A ZIP file of documents: the row is what a worker has to do, and then where the file is.

    ``proves``: the one document whose proof it is, with all from which that follows; ``result``:
    what came of it, as `invoices.proving.Proof` describes it. None: the file has PDFs.
    ``key`` makes it once for a person. ``documents``: their ids, as they were when it was asked
    for; ``about``: by which filters, in words. ``attempt`` counts how often a worker began; that
    worker alone, and no longer than up to ``claimed_until`` without a sign of life, goes on with
    it. ``tries``: those since a person asked. ``done``: documents worked through, ``missing`` those
    that are not in it. ``name``: in the storage, also while it is written.
    """

    key = models.UUIDField()
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT)
    asked_at = models.DateTimeField()
    about = models.CharField(max_length=500)
    documents = ArrayField(models.BigIntegerField())
    proves = models.ForeignKey(
        "invoices.IssuedDocument", on_delete=models.PROTECT, null=True, blank=True
    )
    result = models.JSONField(null=True, blank=True)
    state = models.CharField(max_length=8, choices=BundleState.choices, default=BundleState.WAITING)
    attempt = models.PositiveIntegerField(default=0)
    tries = models.PositiveIntegerField(default=0)
    claimed_until = models.DateTimeField(null=True, blank=True)
    done = models.PositiveIntegerField(default=0)
    missing = models.PositiveIntegerField(default=0)
    failure = models.CharField(max_length=300, blank=True)
    name = models.CharField(max_length=200, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    size = models.PositiveBigIntegerField(default=0)
    expires_at = models.DateTimeField()

    objects = WorkspaceOwnedQuerySet["DocumentBundle"].as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("workspace", "asked_by", "key", name="bundle_key_unique"),
            models.CheckConstraint(
                condition=Q(state__in=BundleState.values), name="bundle_state_known"
            ),
            models.CheckConstraint(
                condition=~Q(state=BundleState.DONE)
                | Q(sha256__regex="^[0-9a-f]{64}$", size__gt=0) & ~Q(name=""),
                name="bundle_done_has_file",
            ),
        ]
        indexes: ClassVar = [
            # Few at any time: those that a worker has to make.
            models.Index(
                "workspace", condition=Q(state__in=sorted(UNFINISHED)), name="bundle_unfinished"
            ),
            models.Index("expires_at", name="bundle_expiry"),
        ]

    def __str__(self) -> str:
        if self.proves:
            return f"{self.proves.number}-proof-{self.pk}.zip"
        return f"{self.workspace.slug}-documents-{self.pk}.zip"

    @property
    def total(self) -> int:
        """How many documents it is of."""
        return len(self.documents)
