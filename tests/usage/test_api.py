"""``POST /api/v1/events``, as bot platforms use it."""

import gzip
import json
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cloudevents.core.bindings.http import HTTPMessage, to_binary_event, to_structured_event
from cloudevents.core.v1.event import CloudEvent
from django.test import Client
from pytest_django.live_server_helper import LiveServer

from accounts.models import ApiKey, Scope, Workspace
from accounts.tenancy import in_workspace
from tests import make
from usage import api
from usage.models import Event, Intake, RejectedEvent

pytestmark = pytest.mark.django_db(transaction=True)

BATCH = "application/cloudevents-batch+json"
RECENT = datetime.now(UTC) - timedelta(hours=2)


def post(
    key: str, body: bytes, content_type: str = BATCH, **headers: str
) -> tuple[int, dict[str, Any]]:
    response = Client().post(
        "/api/v1/events",
        data=body,
        content_type=content_type,
        headers={"Authorization": f"Bearer {key}", **headers},
    )
    return response.status_code, response.json()


def batch(*events: make.Event) -> bytes:
    return json.dumps(events).encode()


def recent(*minutes: float, **values: Any) -> list[make.Event]:
    return make.talk(*minutes, start=RECENT, **values)


def stored(of: Workspace) -> Sequence[Event]:
    with in_workspace(of.pk):
        return list(Event.objects.for_workspace(of).order_by("at"))


@pytest.fixture
def acme() -> Workspace:
    workspace = make.workspace()
    make.bot(workspace)
    return workspace


@pytest.fixture
def key(acme: Workspace) -> str:
    return make.api_key(acme)


def test_batch_is_stored_with_its_counts(acme: Workspace, key: str) -> None:
    events = recent(0, 1)

    status, answer = post(key, batch(*events, events[0]))

    assert status == 200
    assert answer == {
        "received": 3,
        "accepted": 2,
        "duplicate": 1,
        "differs": 0,
        "rejected": 0,
        "rejections": [],
    }
    assert len(stored(acme)) == 2


def test_sending_again_changes_nothing(acme: Workspace, key: str) -> None:
    events = batch(*recent(0, 1))
    post(key, events)

    _, answer = post(key, events)

    assert (answer["accepted"], answer["duplicate"], answer["differs"]) == (0, 2, 0)
    assert len(stored(acme)) == 2


def test_same_id_with_another_time_is_a_duplicate_that_differs(acme: Workspace, key: str) -> None:
    (event,) = recent(0, id="one")
    (other,) = recent(9, id="one", user="u2")
    post(key, batch(event))

    _, answer = post(key, batch(other))

    assert (answer["accepted"], answer["duplicate"], answer["differs"]) == (0, 1, 1)
    assert [row.at for row in stored(acme)] == [RECENT]


def test_id_is_unique_within_its_source_only(acme: Workspace, key: str) -> None:
    (one,) = recent(0, id="one")
    (other,) = recent(1, id="one", source="/elsewhere")

    _, answer = post(key, batch(one, other))

    assert answer["accepted"] == 2


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/cloudevents+json", lambda events: json.dumps(events[0]).encode()),
        ("application/cloudevents+json; charset=utf-8", lambda e: json.dumps(e[0]).encode()),
        (BATCH, lambda events: json.dumps(events[:1]).encode()),
        ("application/json", lambda events: json.dumps(events[:1]).encode()),
        ("application/json", lambda events: json.dumps(events[0]).encode()),
        ("application/x-ndjson", lambda events: b"\r\n".join(make.encode(events[0])) + b"\n\n"),
    ],
)
def test_each_form_of_a_body_is_read(
    acme: Workspace, key: str, content_type: str, body: Any
) -> None:
    status, answer = post(key, body(recent(0)), content_type)

    assert (status, answer["accepted"]) == (200, 1)


def test_gzip_is_unpacked(acme: Workspace, key: str) -> None:
    body = gzip.compress(batch(*recent(0)))

    status, answer = post(key, body, **{"Content-Encoding": "gzip"})

    assert (status, answer["accepted"]) == (200, 1)


