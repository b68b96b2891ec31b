"""Files: no page takes one, so none is read, kept in memory or written to a disk."""

from typing import NoReturn

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler


class RefuseFiles(FileUploadHandler):
    """Refuses a form with a file as too large, before the file is read."""

    def new_file(self, *args: object, **kwargs: object) -> NoReturn:
        """Refuse it.

        Raises:
            RequestDataTooBig: always.
        """
        raise RequestDataTooBig("No page takes files.")

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Drop what is read of it nevertheless."""

    def file_complete(self, file_size: int) -> None:
        """Return no file."""
