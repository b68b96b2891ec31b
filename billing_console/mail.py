"""Mail of installations without a mail server."""

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail.backends.filebased import EmailBackend


class PrivateFiles(EmailBackend):
    """Writes mail into files that only their owner may read: they hold links to sign in by."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # Any: the base class has it
        Path(settings.EMAIL_FILE_PATH).mkdir(mode=0o700, parents=True, exist_ok=True)
        super().__init__(*args, **kwargs)
