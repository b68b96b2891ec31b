"""The embedded PostgreSQL."""

import contextlib
import os
import shutil
import signal
import time
from pathlib import Path

import psycopg

from billing_console.embedded import processes, programs
from billing_console.embedded.places import Places
from billing_console.embedded.processes import Unavailable

DATABASE = "billing_console"
ROLES = {
    "console_owner": "LOGIN CREATEDB CREATEROLE",
    "console_app": "LOGIN",
    "console_operator": "LOGIN",
}


def start(places: Places) -> None:
    """Start PostgreSQL if it does not run, with the console's database and roles.

    Raises:
        Unavailable: it ended while it was starting.
    """
    if not wait_for_running(places):
        launch(places)
    try:
        make_database(places)
    except psycopg.Error as error:
        raise Unavailable(f"The embedded PostgreSQL refuses its set-up: {error}.") from error


def running(places: Places) -> tuple[Path, Path]:
    """Return the PID file, and the path by which the process is recognized."""
    return data(places) / "postmaster.pid", data(places)


def data(places: Places) -> Path:
    """Return the folder of the data."""
    return places.home / "postgres"


def wait_for_running(places: Places) -> bool:
    """Wait for a server that runs, which may be starting; False if there is none, or it ends."""

    def runs() -> bool:
        file, names = running(places)
        return processes.find(file, names=names) is not None

    return runs() and processes.wait(lambda: answers(places), runs=runs, log=log(places))


def log(places: Places) -> Path:
    """Return the file that the server writes to."""
    return places.var / "postgres.log"


def launch(places: Places) -> None:
    """Start the server, on new files if there are none."""
    binaries = places.reachable(programs.find_postgres()).parent
    if not (data(places) / "PG_VERSION").is_file():
        make_files(places, binaries)
    end_orphans(places)
    # Left behind by a server that was killed; its number may be another process by now.
    for left in (data(places) / "postmaster.pid", places.sockets / ".s.PGSQL.5432.lock"):
        left.unlink(missing_ok=True)
    options = [word for name, value in tuning().items() for word in ("-c", f"{name}={value}")]
    command: list[str | Path] = [
        binaries / "postgres",
        "-D",
        data(places),
        "-k",
        places.sockets,
        *options,
    ]
    process = processes.start(command, owner=places.owner, log=log(places))
    if not processes.wait(
        lambda: answers(places), runs=lambda: process.poll() is None, log=log(places)
    ):
        raise Unavailable(f"PostgreSQL ended while it was starting; {log(places)} says why.")


def make_files(places: Places, binaries: Path) -> None:
    """Make an empty database cluster; one that was interrupted is begun anew."""
    owner = places.owner
    new = places.home / "postgres.new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    os.chown(new, owner.pw_uid, owner.pw_gid)
    command: list[str | Path] = [
        *(binaries / "initdb", "-D", new, "-U", "postgres", "-A", "trust", "-E", "UTF8"),
        # The same order of texts on every machine.
        *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C"),
    ]
    if processes.start(command, owner=owner, log=log(places)).wait():
        raise Unavailable(f"PostgreSQL could not make its files; {log(places)} says why.")
    new.rename(data(places))


def end_orphans(places: Places) -> None:
    """End what a killed server left in the middle of a statement; it keeps a new one from starting.

    They get what a server sends its own when one of them has crashed, and nothing committed is
    lost.
    """
    give_up = time.monotonic() + processes.STOP_WITHIN
    while orphans := list(processes.find_in(data(places), titled=b"postgres: ")):
        for orphan in orphans:
            with contextlib.suppress(ProcessLookupError):
                os.kill(orphan, signal.SIGQUIT)
        if time.monotonic() > give_up:
            raise Unavailable(f"Processes of a killed PostgreSQL do not end: {orphans}.")
        time.sleep(0.05)


def tuning() -> dict[str, str]:
    """Return the server's settings: for speed on a small machine, and never at the risk of data."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024**2
    buffers = max(64, min(2048, memory // 8))
    return {
        "listen_addresses": "",
        "max_connections": "100",
        "shared_buffers": f"{buffers}MB",
        "effective_cache_size": f"{memory // 2}MB",
        "work_mem": "32MB",
        "maintenance_work_mem": "256MB",
        "wal_buffers": f"{max(4, buffers // 32)}MB",  # else who writes much waits for the disk
        "max_wal_size": "4GB",
        "checkpoint_timeout": "15min",
        "wal_compression": "off",
        "random_page_cost": "1.1",
        "jit": "off",
    }


def answers(places: Places) -> bool:
    """Tell whether the server takes connections."""
    try:
        connect(places).close()
    except psycopg.OperationalError:
        return False
    return True


def connect(places: Places) -> psycopg.Connection:
    """Connect as the superuser, which only this module does."""
    return psycopg.connect(
        host=str(places.sockets), user="postgres", dbname="postgres", autocommit=True
    )


def make_database(places: Places) -> None:
    """Make the roles and the database that are not there yet."""
    with connect(places) as connection:
        for role, rights in ROLES.items():
            if connection.execute("SELECT to_regrole(%s)", [role]).fetchone() == (None,):
                connection.execute(f"CREATE ROLE {role} {rights}".encode())
        made = connection.execute("SELECT FROM pg_database WHERE datname = %s", [DATABASE])
        if made.fetchone() is None:
            connection.execute(f"CREATE DATABASE {DATABASE} OWNER console_owner".encode())
