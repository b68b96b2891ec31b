"""Pages from a number to its sessions, and from a session to why it is one."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.db.models import QuerySet
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import require_GET, require_safe
from django_tables2 import LazyPaginator

from accounts import chips
from accounts.access import WorkspaceRequest, workspace_view
from accounts.exports import record_download, refuse, write_csv
from accounts.models import Bot, Workspace
from accounts.tables import show_page
from accounts.tenancy import in_workspace
from usage import exports
from usage.conversations import Known, NoConversation, read_conversation
from usage.counting_examples import list_examples
from usage.explaining import Measured, closes_after, describe_events, explain
from usage.models import SessionKind
from usage.postgres_time import MICROSECOND, ORIGIN, from_count, to_count
from usage.session_forms import SessionFilter
from usage.session_queries import Chosen, has_sessions, read_chosen
from usage.session_tables import SessionTable
from usage.sessions import RULE, Direction
from usage.timeline import draw, name_event
from usage.wording import LocalClock, say_length

EDGE = 200  # so many of the first and last rows of a long table are shown


def visible_bots(request: WorkspaceRequest) -> QuerySet[Bot]:
    """Return the bots that the person may see."""
    return Bot.objects.for_workspace(request.workspace).visible_to(request.membership)


def read_filter(request: WorkspaceRequest) -> SessionFilter:
    """Return what the address asks for."""
    return SessionFilter(
        request.GET,
        workspace=request.workspace,
        bots=visible_bots(request),
        now=datetime.now(UTC),
    )


@workspace_view("usage.view")
@require_safe
def session_list(request: WorkspaceRequest) -> HttpResponse:
    """Show sessions, newest first."""
    asked = read_filter(request)
    context: dict[str, Any] = {"filter": asked}  # Any: a template's context is free
    if asked.is_valid():
        chosen = asked.cleaned_data["chosen"]
        table = SessionTable(chosen, workspace=request.workspace, zone=asked.zone)
        show_page(table, request, paginator=LazyPaginator)
        context |= {
            "table": table,
            "period": chosen.period,
            "nothing_yet": not table.page.object_list
            and not has_sessions(
                workspace_id=request.workspace.pk,
                bots=list(visible_bots(request).values_list("pk", flat=True)),
            ),
        }
    context |= {
        "zone": asked.zone.key,
        "chips": [
            chips.make(request.GET, name, value, label=label)
            for name, value, label in asked.list_set()
        ],
        "address": reverse("usage:session_list", args=[request.workspace.slug]),
    }
    return render(request, "usage/session_list.html", context)


@workspace_view("usage.view")
@require_GET
def session_export(request: WorkspaceRequest) -> HttpResponse | StreamingHttpResponse:
    """Download all sessions that the list shows with the same filters, oldest first."""
    asked = read_filter(request)
    if not asked.is_valid():
        return refuse(asked)
    chosen = asked.cleaned_data["chosen"]
    name = f"sessions-{request.workspace.slug}-{chosen.period.starts_at:%Y-%m-%d}.csv"
    record_download(
        "sessions.exported", workspace=request.workspace, file=name, form=asked, query=request.GET
    )
    return StreamingHttpResponse(
        write_sessions(chosen),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def write_sessions(chosen: Chosen) -> Iterator[str]:
    """Yield the text of the export, in a transaction of its own: the view's is over by then."""
    with in_workspace(chosen.workspace_id):
        rows = map(exports.guarded_session_values, read_chosen(chosen))
        yield from write_csv(exports.SESSION_COLUMNS, rows)


