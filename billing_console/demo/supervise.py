"""Runs the demo's processes side by side and ends them together.

Each child has a session of its own, so that Ctrl-C in the terminal reaches this process alone, and
is told by the kernel when this process dies, so that even kill -9 leaves none behind.
"""

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from types import FrameType

PR_SET_PDEATHSIG = 1
PATIENCE = 120.0  # seconds until the processes answer; on a slow machine they take a while
GRACE = 30.0  # seconds in which they may end by themselves
TICK = 0.2

Ask = Callable[[], bool]


class Stopped(BaseException):
    """A signal asked for the end; no `Exception`, so that nothing on its way takes it for one."""


class ChildDied(Exception):
    """One of the processes ended by itself."""


class NotUp(Exception):
    """The processes run, but do not answer."""


def port_is_free(port: int) -> bool:
    """Tell whether a server can listen on a port of this machine."""
    with socket.socket() as probe:
        # As the web server does it: a port that merely waits for old connections to end is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


@contextmanager
def stop_on_signals() -> Iterator[None]:
    """Raise `Stopped` in the block when the terminal or the system asks for the end."""

    def stop(number: int, frame: FrameType | None) -> None:
        # Once is enough: what is still being stopped is not interrupted by a second Ctrl-C.
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped

    before = {each: signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)}
    for each in before:
        signal.signal(each, stop)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def run(commands: Mapping[str, Sequence[str]], *, is_up: Ask, ready: Callable[[], None]) -> None:
    """Run the commands until one ends or `Stopped` comes; none is left when this returns.

    ``ready`` is called once ``is_up`` says that they can be used.

    Raises:
        ChildDied: one ended by itself.
        NotUp: they could not be used within half a minute.
    """
    children: dict[str, subprocess.Popen[bytes]] = {}
    try:
        for name, command in commands.items():
            children[name] = start(command)
        wait_until(is_up, children)
        ready()
        while True:
            check(children)
            time.sleep(TICK)
    finally:
        stop(children)


def start(command: Sequence[str]) -> subprocess.Popen[bytes]:
    """Start one command, which ends when this process does."""
    libc = ctypes.CDLL(None)  # loaded here: between fork and exec nothing may wait for a lock
    parent = os.getpid()

    def bind_to_parent() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before the kernel was asked
            os._exit(1)

    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=bind_to_parent,
    )


def wait_until(is_up: Ask, children: Mapping[str, subprocess.Popen[bytes]]) -> None:
    """Wait for the first yes."""
    latest = time.monotonic() + PATIENCE
    while not is_up():
        check(children)
        if time.monotonic() > latest:
            raise NotUp(f"Nothing answers after {PATIENCE:.0f} s.")
        time.sleep(TICK)


def check(children: Mapping[str, subprocess.Popen[bytes]]) -> None:
    """Raise `ChildDied` when one is gone."""
    for name, child in children.items():
        if (status := child.poll()) is not None:
            how = f"by signal {-status}" if status < 0 else f"with exit status {status}"
            raise ChildDied(f"{name} ended {how}.")


def stop(children: Mapping[str, subprocess.Popen[bytes]]) -> None:
    """Ask all to end, then make them."""
    for child in children.values():
        if child.poll() is None:
            child.terminate()
    latest = time.monotonic() + GRACE
    for name, child in children.items():
        try:
            child.wait(max(0.0, latest - time.monotonic()))
        except subprocess.TimeoutExpired:
            sys.stderr.write(f"{name} did not end within {GRACE:.0f} s and is killed.\n")
            kill_session(child)


def kill_session(child: subprocess.Popen[bytes]) -> None:
    """Kill a child and what it started."""
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)  # it leads its session, hence also its group
    child.wait()
