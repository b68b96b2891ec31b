"""Files that a worker makes: their row is what has to be done, and then where the file is."""

from typing import ClassVar

from django.db import models


class MadeState(models.TextChoices):
    """How far a file is."""

    WAITING = "waiting", "Waiting"
    RUNNING = "running", "Being made"
    DONE = "done", "Ready"
    FAILED = "failed", "Failed"
    CANCELED = "canceled", "Canceled"


UNFINISHED = frozenset({MadeState.WAITING, MadeState.RUNNING})


class MadeFile(models.Model):
    """What all such rows have.

    ``attempt`` counts how often a worker began; that worker alone, and no longer than up to
    ``claimed_until`` without a sign of life, goes on with it. ``tries``: those since a person
    asked. ``done``: how much of it is worked through. ``name``: in the storage, also while it is
    written.
    """

    state = models.CharField(max_length=8, choices=MadeState.choices, default=MadeState.WAITING)
    attempt = models.PositiveIntegerField(default=0)
    tries = models.PositiveIntegerField(default=0)
    claimed_until = models.DateTimeField(null=True, blank=True)
    done = models.PositiveIntegerField(default=0)
    failure = models.CharField(max_length=300, blank=True)
    name = models.CharField(max_length=200, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    size = models.PositiveBigIntegerField(default=0)
    expires_at = models.DateTimeField()

    class Meta:
        abstract = True
        constraints: ClassVar = []
