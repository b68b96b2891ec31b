"""Files: but for pages that say so none is taken, read, kept in memory or written to a disk."""

from collections.abc import Callable
from io import BytesIO
from typing import Any, TypeVar

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import InMemoryUploadedFile
from django.core.files.uploadhandler import FileUploadHandler

View = TypeVar("View", bound=Callable[..., Any])  # Any: whatever a view takes


def takes_file(bytes: int) -> Callable[[View], View]:
    """Let a view take files, of so many bytes together at most."""

    def decorate(view: View) -> View:
        view.file_bytes = bytes  # type: ignore[attr-defined]  # read below
        return view

    return decorate


class UploadGuard(FileUploadHandler):
    """Refuses a form with a file as too large, before or while it is read.

    The form is read before the view runs, since its token is in it; so the address says what may
    be sent, to whomever.
    """

    def __init__(self, request: Any = None) -> None:  # Any: Django's
        super().__init__(request)
        match = getattr(request, "resolver_match", None)
        self.left: int = getattr(match.func, "file_bytes", 0) if match else 0
        self.content = BytesIO()

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        """Begin a file, where one is taken.

        Raises:
            RequestDataTooBig: none is.
        """
        super().new_file(*args, **kwargs)
        if not self.left:
            raise RequestDataTooBig("This page takes no files.")
        self.content = BytesIO()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Keep a part of a file in memory.

        Raises:
            RequestDataTooBig: the files are too large.
        """
        self.left -= len(raw_data)
        if self.left < 0:
            raise RequestDataTooBig("This file is too large.")
        self.content.write(raw_data)

    def file_complete(self, file_size: int) -> InMemoryUploadedFile:
        """Return a file."""
        self.content.seek(0)
        return InMemoryUploadedFile(
            self.content,
            self.field_name,
            str(self.file_name),
            self.content_type,
            file_size,
            self.charset,
            self.content_type_extra,
        )
