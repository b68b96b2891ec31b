"""Orders, their payments, saved payment methods and auto-reload; docs/invoices.md says more.

Who sells and who buys: invoices/parties.py.
"""

from collections.abc import Mapping
from typing import ClassVar, Self

from django.db import models
from django.db.models import F, Q

from accounts.models import (
    ADMINS,
    Bot,
    Membership,
    Role,
    User,
    WorkspaceOwned,
    WorkspaceOwnedQuerySet,
)
from invoices.bundled import DocumentBundle  # noqa: F401 - a module of models of its own
from invoices.issued import IssuedDocument  # noqa: F401 - a module of models of its own
from invoices.packed import MonthPack  # noqa: F401 - a module of models of its own
from invoices.parties import RATE_DECIMALS, RATE_DIGITS
from invoices.stated import UsageStatement  # noqa: F401 - a module of models of its own
from invoices.tax import Category, Treatment
from plans.models import CreditLot, Currency, Meter, PlanVersion
from plans.money import DECIMALS, DIGITS


class OrderType(models.TextChoices):
    """What is ordered."""

    CREDIT_PURCHASE = "credit_purchase", "Credit purchase"
    AUTO_RELOAD = "auto_reload", "Auto-reload"
    SUBSCRIPTION = "subscription", "Subscription"
    RENEWAL = "renewal", "Renewal"
    PLAN_CHANGE = "plan_change", "Plan change"


OF_CREDITS = frozenset({OrderType.CREDIT_PURCHASE, OrderType.AUTO_RELOAD})


class OrderStatus(models.TextChoices):
    """How far an order is."""

    PENDING = "pending", "Pending"
    IN_REVIEW = "in_review", "In review"
    COMPLETED = "completed", "Completed"
    FAILED = "failed", "Failed"
    CANCELED = "canceled", "Canceled"
    REFUNDED = "refunded", "Refunded"


OPEN = frozenset({OrderStatus.PENDING, OrderStatus.IN_REVIEW})
OWED = OPEN | {OrderStatus.FAILED}  # what a renewal is that is not paid
PAID = frozenset({OrderStatus.COMPLETED, OrderStatus.REFUNDED})
UNTAXED = sorted(category.value for category in Category if category != Category.STANDARD)
# All moves that there are; the database refuses others (migration 0002). A success that arrives
# for a failed or canceled order completes it: the money is there.
MOVES: Mapping[OrderStatus, frozenset[OrderStatus]] = {
    OrderStatus.PENDING: frozenset({
        OrderStatus.IN_REVIEW, OrderStatus.COMPLETED, OrderStatus.FAILED, OrderStatus.CANCELED,
    }),
    OrderStatus.IN_REVIEW: frozenset({
        OrderStatus.COMPLETED, OrderStatus.FAILED, OrderStatus.CANCELED,
    }),
    OrderStatus.FAILED: frozenset({OrderStatus.PENDING, OrderStatus.COMPLETED}),  # renewals: again
    OrderStatus.CANCELED: frozenset({OrderStatus.COMPLETED}),
    OrderStatus.COMPLETED: frozenset({OrderStatus.REFUNDED}),
    OrderStatus.REFUNDED: frozenset(),
}  # fmt: skip


class Method(models.TextChoices):
    """By what an order is paid."""

    SANDBOX = "sandbox", "Sandbox"
    WIRE = "wire", "Wire transfer"
    STRIPE = "stripe", "Card"


# What may be charged without the buyer: the sender alone has a transfer made.
CHARGEABLE = frozenset(Method) - {Method.WIRE}


class OrderQuerySet(WorkspaceOwnedQuerySet["Order"]):
    """Orders of a workspace."""

    def visible_to(self, membership: Membership) -> Self:
        """Keep the orders that a person may see: all, or those that they placed."""
        if membership.role in ADMINS | {Role.FINANCE}:
            return self
        return self.filter(buyer=membership.user_id)

    def open(self) -> Self:
        """Keep those of which it is not known yet what becomes of them."""
        return self.filter(status__in=OPEN)

    def owed(self) -> Self:
        """Keep the renewals that are not paid, also those whose payment failed."""
        return self.filter(type=OrderType.RENEWAL, status__in=OWED)