BAD: list[tuple[str, dict[str, Any]]] = [
    ("unknown_bot", {"subject": "nobody"}),
    ("no_offset", {"time": "2026-03-02T12:00:00"}),
    ("bad_time", {"time": "2026-02-30T12:00:00Z"}),
    ("bad_time", {"time": "yesterday"}),
    ("in_future", {"time": (datetime.now(UTC) + timedelta(days=2)).isoformat()}),
    ("in_future", {"time": "9999-12-31T23:59:59Z"}),
    ("bad_time", {"time": "9999-12-31T23:59:59-14:00"}),
    ("too_old", {"time": (datetime.now(UTC) - timedelta(days=36)).isoformat()}),
    ("unknown_type", {"type": "conversation.paused"}),
    ("too_long", {"id": "x" * 257}),
    ("too_long", {"source": "x" * 513}),
    ("too_long", {"data": {"user": "u" * 257, "channel": "web", "direction": "user"}}),
    ("missing_field", {"id": ""}),
    ("missing_field", {"data": {"channel": "web", "direction": "user"}}),
    ("missing_field", {"data": {"user": "u1", "direction": "user"}}),
    ("missing_field", {"data": None}),
    ("bad_field", {"data": {"user": "u1", "channel": "web", "direction": "sideways"}}),
    ("bad_field", {"data": {"user": 7, "channel": "web", "direction": "user"}}),
    ("bad_field", {"data": {"user": "u\0", "channel": "web", "direction": "user"}}),
    ("bad_field", {"data": []}),
    ("bad_field", {"id": 7}),
    ("bad_field", {"specversion": "0.3"}),
]


@pytest.mark.parametrize(("code", "values"), BAD)
def test_bad_event_is_rejected_alone(
    acme: Workspace, key: str, code: str, values: dict[str, Any]
) -> None:
    before, bad, after = recent(0, 1, 2)

    status, answer = post(key, batch(before, bad | values, after))

    assert status == 200
    assert (answer["accepted"], answer["rejected"]) == (2, 1)
    (rejection,) = answer["rejections"]
    assert (rejection["place"], rejection["code"]) == (2, code)
    assert rejection["detail"].endswith(".")


@pytest.mark.parametrize("event", [7, None, "text", [], [[]], {}])
def test_what_is_no_event_is_rejected_alone(acme: Workspace, key: str, event: Any) -> None:
    status, answer = post(key, json.dumps([event, *recent(0)]).encode())

    assert status == 200
    assert (answer["accepted"], answer["rejected"]) == (1, 1)


def test_bytes_that_are_not_utf_8_are_rejected_alone(acme: Workspace, key: str) -> None:
    good, bad = make.encode(*recent(0, 1))
    body = b"\n".join([bad.replace(b"u1", b"\xff\xfe"), good])

    status, answer = post(key, body, "application/x-ndjson")

    assert status == 200
    assert [rejection["code"] for rejection in answer["rejections"]] == ["bad_json"]
    assert answer["accepted"] == 1


@pytest.mark.parametrize(
    ("body", "content_type", "headers", "status", "code"),
    [
        (b" ", BATCH, {}, 400, "unreadable"),
        (b"[{]", BATCH, {}, 400, "unreadable"),
        (b"[" * 100_000, BATCH, {}, 400, "unreadable"),
        (b"not gzip", BATCH, {"Content-Encoding": "gzip"}, 400, "unreadable"),
        (
            gzip.compress(b"[]" * 99, mtime=0)[:20],
            BATCH,
            {"Content-Encoding": "gzip"},
            400,
            "unreadable",
        ),
        (b"[]", "text/plain", {}, 415, "content_type"),
        (b"[]", BATCH, {"Content-Encoding": "br"}, 415, "encoding"),
        (b"[" + b"{}," * api.MAX_EVENTS + b"{}]", BATCH, {}, 413, "too_large"),
        (b" " * (api.MAX_BYTES + 1), BATCH, {}, 413, "too_large"),
        (
            gzip.compress(b" " * 10**8, mtime=0),
            BATCH,
            {"Content-Encoding": "gzip"},
            413,
            "too_large",
        ),
    ],
)
def test_request_that_cannot_be_read_is_refused_whole(
    acme: Workspace,
    key: str,
    body: bytes,
    content_type: str,
    headers: dict[str, str],
    status: int,
    code: str,
) -> None:
    refused, answer = post(key, body, content_type, **headers)

    assert (refused, answer["code"]) == (status, code)
    assert answer["detail"].endswith(".")


