"""Who sells and who buys: what documents say of both, and what tax depends on."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from accounts.models import WorkspaceOwned, WorkspaceOwnedQuerySet
from invoices import tax
from invoices.tax import Standing
from plans.models import Currency

STREET = 300  # letters of an address without place and country
UNTAXED = [Standing.EXEMPT.value, Standing.UNREGISTERED.value]
RATE_DIGITS, RATE_DECIMALS = 5, 2  # of a rate of tax, in percent


class Party(models.Model):
    """Somebody on a document: name, address and VAT id; ``street`` has one to three lines.

    What is stored is complete: nothing that a document needs is empty.
    """

    legal_name = models.CharField(max_length=200)
    street = models.CharField(max_length=STREET)
    postal_code = models.CharField(max_length=20, blank=True)
    city = models.CharField(max_length=100)
    region = models.CharField(max_length=100, blank=True)
    country = models.CharField(max_length=2)
    vat_id = models.CharField(max_length=30, blank=True)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return self.legal_name


def is_complete(*others: str) -> Q:
    """Return the condition that a party and some further texts of it are not empty."""
    found = Q(country__regex="^[A-Z]{2}$")
    for name in ("legal_name", "street", "city", *others):
        found &= ~Q(**{name: ""})
    return found


class BillingDetails(WorkspaceOwned, Party):
    """Who is invoiced for a workspace; each document has a copy.

    ``recipients``: the addresses to which documents are mailed.
    """

    purchase_order = models.CharField(max_length=50, blank=True)
    recipients = ArrayField(models.EmailField(max_length=254))

    objects = WorkspaceOwnedQuerySet["BillingDetails"].as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("workspace", name="billing_details_once"),
            models.CheckConstraint(
                condition=is_complete() & Q(recipients__len__gte=1),
                name="billing_details_complete",
            ),
        ]

    @property
    def taxed_as(self) -> tax.Buyer:
        """What of them decides about tax."""
        return tax.Buyer(country=self.country, vat_id=self.vat_id)


class SellerProfile(Party):
    """Who sells in this installation: one row, which operators change; each document has a copy.

    ``tax_rate``: the standard rate of the country, in percent. ``tax_reason``: why no tax is
    charged, where the seller is exempt or not registered. ``logo``: the name of a file in the
    storage, which is never changed or removed; empty: none.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    tax_number = models.CharField(max_length=50, blank=True)
    register_number = models.CharField(max_length=100, blank=True)
    standing = models.CharField(max_length=12, choices=[(one.value, one.value) for one in Standing])
    tax_rate = models.DecimalField(max_digits=RATE_DIGITS, decimal_places=RATE_DECIMALS)
    tax_reason = models.CharField(max_length=200, blank=True)
    tax_currency = models.ForeignKey(Currency, on_delete=models.PROTECT)
    timezone = models.CharField(max_length=64)
    email = models.EmailField(max_length=254)
    bank_name = models.CharField(max_length=100)
    bank_account = models.CharField(max_length=34)
    bic = models.CharField(max_length=11)
    payment_terms = models.CharField(max_length=500)
    logo = models.CharField(max_length=100, blank=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(id=1), name="seller_once"),
            models.CheckConstraint(
                condition=is_complete("email", "bank_name", "bank_account", "bic", "payment_terms"),
                name="seller_complete",
            ),
            models.CheckConstraint(
                condition=(Q(standing=Standing.REGISTERED.value, tax_rate__gte=0) & ~Q(vat_id=""))
                | (Q(standing__in=UNTAXED, tax_rate=0) & ~Q(tax_reason="")),
                name="seller_taxed",
            ),
        ]

    @property
    def taxed_as(self) -> tax.Seller:
        """What of them decides about tax."""
        return tax.Seller(
            country=self.country,
            standing=Standing(self.standing),
            rate=self.tax_rate,
            reason=self.tax_reason,
            currency=self.tax_currency_id,
        )
