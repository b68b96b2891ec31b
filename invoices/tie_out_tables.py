"""Tables of the tie-out: each row says how its numbers stand, and by how much they differ."""

from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import ClassVar
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import django_tables2 as tables
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from accounts.access import may
from accounts.days import DAY
from accounts.models import Membership
from accounts.months import Calendar
from accounts.tables import Table
from invoices import contracts
from invoices.board import DayTotal, State
from invoices.tie_out_rows import MINUS, Values, say_gap
from plans.tables import label
from plans.wording import Currency, say_amount, say_day, say_days

MOODS = {State.TIES: "good", State.OPEN: "busy", State.DIFFERS: "bad"}
Row = Values


def say_number(value: int) -> str:
    """Return a number in words, a negative one with its sign."""
    return f"{MINUS if value < 0 else ''}{abs(value):,}"


class NumberColumn(tables.Column):  # type: ignore[misc]  # the library has no types
    """A column of whole numbers."""

    def render(self, value: int) -> str:
        """Return a number in words."""
        return say_number(value)


def number(name: str) -> NumberColumn:
    """Return a column of numbers, which says its name on a phone."""
    return NumberColumn(verbose_name=name, attrs=label(name, "number"))


class TieOutTable(Table):
    """What the tables of all tabs have in common; rows are `invoices.tie_out_rows`."""

    state = tables.Column(verbose_name="State", attrs=label("State", "breaks"))

    class Meta:
        attrs: ClassVar = {"class": "table card-table dense"}
        sequence = ("...", "state")
        empty_values = (None,)

    def __init__(
        self, rows: list[Row], *, membership: Membership, calendar: Calendar, currency: Currency
    ) -> None:
        super().__init__(rows, empty_text="")
        self.membership = membership
        self.calendar = calendar
        self.zone = ZoneInfo(membership.workspace.timezone)
        self.currency = currency

    def find(self, page: str, **query: object) -> str:
        """Return the address of a page of the workspace with a query."""
        address = reverse(page, args=[self.membership.workspace.slug])
        given = {name: value for name, value in query.items() if value not in ("", None)}
        return f"{address}?{urlencode(given)}"

    @cached_property
    def has_orders(self) -> bool:
        """Whether there are pages of orders: under a contract there are none."""
        return not contracts.holds(self.membership)

    def link_order(self, number: int, text: str, hint: str = "") -> SafeString | str:
        """Return a text that leads to an order, where orders have pages."""
        if not self.has_orders:
            return text
        address = reverse("invoices:order", args=[self.membership.workspace.slug, number])
        return link(address, text, hint)

    def render_state(self, record: Row) -> SafeString:
        """Return how a row stands, with each difference and what else there is to say."""
        state = State(record["state"])
        gaps = [say_gap(gap) for gap in record["row"].gaps]
        said = [(one,) for one in gaps or [record.get("note", "")] if one]
        below = format_html_join("", '<span class="below">{}</span>', said)
        return format_html("{}{}", badge(state, state.label), below)


def badge(state: State, text: str) -> SafeString:
    """Return a badge in the color of a state."""
    return format_html('<span class="badge status {}">{}</span>', MOODS[state], text)


def lead(address: str, value: int, hint: str) -> SafeString | str:
    """Return a number that leads to what it is of; none leads nowhere."""
    return link(address, say_number(value), hint) if value else say_number(value)


def link(address: str, text: str, hint: str = "") -> SafeString:
    """Return a link, with what a screen reader says beside its text."""
    hidden = format_html('<span class="visually-hidden"> {}</span>', hint) if hint else ""
    return format_html('<a href="{}">{}{}</a>', address, text, hidden)


class DayTable(TieOutTable):
    """Local days with all that came in and was used on them."""

    day = tables.Column(verbose_name="Day", attrs=label("Day", "text-nowrap"))
    received = number("Received")
    accepted = number("Accepted")
    duplicate = number("Duplicate")
    rejected = number("Refused")
    stored = number("Stored")
    sessions = number("Sessions")
    charged = number("Charged")
    by_month = number("By month")
    open = number("Open")

    class Meta(TieOutTable.Meta):
        pass

    def render_day(self, value: date) -> str:
        """Return the day."""
        return say_day(value)

    def render_received(self, value: int, record: Row) -> SafeString | str:
        """Return how many came in, which leads to their sources."""
        return self.lead("receipts", value, record["day"], "events by source")

    def render_sessions(self, value: int, record: Row) -> SafeString | str:
        """Return how many were counted, which leads to their bots."""
        return self.lead("sessions", value, record["day"], "sessions by bot")

    def lead(self, tab: str, value: int, day: date, hint: str) -> SafeString | str:
        """Return a number that leads to the rows of a day that make it."""
        address = self.find("invoices:tie_out", show=tab, kind="all", first=day, last=day)
        return lead(address, value, hint)

    def render_state(self, record: Row) -> SafeString:
        """Return how a day stands."""
        total: DayTotal = record["row"]
        count = total.differences
        text = f"{count} difference{'s' if count != 1 else ''}" if count else total.state.label
        said = "Some came before all was counted." if total.is_earlier else ""
        said = "The day is not over." if not total.is_over else said
        below = format_html('<span class="below">{}</span>', said) if said else ""
        return format_html("{}{}", badge(total.state, text), below)


