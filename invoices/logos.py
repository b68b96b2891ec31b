"""The seller's logo, as it can stand in a document that lasts. No database, no clock."""

from io import BytesIO

from PIL import Image

MOST_BYTES = 5 * 1024 * 1024
MOST_PIXELS = 40_000_000
SIZE = (1200, 400)  # at most; printed 60 x 20 mm
FORMATS = ("PNG", "JPEG", "GIF", "WEBP")


class NotALogo(ValueError):
    """A file cannot be used as a logo; the message says why."""


def prepare(data: bytes) -> bytes:
    """Return a picture as a PNG in sRGB colors, at most 1200 x 400 pixels.

    PDF/A allows no other colors than those of its profile, and a picture that is larger would make
    each document large.

    Raises:
        NotALogo: it is none of PNG, JPEG, GIF and WebP, or is too large.
    """
    if len(data) > MOST_BYTES:
        raise NotALogo("This file is larger than 5 MB. Choose a smaller one.")
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                raise NotALogo("This picture has too many pixels. Choose a smaller one.")
            drawn = picture.convert("RGBA")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, NotALogo):
            raise
        raise NotALogo("This is no picture. Choose a PNG, JPEG, GIF or WebP file.") from error
    drawn.thumbnail(SIZE)
    written = BytesIO()
    drawn.save(written, "PNG")
    return written.getvalue()
