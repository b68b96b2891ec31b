"""Month-end packs: ZIP files with the books of a month that an operator asked for."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from accounts.models import User
from invoices.made import UNFINISHED, MadeFile, MadeState


class MonthPack(MadeFile):
    """The pack of a month: a row of the installation, without figures of anybody.

    ``total``: how many postings its journal has, of which ``done`` are written. ``differences``:
    how many things in it do not agree.
    """

    month = models.DateField()
    asked_by = models.ForeignKey(User, on_delete=models.PROTECT)
    asked_at = models.DateTimeField()
    total = models.PositiveIntegerField(default=0)
    differences = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                "month",
                condition=Q(state__in=sorted(UNFINISHED)),
                name="month_pack_one_unfinished",
            ),
            models.CheckConstraint(
                condition=Q(state__in=MadeState.values), name="month_pack_state_known"
            ),
            models.CheckConstraint(condition=Q(month__day=1), name="month_pack_first_day"),
            models.CheckConstraint(
                condition=~Q(state=MadeState.DONE)
                | Q(sha256__regex="^[0-9a-f]{64}$", size__gt=0) & ~Q(name=""),
                name="month_pack_done_has_file",
            ),
        ]
        indexes: ClassVar = [models.Index("expires_at", name="month_pack_expiry")]

    def __str__(self) -> str:
        return f"books-{self.month:%Y-%m}.zip"
