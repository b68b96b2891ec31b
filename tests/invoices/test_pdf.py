"""Documents as PDF/A-3b: structure, the XML inside, and what is drawn."""

import re
from functools import cache
from io import BytesIO
from typing import Any

import pikepdf
import pytest
from django.template.loader import render_to_string
from lxml import etree
from PIL import Image

from invoices import facturx, pdf
from invoices.frozen import Document, DocumentLine, Kind, Party
from tests.invoices import papers

RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
SCHEMA = "{urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#}"
PDFA = "{http://www.aiim.org/pdfa/ns/id/}"
RTL = "شركة النور للتجارة"


@cache
def rendered(document: Document) -> bytes:
    """Return the PDF of a document, drawn once for all tests."""
    return pdf.render(document)


def opened(document: Document) -> pikepdf.Pdf:
    """Return the PDF of a document, to be read."""
    return pikepdf.open(BytesIO(rendered(document)))


def read_text(document: Document) -> str:
    """Return the letters that the PDF of a document says it draws."""
    return read_drawn(rendered(document))


def read_drawn(content: bytes) -> str:
    """Return the letters that a PDF says it draws, without their places."""
    found = ""
    with pikepdf.open(BytesIO(content)) as file:
        for page in file.pages:
            fonts = {name: read_letters(font) for name, font in page.Resources.Font.items()}
            letters: dict[int, str] = {}
            for step in pikepdf.parse_content_stream(page):
                if str(step.operator) == "Tf":
                    letters = fonts[str(step.operands[0])]
                for string in strings(str(step.operator), step.operands):
                    codes = zip(string[::2], string[1::2], strict=True)
                    found += "".join(letters.get(high * 256 + low, "") for high, low in codes)
    return found


def strings(operator: str, operands: Any) -> list[bytes]:
    """Return what an operator draws, as codes of letters."""
    if operator == "Tj":
        return [bytes(operands[0])]
    if operator == "TJ":
        return [bytes(each) for each in operands[0] if isinstance(each, pikepdf.String)]
    return []


def read_letters(font: Any) -> dict[int, str]:
    """Return the letters of a font by their codes."""
    table = font.ToUnicode.read_bytes().decode()
    pairs = re.findall(r"<([0-9a-fA-F]{4})> <((?:[0-9a-fA-F]{2})+)>", table)
    return {int(code, 16): bytes.fromhex(text).decode("utf-16-be") for code, text in pairs}


def logo(mode: str = "RGB", format: str = "PNG") -> bytes:
    """Return a picture."""
    written = BytesIO()
    Image.new(mode, (3000, 900)).save(written, format)
    return written.getvalue()


@pytest.mark.parametrize("kind", Kind)
def test_the_xml_is_inside(kind: Kind) -> None:
    document = papers.document(kind=kind)

    with opened(document) as file:
        assert list(file.attachments) == ["factur-x.xml"]
        (named,) = file.Root.AF
        assert named.AFRelationship == "/Alternative"
        assert named.EF.F.Subtype == "/text/xml"
        assert file.attachments["factur-x.xml"].get_file().read_bytes() == facturx.write(document)


def test_it_says_that_it_is_pdf_a_3b_and_factur_x() -> None:
    with opened(papers.document()) as file:
        packet = file.Root.Metadata.read_bytes()

    root = etree.fromstring(packet)
    assert len(root.findall(f"{RDF}RDF")) == 1
    (said,) = (each.attrib for each in root.iter() if f"{PDFA}part" in each.attrib)
    assert (said[f"{PDFA}part"], said[f"{PDFA}conformance"]) == ("3", "B")
    names = ("DocumentType", "DocumentFileName", "Version", "ConformanceLevel")
    assert [root.findtext(f".//{SCHEMA}{name}") for name in names] == [
        "INVOICE",
        "factur-x.xml",
        "1.0",
        "EN 16931",
    ]


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "CMYK"])
def test_its_structure_is_that_of_pdf_a(mode: str) -> None:
    picture = logo(mode, "JPEG" if mode == "CMYK" else "PNG")

    with opened(papers.document(seller=papers.changed(papers.SELLER, logo=picture))) as file:
        assert not file.is_encrypted
        assert file.trailer.ID is not None
        (intent,) = file.Root.OutputIntents
        assert intent.S == "/GTS_PDFA1"
        assert "/JavaScript" not in file.Root.Names
        drawn = [file.get_object(number, 0) for number in range(1, len(file.objects))]
        dicts = [each for each in drawn if isinstance(each, pikepdf.Dictionary | pikepdf.Stream)]
        fonts = [each for each in dicts if each.get("/Type") == "/FontDescriptor"]
        pictures = [each for each in dicts if each.get("/Subtype") == "/Image"]
        assert fonts
        assert all("/FontFile2" in each or "/FontFile3" in each for each in fonts)
        assert pictures
        assert {str(each.ColorSpace) for each in pictures} <= {"/DeviceRGB", "/DeviceGray"}
        assert all(int(each.Width) <= 1200 for each in pictures)


