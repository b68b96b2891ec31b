"""Install the console below this folder: libraries, packages, static files.

Run by ``make install``. Every step leaves a mark of what it was made from and is skipped while
that is the same. Needs nothing but the standard library.
"""

import argparse
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import machine
import registries

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
VAR = ROOT / "var"
MARKS = VENV / "installed"
LOG = VAR / "install.log"
OLDEST_NODE = 18
SUPPORTED = ((3, 11), (3, 13))


class Failed(Exception):
    """A step failed; the message is the line to show."""


def main() -> int:
    """Install, and return the exit status."""
    parser = argparse.ArgumentParser(description="Install the console below its own folder.")
    parser.add_argument("--development", action="store_true", help="also tests and linters")
    parser.add_argument("--browser", action="store_true", help="also a Chromium for the tests")
    wanted = parser.parse_args()
    VAR.mkdir(exist_ok=True)
    os.environ.update(registries.caches(VAR / "cache"))
    try:
        with one_at_a_time():
            install(development=wanted.development)
            if wanted.browser:
                provide_browser()
    except (Failed, machine.Missing) as error:
        print(f"install: {error}", file=sys.stderr)
        return 1
    return 0


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """Wait for another installation into this folder, so that two never mix."""
    with (VAR / "install.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def install(*, development: bool) -> None:
    """Bring everything up to what the lock files and static files say."""
    version = sys.version_info[:2]
    if not SUPPORTED[0] <= version <= SUPPORTED[1]:
        raise Failed("Python 3.11, 3.12 or 3.13 is needed; name one with make PYTHON=...")
    make_environment(version)
    lock = ROOT / "requirements" / ("development.txt" if development else "production.txt")
    # The larger set contains the smaller one.
    full = ROOT / "requirements" / "development.txt"
    if not is_made("python", digest([full])) and not is_made("python", digest([lock])):
        install_python_packages(lock)
        mark("python", digest([lock]))
    front_end = digest([ROOT / "package-lock.json", ROOT / ".npmrc"])
    if not is_made("front-end", front_end) or not (ROOT / "node_modules").is_dir():
        install_front_end()
        mark("front-end", front_end)
    static = digest(static_sources())
    if not is_made("static", static) or not (VAR / "static").is_dir():
        with step("Collecting static files"):
            run([PYTHON, "manage.py", "collectstatic", "--no-input", "--clear"], dict(os.environ))
        mark("static", static)


def make_environment(version: tuple[int, int]) -> None:
    """Make ``.venv``, anew when it is of another Python or was moved; check the machine then."""
    key = f"{version[0]}.{version[1]} {VENV}"
    if is_made("environment", key):
        return
    machine.provide(list(machine.to_install(version)), log=LOG)
    if (MARKS / "environment").is_file() or not runs(version):
        with step(f"Making .venv with Python {version[0]}.{version[1]}"):
            # Not the one inside .venv, which may be what runs this.
            python = Path(sys.executable).resolve()
            run([python, "-m", "venv", "--clear", VENV], dict(os.environ))
    mark("environment", key)


def runs(version: tuple[int, int]) -> bool:
    """Tell whether there is a ``.venv`` with pip of this Python version."""
    probe = "import sys, pip; print(sys.version_info[:2])"
    try:
        found = subprocess.run([PYTHON, "-c", probe], capture_output=True, text=True, check=False)
    except OSError:
        return False
    return found.stdout.strip() == str(version)


def install_python_packages(lock: Path) -> None:
    """Install exactly the files whose hashes the lock names."""
    environment = registries.environment(PYTHON)
    installer = ROOT / "requirements" / "installer.txt"
    with step(f"Installing Python packages of {lock.relative_to(ROOT)}"):
        pip: list[str | Path] = [
            PYTHON,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--require-hashes",
            "-r",
            installer,
        ]
        run(pip, environment)
        run(uv_install(lock), environment)


def uv_install(lock: Path) -> list[str | Path]:
    """Return the command that installs a lock file into ``.venv``."""
    uv = VENV / "bin" / "uv"
    return [uv, "pip", "install", "--python", PYTHON, "--require-hashes", "-r", lock]


def install_front_end() -> None:
    """Install the front-end packages, with Node from a wheel where the machine has none."""
    environment = registries.environment(PYTHON)
    npm: list[str | Path] = ["npm"]
    if not has_node():
        with step("Installing Node"):
            run(uv_install(ROOT / "requirements" / "node.txt"), environment)
        npm = [VENV / "bin" / "npm"]
        environment["PATH"] = f"{VENV / 'bin'}{os.pathsep}{environment.get('PATH', os.defpath)}"
        # This Node has certificates of its own; the machine's may be the only right ones.
        environment.setdefault("NODE_OPTIONS", "--use-system-ca")
    with step("Installing front-end packages"):
        run([*npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], environment)


def has_node() -> bool:
    """Tell whether the machine has npm and a Node that is new enough."""
    if shutil.which("npm") is None or shutil.which("node") is None:
        return False
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=False)
    major = version.stdout.removeprefix("v").partition(".")[0]
    return major.isdigit() and int(major) >= OLDEST_NODE


def static_sources() -> list[Path]:
    """Return the files that decide what collecting static files makes."""
    folders = [ROOT / "static", *ROOT.glob("*/static")]
    own = [file for folder in folders for file in folder.rglob("*") if VAR not in file.parents]
    locks = [ROOT / "package-lock.json", ROOT / "requirements" / "production.txt"]
    code = [ROOT / "billing_console" / name for name in ("settings.py", "front_end.py")]
    return [*sorted(file for file in own if file.is_file()), *locks, *code]


def provide_browser() -> None:
    """Make sure of a browser for the tests; without one they say so, and in CI they fail."""
    try:
        machine.provide([machine.browser()], log=LOG)
    except machine.Missing as error:
        if os.environ.get("CI") == "true":
            raise
        print(f"WARNING: no browser test will run. {error}", file=sys.stderr)


def digest(files: Iterable[Path]) -> str:
    """Return one checksum over the names and contents of files."""
    total = hashlib.sha256()
    for file in files:
        content = hashlib.sha256(file.read_bytes()).hexdigest()
        total.update(f"{file.relative_to(ROOT)} {content}\n".encode())
    return total.hexdigest()


def is_made(name: str, key: str) -> bool:
    """Tell whether a step was last done for the same ``key``."""
    file = MARKS / name
    return file.is_file() and file.read_text() == key


def mark(name: str, key: str) -> None:
    """Note that a step is done for ``key``."""
    MARKS.mkdir(exist_ok=True)
    (MARKS / name).write_text(key)


@contextmanager
def step(title: str) -> Iterator[None]:
    """Say what is being done, and how long it took."""
    print(f"{title} ...", file=sys.stderr, flush=True)
    begun = time.monotonic()
    yield
    print(f"{title}: {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)


def run(command: Sequence[str | Path], environment: dict[str, str]) -> None:
    """Run a command quietly in the project's folder.

    Raises:
        Failed: it did not succeed; its last lines are shown and all of them are in the log.
    """
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    LOG.write_text(done.stdout)
    if done.returncode:
        print("\n".join(done.stdout.splitlines()[-15:]), file=sys.stderr)
        words = " ".join(str(word) for word in command[:5])
        raise Failed(f"{words} ... failed with status {done.returncode}; all it said is in {LOG}")


if __name__ == "__main__":
    sys.exit(main())
