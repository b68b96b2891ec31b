"""What those who watch the installation are told: health, numbers, logs, reports."""

import http.client
import json
import logging
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
import sentry_sdk
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client
from pytest_django.fixtures import DjangoAssertNumQueries, Settings
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from accounts.models import Scope
from billing_console import health, logs, reporting, workers
from tests import make
from tests.conftest import WorkerStarter
from tests.web_server import serve
from usage.backlog import find_backlog
from usage.tasks import find_due_work, roll_up_workspace

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

TOKEN = {"Authorization": "Bearer only for tests"}
SECRET = "a secret of u-4711"


@pytest.fixture(autouse=True)
def _no_workers() -> None:
    workers.connect().delete(workers.SEEN, workers.FAILED)


def read_metrics() -> dict[str, float]:
    text = Client().get("/metrics", headers=TOKEN).content.decode()
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def test_process_lives_whatever_else_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "cursor", None)

    response = Client().get("/healthz")

    assert (response.status_code, response.json()) == (200, {"alive": True})


def test_installation_is_ready_when_all_of_it_works() -> None:
    workers.note_alive("w1", at=datetime.now(UTC))
    workers.note_finder(at=datetime.now(UTC))

    response = Client().get("/readyz")

    assert response.status_code == 200
    works = ("database", "migrations", "redis", "worker", "beat")
    assert response.json() == dict.fromkeys(works, True)
    assert "no-store" in response.headers["Cache-Control"]


def test_worker_that_was_not_seen_for_a_minute_is_missed() -> None:
    workers.note_alive("w1", at=datetime.now(UTC) - timedelta(seconds=61))

    response = Client().get("/readyz")

    assert response.status_code == 503
    assert response.json()["worker"] is False


def test_beat_that_asked_for_nothing_for_a_minute_is_missed() -> None:
    workers.note_alive("w1", at=datetime.now(UTC))
    workers.note_finder(at=datetime.now(UTC) - timedelta(seconds=61))

    response = Client().get("/readyz")

    assert response.status_code == 503
    assert response.json()["beat"] is False


def test_missing_migration_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    health.find_all_migrated.cache_clear()
    monkeypatch.setattr(MigrationExecutor, "migration_plan", lambda *args: ["0099"])

    assert Client().get("/readyz").json()["migrations"] is False


