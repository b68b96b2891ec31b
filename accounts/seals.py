"""The audit log is sealed: a row that is changed, removed or added afterwards is found.

Each seal holds the hashes of some entries and the hash of the seal before it. docs/accounts.md says
what that shows and what it cannot.
"""

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import NamedTuple

from django.db import connections
from django.db.transaction import atomic

from accounts.models import AuditEntry, AuditSeal, UnsealedEntry

logger = logging.getLogger(__name__)

OPERATOR = "operator"
LOCK = 7_206_532  # any number: two that seal at once wait for each other here
ENTRIES_AT_ONCE = 1000
BEGINNING = "0" * 64  # what stands in the first seal for the hash of the one before
LATE = timedelta(hours=1)
# What of an entry is sealed: all of it, in this order.
COLUMNS = (
    "pk", "workspace", "at", "action", "actor_kind", "actor_id", "actor_name", "target", "before",
    "after", "address", "request_id",
)  # fmt: skip

TAKE = """
DELETE FROM accounts_unsealedentry WHERE entry_id IN (
    SELECT entry_id FROM accounts_unsealedentry ORDER BY entry_id LIMIT %s)
RETURNING entry_id
"""

# Neither sealed nor waiting for it.
WITHOUT_SEAL = """
SELECT id FROM accounts_auditentry
EXCEPT SELECT unnest(entries) FROM accounts_auditseal
EXCEPT SELECT entry_id FROM accounts_unsealedentry
ORDER BY id
"""

# Waiting to be sealed, and gone.
LOST = """
SELECT entry_id FROM accounts_unsealedentry EXCEPT SELECT id FROM accounts_auditentry ORDER BY 1
"""


class Difference(NamedTuple):
    """A place where the log is not as it was sealed; ``seal`` or ``entry`` may be none."""

    what: str
    seal: int | None
    entry: int | None

    def __str__(self) -> str:
        """Say it in words."""
        entry, seal = f"entry {self.entry}", f"seal {self.seal}"
        return {
            "entry_changed": f"{entry} is not as {seal} has it",
            "entry_missing": f"{entry} is missing" + (f", which {seal} has" if self.seal else ""),
            "entry_without_seal": f"{entry} was added past the console, or its seal is missing",
            "seal_changed": f"{seal} is not as it was made",
            "seal_missing": f"{seal} is missing",
            "seal_not_linked": f"{seal} does not follow on the one before it",
        }[self.what]


@dataclass
class Verified:
    """What a walk through all seals found; ``late`` entries came in long after their time."""

    seals: int = 0
    entries: int = 0
    waiting: int = 0
    last_seal: str = ""
    late: list[int] = field(default_factory=list)
    differences: list[Difference] = field(default_factory=list)


def seal(*, at: datetime) -> int:
    """Seal all entries that are not yet; return how many were.

    Safe to interrupt and to run at once with itself: one batch is one transaction, and batches wait
    for each other.
    """
    sealed = 0
    while count := seal_batch(at=at):
        sealed += count
    return sealed


def seal_batch(*, at: datetime) -> int:
    """Add one seal over the oldest entries without one; return how many it holds."""
    with atomic(using=OPERATOR), connections[OPERATOR].cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        # What other transactions commit from here on has rows of its own, which stay.
        cursor.execute(TAKE, [ENTRIES_AT_ONCE])
        entries = sorted(number for (number,) in cursor.fetchall())
        if not entries:
            return 0
        found = read_hashes(entries)
        last = AuditSeal.objects.using(OPERATOR).order_by("-number").defer("entries", "hashes")
        made = follow(last.first(), entries, [found.get(entry, "") for entry in entries], at=at)
        made.save(using=OPERATOR, force_insert=True)
    # A copy that leaves the machine with the logs, and with it the reach of who could change both.
    logger.info("sealed %d entries of the audit log: seal %s", len(entries), made)
    return len(entries)


def follow(
    last: AuditSeal | None, entries: list[int], hashes: list[str], *, at: datetime
) -> AuditSeal:
    """Return the seal after ``last``, with its hash; it is not stored."""
    made = AuditSeal(
        number=last.number + 1 if last else 1,
        sealed_at=at,
        entries=entries,
        hashes=hashes,
        previous=last.hash if last else BEGINNING,
    )
    made.hash = hash_seal(made)
    return made


def hash_seal(made: AuditSeal) -> str:
    """Return the hash over all of a seal."""
    return digest([made.number, made.sealed_at, made.entries, made.hashes, made.previous])


def read_hashes(entries: Sequence[int]) -> dict[int, str]:
    """Return the hashes of entries by their numbers; those that are gone lack."""
    rows = AuditEntry.objects.using(OPERATOR).filter(pk__in=entries).values_list(*COLUMNS)
    return {row[0]: digest(row) for row in rows}


def digest(values: Sequence[object]) -> str:
    """Return the hash of values over their one form as JSON: keys in order, instants in UTC."""
    text = json.dumps(
        values, ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=format_instant
    )
    return sha256(text.encode()).hexdigest()


def format_instant(at: datetime) -> str:
    """Return an instant with all digits of its microseconds."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S.%f}Z"


def verify(*, noted: Sequence[tuple[int, str]] = ()) -> Verified:
    """Compare the whole log with its seals, as both were at one instant.

    ``noted``: numbers and hashes of seals that were written down elsewhere.
    """
    found = Verified()
    with atomic(using=OPERATOR), connections[OPERATOR].cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        found.differences += verify_seals(found, dict(noted))
        cursor.execute(WITHOUT_SEAL)
        found.differences += [
            Difference("entry_without_seal", None, entry) for (entry,) in cursor.fetchall()
        ]
        cursor.execute(LOST)
        found.differences += [
            Difference("entry_missing", None, entry) for (entry,) in cursor.fetchall()
        ]
        found.waiting = UnsealedEntry.objects.using(OPERATOR).count()
    return found


def verify_seals(found: Verified, noted: dict[int, str]) -> Iterator[Difference]:
    """Walk the seals in order and yield what differs, counting on the way."""
    last: AuditSeal | None = None
    for made in AuditSeal.objects.using(OPERATOR).order_by("number").iterator(chunk_size=20):
        expected = last.number + 1 if last else 1
        for number in range(expected, made.number):
            yield Difference("seal_missing", number, None)
        if made.number == expected and made.previous != (last.hash if last else BEGINNING):
            yield Difference("seal_not_linked", made.number, None)
        if {hash_seal(made), noted.pop(made.number, made.hash)} != {made.hash}:
            yield Difference("seal_changed", made.number, None)
        yield from verify_entries(made)
        if last:
            found.late += find_late(made, sealed_before=last.sealed_at)
        found.seals += 1
        found.entries += len(made.entries)
        found.last_seal = str(made)
        last = made
    for number in noted:
        yield Difference("seal_missing", number, None)


def verify_entries(made: AuditSeal) -> Iterator[Difference]:
    """Yield what differs from one seal among its entries."""
    found = read_hashes(made.entries)
    for entry, sealed in zip(made.entries, made.hashes, strict=False):
        if entry not in found:
            yield Difference("entry_missing", made.number, entry)
        elif found[entry] != sealed:
            yield Difference("entry_changed", made.number, entry)


def find_late(made: AuditSeal, *, sealed_before: datetime) -> list[int]:
    """Return the entries that say an instant long before the seal in which they should be."""
    entries = AuditEntry.objects.using(OPERATOR).filter(pk__in=made.entries)
    late = entries.filter(at__lt=sealed_before - LATE).order_by("pk")
    return list(late.values_list("pk", flat=True))
