"""The web server's processes: where they listen, and how they end."""

import http.client
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from billing_console import web
from tests.conftest import ROOT
from tests.web_server import free_port

# Nothing here asks the servers.
ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "DATABASE_URL": "postgresql://console@127.0.0.1:1/console",
    "REDIS_URL": "redis://127.0.0.1:1/0",
    "SECRET_KEY": "only for tests",
    "HTTPS": "0",
}
COMMAND = [sys.executable, "-m", "billing_console.web"]
Starter = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Starter]:
    servers: list[subprocess.Popen[str]] = []
    log = (tmp_path / "log").open("w+")

    def start(place: str, *arguments: str) -> "subprocess.Popen[str]":
        server = subprocess.Popen(
            [*COMMAND, "--bind", place, *arguments],
            cwd=ROOT,
            env={**ENVIRONMENT, "TMPDIR": str(tmp_path)},
            stderr=log,
            text=True,
        )
        servers.append(server)
        wait_until(lambda: ask(place) == 200, log=tmp_path / "log")
        return server

    yield start
    for server in servers:
        server.terminate()
        server.wait(timeout=60)
    log.close()


def run_at(place: str) -> "subprocess.CompletedProcess[str]":
    """Run a server that is to end by itself."""
    return subprocess.run(
        COMMAND,
        cwd=ROOT,
        env={**ENVIRONMENT, "BIND": place},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def wait_until(is_so: Callable[[], bool], *, log: Path | None = None) -> None:
    give_up = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < give_up, log and log.read_text()
        time.sleep(0.1)


def connect(place: str) -> socket.socket:
    host, _, port = place.rpartition(":")
    if host != "unix":
        return socket.create_connection((host, int(port)), timeout=30)
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(port)
    return connection


def ask(place: str, head: str = "") -> int:
    """Return the status of the page that says that a process lives; 0: nobody answers."""
    try:
        with connect(place) as connection:
            connection.sendall(f"GET /healthz HTTP/1.1\r\nHost: localhost\r\n{head}\r\n".encode())
            return read_status(connection)
    except OSError:
        return 0


def read_status(connection: socket.socket) -> int:
    answer = http.client.HTTPResponse(connection)
    answer.begin()
    return answer.status


def find_children(server: "subprocess.Popen[str]") -> set[int]:
    """Return the processes that serve."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = re.search(r"PPid:\t(\d+)", (entry / "status").read_text())
                words = (entry / "cmdline").read_text()
            except OSError:
                continue
            if parent and int(parent[1]) == server.pid and "spawn_main" in words:
                found.add(int(entry.name))
    return found


@pytest.mark.parametrize(
    "place",
    ["nowhere", "127.0.0.1:", "127.0.0.1:many", "127.0.0.1:65536", "127.0.0.1:0", ":80", "unix:"],
)
def test_what_is_no_place_is_refused(
    place: str,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    settings.BIND = place
    monkeypatch.setattr(sys, "argv", ["web"])

    with pytest.raises(SystemExit) as ended:
        web.parse_arguments()

    assert ended.value.code == 2
    assert f"{place!r} is neither host:port nor unix:/path/of/socket" in capsys.readouterr().err


@pytest.mark.parametrize(("kind", "processes"), [("port", 2), ("socket", 1)])
def test_place_is_never_shared_and_is_free_with_all_processes_gone_once_a_server_is_killed(
    start: Starter, kind: str, processes: int, tmp_path: Path
) -> None:
    place = f"127.0.0.1:{free_port()}" if kind == "port" else f"unix:{tmp_path}/web"
    server = start(place, "--workers", str(processes))
    children = find_children(server)

    second = run_at(place)

    assert second.returncode == 1
    assert second.stderr.startswith("Nobody can listen there: Address already in use")
    assert second.stderr.count("\n") == 1
    assert ask(place) == 200

    server.kill()

    wait_until(lambda: not any(Path(f"/proc/{child}").exists() for child in children))
    assert len(children) == processes
    assert ask(place) == 0
    start(place, "--workers", "1")


def test_long_heads_are_refused_a_killed_process_replaced_and_what_was_begun_answered(
    start: Starter,
) -> None:
    place = f"127.0.0.1:{free_port()}"
    server = start(place, "--workers", "1")
    (child,) = find_children(server)

    assert ask(place, f"Cookie: {'a' * 7000}\r\n") == 200
    assert ask(place, f"Cookie: {'a' * 9000}\r\n") == 431
    assert ask(place, "".join(f"X-{number}: a\r\n" for number in range(200))) == 431

    os.kill(child, signal.SIGKILL)

    wait_until(lambda: find_children(server) not in (set(), {child}))
    wait_until(lambda: ask(place) == 200)

    token = "a" * 32
    with connect(place) as connection:
        connection.sendall(
            f"POST /sign-in HTTP/1.1\r\nHost: localhost\r\nCookie: csrftoken={token}\r\n"
            "Content-Type: application/x-www-form-urlencoded\r\n"
            "Content-Length: 10\r\n\r\nname=".encode()
        )
        time.sleep(1)

        server.terminate()

        time.sleep(1)
        connection.sendall(b"12345")
        assert read_status(connection) == 403
    assert server.wait(timeout=30) == 0


def test_pages_are_loaded_before_the_first_request() -> None:
    tell = "import sys, billing_console.web as web; web.load(); print('usage.urls' in sys.modules)"

    done = subprocess.run(
        [sys.executable, "-c", tell],
        cwd=ROOT,
        env={**ENVIRONMENT, "DJANGO_SETTINGS_MODULE": web.SETTINGS, "PYTHONUNBUFFERED": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.stdout == "True\n"
