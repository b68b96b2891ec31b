"""What a document says as it is stored: all of it as JSON, except its logo, which is a file."""

from dataclasses import replace
from typing import Any

import msgspec
from django.core.files.storage import default_storage

from invoices.frozen import Document
from invoices.issued import IssuedDocument


def write(document: Document) -> dict[str, Any]:
    """Return all that a document says, except its logo, as JSON can be stored."""
    bare = replace(document, seller=replace(document.seller, logo=None))
    written: dict[str, Any] = msgspec.to_builtins(bare)
    return written


def read(issued: IssuedDocument) -> Document:
    """Return what a document says, without its logo."""
    return msgspec.convert(issued.content, Document)


def read_with_logo(issued: IssuedDocument) -> Document:
    """Return what a document says; the logo is read from the storage."""
    document = read(issued)
    if not issued.logo:
        return document
    with default_storage.open(issued.logo) as file:
        return replace(document, seller=replace(document.seller, logo=file.read()))