class Order(WorkspaceOwned):
    """A purchase, shown by its number, which is gapless in its workspace: O-000123.

    ``key`` makes it once. ``buyer``: None where the workspace itself ordered (auto-reload,
    renewal). ``bot``: None for the credits that all bots share, and of a renewal. ``lot``: the
    credits that it loaded. ``due_on``: the local day on which a renewal is to be paid. ``tax_…``:
    by what it is taxed; its invoice says the same. What was ordered never changes; ``status`` moves
    as `MOVES` says.
    """

    number = models.PositiveIntegerField()
    key = models.CharField(max_length=200, db_collation="C")
    type = models.CharField(max_length=15, choices=OrderType.choices)
    status = models.CharField(
        max_length=9, choices=OrderStatus.choices, default=OrderStatus.PENDING
    )
    net = models.DecimalField(max_digits=DIGITS, decimal_places=DECIMALS)
    tax = models.DecimalField(max_digits=DIGITS, decimal_places=DECIMALS)
    gross = models.DecimalField(max_digits=DIGITS, decimal_places=DECIMALS)
    currency = models.ForeignKey(Currency, on_delete=models.PROTECT)
    tax_category = models.CharField(
        max_length=2, choices=[(one.value, one.value) for one in Category]
    )
    tax_rate = models.DecimalField(max_digits=RATE_DIGITS, decimal_places=RATE_DECIMALS)
    tax_code = models.CharField(max_length=20, blank=True)
    tax_reason = models.CharField(max_length=200, blank=True)
    buyer = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True)
    comments = models.CharField(max_length=500, blank=True)
    method = models.CharField(max_length=8, choices=Method.choices)
    bot = models.ForeignKey(Bot, on_delete=models.PROTECT, null=True, blank=True)
    version = models.ForeignKey(PlanVersion, on_delete=models.PROTECT, null=True, blank=True)
    lot = models.ForeignKey(CreditLot, on_delete=models.PROTECT, null=True, blank=True)
    due_on = models.DateField(null=True, blank=True)
    created_at = models.DateTimeField()
    completed_at = models.DateTimeField(null=True, blank=True)

    plan_name: str  # where `invoices.order_queries.with_columns` adds it

    objects = OrderQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("workspace", "number", name="order_number_unique"),
            models.UniqueConstraint("workspace", "key", name="order_key_unique"),
            models.UniqueConstraint("workspace", "id", name="order_id_in_workspace"),
            models.UniqueConstraint(
                "workspace",
                "bot",
                condition=Q(type=OrderType.AUTO_RELOAD, status__in=sorted(OPEN)),
                nulls_distinct=False,
                name="order_one_open_reload",
            ),
            models.CheckConstraint(condition=Q(number__gte=1), name="order_number_from_1"),
            models.CheckConstraint(condition=Q(type__in=OrderType.values), name="order_type_known"),
            models.CheckConstraint(
                condition=Q(status__in=OrderStatus.values), name="order_status_known"
            ),
            models.CheckConstraint(
                condition=Q(method__in=Method.values), name="order_method_known"
            ),
            models.CheckConstraint(
                condition=Q(net__gte=0, tax__gte=0, gross=F("net") + F("tax")),
                name="order_amounts_add_up",
            ),
            models.CheckConstraint(
                condition=Q(tax_category=Category.STANDARD.value, tax_rate__gt=0)
                | Q(tax_category__in=UNTAXED, tax_rate=0, tax=0),
                name="order_taxed",
            ),
            models.CheckConstraint(
                condition=Q(status__in=sorted(PAID), completed_at__isnull=False)
                | (~Q(status__in=sorted(PAID)) & Q(completed_at=None)),
                name="order_completed_at",
            ),
            models.CheckConstraint(
                condition=~Q(type__in=sorted(OF_CREDITS), status__in=sorted(PAID))
                | Q(lot__isnull=False),
                name="order_paid_has_lot",
            ),
            models.CheckConstraint(
                condition=~Q(type=OrderType.RENEWAL)
                | Q(due_on__isnull=False, bot=None, buyer=None),
                name="order_renewal_is_due",
            ),
        ]
        indexes: ClassVar = [
            models.Index("workspace", "type", "bot", "created_at", name="order_of_wallet"),
            # Few at any time: renewals that are owed.
            models.Index(
                "workspace",
                "due_on",
                condition=Q(type=OrderType.RENEWAL, status__in=sorted(OWED)),
                name="order_owed",
            ),
        ]

    def __str__(self) -> str:
        return f"O-{self.number:06d}"

    @property
    def treatment(self) -> Treatment:
        """How it is taxed."""
        category = Category(self.tax_category)
        return Treatment(category, self.tax_rate, self.tax_code, self.tax_reason)


