"""What pages of billing details and the seller profile are sent: parsed and checked, never saved.

Texts may be in any script; characters that no document can hold are refused.
"""

import re
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from accounts.models import known_zone
from invoices import identifiers, logos
from invoices.countries import list_countries
from invoices.logos import Logo
from invoices.parties import RATE_DECIMALS, RATE_DIGITS, STREET
from invoices.tax import Standing
from plans.models import Currency

LINES = 3  # of an address, without place and country
RECIPIENTS = 10
UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
TOO_LONG = "Write at most %(limit_value)d characters; these are %(show_value)d."
NO_RATE = (
    "invalid", "min_value", "max_value", "max_digits", "max_decimal_places", "max_whole_digits",
)  # fmt: skip
REASON_MISSING = "Say why no tax is charged; invoices have to."


class Line(forms.CharField):
    """A text of one line; ``missing``: what to say where it must not be empty."""

    def __init__(self, *, max_length: int, missing: str = "") -> None:
        super().__init__(
            max_length=max_length,
            required=bool(missing),
            error_messages={"required": missing, "max_length": TOO_LONG},
        )

    def to_python(self, value: Any) -> str:  # Any: Django's
        """Return the text with single spaces between its words.

        Raises:
            ValidationError: it has characters that cannot be printed.
        """
        text = super().to_python(value) or ""
        if UNPRINTABLE.search(text):
            raise ValidationError("This text has characters that cannot be printed.")
        return self.tidy(text)

    def tidy(self, text: str) -> str:
        """Return a text as it is stored."""
        return " ".join(text.split())


class Lines(Line):
    """A text of several lines."""

    def tidy(self, text: str) -> str:
        """Return the lines that are not empty."""
        lines = (" ".join(line.split()) for line in text.splitlines())
        return "\n".join(filter(None, lines))


class Party(forms.Form):
    """Name, address and VAT id."""

    legal_name = Line(max_length=200, missing="Write the legal name.")
    street = Lines(max_length=STREET, missing="Write street and number, or a post box.")
    postal_code = Line(max_length=20)
    city = Line(max_length=100, missing="Write the city.")
    region = Line(max_length=100)
    country = forms.ChoiceField(
        choices=lambda: [("", "Choose a country"), *list_countries().items()],
        error_messages={
            "required": "Choose a country.",
            "invalid_choice": "There is no such country.",
        },
    )
    vat_id = Line(max_length=30)

    def clean_street(self) -> str:
        """Refuse more lines than documents have room for."""
        street: str = self.cleaned_data["street"]
        if street.count("\n") >= LINES:
            raise ValidationError(f"Write at most {LINES} lines.")
        return street

    def clean(self) -> None:
        """Check the VAT id by the rules of the country."""
        super().clean()
        country, vat_id = self.cleaned_data.get("country"), self.cleaned_data.get("vat_id")
        if country and vat_id:
            self.read("vat_id", lambda text: identifiers.read_vat_id(text, country=country))

    def read(self, name: str, reader: Any) -> None:
        """Have a number read, or its field say why it is none."""
        if text := self.cleaned_data.get(name):
            try:
                self.cleaned_data[name] = reader(text)
            except identifiers.NotValid as error:
                self.add_error(name, str(error))


class BillingDetails(Party):
    """Who is invoiced for a workspace, and where documents are mailed."""

    purchase_order = Line(max_length=50)
    recipients = Lines(max_length=3000, missing="Write the mail address that gets invoices.")

    def clean_recipients(self) -> list[str]:
        """Return the addresses, each once, in the order in which they were written."""
        found: dict[str, str] = {}
        for address in re.split(r"[\s,;]+", self.cleaned_data["recipients"]):
            if address:
                check_address(address)
                found.setdefault(address.casefold(), address)
        if not found:
            raise ValidationError("Write the mail address that gets invoices.")
        if len(found) > RECIPIENTS:
            raise ValidationError(f"Write at most {RECIPIENTS} mail addresses.")
        return list(found.values())


