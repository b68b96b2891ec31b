"""The servers that one installation wants, and the locks that tell who needs them."""

import atexit
import contextlib
import fcntl
import os
import secrets
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from types import FrameType

from billing_console.embedded import postgres, processes, redis
from billing_console.embedded.places import Places, make_folder
from billing_console.embedded.processes import Unavailable


@dataclass(frozen=True)
class Servers(Places):
    """The servers of one installation, below ``var``; each only where it is wanted.

    Making one looks at files and changes nothing.
    """

    postgres: bool
    redis: bool

    def database(self, user: str) -> dict[str, str]:
        """Return the parts of the database's address."""
        return {"host": str(self.sockets), "user": user, "dbname": postgres.DATABASE}

    def redis_address(self) -> str:
        """Return the address of Redis."""
        return f"unix://{self.sockets / 'redis.sock'}"

    def read_secret_key(self) -> str:
        """Return the installation's secret key; empty before it was first used."""
        file = self.var / "secret-key"
        return file.read_text() if file.is_file() else ""

    def make_secret_key(self) -> str:
        """Return the installation's secret key, made if there is none; empty without servers."""
        if not self.postgres:
            return ""
        make_folder(self.var)
        made = self.var / f"secret-key.{os.getpid()}"
        made.touch(mode=0o600)
        made.write_text(secrets.token_urlsafe(50))
        with contextlib.suppress(FileExistsError):
            os.link(made, self.var / "secret-key")  # the first of several commands wins
        made.unlink()
        return self.read_secret_key()

    def hold(self) -> None:
        """Start what is wanted and does not run; keep it until this process has ended.

        Signals that ask this process to end do so in an orderly way from now on.

        Raises:
            Unavailable: it cannot be started.
        """
        if not (self.postgres or self.redis):
            return
        end_on_signals()
        try:
            make_folder(self.var)
            users = (self.var / "users.lock").open("a")
            with self.one_at_a_time(), told_when_slow("Starting PostgreSQL and Redis ..."):
                fcntl.flock(users, fcntl.LOCK_SH)
                # Before they start: one that did is stopped also if the other cannot.
                atexit.register(self.release, users, holder=os.getpid())
                self.start()
        except OSError as error:
            raise Unavailable(f"The embedded servers cannot be started: {error}.") from error

    def release(self, users: TextIOWrapper, *, holder: int) -> None:
        """Give up what ``hold`` took, and stop the servers if nobody else needs them."""
        if os.getpid() != holder:
            return  # a forked child, for which the parent holds
        with self.one_at_a_time():
            # Shared locks of others refuse this one; they stop the servers later.
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self.stop()
            # Closing would not do: forked children have the file open too.
            fcntl.flock(users, fcntl.LOCK_UN)

    def start(self) -> None:
        """Start what is wanted; the caller keeps others from starting or stopping it."""
        self.prepare()
        if self.postgres:
            postgres.start(self)
        if self.redis:
            redis.start(self)

    def stop(self) -> None:
        """Stop the servers, and wait until they have ended; the caller keeps others away.

        Also one that only others wanted: this is the last command that needed any.
        """
        processes.end(
            [
                # SIGINT: end open transactions, write everything, and go.
                (*postgres.running(self), signal.SIGINT),
                (*redis.running(self), signal.SIGTERM),
            ]
        )

    @contextmanager
    def one_at_a_time(self) -> Iterator[None]:
        """Wait for whoever starts or stops the servers."""
        with (self.var / "servers.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def end_on_signals() -> None:
    """Have this process end by `SystemExit` or `KeyboardInterrupt`, as a signal alone would not."""
    signal.signal(signal.SIGTERM, leave)
    if signal.getsignal(signal.SIGHUP) == signal.SIG_DFL:  # else it runs under nohup
        signal.signal(signal.SIGHUP, leave)
    # A job that a script started in the background ignores it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def leave(number: int, frame: FrameType | None) -> None:
    """End this process in an orderly way."""
    sys.exit(128 + number)


@contextmanager
def told_when_slow(message: str) -> Iterator[None]:
    """Print a line if the block takes more than two seconds."""
    timer = threading.Timer(2, print, [message], {"file": sys.stderr, "flush": True})
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        # A thread that is still about to end could take a signal, of which Python would not hear
        # before its first thread wakes up.
        timer.join()