def test_ready_costs_one_statement_once_all_is_migrated(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    Client().get("/readyz")

    with django_assert_num_queries(1):
        Client().get("/readyz")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
def test_metrics_are_for_whoever_has_the_token(headers: dict[str, str]) -> None:
    assert Client().get("/metrics", headers=headers).status_code == 404
    assert Client().get("/metrics", headers=TOKEN).status_code == 200


def test_without_a_token_there_are_no_metrics(settings: Settings) -> None:
    settings.METRICS_TOKEN = ""

    assert Client().get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


def test_metrics_count_requests_by_view_and_events_by_outcome() -> None:
    acme = make.workspace("acme")
    make.bot(acme)
    secret = make.api_key(acme, Scope.WRITE_EVENTS)
    before = read_metrics()

    for _ in range(2):
        Client().post(
            "/api/v1/events",
            make.encode(make.event(id="once", at=datetime.now(UTC)))[0],
            content_type="application/cloudevents+json",
            headers={"Authorization": f"Bearer {secret}"},
        )

    after = read_metrics()
    grown = {name: after[name] - before.get(name, 0) for name in after}
    assert grown['console_events_total{outcome="accepted"}'] == 1
    assert grown['console_events_total{outcome="duplicate"}'] == 1
    post = 'console_requests_total{method="POST",status="200",view="api:post_events"}'
    assert grown[post] == 2
    assert not [name for name in after if "acme" in name]


def test_metrics_tell_what_waits() -> None:
    acme = make.workspace("acme")
    make.take_in(acme, *make.talk(0, 1), make.event("alert.delivered"), now=make.LONG_AFTER)
    workers.note_failure("usage.tasks.roll_up_workspace")

    read = read_metrics()

    assert read["console_dirty_streams"] == 1
    assert read["console_rollup_lag_seconds"] > 0
    assert read["console_migrated"] == read['console_up{server="database"}'] == 1
    assert read["console_workers"] == 0
    assert read['console_task_failures_total{task="usage.tasks.roll_up_workspace"}'] == 1


def test_metrics_say_that_a_server_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(now: datetime) -> None:
        raise DatabaseError

    monkeypatch.setattr("billing_console.metrics.find_backlog", fail)

    read = read_metrics()

    assert read['console_up{server="database"}'] == 0
    assert read['console_up{server="redis"}'] == 1


def test_lag_is_since_the_oldest_event_came_in_not_since_it_happened() -> None:
    acme = make.workspace("acme")
    assert find_backlog(now=make.LONG_AFTER).lag(now=make.LONG_AFTER) == timedelta(0)
    make.take_in(acme, *make.talk(0, 1), now=make.LONG_AFTER)
    make.date_marks("usage_dirtystream", make.LONG_AFTER)
    make.take_in(acme, make.event(user="u2"), now=make.LONG_AFTER + timedelta(minutes=1))

    backlog = find_backlog(now=make.LONG_AFTER + timedelta(minutes=5))

    assert (backlog.streams, backlog.waiting_since) == (2, make.LONG_AFTER)
    make.roll_up(acme, make.LONG_AFTER + timedelta(minutes=5))
    assert find_backlog(now=make.LONG_AFTER + timedelta(minutes=5)).streams == 0


def test_lag_of_an_open_conversation_begins_when_it_is_to_be_closed() -> None:
    acme = make.workspace("acme")
    make.take_in(acme, *make.talk(0, 1), now=make.NOON + 2 * make.MINUTE)
    make.roll_up(acme, make.NOON + 2 * make.MINUTE)
    make.date_marks("usage_dirtystream", make.NOON + 2 * make.MINUTE)

    early = find_backlog(now=make.NOON + 10 * make.MINUTE)
    later = find_backlog(now=make.NOON + 30 * make.MINUTE)

    assert early.streams == 0
    assert later.streams == 1
    assert timedelta(minutes=13) < later.lag(now=make.NOON + 30 * make.MINUTE) <= 14 * make.MINUTE


def make_record(error: BaseException | None, message: str = "%s") -> logging.LogRecord:
    info = None if error is None else (type(error), error, error.__traceback__)
    return logging.LogRecord("a.logger", logging.ERROR, "f.py", 1, message, (SECRET,), info)


def test_log_as_json_is_one_object_a_line() -> None:
    try:
        raise ValueError("wrong")
    except ValueError as error:
        line = logs.JsonLines().format(make_record(error, "Two\nlines: %s"))

    said = json.loads(line)
    assert "\n" not in line
    assert said["level"] == "ERROR"
    assert said["logger"] == "a.logger"
    assert said["message"] == f"Two\nlines: {SECRET}"
    assert said["exception"].endswith("ValueError: wrong")
    assert "test_health.py" in said["exception"]
    assert datetime.fromisoformat(said["time"]).tzinfo is not None


@pytest.mark.parametrize("style", [logs.Lines(), logs.JsonLines()])
def test_log_shows_no_values_of_a_row(style: logging.Formatter) -> None:
    try:
        try:
            raise psycopg.errors.UniqueViolation(f"duplicate key\nDETAIL: Key (user)=({SECRET})")
        except psycopg.Error as cause:
            raise DatabaseError(str(cause)) from cause
    except DatabaseError as error:
        record = make_record(error)
        record.args = (repr(error),)

    line = style.format(record)

    assert SECRET not in line
    assert "duplicate key" in line
    assert "DatabaseError" in line


def test_report_holds_the_error_and_nothing_that_was_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[str] = []

    class Kept(Transport):
        def capture_envelope(self, envelope: Envelope) -> None:
            sent.append(envelope.serialize().decode())

    def fail(user: object) -> None:
        local = SECRET
        logging.getLogger("a").error("It was %s", local)
        raise ValueError(local)

    start = sentry_sdk.init
    monkeypatch.setattr(sentry_sdk, "init", lambda **options: start(**options, transport=Kept()))
    reporting.start("https://key@reports.example/1", environment="tests")
    monkeypatch.setattr("accounts.access.find_memberships", fail)
    person = make.member(make.workspace("acme"))
    client = Client(raise_request_exception=False)
    client.force_login(person.user)

    client.get(f"/w/acme/?user={SECRET}", headers={"Authorization": f"Bearer {SECRET}"})
    sentry_sdk.flush()
    sentry_sdk.init()

    assert len(sent) == 2
    report = "".join(sent)
    assert "ValueError" in report
    assert "in fail" in report or '"fail"' in report
    for hidden in (SECRET, "4711", person.user.email, client.cookies["sessionid"].value):
        assert hidden not in report


def test_real_worker_is_seen_and_noted_where_it_looks_for_work_and_where_it_fails(
    start_worker: WorkerStarter, capfd: pytest.CaptureFixture[str]
) -> None:
    began = datetime.now(UTC)
    start_worker(concurrency=1, LOG_FORMAT="json")

    find_due_work.delay()
    roll_up_workspace.delay(workspace_id=1, now="never")

    wait_until(lambda: workers.count_alive(at=datetime.now(UTC)) > 0)
    wait_until(lambda: workers.finder_works(at=began + workers.LATELY))
    wait_until(lambda: bool(workers.count_failures()))
    assert Client().get("/readyz").json()["worker"] is True
    assert workers.count_failures() == {"usage.tasks.roll_up_workspace": 1}
    time.sleep(0.5)
    # Run by root, Celery warns before it has any logs.
    written = [line for line in capfd.readouterr().err.splitlines() if line.startswith("{")]
    lines = [json.loads(line) for line in written]
    (failed,) = [line for line in lines if line["level"] == "ERROR"]
    assert "roll_up_workspace" in failed["message"]
    assert "ValueError: Invalid isoformat string" in failed["exception"]


def wait_until(is_so: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 30
    while not is_so():
        assert time.monotonic() < give_up
        time.sleep(0.1)


def test_whichever_web_process_is_asked_has_the_numbers_of_all(tmp_path: Path) -> None:
    with serve("--workers", "2", METRICS_TOKEN="token", TMPDIR=str(tmp_path)) as port:
        for _ in range(30):
            ask(port, "/healthz")
        found = [ask(port, "/metrics", Authorization="Bearer token")[1] for _ in range(6)]
    counted = [re.search(r'console_requests_total\{.*view="live"\} (\d+)', text) for text in found]
    numbers = {int(match[1]) for match in counted if match}
    assert None not in counted
    assert len(numbers) == 1
    assert numbers.pop() >= 31
    assert list(tmp_path.iterdir()) == []


def ask(port: int, path: str, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path, headers=headers)
        response = connection.getresponse()
        return response.status, response.read().decode()
    except OSError:
        return 0, ""
    finally:
        connection.close()