def check_address(address: str) -> None:
    """Refuse what is no mail address.

    Raises:
        ValidationError: it is none.
    """
    try:
        if len(address) > 254:
            raise ValidationError("too long")
        validate_email(address)
    except ValidationError:
        raise ValidationError(f"{address[:80]} is no mail address.") from None


class SellerProfile(Party):
    """Who sells, by what they are taxed, and where they are paid."""

    tax_number = Line(max_length=50)
    register_number = Line(max_length=100)
    standing = forms.ChoiceField(
        choices=[
            (Standing.REGISTERED.value, "Charges VAT"),
            (Standing.EXEMPT.value, "Is exempt from VAT"),
            (Standing.UNREGISTERED.value, "Is not registered for VAT"),
        ],
        error_messages={
            "required": "Choose how the seller is taxed.",
            "invalid_choice": "Choose how the seller is taxed.",
        },
    )
    tax_rate = forms.DecimalField(
        min_value=0,
        max_value=100,
        max_digits=RATE_DIGITS,
        decimal_places=RATE_DECIMALS,
        required=False,
        error_messages=dict.fromkeys(NO_RATE, "Write a rate in percent, such as 19 or 7.7."),
    )
    tax_reason = Line(max_length=200)
    tax_currency = forms.ModelChoiceField(
        queryset=Currency.objects.order_by("code"),
        error_messages={
            "required": "Choose the currency in which tax is charged.",
            "invalid_choice": "The catalog has no such currency.",
        },
    )
    timezone = Line(max_length=64, missing="Write the time zone in which documents are dated.")
    email = forms.EmailField(
        max_length=254,
        error_messages={
            "required": "Write the mail address for questions about invoices.",
            "invalid": "This is no mail address.",
        },
    )
    bank_name = Line(max_length=100, missing="Write the name of the bank.")
    bank_account = Line(max_length=50, missing="Write the IBAN or account number.")
    bic = Line(max_length=20, missing="Write the BIC of the bank.")
    payment_terms = Lines(max_length=500, missing="Write the terms of payment.")
    logo = forms.FileField(required=False)
    remove_logo = forms.BooleanField(required=False)

    def clean_tax_currency(self) -> str:
        """Return the code alone."""
        currency: Currency = self.cleaned_data["tax_currency"]
        return currency.code

    def clean_timezone(self) -> str:
        """Refuse what is no time zone."""
        zone: str = self.cleaned_data["timezone"]
        known_zone(zone)
        return zone

    def clean_logo(self) -> Logo | None:
        """Refuse what is no picture; None: there is no other logo."""
        file = self.cleaned_data["logo"]
        if file is None:
            return None
        try:
            return logos.read(file.read())
        except logos.NotALogo as error:
            raise ValidationError(str(error)) from None

    def clean(self) -> None:
        """Check the bank's numbers, and that what is said about tax fits together."""
        super().clean()
        self.read("bank_account", identifiers.read_account)
        self.read("bic", identifiers.read_bic)
        if self.cleaned_data.get("logo") and self.cleaned_data["remove_logo"]:
            self.add_error("logo", "Choose another logo or remove the one there is, not both.")
        if standing := self.cleaned_data.get("standing"):
            self.check_tax(Standing(standing))

    def check_tax(self, standing: Standing) -> None:
        """Ask for what invoices need of a seller of this standing, and drop what they do not."""
        values = self.cleaned_data
        if standing == Standing.REGISTERED:
            values["tax_reason"] = ""
            self.demand("vat_id", "A seller that charges VAT has a VAT id. Write it.")
            if values.get("tax_rate") is None and "tax_rate" not in self.errors:
                self.add_error("tax_rate", "Write the standard rate of VAT in percent.")
            return
        values["tax_rate"] = Decimal(0)
        self.demand("tax_reason", REASON_MISSING)
        if not values.get("vat_id"):
            self.demand("tax_number", "Without a VAT id invoices need the tax number. Write it.")
        elif standing == Standing.UNREGISTERED:
            self.add_error("vat_id", "A seller with a VAT id is registered. Leave this empty.")

    def demand(self, name: str, missing: str) -> None:
        """Refuse an empty text that is needed."""
        if not self.cleaned_data.get(name) and name not in self.errors:
            self.add_error(name, missing)
