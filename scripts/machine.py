"""What the console needs of the machine beside Python, and how it gets there."""

import ctypes
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

# The first one has no window and is the quickest.
BROWSERS = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
)
FONT_FOLDERS = ("/usr/share/fonts", "/usr/local/share/fonts", "/Library/Fonts")
INSTALLERS = {
    "apt-get": ["apt-get", "install", "--yes", "--no-install-recommends"],
    "dnf": ["dnf", "install", "--assumeyes"],
}


class Missing(Exception):
    """The machine lacks something that could not be installed; the message says what to do."""


@dataclass(frozen=True)
class Need:
    """One thing of the machine and the packages that bring it."""

    name: str
    present: Callable[[], bool]
    packages: dict[str, str] = field(default_factory=dict)


def library(name: str, *, linux: str, apt: str, dnf: str) -> Need:
    """Return the need for a shared library, tried by loading it."""

    def present() -> bool:
        for file in (linux, f"lib{name}.dylib"):
            try:
                ctypes.CDLL(file)
            except OSError:
                continue
            return True
        return False

    return Need(f"lib{name}", present, {"apt-get": apt, "dnf": dnf})


def to_install(version: tuple[int, int]) -> Iterator[Need]:
    """Yield what ``make install`` needs for a Python of ``version``."""
    yield Need(
        "ensurepip",
        lambda: importlib.util.find_spec("ensurepip") is not None,
        {"apt-get": f"python{version[0]}.{version[1]}-venv", "dnf": "python3-pip"},
    )
    # All of these are WeasyPrint's, which draws the invoices.
    yield library("pango-1.0", linux="libpango-1.0.so.0", apt="libpango-1.0-0", dnf="pango")
    yield library(
        "pangoft2-1.0", linux="libpangoft2-1.0.so.0", apt="libpangoft2-1.0-0", dnf="pango"
    )
    yield library("harfbuzz", linux="libharfbuzz.so.0", apt="libharfbuzz0b", dnf="harfbuzz")
    yield library(
        "harfbuzz-subset",
        linux="libharfbuzz-subset.so.0",
        apt="libharfbuzz-subset0",
        dnf="harfbuzz",
    )
    yield library("fontconfig", linux="libfontconfig.so.1", apt="fontconfig", dnf="fontconfig")
    yield Need("a font", has_font, {"apt-get": "fonts-dejavu-core", "dnf": "dejavu-sans-fonts"})
    if version >= (3, 13) and "REDIS_URL" not in os.environ:
        # The wheel with a redis-server in it stops at Python 3.12.
        yield redis_server()


def redis_server() -> Need:
    """Return the need for a redis-server of the machine."""
    return Need(
        "redis-server",
        lambda: shutil.which("redis-server") is not None,
        {"apt-get": "redis-server", "dnf": "redis"},
    )


def browser() -> Need:
    """Return the need for a Chromium, which the browser tests drive."""
    return Need(
        "chromium",
        lambda: find_browser() is not None,
        {"apt-get": "chromium-headless-shell", "dnf": "chromium"},
    )


def find_browser() -> str | None:
    """Return the program of the machine's quickest Chromium; None: there is none."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


def has_font() -> bool:
    """Tell whether text can be drawn at all."""
    return any(
        file.suffix.lower() in {".ttf", ".otf", ".ttc"}
        for folder in FONT_FOLDERS
        for file in Path(folder).rglob("*")
    )


def provide(needs: list[Need], *, log: Path) -> None:
    """Install what is missing of ``needs``, as root with a known package manager.

    Raises:
        Missing: something is missing and cannot be installed from here.
    """
    missing = [need for need in needs if not need.present()]
    if not missing:
        return
    manager = next((name for name in INSTALLERS if shutil.which(name)), None)
    names = ", ".join(need.name for need in missing)
    if manager is None:
        raise Missing(f"missing on this machine: {names}; install them with its package manager")
    packages = list(dict.fromkeys(need.packages[manager] for need in missing))
    command = [*INSTALLERS[manager], *packages]
    if os.geteuid() != 0:
        raise Missing(f"missing on this machine: {names}; run: sudo {' '.join(command)}")
    print(f"Installing {' '.join(packages)} with {manager}", file=sys.stderr, flush=True)
    run_manager(manager, command, log=log)
    still = [need.name for need in missing if not need.present()]
    if still:
        raise Missing(f"{' '.join(command)} did not bring {', '.join(still)}; see {log}")


def run_manager(manager: str, command: list[str], *, log: Path) -> None:
    """Run a package manager, with its lists brought up to date first."""
    quiet = {
        **os.environ,
        "DEBIAN_FRONTEND": "noninteractive",
    }
    update = [["apt-get", "update"]] if manager == "apt-get" else []
    with log.open("wb") as output:
        for step in [*update, command]:
            subprocess.run(
                step, env=quiet, stdin=subprocess.DEVNULL, stdout=output, stderr=output, check=False
            )
