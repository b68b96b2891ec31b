"""A logo for documents: a picture, small, and really what it says it is."""

import io
from typing import NamedTuple

from PIL import Image

BYTES = 256 * 1024
PIXELS = 2000  # of each side
ENDINGS = {"PNG": "png", "JPEG": "jpg"}


class Logo(NamedTuple):
    """A picture that was checked; ``ending``: of its file."""

    content: bytes
    ending: str


class NotALogo(ValueError):
    """This is no picture for documents; the message says why."""


def read(content: bytes) -> Logo:
    """Return a picture, after all of it was decoded.

    Raises:
        NotALogo: it is too large, no PNG or JPEG, or damaged.
    """
    if len(content) > BYTES:
        raise NotALogo(f"A logo has at most {BYTES // 1024} KiB.")
    try:
        # Its size is known before it is decoded, which for a small file may take much memory.
        with Image.open(io.BytesIO(content), formats=list(ENDINGS)) as picture:
            if max(picture.size) > PIXELS:
                raise NotALogo(f"A logo has at most {PIXELS} pixels on each side.")
            picture.load()
            return Logo(content, ENDINGS[picture.format or ""])
    except NotALogo:
        raise
    except Exception:  # whatever a decoder makes of bytes that anybody sends
        raise NotALogo("This file is no PNG or JPEG picture.") from None
