"""VAT ids, bank accounts and BICs as people type them: checked, and written in one way."""

import re

from stdnum import bic, get_cc_module, iban
from stdnum.eu import vat
from stdnum.exceptions import ValidationError

from invoices.countries import list_countries
from invoices.tax import EU

VAT_PREFIXES = {"GR": "EL"}  # where it is not the country's code
SEPARATORS = re.compile(r"[\s.\-/]+")
VAT_ID = re.compile("[0-9A-Z+*]{2,20}")
ACCOUNT = re.compile("[0-9A-Z]{4,34}")
LIKE_AN_IBAN = re.compile("[A-Z]{2}[0-9]{2}")


class NotValid(ValueError):
    """This is no such number; the message says so in a sentence."""


def read_vat_id(text: str, *, country: str) -> str:
    """Return a VAT id of a country; in the EU with its prefix, which need not be typed.

    Where the country's rules are known, its check digits are right.

    Raises:
        NotValid: it is none.
    """
    typed = SEPARATORS.sub("", text.upper())
    if not VAT_ID.fullmatch(typed):
        raise NotValid("A VAT id has 2 to 20 letters and digits.")
    try:
        if country in EU:
            return read_eu_vat_id(typed, country=country)
        if rules := get_cc_module(country, "vat"):
            return str(rules.validate(typed))
    except ValidationError:
        name = list_countries().get(country, country)
        raise NotValid(
            f"This is no VAT id of {name}. Look for a digit too many or mistyped."
        ) from None
    return typed


def read_eu_vat_id(typed: str, *, country: str) -> str:
    """Return a VAT id of a country of the EU with its prefix.

    Raises:
        NotValid: it is that of another country.
        ValidationError: it is none.
    """
    prefix = VAT_PREFIXES.get(country, country)
    if typed.startswith(country):
        typed = prefix + typed.removeprefix(country)
    if not typed.startswith(prefix):
        if vat.is_valid(typed):
            raise NotValid(
                f"The VAT id is not of {list_countries()[country]}, where the address is."
            )
        typed = prefix + typed
    return str(vat.validate(typed))


def read_account(text: str) -> str:
    """Return the number of a bank account: an IBAN, or a number where the bank has none.

    Raises:
        NotValid: it looks like an IBAN and is none, or is no number at all.
    """
    typed = SEPARATORS.sub("", text.upper())
    if LIKE_AN_IBAN.match(typed):
        try:
            return str(iban.validate(typed))
        except ValidationError:
            raise NotValid("This is no IBAN. Look for a digit too many or mistyped.") from None
    if not ACCOUNT.fullmatch(typed):
        raise NotValid("Write an IBAN or, where the bank has none, the account number.")
    return typed


def read_bic(text: str) -> str:
    """Return a BIC.

    Raises:
        NotValid: it is none.
    """
    try:
        return str(bic.validate(text))
    except ValidationError:
        raise NotValid("A BIC has 8 or 11 letters and digits, such as DEUTDEFF.") from None
