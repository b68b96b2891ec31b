"""The XML of documents: valid by schema and schematron, and saying what the document says."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from lxml import etree

from invoices import facturx, tax
from invoices.frozen import (
    Denomination,
    Document,
    Inconsistent,
    Kind,
)
from invoices.tax import Category
from tests.invoices import en16931, papers

SPACES = {
    "ram": "urn:un:unece:uncefact:data:standard:ReusableAggregateBusinessInformationEntity:100",
    "udt": "urn:un:unece:uncefact:data:standard:UnqualifiedDataType:100",
}
CURRENCIES = [papers.EUR, papers.USD, papers.JPY]


def read(document: Document, path: str) -> list[str]:
    """Return the texts that the XML of a document has in a place."""
    found = etree.fromstring(facturx.write(document)).findall(path, SPACES)
    return [element.text or "" for element in found]


@pytest.mark.parametrize("paid", [None, "1", "all"])
@pytest.mark.parametrize("currency", CURRENCIES, ids=lambda currency: currency.code)
@pytest.mark.parametrize("category", Category)
@pytest.mark.parametrize("kind", Kind)
def test_every_document_is_valid(
    kind: Kind, category: Category, currency: Denomination, paid: str | None
) -> None:
    lines = [
        papers.line(quantity=quantity, price=price, category=category, currency=currency)
        for quantity, price in (("120", "0.18"), ("1234.5", "1.7777"))
    ]

    xml = facturx.write(papers.document(*lines, kind=kind, currency=currency, paid=paid))

    assert en16931.find_breaches(xml) == []


@pytest.mark.parametrize("category", [Category.EXEMPT, Category.EXPORT])
def test_a_reason_needs_no_code(category: Category) -> None:
    document = papers.of_category(category)
    (row,) = document.taxes

    xml = facturx.write(
        papers.changed(document, taxes=(papers.changed(row, reason_code="", reason="Why not"),))
    )

    assert en16931.find_breaches(xml) == []


def test_several_rates_and_categories_are_valid_together() -> None:
    lines = [
        papers.line(),
        papers.line(rate=Decimal("7")),
        papers.line(category=Category.ZERO),
        papers.line(category=Category.EXEMPT),
    ]

    xml = facturx.write(papers.document(*lines))

    assert en16931.find_breaches(xml) == []


def test_a_sale_without_days_or_bot_is_valid() -> None:
    line = papers.line("", "Credits", quantity="1", price="500", unit="", first=None, last=None)

    xml = facturx.write(papers.document(line, paid="all", order_number="", po_number=""))

    assert en16931.find_breaches(xml) == []


@pytest.mark.parametrize("category", [Category.STANDARD, Category.OUTSIDE])
@pytest.mark.parametrize(
    "ids",
    [
        {"register_number": "", "vat_id": ""},
        {"register_number": "", "tax_number": ""},
        {"register_number": ""},
    ],
)
def test_a_seller_is_known_by_any_number(ids: dict[str, str], category: Category) -> None:
    seller = papers.changed(papers.SELLER, **ids)

    xml = facturx.write(papers.of_category(category, seller=seller))

    assert en16931.find_breaches(xml) == []


@pytest.mark.parametrize(
    ("country", "vat_id", "said"),
    [
        ("GB", "980780684", "GB980780684"),
        ("NO", "995525828MVA", "NO995525828MVA"),
        ("CH", "CHE107787577", "CHE107787577"),
        ("GR", "EL094259216", "EL094259216"),
    ],
)
def test_vat_ids_begin_with_their_country(country: str, vat_id: str, said: str) -> None:
    seller = papers.changed(papers.SELLER, country=country, vat_id=vat_id, tax_number="")
    buyer = papers.changed(papers.BUYER, country=country, vat_id=vat_id)
    document = papers.of_category(Category.STANDARD, seller=seller, buyer=buyer)

    assert en16931.find_breaches(facturx.write(document)) == []
    assert read(document, ".//ram:SpecifiedTaxRegistration/ram:ID") == [said, said]


@pytest.mark.parametrize(
    ("right", "wrong", "rule"),
    [
        (b"<ram:GrandTotalAmount>25.70", b"<ram:GrandTotalAmount>25.71", "BR-CO-15"),
        (b"<ram:LineTotalAmount>21.60", b"<ram:LineTotalAmount>21.61", "BR-CO-10"),
        (b"<ram:CountryID>FR", b"<ram:CountryID>XX", "CountryID"),
    ],
)
def test_a_broken_document_is_found_out(right: bytes, wrong: bytes, rule: str) -> None:
    xml = facturx.write(papers.document())
    assert right in xml

    breaches = en16931.find_breaches(xml.replace(right, wrong, 1))

    assert any(rule in breach for breach in breaches), breaches


def test_what_does_not_fit_the_schema_is_found_out() -> None:
    xml = facturx.write(papers.document())

    with pytest.raises(Exception, match="not valid"):
        en16931.find_breaches(xml.replace(b"ram:TypeCode", b"ram:Typ"))


def test_kinds_and_the_corrected_invoice() -> None:
    note = papers.document(kind=Kind.CREDIT_NOTE)

    assert read(papers.document(), ".//{*}ExchangedDocument/ram:TypeCode") == ["380"]
    assert read(note, ".//{*}ExchangedDocument/ram:TypeCode") == ["381"]
    reference = ".//ram:InvoiceReferencedDocument"
    assert read(note, f"{reference}/ram:IssuerAssignedID") == ["ACME-2026-000007"]
    assert read(papers.document(), reference) == []


@pytest.mark.parametrize(
    ("currency", "gross", "rate"),
    [(papers.EUR, "100.05", "19"), (papers.EUR, "0.03", "19"), (papers.JPY, "16", "10")],
)
def test_sum_that_no_net_amount_and_its_tax_come_to_is_a_document(
    currency: Denomination, gross: str, rate: str
) -> None:
    sums = tax.take_out(gross=Decimal(gross), rate=Decimal(rate), decimals=currency.decimals)
    line = papers.line(quantity="1", price=str(sums.net), currency=currency, rate=Decimal(rate))
    (row,) = papers.document(line, currency=currency).taxes
    assert row.tax != sums.tax

    document = papers.changed(
        papers.document(line, currency=currency),
        taxes=(papers.changed(row, tax=sums.tax),),
        tax=sums.tax, gross=sums.gross, due=sums.gross,
    )  # fmt: skip

    assert en16931.find_breaches(facturx.write(document)) == []


def test_yen_have_no_decimals() -> None:
    line = papers.line(quantity="1234", price="1.7777", currency=papers.JPY)

    document = papers.document(line, currency=papers.JPY)

    assert read(document, ".//ram:GrandTotalAmount") == ["2611"]
    assert read(document, ".//ram:NetPriceProductTradePrice/ram:ChargeAmount") == ["1.7777"]


def test_bots_days_and_payment_are_said() -> None:
    document = papers.document(papers.line(), papers.line("Scout", first=date(2026, 2, 1)))

    assert read(document, ".//ram:ApplicableProductCharacteristic/ram:Value") == [
        "Concierge",
        "Scout",
    ]
    period = ".//ram:ApplicableHeaderTradeSettlement/ram:BillingSpecifiedPeriod"
    assert read(document, f"{period}/ram:StartDateTime/udt:DateTimeString") == ["20260201"]
    assert read(document, f"{period}/ram:EndDateTime/udt:DateTimeString") == ["20260331"]
    assert read(document, ".//ram:IBANID") == ["DE89370400440532013000"]


def test_names_are_data_and_what_xml_forbids_is_left_out() -> None:
    name = "<script>&\"'=1+1\x00\x08\x1f\ufffe\ud800 مساعد 🤖"
    buyer = papers.changed(papers.BUYER, legal_name=name)

    document = papers.document(papers.line(name, name), buyer=buyer, notes=(name,))

    plain = "<script>&\"'=1+1 مساعد 🤖"
    assert read(document, ".//ram:BuyerTradeParty/ram:Name") == [plain]
    assert read(document, ".//ram:SpecifiedTradeProduct/ram:Name") == [plain]
    assert en16931.find_breaches(facturx.write(document)) == []


@pytest.mark.parametrize("name", ["x" * 2000, "true", "1e5", "0x10", "=1+1"])
def test_names_stay_as_they_are(name: str) -> None:
    document = papers.document(papers.line(name, name))

    assert read(document, ".//ram:SpecifiedTradeProduct/ram:Name") == [name]


def test_three_thousand_lines_fit_the_schema() -> None:
    lines = [papers.line(f"Bot {number // 3}", f"Line {number}") for number in range(3000)]

    xml = facturx.write(papers.document(*lines))  # which checks it

    assert xml.count(b"<ram:IncludedSupplyChainTradeLineItem>") == 3000


def test_the_same_document_is_the_same_xml() -> None:
    assert facturx.write(papers.document()) == facturx.write(papers.document())


def wrong(**values: Any) -> dict[str, Any]:
    """Return values that do not fit the rest of a document."""
    return values


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (wrong(net=Decimal("21.61")), "net"),
        (wrong(tax=Decimal("4.11")), "tax"),
        (wrong(gross=Decimal("25.71")), "gross"),
        (wrong(due=Decimal("25.71")), "left to pay"),
        (wrong(paid=Decimal("26"), due=Decimal("-0.30")), "paid"),
        (wrong(paid=Decimal("0.001"), due=Decimal("25.699")), "rounded"),
        (wrong(taxes=()), "rows of tax"),
        (wrong(lines=()), "no lines"),
        (wrong(number=""), "number"),
        (wrong(due_on=None), "no day"),
        (wrong(kind=Kind.CREDIT_NOTE), "names no invoice"),
        (wrong(preceding_number="X-1"), "names another"),
        (wrong(currency=Denomination("KWD", 3)), "decimals"),
    ],
)
def test_values_that_do_not_agree_are_refused(values: dict[str, Any], message: str) -> None:
    document = papers.document()

    with pytest.raises(Inconsistent, match=message):
        papers.changed(document, **values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (wrong(net=Decimal("21.61")), "is not 21.61"),
        (wrong(price=Decimal("0.18001")), "decimals"),
        (wrong(quantity=Decimal("-1")), "negative"),
        (wrong(last=date(2026, 2, 1)), "end before"),
        (wrong(last=None), "half"),
        (wrong(text=" "), "text"),
    ],
)
def test_a_line_that_does_not_agree_is_refused(values: dict[str, Any], message: str) -> None:
    line = papers.changed(papers.line(), **values)

    with pytest.raises(Inconsistent, match=message):
        papers.changed(papers.document(), lines=(line,))


@pytest.mark.parametrize(
    ("category", "values"),
    [
        (Category.STANDARD, wrong(tax=Decimal("8.19"))),
        (Category.STANDARD, wrong(reason="None is charged")),
        (Category.REVERSE_CHARGE, wrong(reason="")),
    ],
)
def test_a_row_of_tax_that_does_not_agree_is_refused(
    category: Category, values: dict[str, Any]
) -> None:
    document = papers.of_category(category)
    (row,) = document.taxes

    with pytest.raises(Inconsistent):
        papers.changed(document, taxes=(papers.changed(row, **values),))


@pytest.mark.parametrize(
    ("category", "party"),
    [
        (Category.REVERSE_CHARGE, "seller"),
        (Category.REVERSE_CHARGE, "buyer"),
        (Category.EXPORT, "seller"),
    ],
)
def test_categories_ask_for_vat_ids(category: Category, party: str) -> None:
    document = papers.of_category(category)
    without = papers.changed(getattr(document, party), vat_id="")

    with pytest.raises(Inconsistent, match="cannot be used"):
        papers.changed(document, **{party: without})