def test_empty_batch_is_no_error(acme: Workspace, key: str) -> None:
    assert post(key, b"[]")[0] == 200


@pytest.mark.parametrize(
    "header", [{}, {"Authorization": "Bearer no"}, {"Authorization": "Basic x"}]
)
def test_stranger_is_refused(acme: Workspace, header: dict[str, str]) -> None:
    response = Client().post("/api/v1/events", b"[]", content_type=BATCH, headers=header)

    assert response.status_code == 401
    assert response.json()["code"] == "unauthorized"


def test_key_without_the_scope_is_refused(acme: Workspace) -> None:
    key = make.api_key(acme, Scope.READ_USAGE)

    status, answer = post(key, batch(*recent(0)))

    assert (status, answer["code"]) == (403, "scope")
    assert not stored(acme)


@pytest.mark.parametrize("field", ["revoked_at", "expires_at"])
def test_key_that_is_over_is_refused(acme: Workspace, key: str, field: str) -> None:
    with in_workspace(acme.pk):
        ApiKey.objects.for_workspace(acme).update(**{field: datetime.now(UTC)})

    assert post(key, b"[]")[0] == 401


def test_key_reaches_its_own_workspace_only(acme: Workspace, key: str) -> None:
    globex = make.workspace("globex")
    make.bot(globex, "theirs")

    _, answer = post(key, batch(*recent(0, subject="theirs"), *recent(1)))

    assert [rejection["code"] for rejection in answer["rejections"]] == ["unknown_bot"]
    assert not stored(globex)


def test_too_many_requests_are_refused(
    acme: Workspace, key: str, settings: pytest.FixtureRequest
) -> None:
    settings.API_REQUESTS_PER_MINUTE = 0  # type: ignore[attr-defined]

    status, answer = post(key, b"[]")

    assert (status, answer["code"]) == (429, "too_many_requests")


def test_event_log_tells_what_became_of_a_batch(acme: Workspace, key: str) -> None:
    good, bad = recent(0), recent(1, subject="nobody")

    post(key, batch(*good, *good, *bad))

    with in_workspace(acme.pk):
        intake = Intake.objects.for_workspace(acme).get()
        rejected = RejectedEvent.objects.for_workspace(acme).get()
    assert (intake.accepted, intake.duplicate, intake.rejected) == (1, 1, 1)
    assert (rejected.place, rejected.code, rejected.subject) == (3, "unknown_bot", "nobody")


def test_texts_of_messages_are_stored_nowhere(acme: Workspace, key: str) -> None:
    post(key, batch(*recent(0, text="my secret"), *recent(1, subject="no", text="my secret")))

    with in_workspace(acme.pk):
        rows = [*Event.objects.all().values(), *RejectedEvent.objects.all().values()]
    assert "my secret" not in str(rows)


def to_cloud_event(event: make.Event) -> CloudEvent:
    attributes = {name: value for name, value in event.items() if name != "data"}
    attributes["time"] = datetime.fromisoformat(event["time"])
    attributes["datacontenttype"] = "application/json"
    return CloudEvent(attributes=attributes, data=event["data"])


@pytest.mark.parametrize("form", [to_structured_event, to_binary_event])
def test_client_of_the_cloudevents_package_is_understood(
    acme: Workspace, key: str, live_server: LiveServer, form: Any
) -> None:
    message: HTTPMessage = form(to_cloud_event(recent(0, user="Zoë %")[0]))
    request = urllib.request.Request(
        f"{live_server.url}/api/v1/events",
        data=message.body,
        headers={**message.headers, "Authorization": f"Bearer {key}"},
    )

    with urllib.request.urlopen(request) as response:
        answer = json.load(response)

    assert answer["accepted"] == 1
    assert [event.at for event in stored(acme)] == [RECENT]


def test_openapi_document_and_page_are_there() -> None:
    document = Client().get("/api/v1/openapi.json").json()
    page = Client().get("/api/v1/docs")

    assert "post" in document["paths"]["/api/v1/events"]
    assert page.status_code == 200
    assert "script-src" in page.headers["Content-Security-Policy"]
