"""How orders are taxed: which category it is, and the sums."""

from decimal import ROUND_HALF_UP, Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from invoices import tax
from invoices.tax import Buyer, Category, NotTaxable, Seller, Standing

GERMAN = Seller("DE", Standing.REGISTERED, Decimal("19.00"), "", "EUR")
SWISS = Seller("CH", Standing.REGISTERED, Decimal("8.10"), "", "CHF")
SMALL = Seller("DE", Standing.EXEMPT, Decimal(0), "Small business, § 19 UStG.", "EUR")
AMERICAN = Seller("US", Standing.UNREGISTERED, Decimal(0), "Not subject to VAT.", "USD")
ZERO_RATED = Seller("DE", Standing.REGISTERED, Decimal("0.00"), "", "EUR")


@pytest.mark.parametrize(
    ("seller", "country", "vat_id", "category", "rate"),
    [
        (GERMAN, "DE", "", "S", "19"),
        (GERMAN, "DE", "DE136695976", "S", "19"),  # in the same country the seller owes it
        (GERMAN, "FR", "", "S", "19"),
        (GERMAN, "FR", "FR83404833048", "AE", "0"),
        (GERMAN, "GR", "EL094259216", "AE", "0"),
        (GERMAN, "US", "", "G", "0"),
        (GERMAN, "CH", "CHE107787577MWST", "G", "0"),
        (GERMAN, "GB", "XI980780684", "G", "0"),  # services: Northern Ireland is not of the EU
        (SWISS, "CH", "", "S", "8.1"),
        (SWISS, "DE", "DE136695976", "G", "0"),
        (SMALL, "DE", "", "E", "0"),
        (SMALL, "FR", "FR83404833048", "E", "0"),
        (SMALL, "US", "", "E", "0"),
        (AMERICAN, "US", "", "O", "0"),
        (AMERICAN, "DE", "DE136695976", "O", "0"),
        (ZERO_RATED, "DE", "", "Z", "0"),
        (ZERO_RATED, "FR", "FR83404833048", "AE", "0"),
        (ZERO_RATED, "US", "", "G", "0"),
    ],
)
def test_category_follows_the_table(
    seller: Seller, country: str, vat_id: str, category: str, rate: str
) -> None:
    found = tax.find_treatment(seller=seller, buyer=Buyer(country, vat_id))

    assert (found.category.value, found.percent) == (category, rate)


@given(
    seller=st.builds(
        Seller,
        country=st.sampled_from(["DE", "FR", "CH", "US"]),
        standing=st.sampled_from(Standing),
        rate=st.sampled_from([Decimal(0), Decimal("7.70"), Decimal(19)]),
        reason=st.just("Small business."),
        currency=st.just("EUR"),
    ),
    buyer=st.builds(Buyer, st.sampled_from(["DE", "FR", "CH", "US"]), st.sampled_from(["", "X"])),
)
def test_what_is_not_taxed_has_a_reason_and_what_is_has_none(seller: Seller, buyer: Buyer) -> None:
    found = tax.find_treatment(seller=seller, buyer=buyer)

    assert bool(found.rate) == (found.category == Category.STANDARD)
    assert bool(found.reason) == (found.category not in (Category.STANDARD, Category.ZERO))


@given(
    net=st.decimals(0, 10**12, places=4),
    rate=st.decimals(0, 100, places=2),
    decimals=st.sampled_from([0, 2, 3]),
)
def test_tax_is_rounded_once_half_up_and_sums_add_up(
    net: Decimal, rate: Decimal, decimals: int
) -> None:
    sums = tax.work_out(net=net, rate=rate, decimals=decimals)

    unit = Decimal(1).scaleb(-decimals)
    assert sums.net == net.quantize(unit, ROUND_HALF_UP)
    assert abs(sums.tax - sums.net * rate / 100) <= unit / 2
    assert sums.net + sums.tax == sums.gross
    assert all(-one.as_tuple().exponent == decimals for one in sums)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("net", "rate", "decimals", "expected"),
    [
        ("0.50", "5", 2, "0.03"),  # 0.025: half up, not to even
        ("2.50", "1", 2, "0.03"),
        ("0.45", "10", 2, "0.05"),
        ("99.99", "19", 2, "19.00"),
        ("105", "10", 0, "11"),
        ("1004", "10", 0, "100"),
        ("100", "7.7", 2, "7.70"),
        ("100", "0", 2, "0.00"),
    ],
)
def test_tax_of_an_amount(net: str, rate: str, decimals: int, expected: str) -> None:
    sums = tax.work_out(net=Decimal(net), rate=Decimal(rate), decimals=decimals)

    assert str(sums.tax) == expected


def check(seller: Seller, country: str, currency: str) -> None:
    treatment = tax.find_treatment(seller=seller, buyer=Buyer(country, ""))
    tax.check_currency(treatment, seller=seller, currency=currency)


def test_tax_is_charged_in_the_tax_currency_only() -> None:
    check(GERMAN, "DE", "EUR")
    check(GERMAN, "US", "USD")
    check(ZERO_RATED, "DE", "USD")

    with pytest.raises(NotTaxable, match=r"Tax of 19 % .* in EUR only, not in USD"):
        check(GERMAN, "DE", "USD")


def test_members_of_the_eu_are_known() -> None:
    assert len(tax.EU) == 27
    assert {"DE", "GR", "HR"} <= tax.EU
    assert not {"GB", "XI", "EL", "CH", "NO"} & tax.EU
