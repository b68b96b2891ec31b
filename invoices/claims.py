"""A worker claims the row of a file that it makes, and says again and again that it lives.

Of one that dies the claim lapses, and the next beat has another begin anew; only whose claim holds
finishes.
"""

import hashlib
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import IO, TypeVar

from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from invoices.made import MadeFile, MadeState

LEASE = timedelta(minutes=2)  # a worker that says nothing for that long is taken for dead
WHILE_READING = timedelta(minutes=20)  # what is read at one instant, with nothing to say meanwhile
SAYS_SO = 1.0  # seconds between two signs of life
MOST_TRIES = 5
FAILURE = "The console could not make it. It was logged for those who run the console."

Row = TypeVar("Row", bound=MadeFile)


class Lost(Exception):
    """The file was canceled, or another worker has it."""


def claim(rows: "QuerySet[Row]", *, name: str, **values: object) -> Row | None:
    """Take the row of a file that nobody makes; None: there is nothing to do.

    ``name``: of the file in the storage, with its ``{attempt}``; ``values`` are set anew. One that
    killed its worker again and again has failed. The caller runs in a transaction that sees it.
    """
    free = Q(state=MadeState.WAITING) | Q(state=MadeState.RUNNING, claimed_until__lt=Now())
    row = rows.filter(free).select_for_update(skip_locked=True).first()
    if row is None:
        return None
    before, row.attempt = row.name, row.attempt + 1
    row.name = name.format(attempt=row.attempt)
    given_up = row.tries >= MOST_TRIES
    rows.update(
        state=MadeState.FAILED if given_up else MadeState.RUNNING,
        attempt=row.attempt,
        tries=F("tries") + 1,
        name=row.name,
        failure=f"It was begun {MOST_TRIES} times and never finished." if given_up else "",
        done=0,
        claimed_until=None if given_up else Now() + LEASE,
        **values,
    )
    if before:  # what a worker left that died
        transaction.on_commit(lambda: default_storage.delete(before))
    return None if given_up else row


def hold(rows: "QuerySet[Row]", row: Row, values: Mapping[str, object]) -> None:
    """Change the row of a file whose claim holds.

    Raises:
        Lost: it does not.
    """
    held = rows.filter(pk=row.pk, attempt=row.attempt, state=MadeState.RUNNING)
    if not held.update(**values):
        raise Lost


class Progress:
    """Says every second that the worker of a file lives, and how far it is.

    ``hold`` changes the row of the file; each method raises `Lost` as it does.
    """

    def __init__(self, hold: Callable[..., None]) -> None:
        """Begin now."""
        self.hold = hold
        self.said_at = time.monotonic()

    def tell(self, done: int) -> None:
        """Say so, if it was not said just now."""
        if time.monotonic() - self.said_at >= SAYS_SO:
            self.hold(done=done, claimed_until=Now() + LEASE)
            self.said_at = time.monotonic()

    def fall_silent(self) -> None:
        """Say that nothing more may be said for long."""
        self.hold(claimed_until=Now() + WHILE_READING)


def store(row: MadeFile, file: IO[bytes]) -> dict[str, object]:
    """Store a file; return what its row is to say of it."""
    size = file.seek(0, 2)
    file.seek(0)
    sha256 = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # it is one
    file.seek(0)
    row.name = default_storage.save(row.name, File(file))
    return {
        "state": MadeState.DONE,
        "name": row.name,
        "sha256": sha256,
        "size": size,
        "claimed_until": None,
    }
