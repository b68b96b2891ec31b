"""Tables of usage."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import django_tables2 as tables
from django.urls import reverse
from django.utils.html import format_html
from django_tables2.columns import BoundColumn
from django_tables2.rows import BoundRow

from accounts.tables import NUMBER, WHEN, Table
from usage.charts import describe
from usage.event_format import TYPES
from usage.links import SessionLinks
from usage.models import Event, Intake
from usage.report_queries import BotUsage, PeriodUsage, Usage
from usage.reports import Report
from usage.sessions import Direction

PRECISE = "j M Y, H:i:s.u"


class CountColumn(tables.Column):
    """A number of one row, with the total below; it leads to its sessions where ``kind`` is given.

    ``name`` is the one in `Counts`.
    """

    def __init__(self, name: str, *, label: str, kind: str = "") -> None:
        super().__init__(accessor=f"counts__{name}", verbose_name=label, attrs=NUMBER)
        self.kind = kind
        self.name = name

    def render(self, value: int, record: Any, table: "UsageTable") -> str:  # Any: see UsageTable
        """Return the number, with a link unless it is zero."""
        if not value or not self.kind:
            return f"{value:,}"
        address = table.find_address(record, self.kind)
        return format_html('<a href="{}">{}</a>', address, f"{value:,}")

    def render_footer(self, table: "UsageTable") -> str:
        """Return the total of all rows, also of those on other pages."""
        return f"{getattr(table.usage.total, self.name):,}"


class Charged(NamedTuple):
    """What to show as charged of each row, and below them."""

    of_row: Callable[[Any], str]  # Any: as the rows of the table
    total: str


class UsageTable(Table):
    """What was used by period or by bot; the numbers lead to their sessions.

    ``channels``: it is of some channels only, so that there is no number of agents, who have none.
    ``charged``: None for those who see no money.
    """

    billing_sessions = CountColumn("billing_sessions", label="Sessions", kind="billing")
    usage_sessions = CountColumn("usage_sessions", label="Usage", kind="usage")
    alert_sessions = CountColumn("alert_sessions", label="Alerts", kind="alert")
    voice_sessions = CountColumn("voice_sessions", label="Voice sessions", kind="voice")
    conversations = CountColumn("conversations", label="Conversations")
    notifications = CountColumn("notifications", label="Notifications", kind="notification")
    agents = tables.Column(
        verbose_name="Agents",
        attrs=NUMBER,
        footer=lambda table: table.render_agents(table.usage.agents),
    )
    charged = tables.Column(
        empty_values=(),
        orderable=False,
        verbose_name="Charged",
        attrs=NUMBER,
        footer=lambda table: table.charged.total,
    )

    def __init__(
        self,
        rows: Sequence[Any],  # Any: each kind of table has its own
        usage: Usage,
        report: Report,
        *,
        find_address: Callable[[Any, str], str],
        channels: bool,
        charged: Charged | None,
    ) -> None:
        """Take the rows, and what returns the address of a row's sessions of a kind."""
        self.usage = usage
        self.report = report
        self.find_address = find_address
        self.channels = channels
        self.charged = charged
        super().__init__(rows, exclude=() if charged else ("charged",))

    def render_charged(self, record: Any) -> str:  # Any: see above
        """Return what a row cost."""
        return self.charged.of_row(record) if self.charged else ""

    def render_cell(self, row: BoundRow, column: BoundColumn) -> Any:  # Any: as of `Table`
        """Return what stands in a cell; a number without asking which arguments it takes."""
        if isinstance(count := column.column, CountColumn):
            return count.render(getattr(row.record.counts, count.name), row.record, self)
        return super().render_cell(row, column)

    def render_agents(self, value: int) -> str:
        """Return the number, or a dash where only some channels are shown: agents have none."""
        return "–" if self.channels else f"{value:,}"


class PeriodTable(UsageTable):
    """One row for each period of a report."""

    period = tables.Column(verbose_name="Date", footer="Total")

    class Meta:
        sequence = ("period", "...")

    def __init__(
        self,
        usage: Usage,
        report: Report,
        *,
        links: SessionLinks,
        channels: bool,
        charged: Charged | None = None,
    ) -> None:
        """Take the periods, the latest first."""

        def find_address(row: PeriodUsage, kind: str) -> str:
            return links.find_address(kind, row.period)

        rows = usage.by_period[::-1]
        super().__init__(
            rows, usage, report, find_address=find_address, channels=channels, charged=charged
        )

    def render_period(self, record: PeriodUsage) -> str:
        """Return the period in words."""
        return describe(record.period, self.report.grain, self.report.zone)


class BotUsageTable(UsageTable):
    """One row for each bot of a report."""

    bot = tables.Column(accessor="bot__name", verbose_name="Bot", footer="Total")

    class Meta:
        sequence = ("bot", "...")

    def __init__(
        self,
        usage: Usage,
        report: Report,
        *,
        links: SessionLinks,
        channels: bool,
        charged: Charged | None = None,
    ) -> None:
        """Take the bots, the most used first."""

        def find_address(row: BotUsage, kind: str) -> str:
            return links.find_address(kind, report.whole, bot=row.bot.key)

        rows = usage.by_bot
        super().__init__(
            rows, usage, report, find_address=find_address, channels=channels, charged=charged
        )

    def render_bot(self, record: BotUsage) -> str:
        """Return the name, and the key where it says more."""
        name, key = record.bot.name, record.bot.key
        if name == key:
            return name
        return format_html('{} <span class="text-secondary">{}</span>', name, key)


CODED = {"td": {"class": "id"}}
TYPE_NAMES = {int(number): name for name, number in TYPES.items()}


class LogTable(Table):
    """A list of the event log, newest first."""

    received_at = tables.DateTimeColumn(verbose_name="Received", format="j M Y, H:i:s", attrs=WHEN)

    def __init__(self, rows: Any) -> None:  # Any: rows of any kind
        """Take the rows, in the order that stays: to sort them would read all."""
        super().__init__(rows, orderable=False)


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
        return describe_event(record)


class StreamTable(Table):
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
        return describe_event(record)

    def render_source_id(self, value: int) -> str:
        """Return the name of the source."""
        return self.sources.get(value, "")


def describe_event(event: Event) -> str:
    """Return an event's type, and what else says how it counts."""
    said = {
        f"from {Direction(event.direction).name.lower()}": event.direction != Direction.NONE,
        "voice": event.voice,
        "developer": event.developer,
        "test": event.test,
    }
    return ", ".join([TYPE_NAMES[event.type], *(word for word, holds in said.items() if holds)])
