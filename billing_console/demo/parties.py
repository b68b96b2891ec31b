"""Who sells in the demo and who is invoiced: names made up, numbers with the right check digits."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

SELLER: Mapping[str, Any] = {  # Any: texts and a rate
    "legal_name": "Sandkasten Software GmbH",
    "street": "Musterkai 12\nSpeicher 3",
    "postal_code": "20457",
    "city": "Hamburg",
    "region": "",
    "country": "DE",
    "vat_id": "DE265432199",
    "tax_number": "",
    "register_number": "HRB 000000, Amtsgericht Hamburg",
    "standing": "registered",
    "tax_rate": Decimal(19),
    "tax_reason": "",
    "tax_currency": "EUR",
    "timezone": "Europe/Berlin",
    "email": "invoices@sandkasten.example",
    "bank_name": "Musterbank Hamburg",
    "bank_account": "DE79100100100012345678",
    "bic": "SANDDEHHXXX",
    "payment_terms": "Due in 14 days, without deduction.",
}

# By workspace: outside the EU, in the seller's country, and outside the EU again.
BUYERS: Mapping[str, Mapping[str, Any]] = {
    "larkspur-bank": {
        "legal_name": "Larkspur Bank, N.A.",
        "street": "48 Marigold Avenue\nAccounts Payable",
        "postal_code": "10099",
        "city": "New York",
        "region": "NY",
        "country": "US",
        "vat_id": "",
        "purchase_order": "PO-2026-0417",
        "recipients": ["payables@larkspur.example", "ines.calder@larkspur.example"],
    },
    "lindenkamp": {
        "legal_name": "Lindenkamp Versand GmbH & Co. KG",
        "street": "Lindenallee 7",
        "postal_code": "48149",
        "city": "Münster",
        "region": "",
        "country": "DE",
        "vat_id": "DE111111117",
        "purchase_order": "",
        "recipients": ["rechnung@lindenkamp.example"],
    },
    "sahyadri-telecom": {
        "legal_name": "Sahyadri Telecom Pvt. Ltd.",
        "street": "Plot 21, Cross Road 4",
        "postal_code": "560099",
        "city": "Bengaluru",
        "region": "Karnataka",
        "country": "IN",
        "vat_id": "29AABCS1234K1ZC",
        "purchase_order": "",
        "recipients": ["accounts@sahyadri.example"],
    },
    "chitchat": {
        "legal_name": "Chitchat Research",
        "street": "1 Campus Drive",
        "postal_code": "84099",
        "city": "Provo",
        "region": "UT",
        "country": "US",
        "vat_id": "",
        "purchase_order": "",
        "recipients": ["owner@chitchat.example"],
    },
}
