"""Tables of usage."""

from collections.abc import Mapping
from typing import Any

import django_tables2 as tables
from django.http import HttpRequest
from django.urls import reverse

from accounts.tables import NUMBER
from usage.event_format import TYPES
from usage.models import Event, Intake
from usage.sessions import Direction

PRECISE = "j M Y, H:i:s.u"


class BotTable(tables.Table):
    """Bots with their totals: one `BotTotals` a row."""

    name = tables.Column(accessor="bot__name", verbose_name="Bot")
    key = tables.Column(accessor="bot__key", verbose_name="Key")
    status = tables.Column(accessor="bot__get_publish_status_display", verbose_name="Status")
    billing_sessions = tables.Column(verbose_name="Sessions this month", attrs=NUMBER)
    voice_sessions = tables.Column(verbose_name="Voice sessions this month", attrs=NUMBER)
    all_billing_sessions = tables.Column(verbose_name="Sessions in all", attrs=NUMBER)


WHEN = {"td": {"class": "text-nowrap"}}
CODED = {"td": {"class": "id"}}
TYPE_NAMES = {int(number): name for name, number in TYPES.items()}


class LogTable(tables.Table):
    """A list of the event log, newest first."""

    received_at = tables.DateTimeColumn(verbose_name="Received", format="j M Y, H:i:s", attrs=WHEN)

    def __init__(self, rows: Any, *, request: HttpRequest) -> None:  # Any: rows of any kind
        """Take the rows, in the order that stays: to sort them would read all."""
        super().__init__(rows, orderable=False, request=request)


class BatchTable(LogTable):
    """What became of batches."""

    source = tables.Column(verbose_name="Source", attrs=CODED)
    api_key = tables.Column(accessor="api_key__name", verbose_name="Sent with", default="import")
    received = tables.Column(empty_values=(), verbose_name="Received events", attrs=NUMBER)
    accepted = tables.Column(attrs=NUMBER)
    duplicate = tables.Column(verbose_name="Duplicates", attrs=NUMBER)
    differing = tables.Column(verbose_name="of these differing", attrs=NUMBER)
    rejected = tables.Column(verbose_name="Refused", attrs=NUMBER)

    def render_received(self, record: Intake) -> int:
        """Return how many events came."""
        return record.accepted + record.duplicate + record.rejected


class RejectedTable(LogTable):
    """Refused events."""

    code = tables.Column(attrs=CODED)
    detail = tables.Column(verbose_name="Reason")
    place = tables.Column(verbose_name="Place in the batch", attrs=NUMBER)
    subject = tables.Column(verbose_name="Bot", attrs=CODED)
    source = tables.Column(verbose_name="Source", attrs=CODED)
    event_id = tables.Column(verbose_name="Event id", attrs=CODED)


class EventTable(LogTable):
    """Accepted events."""

    at = tables.DateTimeColumn(verbose_name="Time of the event", format=PRECISE, attrs=WHEN)
    type = tables.Column()
    bot = tables.Column(accessor="bot__name", verbose_name="Bot")
    source = tables.Column(accessor="source__name", verbose_name="Source", attrs=CODED)
    event_id = tables.Column(
        verbose_name="Event id",
        attrs=CODED,
        linkify=lambda record, table: reverse(
            "usage:event_stream",
            args=[table.request.workspace.slug, record.stream_id],
        ),
    )

    def render_type(self, record: Event) -> str:
        """Return the name of the type, and what else says how the event counts."""
        return describe(record)


class StreamTable(tables.Table):
    """The events of one stream, in order."""

    at = tables.DateTimeColumn(verbose_name="Time of the event", format=PRECISE, attrs=WHEN)
    type = tables.Column()
    agent = tables.Column(attrs=CODED)
    source_id = tables.Column(verbose_name="Source", attrs=CODED)
    event_id = tables.Column(verbose_name="Event id", attrs=CODED)
    received_at = tables.DateTimeColumn(verbose_name="Received", format="j M Y, H:i:s", attrs=WHEN)

    def __init__(self, rows: Any, *, sources: Mapping[int, str]) -> None:  # Any: rows of any kind
        """Take the rows, and the names of sources."""
        super().__init__(rows, orderable=False)
        self.sources = sources

    def render_type(self, record: Event) -> str:
        """Return the name of the type, and what else says how the event counts."""
        return describe(record)

    def render_source_id(self, value: int) -> str:
        """Return the name of the source."""
        return self.sources.get(value, "")


def describe(event: Event) -> str:
    """Return an event's type, and what else says how it counts."""
    said = {
        f"from {Direction(event.direction).name.lower()}": event.direction != Direction.NONE,
        "voice": event.voice,
        "developer": event.developer,
        "test": event.test,
    }
    return ", ".join([TYPE_NAMES[event.type], *(word for word, holds in said.items() if holds)])
