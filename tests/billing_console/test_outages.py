"""The console while PostgreSQL or Redis is really away, and when it is back."""

import http.cookiejar
import json
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from email.message import Message
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from benchmarks.scratch import address
from billing_console.embedded import Servers, postgres, processes, redis
from billing_console.embedded.programs import find_postgres
from tests import make
from tests.billing_console.test_embedded import ROOT, Installation
from tests.rows import KEPT, WITHOUT_TRIGGERS, copy_in, copy_out
from tests.web_server import free_port

pytestmark = pytest.mark.slow

SET_UP = """
import django
django.setup()
from accounts.models import Role, Scope
from tests import make
acme = make.workspace("acme", name="Acme Ltd")
make.bot(acme)
make.member(acme, Role.OWNER, "ann@acme.example")
print(make.api_key(acme, Scope.WRITE_EVENTS), flush=True)
"""


class Site:
    """A console of one web process, and a person's browser without scripts."""

    def __init__(self, installation: Installation) -> None:
        self.installation = installation
        self.installation.servers.start()
        make_tables(installation.servers)
        # `make test` has collected them; to compress them anew takes longer than all of this.
        (installation.var / "static").symlink_to(ROOT / "var" / "static")
        status, self.key, problem = installation.run(SET_UP, **self.environment)
        assert status == 0, problem
        self.address = f"http://127.0.0.1:{free_port()}"
        self.log = installation.var / "web.log"
        with self.log.open("wb") as log:
            self.web = subprocess.Popen(
                [
                    *(sys.executable, "-m", "billing_console.web", "--workers", "1"),
                    *("--bind", self.address.removeprefix("http://")),
                ],
                cwd=ROOT,
                env=installation.environment(**self.environment),
                stderr=log,
                text=True,
            )
        installation.started.append(self.web)
        self.open_browser()
        self.wait_for("/healthz", 200)

    def open_browser(self) -> None:
        """Have a browser that nobody has signed in with."""
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self.browser = urllib.request.build_opener(cookies)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "SECRET_KEY": "only for tests",
            "DJANGO_SETTINGS_MODULE": "billing_console.settings",
        }

    def ask(self, path: str, data: bytes | None = None, **headers: str) -> tuple[int, str, Message]:
        """Return status, text and headers of an answer."""
        request = urllib.request.Request(self.address + path, data, headers)
        try:
            answer = self.browser.open(request, timeout=60)
        except urllib.error.HTTPError as error:
            answer = error
        except OSError:
            return 0, "", Message()
        with answer:
            return answer.status, answer.read().decode(), answer.headers

    def wait_for(self, path: str, status: int) -> None:
        give_up = time.monotonic() + 60
        while self.ask(path)[0] != status:
            assert time.monotonic() < give_up, self.log.read_text()
            time.sleep(0.1)

    def sign_in(self) -> None:
        _, page, _ = self.ask("/sign-in")
        token = re.search('name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token is not None
        values = {
            "csrfmiddlewaretoken": token[1],
            "username": "ann@acme.example",
            "password": make.PASSWORD,
        }
        assert self.ask("/sign-in", urllib.parse.urlencode(values).encode())[0] == 200

    def send_event(self, id: str) -> tuple[int, str, Message]:
        (event,) = make.encode(make.event(id=id, at=datetime.now(UTC)))
        return self.ask(
            "/api/v1/events",
            event,
            Authorization=f"Bearer {self.key.strip()}",
            **{"Content-Type": "application/cloudevents+json"},
        )

    def stop_postgres(self) -> None:
        processes.end([(*postgres.running(self.installation.servers), signal.SIGINT)])

    def start_postgres(self) -> None:
        postgres.start(self.installation.servers)

    def stop_redis(self) -> None:
        processes.end([(*redis.running(self.installation.servers), signal.SIGTERM)])

    def start_redis(self) -> None:
        redis.start(self.installation.servers)


def make_tables(servers: Servers) -> None:
    """Give an installation the tables of the tests, in a fraction of the time of migrating it."""
    programs = find_postgres().parent
    target = make_conninfo(**servers.database("postgres"))
    schema = subprocess.run(
        [programs / "pg_dump", "--schema-only", "--dbname", address("owner")],
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    subprocess.run(
        [programs / "psql", "--quiet", "--set", "ON_ERROR_STOP=1", "--dbname", target],
        input=schema,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    with psycopg.connect(address("owner")) as tests, psycopg.connect(target) as connection:
        connection.execute(WITHOUT_TRIGGERS)
        copy_in(connection, copy_out(tests, KEPT))


@pytest.fixture(scope="module")
def running(django_db_setup: None) -> Iterator[Site]:
    with tempfile.TemporaryDirectory(prefix="console-") as name:
        Path(name).chmod(0o755)
        installation = Installation(Path(name) / "var")
        try:
            site = Site(installation)
            yield site
            site.web.terminate()
            site.web.wait(timeout=60)
        finally:
            installation.clear()


@pytest.fixture
def site(running: Site) -> Iterator[Site]:
    """Return the site with both servers, which run again after the test, and a new browser."""
    running.open_browser()
    yield running
    running.installation.servers.start()


def test_pages_say_that_the_database_is_away_and_come_back_by_themselves(site: Site) -> None:
    site.sign_in()
    assert site.ask("/w/acme/")[0] == 200
    site.stop_postgres()

    status, page, headers = site.ask("/w/acme/")
    assert (status, headers["Retry-After"]) == (503, "5")
    assert "The database cannot be reached" in page
    assert '<meta http-equiv="refresh" content="5">' in page
    # Nobody is signed out by it.
    assert "Set-Cookie" not in headers
    status, answer, headers = site.send_event("e1")
    assert (status, headers["Content-Type"]) == (503, "application/json")
    assert '"code": "unavailable"' in answer
    time.sleep(7)  # longer than the pool tries by itself
    assert site.ask("/w/acme/")[0] == 503
    # A restart would not help this process; and it is not ready for anybody.
    assert site.ask("/healthz")[0] == 200
    status, answer, _ = site.ask("/readyz")
    assert (status, json.loads(answer)["database"]) == (503, False)

    site.start_postgres()
    began = time.monotonic()
    site.wait_for("/w/acme/", 200)
    assert time.monotonic() - began < 15
    assert '"accepted": 1' in site.send_event("e1")[1]
    assert '"duplicate": 1' in site.send_event("e1")[1]

    log = site.log.read_text()
    assert "WARNING django.request: The database cannot be reached, GET /w/acme/" in log
    assert "Traceback" not in log


def test_pages_and_intake_go_on_without_redis(site: Site) -> None:
    site.sign_in()
    site.stop_redis()

    assert site.ask("/w/acme/")[0] == 200
    assert '"accepted": 1' in site.send_event("e2")[1]
    assert '"redis": false' in site.ask("/readyz")[1]

    site.start_redis()
    assert '"redis": true' in site.ask("/readyz")[1]
