"""A document as PDF/A-3b with its XML inside: the same bytes for the same document.

That holds for the same versions of WeasyPrint and of the fonts; what was sent is kept as a file.
"""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, time
from io import BytesIO
from typing import Any

import pydyf
from django.template.loader import render_to_string
from PIL import Image, ImageFile
from weasyprint import HTML, Attachment
from weasyprint import Document as Layout
from weasyprint.text.fonts import FontConfiguration
from weasyprint.urls import URLFetcher, URLFetcherResponse

from invoices import facturx
from invoices.frozen import Document, Kind

# WeasyPrint lets the whole process take pictures that are cut off; here none is (`logos`).
ImageFile.LOAD_TRUNCATED_IMAGES = False

LOGO = "document:logo"
LOGO_SIZE = (1200, 400)  # pixels at most, printed 60 x 20 mm at most
PICTURES = ("PNG", "JPEG")
XML_NAME = "factur-x.xml"  # by which readers find it
TITLES = {Kind.INVOICE: "Invoice", Kind.CREDIT_NOTE: "Credit note"}
VARIANT = "pdf/a-3b"
UNDRAWABLE = "?"
# Invisible characters by which a name could make figures read backwards; letters of a script that
# is read from the right need none of them.
OVERRIDES = dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A)])


class Refused(ValueError):
    """A document asks for something beside its logo."""


class OnlyLogo(URLFetcher):
    """Gives the document's logo to the page, and nothing else of the machine or the network."""

    def __init__(self, logo: bytes | None) -> None:
        """Keep the logo."""
        super().__init__()
        self.logo = logo and draw_logo(logo)

    def fetch(self, url: str, headers: Any = None) -> URLFetcherResponse:
        """Return the logo.

        Raises:
            Refused: something else is asked for.
        """
        if url != LOGO or self.logo is None:
            raise Refused(f"{url} is not part of the document")
        return URLFetcherResponse(url, self.logo, {"Content-Type": "image/png"})


def draw_logo(logo: bytes) -> bytes:
    """Return a picture as a small PNG in RGB: PDF/A allows no colors but those of its profile."""
    with Image.open(BytesIO(logo), formats=PICTURES) as picture:
        drawn = picture.convert("RGBA")
    drawn.thumbnail(LOGO_SIZE)
    written = BytesIO()
    drawn.save(written, "PNG")
    return written.getvalue()


def render(document: Document) -> bytes:
    """Return the PDF of a document; characters that no font of the machine has are ``?``."""
    xml = facturx.write(document)
    return draw_all(write_html(document), lambda html: draw(html, document, xml))


def draw_all(html: str, draw: Callable[[str], tuple[bytes, set[int]]]) -> bytes:
    """Return the PDF that ``draw`` makes, again where it lacks a font for some characters."""
    drawn, missing = draw(html)
    if missing:
        drawn, _ = draw(html.translate(dict.fromkeys(missing, UNDRAWABLE)))
    return drawn


def write_html(document: Document) -> str:
    """Return the page that is drawn."""
    context = {
        "document": document,
        "kind": TITLES[document.kind],
        "created": write_instant(document),
        "logo": LOGO,
    }
    return clean(render_to_string("invoices/document.html", context))


def clean(html: str) -> str:
    """Return a page without characters that no file may hold, or that turn text around."""
    return facturx.clean(html).translate(OVERRIDES)


def write_instant(document: Document) -> str:
    """Return the instant that the file says it was made at."""
    return f"{document.issued_on:%Y-%m-%d}T00:00:00Z"


OF_THREAD = threading.local()


def find_fonts() -> FontConfiguration:
    """Return the fonts of the machine: once for a thread, since each leaves memory behind.

    Pango's are not for several threads at once.
    """
    if not hasattr(OF_THREAD, "fonts"):
        OF_THREAD.fonts = FontConfiguration()
    fonts: FontConfiguration = OF_THREAD.fonts
    return fonts


def draw(html: str, document: Document, xml: bytes) -> tuple[bytes, set[int]]:
    """Return the PDF, and the characters for which there is no font."""
    at = datetime.combine(document.issued_on, time(), UTC)
    attachment = Attachment(
        string=xml,
        name=XML_NAME,
        description=f"{TITLES[document.kind]} {document.number} by EN 16931",
        relationship="Alternative",
        created=at,
        modified=at,
    )
    page = HTML(string=html, url_fetcher=OnlyLogo(document.seller.logo))
    layout = page.render(font_config=find_fonts(), pdf_variant=VARIANT)
    pdf = layout.write_pdf(pdf_variant=VARIANT, attachments=[attachment], finisher=finish)
    return pdf, find_missing(layout)


def find_missing(layout: Layout) -> set[int]:
    """Return the characters for which there is no font."""
    return {character for font in layout.fonts.values() for character in font.missing}


def finish(layout: Layout, pdf: pydyf.PDF) -> None:
    """Say in the metadata that the XML is there, and name it once among the associated files."""
    (metadata,) = (
        each
        for each in pdf.objects
        if isinstance(each, pydyf.Stream) and each.extra.get("Type") == "/Metadata"
    )
    said = render_to_string("invoices/factur-x.xmp", {"name": XML_NAME}).encode()
    written = b"\n".join(metadata.stream)
    metadata.stream = [written.replace(b"</rdf:RDF>", said + b"</rdf:RDF>")]
    metadata.compress = False
    pdf.catalog["AF"] = pydyf.Array(pdf.catalog["AF"][:1])
