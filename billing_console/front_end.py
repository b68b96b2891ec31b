"""Serves the few files of the front-end packages that the pages use.

Packages bring hundreds of files; only those named in ``settings.FRONT_END_FILES`` can be reached,
under the name given there.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.finders import BaseFinder
from django.core.checks import CheckMessage, Error
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import FileSystemStorage
from whitenoise.storage import CompressedManifestStaticFilesStorage


class PackageFinder(BaseFinder):
    """Finds the files named in ``FRONT_END_FILES`` below ``FRONT_END_ROOT``."""

    def __init__(self, app_names: object = None, *args: object, **kwargs: object) -> None:
        root = Path(settings.FRONT_END_ROOT)
        self.files = {name: root / path for name, path in settings.FRONT_END_FILES.items()}

    def check(self, **kwargs: Any) -> list[CheckMessage]:  # Any: the base class has it
        """Report names that differ from their file's, which collecting could not follow."""
        return [
            Error(
                f"FRONT_END_FILES: {name} must end in {path.name}, the name of its file.",
                id="front_end.E001",
            )
            for name, path in self.files.items()
            if Path(name).name != path.name
        ]

    # Django 5.2 renames the argument `all` to `find_all`; it still calls with either.
    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        """Return the file served as ``path``, or as a list of one with ``find_all``."""
        file = self.files.get(path)
        found = [str(file)] if file is not None and file.is_file() else []
        if find_all:
            return found
        return found[0] if found else None

    def list(
        self, ignore_patterns: Iterable[str] | None
    ) -> Iterator[tuple[str, FileSystemStorage]]:
        """Yield each file with a storage whose prefix is the folder it is served from.

        Raises:
            ImproperlyConfigured: a file is missing, so that no page is published without it.
        """
        for name, path in self.files.items():
            if not path.is_file():
                raise ImproperlyConfigured(f"{name}: {path} is missing; run make install")
            storage = FileSystemStorage(location=path.parent)
            storage.prefix = str(Path(name).parent)  # type: ignore[attr-defined]
            yield path.name, storage


class StaticStorage(CompressedManifestStaticFilesStorage):
    """Hashed and compressed files; tolerates source maps that a package names but does not ship."""

    patterns = tuple(
        (glob, tuple(rule for rule in rules if "sourceMappingURL" not in str(rule)))
        for glob, rules in CompressedManifestStaticFilesStorage.patterns
    )
