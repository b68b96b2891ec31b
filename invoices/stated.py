"""Usage statements as they were made; docs/invoices.md says more. Rows are never changed.

Amounts are what the workspace has: credits are positive, an overdraft is negative.
"""

from datetime import date
from typing import Any, ClassVar

from django.db import models
from django.db.models import F, Q

from accounts.days import next_month
from accounts.models import Bot, WorkspaceOwned, WorkspaceOwnedQuerySet
from invoices.frozen import Denomination
from plans.models import Meter, PlanVersion
from plans.money import DECIMALS, DIGITS

MOVEMENTS = ("granted", "used", "settled", "lapsed", "refunded", "corrected")


def money(**options: Any) -> "models.DecimalField[Any, Any]":  # as the field takes them
    """Return a field of an amount with all decimals of the ledger."""
    return models.DecimalField(max_digits=DIGITS, decimal_places=DECIMALS, **options)


class UsageStatement(WorkspaceOwned):
    """What a workspace used in a closed month, by which its ledger and sessions tie; no invoice.

    ``month``: its first day, in ``zone``. ``contract_from``: the day of a contract that held when
    it closed, so that nothing was ordered. ``content``: who it is from and for, and the names of
    plans (`invoices.statement_contents.Heading`).
    """

    month = models.DateField()
    zone = models.CharField(max_length=64)
    currency = models.CharField(max_length=3)
    decimals = models.PositiveSmallIntegerField()
    contract_from = models.DateField(null=True, blank=True)
    made_at = models.DateTimeField()
    content = models.JSONField()

    objects = WorkspaceOwnedQuerySet["UsageStatement"].as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("workspace", "month", name="statement_of_month"),
            models.UniqueConstraint("workspace", "id", name="statement_id_in_workspace"),
            models.CheckConstraint(condition=Q(month__day=1), name="statement_month_first_day"),
        ]

    @property
    def ends_on(self) -> date:
        """The first day of the month after."""
        return next_month(self.month)

    @property
    def denomination(self) -> Denomination:
        """Its currency, as amounts are said in it."""
        return Denomination(self.currency, self.decimals)

    def __str__(self) -> str:
        return f"{self.month:%Y-%m}"


class OfStatement(WorkspaceOwned):
    """A row of a statement."""

    statement = models.ForeignKey(
        UsageStatement, on_delete=models.PROTECT, db_index=False, db_constraint=False
    )

    class Meta:
        abstract = True


class StatementBot(OfStatement):
    """A bot on a statement: its name then, and what was counted of it on the month's days.

    ``content``: what its plans include and what was ordered (`statement_contents.PlanUse`).
    """

    bot = models.ForeignKey(Bot, on_delete=models.PROTECT, db_index=False, db_constraint=False)
    key = models.CharField(max_length=128, db_collation="C")
    name = models.CharField(max_length=200)
    usage_sessions = models.IntegerField()
    alert_sessions = models.IntegerField()
    voice_sessions = models.IntegerField()
    conversations = models.IntegerField()
    notifications = models.IntegerField()
    agents = models.IntegerField()
    agents_peak = models.IntegerField()
    content = models.JSONField()

    objects = WorkspaceOwnedQuerySet["StatementBot"].as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("workspace", "statement", "bot", name="statement_bot_once"),
        ]

    @property
    def billing_sessions(self) -> int:
        """Usage and alert sessions together."""
        return self.usage_sessions + self.alert_sessions

    def __str__(self) -> str:
        return self.name


class StatementLine(OfStatement):
    """How many of a meter a bot used on a service day, as far as no statement before said it.

    ``amount`` is what was taken from credits: free ones, bought ones, and what the bot owes since
    as its overdraft. None: it is not paid from credits, and ``version`` is None under a contract.
    Of a day before the month it is late usage, or a correction of either sign.
    """

    bot = models.ForeignKey(Bot, on_delete=models.PROTECT, db_index=False, db_constraint=False)
    service_day = models.DateField()
    meter = models.CharField(max_length=20, choices=Meter.choices)
    version = models.ForeignKey(
        PlanVersion, on_delete=models.PROTECT, null=True, db_index=False, db_constraint=False
    )
    quantity = models.IntegerField()
    amount = money(null=True)
    free = money(null=True)
    bought = money(null=True)
    overdraft = money(null=True)

    objects = WorkspaceOwnedQuerySet["StatementLine"].as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                "workspace",
                "statement",
                "bot",
                "service_day",
                "meter",
                "version",
                name="statement_line_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(amount=None, free=None, bought=None, overdraft=None)
                | Q(amount=F("free") + F("bought") + F("overdraft"), version__isnull=False),
                name="statement_line_adds_up",
            ),
        ]
        indexes: ClassVar = [
            # What statements said of a bot's days so far, of what credits do not pay.
            models.Index(
                "workspace",
                "bot",
                "service_day",
                condition=Q(amount=None),
                name="statement_line_counted",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.quantity} {self.meter} of bot {self.bot_id} on {self.service_day}"


class BalanceKind(models.TextChoices):
    """What a balance is of."""

    FREE = "free", "Free credits"
    BOUGHT = "bought", "Bought credits"
    OVERDRAFT = "overdraft", "Overdraft"


class StatementBalance(OfStatement):
    """What a wallet had, what moved in the month, and what it has: it adds up.

    A balance may be below zero: credits that come while the month before is still open pay usage
    that is booked in that. ``bot`` None: the wallet that all bots share. ``granted``: granted or
    bought. ``settled``: an overdraft that credits paid. ``corrected``: all that has no column of
    its own.
    """

    bot = models.ForeignKey(
        Bot, on_delete=models.PROTECT, null=True, db_index=False, db_constraint=False
    )
    kind = models.CharField(max_length=9, choices=BalanceKind.choices)
    opening = money()
    granted = money()
    used = money()
    settled = money()
    lapsed = money()
    refunded = money()
    corrected = money()
    closing = money()

    objects = WorkspaceOwnedQuerySet["StatementBalance"].as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                "workspace",
                "statement",
                "bot",
                "kind",
                name="statement_balance_once",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(
                    closing=F("opening")
                    + F("granted")
                    + F("used")
                    + F("settled")
                    + F("lapsed")
                    + F("refunded")
                    + F("corrected")
                ),
                name="statement_balance_adds_up",
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["free", "bought"]) | Q(kind="overdraft", bot__isnull=False),
                name="statement_balance_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.closing} of {self.kind}"
