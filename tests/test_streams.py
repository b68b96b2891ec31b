"""What becomes of a file that is sent in pieces when it fails: before it begins, and after."""

import http.client
import time

import pytest
from django.db import OperationalError, connection
from django.test import Client
from pytest_django.fixtures import Settings

from accounts import idle
from accounts.tenancy import in_workspace
from billing_console.settings import MIDDLEWARE
from tests import make
from tests.test_isolation import make_tenant, port

__all__ = ["port"]  # a fixture

pytestmark = pytest.mark.django_db(transaction=True)

FILES = {
    "/w/acme/audit-log/export": "accounts.views.audit_log.audit_log.find_entries",
    "/w/acme/usage/sessions.csv": "usage.views.sessions.read_chosen",
}
# More than sockets hold: the rest waits until somebody reads.
MANY_ENTRIES = """
INSERT INTO accounts_auditentry (
    workspace_id, action, actor_kind, actor_id, actor_name, target, address, request_id)
SELECT id, 'bot.renamed', 'system', '', 'a test', repeat('x', 900), '', ''
FROM accounts_workspace CROSS JOIN generate_series(1, 50000) WHERE slug = 'acme'
"""
BREAK_OFF = """
SELECT count(*) FILTER (WHERE pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND state = 'idle in transaction'
"""


@pytest.fixture(autouse=True)
def _begin_files(settings: Settings) -> None:
    """Answer as a web server does: the tests' settings leave this to whoever asks for it."""
    settings.MIDDLEWARE = [name for name in MIDDLEWARE if "whitenoise" not in name]


def enter() -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(make.member(make.workspace("acme")).user)
    return client


@pytest.mark.parametrize("path", FILES)
@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (OperationalError("gone"), 503, "The database cannot be reached"),
        (ValueError("a secret"), 500, "The console has made a mistake"),
    ],
)
def test_file_that_cannot_be_begun_gets_a_page(
    path: str, error: Exception, status: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object) -> object:
        raise error

    client = enter()
    monkeypatch.setattr(FILES[path], fail)

    answer = client.get(path)

    assert answer.status_code == status
    assert said in answer.content.decode()
    assert "Content-Disposition" not in answer.headers


def test_session_is_kept_where_nobody_reads_the_file() -> None:
    client = enter()
    session = client.session
    session[idle.SEEN] = long_ago = time.time() - 60
    session.save()

    client.get("/w/acme/audit-log/export").close()

    assert client.session[idle.SEEN] > long_ago


def test_file_that_breaks_off_is_not_taken_for_whole(port: int) -> None:
    acme, cookie = make_tenant("acme")
    with in_workspace(acme.pk), connection.cursor() as cursor:
        cursor.execute(MANY_ENTRIES)
    reader = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    reader.request("GET", "/w/acme/audit-log/export", headers={"Cookie": f"sessionid={cookie}"})
    file = reader.getresponse()
    assert file.status == 200
    assert file.read(10)

    with connection.cursor() as cursor:
        cursor.execute(BREAK_OFF)
        assert cursor.fetchone() == (1,)

    with pytest.raises(http.client.IncompleteRead):
        file.read()