class LineKind(models.TextChoices):
    """What a line of an order is for."""

    UPGRADE = "upgrade", "Upgrade"
    FEE = "fee", "Fee"
    USAGE = "usage", "Further usage"
    SEATS = "seats", "Seats"
    LATE = "late", "Late usage"


class OrderLine(WorkspaceOwned):
    """A line of an order for a bot's plan; rows are never changed.

    Its numbers are those of `invoices.rating.Line`, ``number`` its place in the order.
    ``first_day``, ``last_day``: of the service, both included.
    """

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="lines")
    number = models.PositiveIntegerField()
    bot = models.ForeignKey(Bot, on_delete=models.PROTECT)
    kind = models.CharField(max_length=7, choices=LineKind.choices)
    version = models.ForeignKey(PlanVersion, on_delete=models.PROTECT)
    first_day = models.DateField()
    last_day = models.DateField()
    meter = models.CharField(max_length=20, choices=Meter.choices, blank=True)
    used = models.PositiveIntegerField()
    included = models.PositiveIntegerField()
    quantity = models.PositiveIntegerField()
    price = models.DecimalField(max_digits=DIGITS, decimal_places=DECIMALS)
    net = models.DecimalField(max_digits=DIGITS, decimal_places=DECIMALS)

    objects = WorkspaceOwnedQuerySet["OrderLine"].as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("workspace", "order", "number", name="order_line_unique"),
            models.CheckConstraint(
                condition=Q(kind__in=LineKind.values), name="order_line_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(net__gte=0, price__gte=0, last_day__gte=F("first_day")),
                name="order_line_in_range",
            ),
        ]
        indexes: ClassVar = [
            models.Index("workspace", "bot", "first_day", name="order_line_of_bot"),
        ]

    def __str__(self) -> str:
        return f"line {self.number} of order {self.order_id}"


class PaymentStatus(models.TextChoices):
    """What a provider said of a payment so far."""

    STARTED = "started", "Started"
    IN_REVIEW = "in_review", "In review"
    ACCEPTED = "accepted", "Accepted"
    DECLINED = "declined", "Declined"
    CANCELED = "canceled", "Canceled"


class SavedMethodQuerySet(WorkspaceOwnedQuerySet["SavedMethod"]):
    """Saved payment methods of a workspace."""

    def kept(self) -> Self:
        """Keep those that were not removed."""
        return self.filter(removed_at=None)

    def usable_by(self, membership: Membership) -> Self:
        """Keep those that a person may have charged: all, or those that they saved."""
        if membership.role in ADMINS:
            return self.kept()
        return self.kept().filter(saved_by=membership.user_id)


