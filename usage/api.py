"""``POST events``: the road by which bot platforms send events."""

import zlib
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote

import msgspec
from django.http import HttpRequest
from ninja import Router, Schema
from prometheus_client import Counter

from accounts.access import ApiKeyAccess, ApiRefused, ApiRequest
from accounts.api import Refusal
from accounts.models import Workspace
from accounts.tenancy import in_workspace
from usage import retention
from usage.chunks import check_events
from usage.event_format import Limits
from usage.importing import known_bots
from usage.intake import Outcome, store

MAX_EVENTS = 10_000
MAX_BYTES = 16 * 1024 * 1024

ONE = "application/cloudevents+json"
BATCH = "application/cloudevents-batch+json"
LINES = "application/x-ndjson"
PLAIN = "application/json"
CONTENT_TYPES = (ONE, BATCH, LINES, PLAIN)

router = Router(tags=["Events"])

RECEIVED = Counter("console_events", "Events received over HTTP.", ["outcome"])


class RejectedEvent(Schema):
    """An event that was not stored."""

    place: int
    code: str
    detail: str


class EventsAnswer(Schema):
    """What became of the events: received = accepted + duplicate + rejected."""

    received: int
    accepted: int
    duplicate: int
    differs: int
    rejected: int
    rejections: list[RejectedEvent]


STRING = {"type": "string"}
EVENT: dict[str, Any] = {  # Any: an OpenAPI document is free JSON
    "type": "object",
    "required": ["specversion", "id", "source", "type", "subject", "time"],
    "properties": {
        "specversion": {"type": "string", "enum": ["1.0"]},
        "id": {**STRING, "maxLength": 256},
        "source": {**STRING, "maxLength": 512},
        "type": STRING,
        "subject": {**STRING, "maxLength": 128, "description": "The bot's key."},
        "time": {**STRING, "format": "date-time", "description": "With an offset from UTC."},
        "data": {"type": "object"},
    },
}
REQUEST_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            ONE: {"schema": EVENT},
            BATCH: {"schema": {"type": "array", "items": EVENT, "maxItems": MAX_EVENTS}},
            LINES: {"schema": STRING},
        },
    }
}


@router.post(
    "events",
    auth=ApiKeyAccess("events.send"),
    response={
        HTTPStatus.OK: EventsAnswer,
        frozenset(
            {
                HTTPStatus.BAD_REQUEST,
                HTTPStatus.UNAUTHORIZED,
                HTTPStatus.FORBIDDEN,
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
                HTTPStatus.TOO_MANY_REQUESTS,
            }
        ): Refusal,
    },
    openapi_extra=REQUEST_BODY,
    summary="Send events",
)
def post_events(request: ApiRequest) -> EventsAnswer:
    """Store up to 10,000 events: one CloudEvent, a batch, or one a line; gzip is allowed.

    What is accepted is stored when the answer arrives. Sending again what was sent before changes
    nothing: source and id tell that it is a duplicate. One bad event does not keep the others out.
    """
    events = read_events(request)
    now = datetime.now(UTC)
    key = request.auth
    with in_workspace(key.workspace_id):
        workspace = Workspace.objects.get(pk=key.workspace_id)
        bots = known_bots(workspace)
    late = now - timedelta(days=workspace.lateness_days)
    limits = Limits(now, max(late, retention.oldest_kept(workspace, now=now)))
    chunk = check_events(enumerate(events, 1), limits=limits, bots=bots)
    return answer(store(chunk, workspace_id=workspace.pk, now=now, api_key_id=key.pk))


def answer(outcome: Outcome) -> EventsAnswer:
    """Return what the sender is told, and count it."""
    RECEIVED.labels("accepted").inc(outcome.accepted)
    RECEIVED.labels("duplicate").inc(outcome.duplicate)
    RECEIVED.labels("rejected").inc(len(outcome.rejections))
    return EventsAnswer(
        received=outcome.received,
        accepted=outcome.accepted,
        duplicate=outcome.duplicate,
        differs=outcome.differing,
        rejected=len(outcome.rejections),
        rejections=[
            RejectedEvent(place=rejection.place, code=rejection.code, detail=rejection.detail)
            for rejection in outcome.rejections
        ],
    )


def read_events(request: HttpRequest) -> list[bytes]:
    """Return the events of a request, each as its own JSON text.

    Raises:
        ApiRefused: the body cannot be read, is too large or of a kind that is not known.
    """
    kind = (request.content_type or "").lower()
    binary = "ce-specversion" in request.headers and kind in ("", PLAIN)
    if not binary and kind not in CONTENT_TYPES:
        raise ApiRefused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "content_type",
            f"The content type must be {', '.join(CONTENT_TYPES[:-1])} or {PLAIN}.",
        )
    body = read_body(request)
    if binary:
        return [from_headers(request, body)]
    if kind == LINES:
        events = [line for line in body.split(b"\n") if line and not line.isspace()]
    else:
        events = split_json(body)
    if len(events) > MAX_EVENTS:
        raise too_large(f"A request has at most {MAX_EVENTS:,} events; send the rest in another.")
    return events


def read_body(request: HttpRequest) -> bytes:
    """Return the body, unpacked."""
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    if encoding not in ("identity", "gzip"):
        raise ApiRefused(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "encoding", "The content encoding must be gzip."
        )
    body = request.read(MAX_BYTES + 1)
    if encoding == "gzip" and len(body) <= MAX_BYTES:
        body = unpack(body)
    if len(body) > MAX_BYTES:
        raise too_large(f"A request has at most {MAX_BYTES // 1024 // 1024} MiB, unpacked.")
    return body


def unpack(packed: bytes) -> bytes:
    """Return a gzip body unpacked, at most a little more of it than is allowed."""
    unpacker = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
    try:
        body = unpacker.decompress(packed, MAX_BYTES + 1)
    except zlib.error:
        raise unreadable("The body is not gzip.") from None
    if len(body) <= MAX_BYTES and not unpacker.eof:
        raise unreadable("The gzip body ends in the middle.")
    return body


def split_json(body: bytes) -> list[bytes]:
    """Return the texts of the events of a JSON body: of one event, or of an array of them."""
    try:
        if body.lstrip()[:1] == b"[":
            return [bytes(event) for event in msgspec.json.decode(body, type=list[msgspec.Raw])]
        msgspec.json.decode(body, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise unreadable("The body is not JSON.") from None
    return [body]


def from_headers(request: HttpRequest, body: bytes) -> bytes:
    """Return an event of CloudEvents' binary mode as JSON: its attributes stand in headers."""
    attributes: dict[str, object] = {
        name.lower().removeprefix("ce-"): unquote(value)
        for name, value in request.headers.items()
        if name.lower().startswith("ce-")
    }
    try:
        attributes["data"] = msgspec.json.decode(body) if body else None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise unreadable("The body is not JSON.") from None
    return msgspec.json.encode(attributes)


def unreadable(detail: str) -> ApiRefused:
    """Return the refusal of a body that cannot be read."""
    return ApiRefused(HTTPStatus.BAD_REQUEST, "unreadable", detail)


def too_large(detail: str) -> ApiRefused:
    """Return the refusal of a body that is too large."""
    return ApiRefused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", detail)
