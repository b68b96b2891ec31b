"""``GET sessions`` and ``GET conversations/{id}``: what the pages show, for programs."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any
from zoneinfo import ZoneInfo

from django.http import Http404, HttpRequest, QueryDict
from ninja import P, PathEx, QueryEx, Router, Schema

from accounts.access import ApiKeyAccess, ApiRefused, ApiRequest
from accounts.api import REFUSALS, Refusal
from accounts.models import Bot, Workspace
from accounts.tenancy import in_workspace
from usage.conversations import Known, NoConversation, read_conversation
from usage.explaining import explain
from usage.models import SessionKind
from usage.postgres_time import ORIGIN, from_count, to_count
from usage.session_forms import KIND_LABELS, STATE_LABELS, SessionFilter
from usage.session_queries import ListedSession, decode_cursor, list_sessions, name_conversation
from usage.sessions import RULE, SECOND
from usage.wording import LocalClock

MOST_AT_ONCE = 1000
FILTERS = ("from", "to", "bot", "channel", "kind", "user", "conversation", "timezone", "state")
TEXT = {"type": "string"}
TEXTS = {"type": "array", "items": TEXT}


def describe_filter(name: str, schema: dict[str, Any], text: str) -> dict[str, Any]:
    """Return a filter as the OpenAPI document has it."""
    return {"in": "query", "name": name, "schema": schema, "description": text}


DOCUMENTED = {
    "parameters": [
        describe_filter("from", TEXT, "A local date, or an instant with its offset from UTC."),
        describe_filter("to", TEXT, "Likewise; exclusive. Without both: the last 30 local days."),
        describe_filter("bot", TEXTS, "Keys of bots, each as a parameter of its own."),
        describe_filter("channel", TEXTS, "Channels, each as a parameter of its own."),
        describe_filter("kind", {**TEXT, "enum": list(KIND_LABELS)}, "Default: billing."),
        describe_filter("user", TEXT, "The user, or the beginning."),
        describe_filter("conversation", TEXT, "The conversation id, or the beginning."),
        describe_filter("timezone", TEXT, "Of local dates. Default: the workspace's."),
        describe_filter("state", {**TEXT, "enum": list(STATE_LABELS)}, "Default: completed."),
    ]
}

router = Router(tags=["Usage"], auth=ApiKeyAccess("usage.view"))


class Session(Schema):
    """A session: the columns of the export, and its place in its conversation."""

    session_id: str
    kind: str
    bot: str
    user: str
    channel: str
    conversation: str
    conversation_id: str | None
    conversation_started_at: datetime | None
    conversation_ended_at: datetime | None
    started_at: datetime
    ended_at: datetime
    number: int
    completed: bool
    rule: int


class SessionPage(Schema):
    """Some sessions, newest first; ``next`` is the cursor of the page that follows, if any."""

    timezone: str
    sessions: list[Session]
    next: str | None


class Block(Schema):
    """15 minutes of a conversation."""

    kind: str
    number: int
    started_at: datetime
    ended_at: datetime
    completed: bool


class Stretch(Schema):
    """A stretch of time."""

    started_at: datetime
    ended_at: datetime


class ConversationAnswer(Schema):
    """A conversation and why it is that many sessions.

    ``events_stored``: false where its events were removed; then agent time and reasons are unknown
    and empty. Lengths are in seconds.
    """

    id: str
    bot: str
    user: str
    channel: str
    conversation: str
    started_at: datetime
    ended_at: datetime
    closed: bool
    events_stored: bool
    bot_seconds: float | None
    agent_seconds: float | None
    usage_sessions: int
    voice_sessions: int
    rule: int
    timezone: str
    blocks: list[Block]
    agent_time: list[Stretch]
    reasons: list[str]


@router.get(
    "sessions",
    response={HTTPStatus.OK: SessionPage, REFUSALS: Refusal},
    openapi_extra=DOCUMENTED,
    summary="List sessions",
)
def get_sessions(
    request: ApiRequest,
    limit: QueryEx[int, P(ge=1, le=MOST_AT_ONCE)] = 100,
    cursor: QueryEx[str, P(max_length=80)] = "",
) -> SessionPage:
    """Return sessions, newest first. Pages stay what they are while newer sessions are added."""
    try:
        after = decode_cursor(cursor) if cursor else None
    except ValueError:
        raise ApiRefused(
            HTTPStatus.BAD_REQUEST, "bad_cursor", "The cursor is not one that this API returned."
        ) from None
    with in_workspace(request.auth.workspace_id):
        workspace = Workspace.objects.get(pk=request.auth.workspace_id)
        asked = SessionFilter(
            read_query(request),
            workspace=workspace,
            bots=Bot.objects.for_workspace(workspace),
            now=datetime.now(UTC),
        )
        if not asked.is_valid():
            raise ApiRefused(HTTPStatus.BAD_REQUEST, "bad_filter", asked.sentences[0])
        found = list_sessions(asked.cleaned_data["chosen"], limit=limit + 1, after=after)
    shown = found[:limit]
    return SessionPage(
        timezone=asked.zone.key,
        sessions=[make_session(session) for session in shown],
        next=shown[-1].cursor.encode() if len(found) > limit else None,
    )


def read_query(request: HttpRequest) -> QueryDict:
    """Return the filters of a request."""
    query = QueryDict(mutable=True)
    for name in FILTERS:
        query.setlist(name, request.GET.getlist(name))
    return query


def make_session(listed: ListedSession) -> Session:
    """Return a session as the API writes it."""
    row = listed.row
    return Session(
        **row._asdict() | {"kind": row.kind.label},
        conversation_id=listed.conversation_id,
        number=listed.number,
        completed=listed.completed,
    )


@router.get(
    "conversations/{id}",
    response={
        HTTPStatus.OK: ConversationAnswer,
        REFUSALS: Refusal,
        HTTPStatus.NOT_FOUND: Refusal,
    },
    summary="Explain a conversation",
)
def get_conversation(request: ApiRequest, id: PathEx[str, P(max_length=64)]) -> ConversationAnswer:
    """Return a conversation with its blocks and agent time, and why it is that many sessions."""
    with in_workspace(request.auth.workspace_id):
        workspace = Workspace.objects.get(pk=request.auth.workspace_id)
        try:
            known = read_conversation(
                workspace=workspace,
                bots=Bot.objects.for_workspace(workspace),
                name=id,
                now=datetime.now(UTC),
            )
        except NoConversation:
            raise Http404 from None
    return make_conversation(known, ZoneInfo(workspace.timezone))


def make_conversation(known: Known, zone: ZoneInfo) -> ConversationAnswer:
    """Return a conversation as the API writes it."""
    blocks = list_blocks(known)
    kinds = [block.kind for block in blocks]
    found = known.measured.conversation if known.measured else None
    stored_time = known.stored.bot_time if known.stored else None
    return ConversationAnswer(
        id=name_conversation(known.stream.key, known.started_at),
        bot=known.bot.key,
        user=known.stream.user,
        channel=known.stream.channel,
        conversation=known.stream.conversation,
        started_at=known.started_at,
        ended_at=known.ended_at,
        closed=found.closed if found else True,
        events_stored=found is not None,
        bot_seconds=found.bot_time / SECOND if found else to_seconds(stored_time),
        agent_seconds=sum(b - a for a, b in found.agent_time) / SECOND if found else None,
        usage_sessions=kinds.count(SessionKind.USAGE.label),
        voice_sessions=kinds.count(SessionKind.VOICE.label),
        rule=known.sessions[0].rule if known.sessions else RULE,
        timezone=zone.key,
        blocks=blocks,
        agent_time=[
            Stretch(started_at=from_count(a), ended_at=from_count(b))
            for a, b in (found.agent_time if found else ())
        ],
        reasons=explain(known.measured, LocalClock(zone, ORIGIN, to_count(known.started_at)))
        if known.measured
        else [],
    )


def to_seconds(length: timedelta | None) -> float | None:
    """Return a length in seconds, if it is known."""
    return None if length is None else length.total_seconds()


def list_blocks(known: Known) -> list[Block]:
    """Return the blocks as the rule lays them, or as they are stored where the events are gone."""
    if known.measured is None:
        return [
            Block(
                kind=SessionKind(session.kind).label,
                number=session.number,
                started_at=session.started_at,
                ended_at=session.ended_at,
                completed=session.completed,
            )
            for session in known.sessions
        ]
    found = known.measured.conversation
    return [
        Block(
            kind=kind.label,
            number=number,
            started_at=from_count(block.start),
            ended_at=from_count(block.end),
            completed=block.completed,
        )
        for kind, laid in (
            (SessionKind.USAGE, found.usage),
            (SessionKind.VOICE, found.voice_blocks),
        )
        for number, block in enumerate(laid, 1)
    ]