class SavedMethod(WorkspaceOwned):
    """A payment method that may be charged without the buyer being present.

    It comes from a completed purchase, or was added without one, by somebody who agreed to that.
    ``reference``: what the provider calls it. ``consent``: the words that they agreed to, at
    ``consented_at``. ``is_default``: renewals are paid by it. One that was removed stays, for the
    history; ``let_go_at``: when the provider was told to forget it.
    """

    method = models.CharField(max_length=8, choices=Method.choices)
    reference = models.CharField(max_length=200)
    label = models.CharField(max_length=80)
    consent = models.TextField()
    consented_at = models.DateTimeField()
    saved_by = models.ForeignKey(User, on_delete=models.PROTECT)
    is_default = models.BooleanField(default=False)
    removed_at = models.DateTimeField(null=True, blank=True)
    removed_by = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    let_go_at = models.DateTimeField(null=True, blank=True)

    objects = SavedMethodQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("workspace", "id", name="saved_method_id_in_workspace"),
            models.UniqueConstraint(
                fields=["workspace", "method", "reference", "saved_by"],
                condition=Q(removed_at=None),
                name="saved_method_once",
            ),
            models.UniqueConstraint(
                fields=["workspace"],
                condition=Q(is_default=True),
                name="saved_method_one_default",
            ),
            models.CheckConstraint(
                condition=Q(removed_at=None, removed_by=None, let_go_at=None)
                | Q(removed_at__isnull=False, removed_by__isnull=False, is_default=False),
                name="saved_method_removed",
            ),
            models.CheckConstraint(
                condition=Q(method__in=Method.values) & ~Q(method=Method.WIRE),
                name="saved_method_chargeable",
            ),
            models.CheckConstraint(condition=~Q(consent=""), name="saved_method_has_consent"),
        ]

    def __str__(self) -> str:
        return self.label


class MethodSetup(WorkspaceOwned):
    """One attempt to save a payment method without a purchase.

    ``reference``: what we and the provider call it. ``consent``: the words that were agreed to.
    ``as_default``: renewals are to be paid by it. ``ended_at``: when the provider said how it went;
    ``kept_method``: what came of it.
    """

    method = models.CharField(max_length=8, choices=Method.choices)
    reference = models.CharField(max_length=64, db_collation="C")
    consent = models.TextField()
    as_default = models.BooleanField()
    started_by = models.ForeignKey(User, on_delete=models.PROTECT)
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)
    kept_method = models.ForeignKey(SavedMethod, on_delete=models.PROTECT, null=True, blank=True)

    objects = WorkspaceOwnedQuerySet["MethodSetup"].as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("workspace", "reference", name="method_setup_reference_unique"),
            models.CheckConstraint(
                condition=Q(method__in=Method.values) & ~Q(method=Method.WIRE),
                name="method_setup_chargeable",
            ),
            models.CheckConstraint(condition=~Q(consent=""), name="method_setup_has_consent"),
        ]

    def __str__(self) -> str:
        return f"setup {self.reference}"


class Payment(WorkspaceOwned):
    """One attempt to pay an order.

    ``reference``: what we and the provider call it; ``provider_reference``: what the provider alone
    does. ``consent``: the words by which the buyer agreed to be charged later without being
    present; empty: they did not. ``kept_method``: what was saved then. ``saved_method``: what is
    charged without the buyer. ``asked_at``: when the provider was last asked to do so.
    """

    order = models.ForeignKey(Order, on_delete=models.PROTECT, related_name="payments")
    method = models.CharField(max_length=8, choices=Method.choices)
    reference = models.CharField(max_length=64, db_collation="C")
    status = models.CharField(
        max_length=9, choices=PaymentStatus.choices, default=PaymentStatus.STARTED
    )
    consent = models.TextField(blank=True)
    saved_method = models.ForeignKey(SavedMethod, on_delete=models.PROTECT, null=True, blank=True)
    kept_method = models.ForeignKey(
        SavedMethod, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    provider_reference = models.CharField(max_length=200, blank=True)
    started_at = models.DateTimeField()
    asked_at = models.DateTimeField(null=True, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)

    objects = WorkspaceOwnedQuerySet["Payment"].as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("workspace", "reference", name="payment_reference_unique"),
            models.UniqueConstraint("workspace", "id", name="payment_id_in_workspace"),
            models.CheckConstraint(
                condition=Q(status__in=PaymentStatus.values), name="payment_status_known"
            ),
            models.CheckConstraint(
                condition=Q(method__in=Method.values), name="payment_method_known"
            ),
        ]
        indexes: ClassVar = [
            # Few at any time, over all workspaces: what operators wait for.
            models.Index(
                "started_at",
                condition=Q(method=Method.WIRE, status=PaymentStatus.STARTED),
                name="payment_wire_pending",
            ),
        ]

    def __str__(self) -> str:
        return f"payment {self.reference}"