class ReceiptTable(TieOutTable):
    """What came in on local days, by source."""

    day = tables.Column(verbose_name="Day", attrs=label("Day", "text-nowrap"))
    source = tables.Column(
        verbose_name="Source",
        empty_values=(),
        attrs={"td": {"class": "id breaks", "data-label": "Source"}},
    )
    received = number("Received")
    accepted = number("Accepted")
    duplicate = number("Duplicate")
    rejected = number("Refused")
    stored = number("Stored")
    removed = number("Removed")

    class Meta(TieOutTable.Meta):
        pass

    def render_day(self, value: date, record: Row) -> SafeString | str:
        """Return the day, which leads to its batches for those who see the event log."""
        if not may(self.membership, "developers.view"):
            return say_day(value)
        address = self.find(
            "usage:event_log", show="batches", source=record["source"], first=value, last=value
        )
        return link(address, say_day(value), "in the event log")

    def render_source(self, value: str, record: Row) -> SafeString | str:
        """Return the source, and of how many events less is known."""
        said = value or "(none could be read)"
        if uncounted := record["uncounted"]:
            before = f"{uncounted:,} came before receipts were counted"
            return format_html('{}<span class="below">{}</span>', said, before)
        return said


class CountTable(TieOutTable):
    """What was counted and charged of bots by local day."""

    day = tables.Column(verbose_name="Day", attrs=label("Day", "text-nowrap"))
    bot = tables.Column(verbose_name="Bot", attrs=label("Bot", "breaks"))
    plan = tables.Column(verbose_name="Plan", attrs=label("Plan"))
    meter = tables.Column(verbose_name="Meter", attrs=label("Meter"))
    sessions = number("Counted")
    totals = number("In totals")
    posted = number("Posted")
    charged = number("Charged")
    stated = number("On statements")
    open = number("Open")

    class Meta(TieOutTable.Meta):
        pass

    def render_day(self, value: date) -> str:
        """Return the day."""
        return say_day(value)

    def render_sessions(self, value: int, record: Row) -> SafeString | str:
        """Return how many were counted, which leads to the sessions."""
        address = sessions_of(self, record, record["day"], record["day"])
        return lead(address, value, f"sessions of {record['bot']}")


def sessions_of(table: TieOutTable, record: Row, first: date, last: date) -> str:
    """Return the address of a bot's sessions of some local days, of any kind and state.

    As instants, since the zone of the pages may be another by now.
    """
    starts_at, ends_at = map(table.calendar.start_of, (first, last + DAY))
    return table.find(
        "usage:session_list",
        bot=record["bot_key"],
        kind="all",
        state="all",
        timezone=table.calendar.zone_of(first).key,
        **{"from": starts_at.isoformat(), "to": ends_at.isoformat()},
    )


class StretchTable(TieOutTable):
    """What bots used on plans without credits, and what of it was ordered."""

    first = tables.Column(verbose_name="Days", attrs=label("Days", "text-nowrap"))
    bot = tables.Column(verbose_name="Bot", attrs=label("Bot", "breaks"))
    plan = tables.Column(verbose_name="Plan", attrs=label("Plan"))
    meter = tables.Column(verbose_name="Meter", attrs=label("Meter"))
    used = number("Used")
    included = number("Included")
    ordered = number("Ordered")
    late = number("Late")
    credited = number("Credited")
    open = number("Open")

    class Meta(TieOutTable.Meta):
        pass

    def render_first(self, value: date, record: Row) -> str:
        """Return the days."""
        return say_days(value, record["last"])

    def render_used(self, value: int, record: Row) -> SafeString | str:
        """Return how many were used, which leads to the sessions; seats have none."""
        if not record["row"].counts_days:
            return say_number(value)
        address = sessions_of(self, record, record["first"], record["last"])
        return lead(address, value, f"sessions of {record['bot']}")

    def render_ordered(self, value: int, record: Row) -> SafeString | str:
        """Return how many were ordered, which leads to the latest order."""
        if record["row"].ordered.order is None:
            return say_number(value)
        hint = f"on order {record['order']}"
        return self.link_order(record["row"].ordered.order, say_number(value), hint)


class SumTable(TieOutTable):
    """Orders for plans, their lines and their invoices."""

    order = tables.Column(verbose_name="Order", attrs=label("Order", "text-nowrap"))
    placed_at = tables.Column(verbose_name="Placed", attrs=label("Placed", "text-nowrap"))
    net = tables.Column(verbose_name="Net", attrs=label("Net", "amount"))
    lines = tables.Column(verbose_name="Its lines", attrs=label("Its lines", "amount"))
    invoice = tables.Column(
        verbose_name="Its invoice", attrs=label("Its invoice", "amount"), default="–"
    )

    class Meta(TieOutTable.Meta):
        pass

    def render_order(self, value: str, record: Row) -> SafeString | str:
        """Return the number, which leads to the order."""
        return self.link_order(record["row"].number, value)

    def render_placed_at(self, value: datetime) -> str:
        """Return the local day and time."""
        local = value.astimezone(self.zone)
        return f"{say_day(local.date())}, {local:%H:%M}"

    def render_net(self, value: Decimal) -> str:
        """Return an amount with its currency."""
        return say_amount(value, self.currency)

    render_lines = render_net
    render_invoice = render_net


TABLES: dict[str, type[TieOutTable]] = {
    "": DayTable,
    "receipts": ReceiptTable,
    "sessions": CountTable,
    "stretches": StretchTable,
    "orders": SumTable,
}
