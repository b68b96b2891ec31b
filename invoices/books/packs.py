"""Month-end packs are asked for, made by a worker, and removed."""

import logging
from contextlib import suppress
from datetime import date, datetime, timedelta
from functools import partial
from tempfile import TemporaryFile

from django.core.files.storage import default_storage
from django.db import transaction
from django.db.models import Q
from django.db.models.functions import Now

from accounts import audit, calls
from accounts.models import User
from invoices import claims
from invoices.books import journal, pack
from invoices.claims import FAILURE, LEASE, Lost, Progress
from invoices.made import UNFINISHED, MadeState
from invoices.packed import MonthPack

logger = logging.getLogger(__name__)

KEPT = timedelta(days=7)
SHOWN = 20


def ask(*, month: date, by: User, at: datetime) -> MonthPack:
    """Ask for the pack of a month; while one is waited for, that is it."""
    with transaction.atomic():
        found, made = MonthPack.objects.get_or_create(
            month=month,
            state__in=UNFINISHED,
            defaults={"asked_by": by, "asked_at": at, "expires_at": at + KEPT},
        )
        if made:
            audit.record("month_pack.asked", workspace=None, target=str(found))
            calls.after_commit("invoices.tasks.make_month_pack", pack_id=found.pk)
    return found


def list_packs(month: date) -> list[MonthPack]:
    """Return the packs of a month, the latest first."""
    found = MonthPack.objects.filter(month=month).select_related("asked_by")
    return list(found.order_by("-pk")[:SHOWN])


def find_due() -> list[int]:
    """Return the ids of packs that a worker has to make."""
    lapsed = Q(state=MadeState.RUNNING, claimed_until__lt=Now())
    due = MonthPack.objects.filter(Q(state=MadeState.WAITING) | lapsed)
    return list(due.order_by("pk").values_list("pk", flat=True))


def make(*, pack_id: int) -> bool:
    """Make a pack; False: there is nothing to do, or another worker does it."""
    found = claim(pack_id)
    if found is None:
        return False
    try:
        with TemporaryFile() as file:
            progress = Progress(partial(hold, found))
            made = pack.write(
                found.month, file, progress=progress.tell, before_reading=progress.fall_silent
            )
            values = {"done": found.total, "differences": len(made.differences)}
            hold(found, claimed_until=Now() + LEASE)
            hold(found, expires_at=Now() + KEPT, **values, **claims.store(found, file))
    except Lost:
        default_storage.delete(found.name)
        return False
    except Exception:
        logger.exception("pack %s of %s", pack_id, found.month)
        with suppress(Lost):
            hold(found, state=MadeState.FAILED, failure=FAILURE, claimed_until=None)
        default_storage.delete(found.name)
        return False
    return True


def claim(pack_id: int) -> MonthPack | None:
    """Take a pack that nobody makes, and see how much there is to do; None: nothing is."""
    with transaction.atomic():
        packs = MonthPack.objects.filter(pk=pack_id)
        found = claims.claim(packs, name=f"packs/{pack_id}-{{attempt}}.zip", differences=0)
    if found:
        found.total = journal.count(month=found.month)
        with suppress(Lost):
            hold(found, total=found.total)
    return found


def hold(found: MonthPack, **values: object) -> None:
    """Change the row of a pack whose claim holds.

    Raises:
        Lost: it does not.
    """
    claims.hold(MonthPack.objects.all(), found, values)


def remove_expired(*, now: datetime) -> int:
    """Remove the packs whose time is up, with their files; return how many."""
    with transaction.atomic():
        expired = MonthPack.objects.filter(expires_at__lt=now).select_for_update(skip_locked=True)
        found = list(expired)
        for one in found:
            if one.name:
                default_storage.delete(one.name)
        MonthPack.objects.filter(pk__in=[one.pk for one in found]).delete()
    return len(found)
