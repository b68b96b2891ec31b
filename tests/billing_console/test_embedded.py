"""The embedded servers: shared by all commands, gone after the last, unharmed by kill -9."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from billing_console.embedded import LONGEST_SOCKET, Servers, find_process

ROOT = Path(__file__).resolve().parent.parent.parent
HOLD = """
import sys, time
from pathlib import Path
import psycopg
from billing_console.embedded import Servers
servers = Servers(var=Path(sys.argv[1]), postgres=True, redis=True)
servers.hold()
with psycopg.connect(**servers.database("console_app")) as connection:
    print(connection.execute("SELECT current_user").fetchone()[0], flush=True)
time.sleep(float(sys.argv[2]))
"""

pytestmark = pytest.mark.slow


@pytest.fixture
def var(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "var"
    servers = Servers(var=tmp_path / "var", postgres=True, redis=True)
    for process in running(servers):
        os.kill(process, signal.SIGKILL)


def hold(var: Path, *, seconds: float = 60) -> subprocess.Popen[str]:
    """Start a process that holds the servers, and wait until it has them."""
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(var), str(seconds)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "console_app\n"
    return holder


def end(holder: subprocess.Popen[str], number: int = signal.SIGTERM) -> None:
    holder.send_signal(number)
    holder.wait(timeout=60)
    assert holder.stdout is not None
    holder.stdout.close()


def running(servers: Servers) -> list[int]:
    """Return the servers' processes."""
    data = servers.home / "postgres"
    found = [
        find_process(data / "postmaster.pid", names=str(data)),
        find_process(servers.home / "redis" / "redis.pid", names="redis-server"),
    ]
    return [process for process in found if process is not None]


def test_last_of_several_commands_stops_the_servers(var: Path) -> None:
    servers = Servers(var=var, postgres=True, redis=True)
    first, second = hold(var), hold(var)
    processes = running(servers)
    assert len(processes) == 2

    end(first)
    assert running(servers) == processes

    end(second)
    assert running(servers) == []


def test_servers_start_again_after_everything_was_killed(var: Path) -> None:
    servers = Servers(var=var, postgres=True, redis=True)
    for _ in range(3):
        holder = hold(var)
        for process in running(servers):
            os.kill(process, signal.SIGKILL)
        end(holder, signal.SIGKILL)

    end(hold(var))

    assert running(servers) == []


def test_servers_left_behind_are_stopped_by_the_next_command(var: Path) -> None:
    servers = Servers(var=var, postgres=True, redis=True)
    end(hold(var), signal.SIGKILL)
    assert len(running(servers)) == 2

    end(hold(var))

    assert running(servers) == []


def test_many_commands_may_start_at_once(var: Path) -> None:
    holders = [
        subprocess.Popen([sys.executable, "-c", HOLD, str(var), "0"], cwd=ROOT) for _ in range(4)
    ]

    assert [holder.wait(timeout=120) for holder in holders] == [0, 0, 0, 0]
    assert running(Servers(var=var, postgres=True, redis=True)) == []


def test_path_that_is_too_long_for_a_socket_is_no_hindrance(tmp_path: Path) -> None:
    var = tmp_path / ("long" * 25)

    holder = hold(var)

    servers = Servers(var=var, postgres=True, redis=True)
    assert len(bytes(servers.sockets / ".s.PGSQL.5432.lock")) <= LONGEST_SOCKET
    end(holder)
    assert running(servers) == []


def test_looking_at_servers_changes_nothing(tmp_path: Path) -> None:
    servers = Servers(var=tmp_path / "var", postgres=True, redis=True)

    assert servers.read_secret_key() == ""
    assert servers.redis_address().startswith("unix://")
    assert list(tmp_path.iterdir()) == []


def test_secret_key_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    servers = Servers(var=tmp_path, postgres=True, redis=True)

    key = servers.make_secret_key()

    assert len(key) >= 50
    assert servers.make_secret_key() == key
    assert (tmp_path / "secret-key").stat().st_mode & 0o777 == 0o600


def test_settings_can_be_imported_anywhere_without_a_secret() -> None:
    clean = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    code = "from billing_console import settings; print(settings.DATABASES['default']['USER'])"

    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**clean, "DATABASE_URL": "postgresql://owner@db/console"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout == "owner\n"


def manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "billing_console.settings", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_database_that_cannot_be_reached_is_told_in_one_sentence() -> None:
    done = manage(
        "create_workspace",
        "acme",
        DATABASE_URL="postgresql://a@127.0.0.1:9/none",
        REDIS_URL="redis://127.0.0.1:9",
        SECRET_KEY="x",
    )

    assert done.returncode == 1
    assert done.stdout == ""
    assert "Traceback" not in done.stderr
    assert "The database cannot be used" in done.stderr


def test_web_application_does_not_start_without_a_secret() -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import billing_console.wsgi"],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "billing_console.settings",
            "DATABASE_URL": "postgresql://a@127.0.0.1:9/none",
            "SECRET_KEY": "",
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "The SECRET_KEY setting must not be empty" in done.stderr


def test_reader_that_has_enough_ends_a_command_quietly(tmp_path: Path) -> None:
    start = time.monotonic()
    done = subprocess.run(
        f"{sys.executable} manage.py help | head -c 1",
        shell=True,
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "billing_console.settings"},
        capture_output=True,
        text=True,
        check=True,
    )

    assert "Traceback" not in done.stderr
    assert time.monotonic() - start < 60
