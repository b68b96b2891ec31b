"""Tables of sessions and of what a conversation is made of."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from zoneinfo import ZoneInfo

import django_tables2 as tables
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django_tables2.data import TableData

from accounts.models import Workspace
from accounts.tables import NUMBER, Table
from usage.models import SessionKind
from usage.postgres_time import MICROSECOND
from usage.session_queries import Chosen, ListedSession, list_sessions
from usage.wording import say_length

Plain = partial(tables.Column, orderable=False)
ID = {"td": {"class": "id name"}}


class SessionPages(TableData):
    """Chosen sessions, of which a page is read when it is asked for."""

    oldest_first = False

    def order_by(self, aliases: Sequence[str]) -> None:
        """Take the order; it is that of the start, one way or the other."""
        self.oldest_first = tuple(aliases) == ("started",)

    def __getitem__(self, key: slice) -> list[ListedSession]:
        """Return the sessions at some places."""
        return list_sessions(
            self.data,
            limit=key.stop - key.start,
            offset=key.start,
            oldest_first=self.oldest_first,
        )


class SessionTable(Table):
    """Sessions, newest first; they can be ordered by their start only, which an index has."""

    started = tables.Column(accessor="row__started_at", verbose_name="Started")
    kind = Plain(accessor="row__kind", verbose_name="Kind")
    bot = Plain(accessor="bot_name", verbose_name="Bot")
    user = Plain(accessor="row__user", verbose_name="User", attrs=ID, default="–")
    channel = Plain(accessor="row__channel", verbose_name="Channel", default="–")
    conversation = Plain(
        accessor="row__conversation", verbose_name="Conversation", attrs=ID, default="–"
    )
    length = Plain(accessor="row", verbose_name="Length", attrs=NUMBER)
    number = Plain(accessor="number", verbose_name="Number", attrs=NUMBER)
    state = Plain(accessor="completed", verbose_name="State")

    def __init__(self, chosen: Chosen, *, workspace: Workspace, zone: ZoneInfo) -> None:
        super().__init__(SessionPages(chosen), order_by="-started")
        self.workspace = workspace
        self.zone = zone

    def render_started(self, value: datetime, record: ListedSession) -> SafeString:
        """Return the local time, which leads to the conversation."""
        said = show_instant(value, self.zone)
        if record.conversation_id is None:
            return said
        return format_html('<a href="{}">{}</a>', self.find_conversation(record), said)

    def render_kind(self, value: SessionKind) -> SafeString:
        """Return a badge."""
        return format_html('<span class="badge status kind-{}">{}</span>', value.label, value.label)

    def render_length(self, record: ListedSession) -> str:
        """Return how long the session is; alerts have no length."""
        if record.conversation_id is None:
            return "–"
        return say_length((record.row.ended_at - record.row.started_at) // MICROSECOND)

    def render_number(self, record: ListedSession) -> SafeString | str:
        """Return its place in its conversation, which leads to why there are so many."""
        if not record.of:
            return "–"
        return format_html(
            '<a class="text-nowrap" href="{}" data-drawer aria-label="{}: why?">{}</a>',
            self.find_conversation(record),
            *2 * [f"{record.number} of {record.of}"],
        )

    def find_conversation(self, record: ListedSession) -> str:
        """Return the address of a session's conversation."""
        return reverse("usage:conversation", args=[self.workspace.slug, record.conversation_id])

    def render_state(self, value: bool) -> SafeString:
        """Return whether it counts."""
        status, text = ("good", "Completed") if value else ("busy", "Open")
        return format_html('<span class="badge status {}">{}</span>', status, text)


def show_instant(at: datetime, zone: ZoneInfo) -> SafeString:
    """Return an instant as local time with its machine-readable form."""
    local = at.astimezone(zone)
    said = f"{local.day} {local:%b %Y, %H:%M:%S}"
    return format_html('<time class="text-nowrap" datetime="{}">{}</time>', local.isoformat(), said)
