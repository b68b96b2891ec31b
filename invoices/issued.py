"""Documents as they were issued, and their files; docs/invoices.md says more."""

from decimal import Decimal
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
from invoices.frozen import Kind
from invoices.stated import UsageStatement
from plans.models import Currency, Meter, PlanVersion
from plans.money import DECIMALS, DIGITS

CODE_LENGTH = 10  # letters; more would break the lines of a number on paper


class DocumentKind(models.TextChoices):
    """What a document is."""

    INVOICE = Kind.INVOICE.value, "Invoice"
    CREDIT_NOTE = Kind.CREDIT_NOTE.value, "Credit note"


class DocumentCode(WorkspaceOwned):
    """With what the numbers of a workspace's documents begin; no other workspace has it."""

    code = models.CharField(max_length=CODE_LENGTH, db_collation="C", unique=True)

    objects = WorkspaceOwnedQuerySet["DocumentCode"].as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("workspace", name="document_code_once"),
            models.CheckConstraint(condition=Q(code__regex="^[A-Z0-9]+$"), name="document_code_ok"),
        ]

    def __str__(self) -> str:
        return self.code


class IssuedDocumentQuerySet(WorkspaceOwnedQuerySet["IssuedDocument"]):
    """Documents of a workspace."""

    def visible_to(self, membership: Membership) -> Self:
        """Keep the documents of the orders that a person may see."""
        if membership.role in ADMINS | {Role.FINANCE}:
            return self
        return self.filter(order__buyer=membership.user_id)

    def invoices(self) -> Self:
        """Keep the invoices."""
        return self.filter(kind=DocumentKind.INVOICE)

    def credit_notes(self) -> Self:
        """Keep the credit notes."""
        return self.filter(kind=DocumentKind.CREDIT_NOTE)


class IssuedDocument(WorkspaceOwned):
    """An invoice or credit note; never changed or removed, to which a trigger holds everybody.

    ``number`` is ``series`` and ``sequence``, which has no gap. ``corrects``: the invoice that a
    credit note names. ``content``: all that it says (`invoices.frozen.Document`), except the
    ``logo``, which is a file that never changes. ``issued_on``: the day in the seller's zone.
    """

    kind = models.CharField(max_length=11, choices=DocumentKind.choices)
    series = models.CharField(max_length=32, db_collation="C")
    sequence = models.PositiveIntegerField()
    number = models.CharField(max_length=40, db_collation="C", unique=True)
    key = models.CharField(max_length=200, db_collation="C")
    order = models.ForeignKey("invoices.Order", on_delete=models.PROTECT, related_name="documents")
    corrects = models.ForeignKey(
        "self", on_delete=models.PROTECT, related_name="credit_notes", null=True, blank=True
    )
    issued_at = models.DateTimeField()
    issued_on = models.DateField()
    currency = models.ForeignKey(Currency, on_delete=models.PROTECT)
    net = models.DecimalField(max_digits=DIGITS, decimal_places=DECIMALS)
    tax = models.DecimalField(max_digits=DIGITS, decimal_places=DECIMALS)
    gross = models.DecimalField(max_digits=DIGITS, decimal_places=DECIMALS)
    logo = models.CharField(max_length=100, blank=True)
    content = models.JSONField()

    credited: Decimal  # by credit notes, where `invoices.document_queries` adds it

    objects = IssuedDocumentQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("series", "sequence", name="document_sequence_unique"),
            models.UniqueConstraint("workspace", "key", name="document_key_unique"),
            models.UniqueConstraint("workspace", "id", name="document_id_in_workspace"),
            models.UniqueConstraint(
                "workspace",
                "order",
                condition=Q(kind=DocumentKind.INVOICE),
                name="document_invoice_of_order",
            ),
            models.CheckConstraint(
                condition=Q(kind=DocumentKind.INVOICE, corrects=None)
                | Q(kind=DocumentKind.CREDIT_NOTE, corrects__isnull=False),
                name="document_kind",
            ),
            models.CheckConstraint(condition=Q(sequence__gte=1), name="document_sequence_from_1"),
            models.CheckConstraint(
                condition=Q(net__gt=0, tax__gte=0, gross=F("net") + F("tax")),
                name="document_amounts_add_up",
            ),
        ]
        indexes: ClassVar = [
            models.Index("workspace", "issued_on", "id", name="document_of_workspace"),
        ]

    def __str__(self) -> str:
        return self.number


