"""Web server: ``python -m billing_console.web``."""

import argparse
import atexit
import errno
import gc
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.log import LogLevels
from granian.server.mp import MPServer

SETTINGS = "billing_console.settings"
NOT_COMPLETE = 3  # exit status: starting again would not help
# Cookies, a key and the longest filter are far shorter; more is refused before it is read.
LONGEST_HEAD = 8192  # bytes
# Longer than a reverse proxy keeps an idle connection between two clicks of one person.
KEPT_OPEN = 15_000  # milliseconds
WHO_REACHES_IT = 0o666  # a socket's folder says who does
ENDINGS = {signal.SIGINT, signal.SIGTERM}
# How long a request that was begun may take once the server is told to stop.
GRACE = 30  # seconds


def main() -> int:
    """Serve until a signal ends it; return the exit status."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", SETTINGS)
    if missing := find_missing():
        return refuse(missing)
    options = parse_arguments()
    try:
        make_free(**options.bind)
    except OSError as error:
        return refuse(f"Nobody can listen there: {error.strerror}.", status=1)
    # Each process loads the application itself: what a copy of this one would share with its
    # siblings, such as connections, nobody could tell.
    multiprocessing.set_start_method("spawn")
    with tempfile.TemporaryDirectory(prefix="console-metrics-") as counts:
        # What the processes count lies in files, so that each can sum it (metrics.py).
        os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", counts)
        # Workers and commands have no pool, so it is given here and not for everyone.
        os.environ.setdefault("DATABASE_POOL_SIZE", str(options.threads))
        make_server(options).serve(target_loader=load, wrap_loader=False)
    return 0


def find_missing() -> str:
    """Return a sentence on what people cannot be served without; empty: nothing is missing."""
    try:
        if not settings.SECRET_KEY:
            return "Set SECRET_KEY to 50 random characters, the same for all processes."
        if not settings.ALLOWED_HOSTS:
            return "Set ALLOWED_HOSTS to the host names that people use, with commas."
    except ImproperlyConfigured as error:  # Django hands no empty key out
        return f"Set the variables as the README says: {str(error).rstrip('.')}."
    return ""


def refuse(sentence: str, *, status: int = NOT_COMPLETE) -> int:
    """Say why nothing is served; return the exit status."""
    print(sentence, file=sys.stderr)  # noqa: T201
    return status


def parse_arguments() -> argparse.Namespace:
    """Return the options of the command line; what is not given comes from the environment."""
    parser = argparse.ArgumentParser(prog="billing_console.web", description=__doc__)
    parser.add_argument(
        "--bind", type=read_place, default=settings.BIND, help="host:port, or unix:/path/of/socket"
    )
    parser.add_argument("--workers", type=int, default=settings.WEB_CONCURRENCY, help="processes")
    # A request mostly waits for the database; a file that is sent keeps its thread.
    parser.add_argument("--threads", type=int, default=4, help="of each process")
    parser.add_argument(
        "--log-level",
        type=LogLevels,
        default=settings.LOGGING["root"]["level"].lower(),
        help="of the server itself",
    )
    return parser.parse_args()


def read_place(text: str) -> dict[str, Any]:  # Any: arguments of the server
    """Return where to listen, as the server takes it.

    Raises:
        ArgumentTypeError: it is no place.
    """
    host, _, port = text.rpartition(":")
    if host == "unix" and port:
        return {"uds": Path(port), "uds_permissions": WHO_REACHES_IT}
    if host and port.isdecimal() and 0 < int(port) < 65_536:
        return {"address": host.strip("[]"), "port": int(port)}
    raise argparse.ArgumentTypeError(f"{text!r} is neither host:port nor unix:/path/of/socket")


def make_free(*, uds: Path | None = None, address: str = "", port: int = 0, **rest: object) -> None:
    """Remove the socket that a killed server left.

    Raises:
        OSError: another server listens there. The processes of one share its port, so that those
            of two would share it too.
    """
    if uds is None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        socket.create_server((address, port), family=family).close()
    elif uds.is_socket():
        with socket.socket(socket.AF_UNIX) as caller, suppress(ConnectionRefusedError):
            caller.connect(str(uds))
            raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
        uds.unlink()


def make_server(options: argparse.Namespace) -> MPServer:
    """Return the server. Bodies are limited by the application, which knows each address."""
    return MPServer(
        "billing_console.wsgi:application",
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=KEPT_OPEN, max_buffer_size=LONGEST_HEAD),
        websockets=False,
        workers=options.workers,
        blocking_threads=options.threads,
        respawn_failed_workers=True,
        workers_kill_timeout=GRACE,
        log_dictconfig=settings.LOGGING,
        log_level=options.log_level,
        **options.bind,
    )


def load() -> Callable[..., Any]:  # Any: what WSGI is made of
    """Return the application, in a process that serves it.

    All pages are loaded with it, for else the first request would wait for them. What was loaded
    stays, so it is left out of the search for reference cycles: to look at it took longer than most
    pages.
    """
    # First, so that it comes last: where Python is taken apart, threads of the server that still
    # wait for it end the process by a panic.
    atexit.register(os._exit, 0)
    # All threads that begin from here on leave these to one of them.
    signal.pthread_sigmask(signal.SIG_BLOCK, ENDINGS)
    for watch in (pass_on_endings, end_with_parent):
        threading.Thread(target=watch, daemon=True).start()
    from billing_console.wsgi import application

    import_module(settings.ROOT_URLCONF)
    gc.freeze()
    return application


def pass_on_endings() -> None:
    """Tell the server once this process is to end.

    Python hears of a signal when its first thread wakes up. Where another thread takes the signal
    it does not, and the server would go on: that happened once in twenty times.
    """
    number = signal.sigwait(ENDINGS)
    tell = signal.getsignal(number)
    if not callable(tell):
        os._exit(0)  # nothing is served yet
    tell(number, None)


def end_with_parent() -> None:
    """End this process as soon as the server's own was killed: nobody else would."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
