"""Bundles: ZIP files of documents that somebody asked for; docs/invoices.md says more."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from accounts.models import User, WorkspaceOwned, WorkspaceOwnedQuerySet
from invoices.made import UNFINISHED, MadeFile, MadeState

__all__ = ["AGAIN", "UNFINISHED", "BundleState", "DocumentBundle"]


BundleState = MadeState
AGAIN = frozenset({BundleState.FAILED, BundleState.CANCELED})  # what may be tried again


class DocumentBundle(MadeFile, WorkspaceOwned):
    """A ZIP file of documents.

    ``proves``: the one document whose proof it is, with all from which that follows; ``result``:
    what came of it, as `invoices.proving.Proof` describes it. None: the file has PDFs.
    ``key`` makes it once for a person. ``documents``: their ids, as they were when it was asked
    for; ``about``: by which filters, in words. ``done``: documents worked through, ``missing``
    those that are not in it.
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
    missing = models.PositiveIntegerField(default=0)

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
