"""A real web server on the database of the tests."""

import http.client
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from tests.conftest import ROOT, process_environment


def free_port() -> int:
    """Return a port of this machine that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def serve(*arguments: str, **environment: str) -> Iterator[int]:
    """Run the web server during the block; yield its port."""
    port = free_port()
    command = [sys.executable, "-m", "billing_console.web", "--log-level", "warning"]
    web = subprocess.Popen(
        [*command, "--bind", f"127.0.0.1:{port}", *arguments],
        cwd=ROOT,
        env=process_environment() | environment,
    )
    try:
        give_up = time.monotonic() + 60
        while not answers(port):
            assert web.poll() is None, "the web server ended"
            assert time.monotonic() < give_up, "the web server does not answer"
            time.sleep(0.2)
        yield port
    finally:
        web.terminate()
        web.wait(timeout=60)


def answers(port: int) -> bool:
    """Tell whether the server says that it lives."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()
