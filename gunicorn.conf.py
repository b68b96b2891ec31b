"""Web server: ``gunicorn -c gunicorn.conf.py billing_console.wsgi``.

Every value can be overridden on the command line. Bodies are limited by the application, which
knows what each address accepts.
"""

import gc
import os
import shutil
import tempfile
from pathlib import Path
from typing import Protocol

from billing_console import logs

bind = os.environ.get("BIND", "127.0.0.1:8000")
# Threads, since a request mostly waits for the database; asynchronous workers would read a
# streamed export whole.
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
threads = 4
# A worker heartbeats between requests too, so this ends only one that hangs.
timeout = 60
graceful_timeout = 30
# Longer than a reverse proxy keeps an idle connection between two clicks of one person.
keepalive = 15
# Below the limit of most proxies; the longest address of the console is a filter.
limit_request_line = 8190
# Cookies and a key are far smaller; more is refused before it is read.
limit_request_fields = 60
limit_request_field_size = 8190
# A heartbeat file on a slow disk would block its worker.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
logconfig_dict = logs.make_settings(
    format=os.environ.get("LOG_FORMAT") or "lines", level=os.environ.get("LOG_LEVEL") or "INFO"
)
# It would be made in the home directory, which a service account need not have.
control_socket_disable = True


class Server(Protocol):
    """The part of gunicorn's arbiter that is used here."""

    class cfg(Protocol):  # noqa: N801
        """The settings in force, command line included."""

        threads: int


folders: list[str] = []  # made by this process


def on_starting(server: Server) -> None:
    """Give each web process a connection pool with one connection per thread, and a place to count.

    Runs before the application is loaded. Workers and commands have no pool, so it is set here
    and not for everyone. What the processes count lies in files, so that each can sum it
    (billing_console/metrics.py).
    """
    os.environ.setdefault("DATABASE_POOL_SIZE", str(server.cfg.threads))
    if not os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        folder = tempfile.mkdtemp(prefix="console-metrics-")
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = folder
        folders.append(folder)


def post_worker_init(worker: object) -> None:
    """Leave out of the search for reference cycles what a process loaded at its start.

    All of it stays, and to look at it took longer than most pages.
    """
    gc.freeze()


def on_exit(server: Server) -> None:
    """Remove the counts; the monitoring system takes them as begun anew."""
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
