"""VAT ids, bank accounts, BICs, countries and logos."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from invoices import identifiers, logos
from invoices.countries import list_countries
from invoices.identifiers import NotValid
from invoices.tax import EU


@pytest.mark.parametrize(
    ("typed", "country", "stored"),
    [
        ("DE136695976", "DE", "DE136695976"),
        (" de 136 695 976 ", "DE", "DE136695976"),
        ("136.695.976", "DE", "DE136695976"),
        ("EL094259216", "GR", "EL094259216"),
        ("GR 094259216", "GR", "EL094259216"),
        ("094259216", "GR", "EL094259216"),
        ("U13585627", "AT", "ATU13585627"),
        ("GB 980 7806 84", "GB", "980780684"),
        ("CHE-107.787.577 IVA", "CH", "CHE107787577IVA"),
        ("12-3456789", "US", "123456789"),
    ],
)
def test_vat_id_is_stored_in_one_way(typed: str, country: str, stored: str) -> None:
    assert identifiers.read_vat_id(typed, country=country) == stored


@pytest.mark.parametrize(
    ("typed", "country", "said"),
    [
        ("DE136695977", "DE", "This is no VAT id of Germany."),
        ("DE13669597", "DE", "This is no VAT id of Germany."),
        ("DE", "DE", "This is no VAT id of Germany."),
        ("FR83404833048", "DE", "The VAT id is not of Germany, where the address is."),
        ("980780685", "GB", "This is no VAT id of United Kingdom."),
        ("١٣٦٦٩٥٩٧٦", "DE", "A VAT id has 2 to 20 letters and digits."),
        ("x" * 21, "US", "A VAT id has 2 to 20 letters and digits."),
        ("1", "US", "A VAT id has 2 to 20 letters and digits."),
    ],
)
def test_wrong_vat_id_is_one_sentence(typed: str, country: str, said: str) -> None:
    with pytest.raises(NotValid, match=said):
        identifiers.read_vat_id(typed, country=country)


@given(text=st.text(max_size=30), country=st.sampled_from(sorted(list_countries())))
def test_any_vat_id_is_read_or_refused(text: str, country: str) -> None:
    try:
        stored = identifiers.read_vat_id(text, country=country)
    except NotValid:
        return

    assert identifiers.read_vat_id(stored, country=country) == stored
    assert len(stored) <= 30


@given(digits=st.from_regex(r"[0-9A-Z]{5,14}", fullmatch=True), country=st.sampled_from(sorted(EU)))
def test_what_is_read_in_the_eu_begins_with_its_country(digits: str, country: str) -> None:
    try:
        stored = identifiers.read_vat_id(digits, country=country)
    except NotValid:
        return

    assert stored.startswith("EL" if country == "GR" else country)


def test_bank_accounts_and_bics() -> None:
    assert identifiers.read_account("DE89 3704 0044 0532 0130 00") == "DE89370400440532013000"
    assert identifiers.read_account("00123-4567") == "001234567"
    assert identifiers.read_bic(" deutdeff ") == "DEUTDEFF"
    with pytest.raises(NotValid, match="This is no IBAN"):
        identifiers.read_account("DE89 3704 0044 0532 0130 01")
    with pytest.raises(NotValid, match="Write an IBAN"):
        identifiers.read_account("x")
    with pytest.raises(NotValid, match="A BIC has 8 or 11"):
        identifiers.read_bic("DEUTDE")


def test_all_countries_have_names() -> None:
    countries = list_countries()

    assert len(countries) >= 249
    assert countries.keys() >= EU
    assert countries["GB"] == "United Kingdom"
    assert list(countries.values()) == sorted(countries.values(), key=str.casefold)


def picture(format: str, size: tuple[int, int] = (20, 10)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size).save(file, format)
    return file.getvalue()


def test_png_and_jpeg_are_logos() -> None:
    assert logos.read(picture("PNG")).ending == "png"
    assert logos.read(picture("JPEG")).ending == "jpg"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "no PNG or JPEG"),
        (b"\x89PNG\r\n\x1a\n" + b"x" * 100, "no PNG or JPEG"),
        (picture("PNG")[:-30], "no PNG or JPEG"),
        (picture("GIF"), "no PNG or JPEG"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no PNG or JPEG"),
        (picture("PNG", (2001, 1)), "2000 pixels"),
        (picture("PNG") + b"x" * logos.BYTES, "at most 256 KiB"),
    ],
    ids=["nothing", "damaged", "cut off", "gif", "svg", "wide", "large"],
)
def test_what_is_no_logo_is_refused(content: bytes, said: str) -> None:
    with pytest.raises(logos.NotALogo, match=said):
        logos.read(content)
