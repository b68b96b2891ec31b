"""The embedded Redis."""

import socket
from pathlib import Path

from billing_console.embedded import processes, programs
from billing_console.embedded.places import Places
from billing_console.embedded.processes import Unavailable


def start(places: Places) -> None:
    """Start Redis if it does not run.

    Raises:
        Unavailable: it ended while it was starting.
    """
    file, address = running(places)
    log = places.var / "redis.log"

    def runs() -> bool:
        return processes.find(file, names=address) is not None

    if runs() and processes.wait(lambda: answers(address), runs=runs, log=log):
        return
    file.unlink(missing_ok=True)  # of one that was killed
    process = processes.start(
        [
            *(places.reachable(programs.find_redis()), "--port", "0", "--unixsocket", address),
            *("--unixsocketperm", "700", "--dir", file.parent, "--pidfile", file),
            *("--appendonly", "yes", "--save", ""),
        ],
        owner=places.owner,
        log=log,
    )
    if not processes.wait(lambda: answers(address), runs=lambda: process.poll() is None, log=log):
        raise Unavailable(f"Redis ended while it was starting; {log} says why.")


def running(places: Places) -> tuple[Path, Path]:
    """Return the PID file, and the path by which the process is recognized: its socket."""
    return places.home / "redis" / "redis.pid", places.sockets / "redis.sock"


def answers(address: Path) -> bool:
    """Tell whether Redis answers."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(str(address))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False
