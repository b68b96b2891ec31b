"""Processes of servers: start one, recognize it by its file, wait for it, end it."""

import contextlib
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

PROCESSES = Path("/proc")
START_WITHIN = 600  # seconds, a recovery after a crash included
STOP_WITHIN = 60


class Unavailable(Exception):
    """The servers cannot be started; the message says why, in one sentence."""


def start(
    command: Sequence[str | Path], *, owner: pwd.struct_passwd, log: Path
) -> subprocess.Popen[bytes]:
    """Start a program as ``owner``, in a session of its own."""
    other = os.geteuid() != owner.pw_uid
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            start_new_session=True,
            user=owner.pw_uid if other else None,
            group=owner.pw_gid if other else None,
            extra_groups=[] if other else None,
            umask=0o077 if other else -1,
            # Nothing that root's environment has, secrets among it.
            env={"PATH": os.defpath, "LANG": "C.UTF-8"} if other else None,
        )


def find(file: Path, *, names: Path) -> int | None:
    """Return the process of a PID file, if it runs and its command line has the path ``names``.

    After a crash the number may be another process, or one that is dead and was not collected.
    """
    try:
        number = int(file.read_text().split(maxsplit=1)[0])
    except (OSError, ValueError, IndexError):
        return None
    return number if bytes(names) in read_command(PROCESSES / str(number)) else None


def read_command(process: Path) -> bytes:
    """Return a process's command line; empty when it has ended."""
    try:
        return (process / "cmdline").read_bytes()
    except OSError:
        return b""


def wait(ready: Callable[[], bool], *, runs: Callable[[], bool], log: Path) -> bool:
    """Wait until a server is ready, and return True; False when it ended before that.

    Raises:
        Unavailable: it took too long.
    """
    give_up = time.monotonic() + START_WITHIN
    while not ready():
        if not runs():
            return False
        if time.monotonic() > give_up:
            raise Unavailable(f"A server did not start within {START_WITHIN} s; see {log}.")
        time.sleep(0.02)
    return True


def end(running: Sequence[tuple[Path, Path, signal.Signals]]) -> None:
    """Send servers, each given by PID file and path, its signal; wait until all have ended."""
    for file, names, number in running:
        if process := find(file, names=names):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)
    give_up = time.monotonic() + STOP_WITHIN
    for file, names, _ in running:
        while find(file, names=names) and time.monotonic() < give_up:
            time.sleep(0.02)


def find_in(folder: Path, *, titled: bytes) -> Iterator[int]:
    """Yield the processes that work in a folder and whose command line begins like that."""
    folder = folder.resolve()
    for process in PROCESSES.glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (process / "cwd").readlink() == folder and read_command(process).startswith(titled):
                yield int(process.name)