class Outcome(models.TextChoices):
    """What became of money that came by a transfer."""

    PAID = "paid", "Paid the order"
    CREDITS = "credits", "Became an order of credits"
    SURPLUS = "surplus", "To be sent back"


class Transfer(WorkspaceOwned):
    """Money that came by wire transfer, as an operator noted it; rows are never changed.

    ``payment``: whose reference was on it; ``number``: which of those with this reference.
    ``value_on``: the day on which the bank credited it. ``bank_reference``: the bank's own.
    ``order``: what it paid; None: nothing. ``surplus``: what is left of it, to be sent back.
    """

    payment = models.ForeignKey(Payment, on_delete=models.PROTECT, related_name="transfers")
    number = models.PositiveIntegerField()
    amount = models.DecimalField(max_digits=DIGITS, decimal_places=DECIMALS)
    surplus = models.DecimalField(max_digits=DIGITS, decimal_places=DECIMALS)
    outcome = models.CharField(max_length=7, choices=Outcome.choices)
    order = models.ForeignKey(
        Order, on_delete=models.PROTECT, related_name="transfers", null=True, blank=True
    )
    value_on = models.DateField()
    bank_reference = models.CharField(max_length=140, blank=True)
    comment = models.CharField(max_length=500, blank=True)
    noted_at = models.DateTimeField()
    noted_by = models.ForeignKey(User, on_delete=models.PROTECT)

    objects = WorkspaceOwnedQuerySet["Transfer"].as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("workspace", "payment", "number", name="transfer_unique"),
            models.UniqueConstraint("workspace", "id", name="transfer_id_in_workspace"),
            models.CheckConstraint(
                condition=Q(outcome__in=Outcome.values), name="transfer_outcome_known"
            ),
            models.CheckConstraint(
                condition=Q(amount__gt=0, surplus__gte=0, surplus__lte=F("amount")),
                name="transfer_amounts",
            ),
            models.CheckConstraint(
                condition=Q(outcome=Outcome.SURPLUS, order=None, surplus=F("amount"))
                | (~Q(outcome=Outcome.SURPLUS) & Q(order__isnull=False, surplus__lt=F("amount"))),
                name="transfer_paid_something",
            ),
        ]

    def __str__(self) -> str:
        return f"transfer {self.number} of payment {self.payment_id}"


class AutoReload(WorkspaceOwned):
    """Credits are bought by themselves for a wallet: a bot's own, or (None) the shared one.

    ``limit``: one order of ``amount`` (net) after a charge that leaves the wallet below it.
    ``off_because``: why the console switched it off; empty while it is on, or a person did.
    """

    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, null=True, blank=True)
    is_on = models.BooleanField()
    amount = models.DecimalField(max_digits=DIGITS, decimal_places=DECIMALS)
    limit = models.DecimalField(max_digits=DIGITS, decimal_places=DECIMALS)
    saved_method = models.ForeignKey(SavedMethod, on_delete=models.PROTECT)
    turned_on_at = models.DateTimeField()
    turned_on_by = models.ForeignKey(User, on_delete=models.PROTECT)
    off_because = models.CharField(max_length=200, blank=True)

    objects = WorkspaceOwnedQuerySet["AutoReload"].as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                "workspace", "bot", nulls_distinct=False, name="auto_reload_of_wallet"
            ),
            models.CheckConstraint(
                condition=Q(amount__gt=0, limit__gte=0), name="auto_reload_amounts"
            ),
            models.CheckConstraint(
                condition=Q(is_on=False) | Q(off_because=""), name="auto_reload_off_because"
            ),
        ]

    def __str__(self) -> str:
        return f"auto-reload of {self.bot or 'the shared credits'}"