class DocumentFile(WorkspaceOwned):
    """The PDF of a document or of a usage statement: that it is to be made, then where it is.

    ``bot``: of a statement the part of that bot; None: all of it. ``asked_at``: since when that of
    a statement is wanted. ``name``: in the storage; ``sha256``: of its content, in hexadecimal. Set
    together, once.
    """

    document = models.OneToOneField(
        IssuedDocument, on_delete=models.PROTECT, related_name="file", null=True, blank=True
    )
    statement = models.ForeignKey(UsageStatement, on_delete=models.PROTECT, null=True, blank=True)
    bot = models.ForeignKey(Bot, on_delete=models.PROTECT, null=True, blank=True)
    asked_at = models.DateTimeField(null=True, blank=True)
    name = models.CharField(max_length=200, blank=True)
    sha256 = models.CharField(max_length=64, blank=True)
    size = models.PositiveIntegerField(default=0)
    stored_at = models.DateTimeField(null=True, blank=True)

    objects = WorkspaceOwnedQuerySet["DocumentFile"].as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                "workspace",
                "statement",
                "bot",
                condition=Q(statement__isnull=False),
                name="document_file_of_statement",
                nulls_distinct=False,
            ),
            models.CheckConstraint(
                condition=Q(document__isnull=False, statement=None, bot=None, asked_at=None)
                | Q(document=None, statement__isnull=False, asked_at__isnull=False),
                name="document_file_of_one",
            ),
            models.CheckConstraint(
                condition=Q(stored_at=None, name="", sha256="", size=0)
                | Q(stored_at__isnull=False, sha256__regex="^[0-9a-f]{64}$", size__gt=0)
                & ~Q(name=""),
                name="document_file_whole",
            ),
        ]
        indexes: ClassVar = [
            # Few at any time: those that a worker has to make.
            models.Index(
                "workspace", "document", condition=Q(stored_at=None), name="document_file_unmade"
            ),
        ]

    @property
    def says(self) -> str:
        """What it is the PDF of."""
        if self.statement is None:
            return str(self.document)
        return f"the statement of {self.statement}" + (f" for {self.bot}" if self.bot else "")

    def __str__(self) -> str:
        return self.name or f"file of {self.says}"


class PaybackQuerySet(WorkspaceOwnedQuerySet["Payback"]):
    """Paybacks of a workspace."""

    def by_hand(self) -> Self:
        """Keep those that a person has to send: no provider took the money, or it refused."""
        return self.filter(Q(payment=None) | ~Q(refused=""), sent_at=None)

    def under_way(self) -> Self:
        """Keep those that a provider is to send."""
        return self.filter(sent_at=None, refused="", payment__isnull=False)

    def sent(self) -> Self:
        """Keep those that were sent."""
        return self.filter(sent_at__isnull=False)


class Payback(WorkspaceOwned):
    """Money that goes back to the buyer, and whether it was sent.

    ``document``: the credit note by which it does; None: the order was paid twice, or too much.
    ``transfer``: of what came by wire, what was too much. ``payment``: the accepted one that it
    goes back by; None: it goes back by hand. ``refused``: why its provider would not. ``sent_by``:
    the operator who sent it by hand, with the ``reference`` of the transfer; None: the provider
    did.
    """

    order = models.ForeignKey("invoices.Order", on_delete=models.PROTECT, related_name="paybacks")
    document = models.OneToOneField(
        IssuedDocument, on_delete=models.PROTECT, related_name="payback", null=True, blank=True
    )
    transfer = models.OneToOneField(
        "invoices.Transfer",
        on_delete=models.PROTECT,
        related_name="payback",
        null=True,
        blank=True,
    )
    payment = models.ForeignKey("invoices.Payment", on_delete=models.PROTECT, null=True, blank=True)
    currency = models.ForeignKey(Currency, on_delete=models.PROTECT)
    amount = models.DecimalField(max_digits=DIGITS, decimal_places=DECIMALS)
    created_at = models.DateTimeField()
    asked_at = models.DateTimeField(null=True, blank=True)
    refused = models.CharField(max_length=300, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    sent_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True)
    reference = models.CharField(max_length=100, blank=True)

    objects = PaybackQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                "workspace",
                "payment",
                condition=Q(document=None, transfer=None),
                name="payback_of_surplus",
            ),
            models.CheckConstraint(condition=Q(amount__gt=0), name="payback_positive"),
            models.CheckConstraint(
                condition=Q(document__isnull=False) | Q(payment__isnull=False),
                name="payback_of_something",
            ),
        ]
        indexes: ClassVar = [
            # Few at any time: those that have to be sent.
            models.Index("workspace", condition=Q(sent_at=None), name="payback_due"),
        ]

    @property
    def is_by_hand(self) -> bool:
        """Whether a person has to send it."""
        return self.sent_at is None and (self.payment_id is None or bool(self.refused))

    def __str__(self) -> str:
        return f"payback of {self.document or self.payment}"


class CreditedService(WorkspaceOwned):
    """Usage or seats that a credit note gave back; rows are never changed.

    With the lines of orders it says how much of a service is ordered by now. ``first_day``,
    ``last_day``: as on the order's line, both included.
    """

    document = models.ForeignKey(
        IssuedDocument, on_delete=models.PROTECT, related_name="credited_services"
    )
    bot = models.ForeignKey(Bot, on_delete=models.PROTECT)
    version = models.ForeignKey(PlanVersion, on_delete=models.PROTECT)
    meter = models.CharField(max_length=20, choices=Meter.choices)
    first_day = models.DateField()
    last_day = models.DateField()
    quantity = models.IntegerField()
    net = models.DecimalField(max_digits=DIGITS, decimal_places=DECIMALS)

    objects = WorkspaceOwnedQuerySet["CreditedService"].as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(net__gt=0, last_day__gte=F("first_day")), name="credited_in_range"
            ),
        ]
        indexes: ClassVar = [
            models.Index("workspace", "first_day", name="credited_of_workspace"),
        ]

    def __str__(self) -> str:
        return f"{self.net} of {self.bot} by {self.document}"