@workspace_view("usage.view")
@require_safe
def conversation(request: WorkspaceRequest, name: str) -> HttpResponse:
    """Show a conversation and why it is that many sessions; in a drawer only why."""
    now = datetime.now(UTC)
    try:
        known = read_conversation(
            workspace=request.workspace, bots=visible_bots(request), name=name, now=now
        )
    except NoConversation:
        raise Http404 from None
    zone = ZoneInfo(request.workspace.timezone)
    context = {
        "known": known,
        "zone": zone.key,
        "rule": known.sessions[0].rule if known.sessions else RULE,
        "usage_address": find_usage_page(
            request.workspace, known.bot, day=known.started_at.astimezone(zone)
        ),
        "sessions_address": reverse("usage:session_list", args=[request.workspace.slug]),
    }
    context |= (
        show_measured(known, known.measured, zone) if known.measured else show_stored(known, zone)
    )
    in_drawer = request.htmx and request.htmx.target == "drawer"
    template = "_conversation_drawer" if in_drawer else "conversation"
    response = render(request, f"usage/{template}.html", context)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    return response


def show_measured(known: Known, measured: Measured, zone: ZoneInfo) -> dict[str, Any]:
    """Return what the page shows of a conversation whose events are there."""
    found = measured.conversation
    clock = LocalClock(zone, ORIGIN, found.start)
    meanings = describe_events(measured)
    events = [
        (
            clock.say(event.at),
            name_event(event),
            Direction(event.direction).name.lower() if event.direction else "–",
            event.agent or "–",
            meaning,
        )
        for event, meaning in zip(measured.run.events, meanings, strict=True)
    ]
    blocks = [
        (kind, number, clock.say(block.start), clock.say(block.end), block.completed)
        for kind, laid in (("usage", found.usage), ("voice", found.voice_blocks))
        for number, block in enumerate(laid, 1)
    ]
    return {
        "clock": clock,
        "drawing": draw(measured, clock),
        "sentences": explain(measured, clock),
        "events": leave_out_middle(events),
        "blocks": leave_out_middle(blocks),
        "bot_time": say_length(found.bot_time),
        "agent_time": say_length(sum(end - start for start, end in found.agent_time)),
        "usage_count": len(found.usage),
        "voice_count": len(found.voice_blocks),
        "voice": found.voice,
        "closed": found.closed,
        "closes_after": from_count(closes_after(found)),
        "uncounted": not known.sessions and bool(found.usage or found.voice_blocks),
    }


def show_stored(known: Known, zone: ZoneInfo) -> dict[str, Any]:
    """Return what the page shows of a conversation whose events were removed."""
    clock = LocalClock(zone, ORIGIN, to_count(known.started_at))
    blocks = [
        (
            SessionKind(session.kind).label,
            session.number,
            clock.say(to_count(session.started_at)),
            clock.say(to_count(session.ended_at)),
            session.completed,
        )
        for session in known.sessions
    ]
    stored = known.stored
    kinds = [session.kind for session in known.sessions]
    return {
        "blocks": leave_out_middle(blocks),
        "bot_time": say_length(stored.bot_time // MICROSECOND) if stored else "–",
        "usage_count": kinds.count(SessionKind.USAGE),
        "voice_count": kinds.count(SessionKind.VOICE),
        "voice": SessionKind.VOICE in kinds,
        "closed": True,
    }


class Shown(NamedTuple):
    """The rows of a long table that are shown; None stands where ``hidden`` ones are left out."""

    rows: list[Any]
    hidden: int


def leave_out_middle(rows: list[Any]) -> Shown:
    """Return all rows where they are few, else the first and the last."""
    hidden = len(rows) - 2 * EDGE
    if hidden <= 0:
        return Shown(rows, 0)
    return Shown([*rows[:EDGE], None, *rows[-EDGE:]], hidden)


def find_usage_page(workspace: Workspace, bot: Bot, *, day: datetime) -> str:
    """Return the address of the Usage page for a local day and a bot."""
    query = {"range": "custom", "first": day.date(), "last": day.date(), "bot": bot.key}
    return f"{reverse('usage:usage', args=[workspace.slug])}?{urlencode(query)}"


@workspace_view("usage.view")
@require_safe
def counting_help(request: WorkspaceRequest) -> HttpResponse:
    """Say how sessions are counted, with worked time lines."""
    return render(request, "usage/counting_help.html", {"examples": list_examples()})
