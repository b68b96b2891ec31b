"""A document as XML: Factur-X, profile EN16931, which is CII by EN 16931. No database, no clock.

Keys such as BT-1 are the standard's own names of what a document says; those of parties are the
library's.
"""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from invoices.frozen import (
    Document,
    DocumentLine,
    Kind,
    Party,
    SellerParty,
    TaxRow,
)
from invoices.identifiers import VAT_PREFIXES
from invoices.tax import Category

PROFILE = "en16931"
KINDS = {Kind.INVOICE: "380", Kind.CREDIT_NOTE: "381"}  # UNTDID 1001
UNITS = {"month": "MON", "day": "DAY", "hour": "HUR"}  # UN/ECE recommendation 20
ONE = "C62"
SEPA_TRANSFER, TRANSFER = "58", "30"  # UNTDID 4461
E_MAIL = "EM"  # of an electronic address
PAID_BACK = "Paid back by the way of the payment"
FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

Fields = dict[str, Any]  # texts, days, and more of them: as the library takes them


def clean(text: str) -> str:
    """Return a text without the characters that XML forbids, such as control characters."""
    return FORBIDDEN.sub("", text)


def write(document: Document) -> bytes:
    """Return the XML of a document; the same for the same document.

    Raises:
        Exception: the library's own, where it does not fit the schema.
    """
    # Loaded by who draws, as in `files`.
    from facturx.generate_xml import generate_cii_xml

    return bytes(generate_cii_xml(describe(document), level=PROFILE, check_schematron=None))


def describe(document: Document) -> Fields:
    """Return what the XML says."""
    numbers = range(1, len(document.lines) + 1)
    lines = zip(numbers, document.lines, strict=True)
    return {
        "BT-1": clean(document.number),
        "BT-2": document.issued_on,
        "BT-3": KINDS[document.kind],
        "BT-5": document.currency.code,
        "BT-13": clean(document.po_number),
        "BT-14": clean(document.order_number),
        "BG-1": [{"BT-22": clean(note)} for note in document.notes],
        "BG-3": list(describe_preceding(document)),
        "BG-4": describe_seller(document.seller, in_scope=is_in_scope(document)),
        "BG-7": describe_party(document.buyer, in_scope=is_in_scope(document)),
        "BG-23": [describe_tax(row, document) for row in document.taxes],
        "BG-25": [describe_line(line, document, number) for number, line in lines],
        **describe_period(document),
        **describe_payment(document),
        **describe_sums(document),
    }


def is_in_scope(document: Document) -> bool:
    """Tell whether VAT ids may be said: of what is outside the scope of tax they may not."""
    return all(row.category != Category.OUTSIDE for row in document.taxes)


def describe_preceding(document: Document) -> Iterator[Fields]:
    """Yield the invoice that a credit note corrects."""
    if document.is_credit_note:
        yield {"BT-25": clean(document.preceding_number), "BT-26": document.preceding_on}


def describe_party(party: Party, *, in_scope: bool) -> Fields:
    """Return a party by the library's names."""
    lines = dict(zip(("addr_l1", "addr_l2", "addr_l3"), map(clean, party.address), strict=False))
    return {
        "name": clean(party.legal_name),
        "legal_identifier": clean(party.register_number),
        "vat_identifier": write_vat_id(party) if in_scope else "",
        "postcode": clean(party.postal_code),
        "city": clean(party.city),
        "country_subdivision": clean(party.region),
        "country_code": party.country,
        "einvoicing_addr": clean(party.email),
        "einvoicing_addr_schemeid": E_MAIL,
        **lines,
    }


def write_vat_id(party: Party) -> str:
    """Return a VAT id as the standard wants it (BR-CO-9): the code of its country comes first.

    Outside the EU it is kept, and shown, as its country writes it, often without.
    """
    vat_id, code = clean(party.vat_id), VAT_PREFIXES.get(party.country, party.country)
    return vat_id if not vat_id or vat_id.startswith(code) else code + vat_id


def describe_seller(seller: SellerParty, *, in_scope: bool) -> Fields:
    """Return the seller, who must be known by some number."""
    party = describe_party(seller, in_scope=in_scope)
    known = party["legal_identifier"] or party["vat_identifier"]
    number = clean(seller.tax_number or seller.vat_id)
    return {
        **party,
        "tax_identifier": clean(seller.tax_number),
        "identifiers": {} if known else {None: number},
    }


def describe_line(line: DocumentLine, document: Document, number: int) -> Fields:
    """Return a line; its bot is an attribute of what was sold."""
    bot = clean(line.bot).strip()
    return {
        "BT-126": str(number),
        "BT-129": write_number(line.quantity),
        "BT-130": UNITS.get(line.unit, ONE),
        "BT-131": write_amount(line.net, document),
        "BT-134": line.first,
        "BT-135": line.last,
        "BT-146": write_number(line.price),
        "BT-151": line.category.value,
        **describe_rate("BT-152", line),
        "BT-153": clean(line.text),
        "BG-32": [{"BT-160": "Bot", "BT-161": bot}] if bot else [],
    }


def describe_tax(row: TaxRow, document: Document) -> Fields:
    """Return the tax of a category and rate."""
    return {
        "BT-116": write_amount(row.basis, document),
        "BT-117": write_amount(row.tax, document),
        "BT-118": row.category.value,
        **describe_rate("BT-119", row),
        "BT-120": clean(row.reason),
        "BT-121": clean(row.reason_code),
    }


def describe_rate(key: str, taxed: DocumentLine | TaxRow) -> Fields:
    """Return a rate; what is outside the scope of tax has none, not even zero."""
    outside = taxed.category == Category.OUTSIDE
    return {} if outside else {key: write_number(taxed.rate)}


def describe_period(document: Document) -> dict[str, date]:
    """Return the days of the services; without any, what is sold is there on the day of issue."""
    if (days := document.service_days) is None:
        return {"BT-72": document.issued_on}
    first, last = days
    return {"BT-72": last, "BT-73": first, "BT-74": last}


def describe_payment(document: Document) -> Fields:
    """Return how and until when to pay: a credit note is paid back, not paid."""
    if document.is_credit_note:
        return {"BT-20": PAID_BACK}
    if not document.due:
        return {}
    fields: Fields = {"BT-9": document.due_on, "BT-20": clean(document.seller.terms)}
    if bank := document.seller.bank:
        sepa = document.currency.code == "EUR"
        fields |= {
            "BT-81": SEPA_TRANSFER if sepa else TRANSFER,
            "BT-83": clean(document.number),
            "BT-84": clean(bank.iban).replace(" ", ""),
            "BT-85": clean(document.seller.legal_name),
            "BT-86": clean(bank.bic),
        }
    return fields


def describe_sums(document: Document) -> dict[str, str]:
    """Return the sums."""
    return {
        "BT-106": write_amount(document.net, document),
        "BT-109": write_amount(document.net, document),
        "BT-110": write_amount(document.tax, document),
        "BT-112": write_amount(document.gross, document),
        "BT-113": write_amount(document.paid, document),
        "BT-115": write_amount(document.due, document),
    }


def write_amount(amount: Decimal, document: Document) -> str:
    """Return an amount with the decimals of the currency."""
    return f"{amount:.{document.currency.decimals}f}"


def write_number(number: Decimal) -> str:
    """Return a quantity or price with the decimals that it has."""
    return f"{number.normalize():f}"
