"""Web server: ``gunicorn -c gunicorn.conf.py billing_console.wsgi``.

Every value can be overridden on the command line. Bodies are limited by the application, which
knows what each address accepts.
"""

import os
from pathlib import Path
from typing import Protocol

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
# A heartbeat file on a slow disk would block its worker.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108
# It would be made in the home directory, which a service account need not have.
control_socket_disable = True


class Server(Protocol):
    """The part of gunicorn's arbiter that is used here."""

    class cfg(Protocol):  # noqa: N801
        """The settings in force, command line included."""

        threads: int


def on_starting(server: Server) -> None:
    """Give each web process a connection pool with one connection per thread.

    Runs before the application is loaded. Workers and commands have no pool, so it is set here
    and not for everyone.
    """
    os.environ.setdefault("DATABASE_POOL_SIZE", str(server.cfg.threads))