def test_the_same_document_is_the_same_bytes() -> None:
    document = papers.document()

    assert pdf.render(document) == rendered(document)


def test_another_document_is_not() -> None:
    assert rendered(papers.document()) != rendered(papers.document(number="ACME-2026-000008"))


def test_names_are_data() -> None:
    name = "<script>alert(1)</script>"

    text = read_text(papers.document(papers.line(name, "=1+1"), notes=("<imgsrc=x>",)))

    for part in (name, "=1+1", "<imgsrc=x>"):
        assert part in text


def test_it_says_what_the_document_says() -> None:
    document = papers.document(
        papers.line(), papers.line(quantity="12345"), papers.line("Scout"), paid="1000"
    )

    text = read_text(document)

    for part in (
        "ACME-2026-000007", "2 Apr 2026", "16 Apr 2026", "O-000123", "PO 4711", "Concierge",
        "12,345", "2,222.10", "Subtotal", "2,243.70", "2,265.30", "430.41", "2,695.71", "1,000.00",
        "1,695.71", "DE89 3704 0044 0532 0130 00", "COBADEFFXXX", "FR40303265045", "DE136695976",
        "Page 1 of 1",
    ):  # fmt: skip
        assert part.replace(" ", "") in text.replace(" ", "").replace("\xa0", ""), part


def test_letters_without_a_font_are_question_marks() -> None:
    document = papers.document(papers.line("Bot \U000f0000 Nine"))

    text = read_text(document)

    assert "Bot?Nine" in text.replace(" ", "")


def test_a_name_cannot_turn_figures_around() -> None:
    html = pdf.write_html(papers.document(papers.line("evil \u202e 123")))

    assert "evil  123" in html


def test_what_is_written_from_the_right_is_drawn_so() -> None:
    buyer = Party(
        legal_name=RTL, address=("شارع الشيخ زايد 45",), city="دبي", country="AE",
        country_name="United Arab Emirates", vat_id="AE100123456700003",
    )  # fmt: skip

    text = read_text(papers.document(papers.line("مساعد"), buyer=buyer))

    # From left to right as drawn, in the shapes that letters have within a word.
    assert RTL[::-1].replace(" ", "") in text.replace(" ", "")


@pytest.mark.parametrize("address", ["https://example.com/x.png", "file:///etc/passwd", "data:,x"])
def test_nothing_else_is_fetched(address: str) -> None:
    fetcher = pdf.OnlyLogo(logo())

    with pytest.raises(pdf.Refused):
        fetcher.fetch(address)


def test_very_long_names_are_wrapped() -> None:
    word = "W" * 2000
    buyer = papers.changed(papers.BUYER, legal_name=word)

    with opened(papers.document(papers.line("B" * 2000, "b " * 1000), buyer=buyer)) as file:
        pages = len(file.pages)

    assert 3 <= pages <= 6


def long_document(count: int) -> Document:
    """Return a document of some lines, three for each bot."""
    lines: list[DocumentLine] = [
        papers.line(f"Bot {number // 3}", f"Line no. {number}") for number in range(count)
    ]
    return papers.document(*lines)


def test_many_lines_go_over_pages_with_their_head() -> None:
    document = long_document(120)

    text = read_text(document).replace(" ", "")

    with opened(document) as file:
        pages = len(file.pages)
    assert pages > 2
    # The last page may have sums only.
    assert pages - 1 <= text.count("Unitprice") <= pages
    assert f"Page{pages}of{pages}" in text
    assert all(f"Lineno.{number}" in text for number in range(120))


def test_the_page_of_a_document_is_a_table_to_read() -> None:
    html = pdf.write_html(papers.document(papers.line(), papers.line("Scout")))

    page = etree.fromstring(html, etree.HTMLParser())
    for table in page.iter("table"):
        assert table.find("caption") is not None
        heads = list(table.iter("th"))
        assert heads
        assert all(head.get("scope") for head in heads)


def test_styles_are_in_the_document() -> None:
    css = render_to_string("invoices/document.css")

    assert "url(" not in css
    assert "@import" not in css
