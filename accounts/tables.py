"""What the tables of all apps have in common, and those of bots, keys, people and the audit log.

Look and template are settings of django-tables2. Empty tables are not shown: the page says what is
missing (components/empty.html).
"""

from collections.abc import Iterator
from datetime import date
from typing import Any, NamedTuple

import django_tables2 as tables
from django.core.paginator import EmptyPage, Paginator
from django.http import HttpRequest
from django.urls import reverse
from django_tables2.columns import BoundColumn
from django_tables2.rows import BoundRow

from accounts import audit_log
from accounts.mail_kinds import KINDS
from accounts.models import ApiKey, AuditEntry, Bot, Mail, Membership

NUMBER = {
    "th": {"class": "number"},
    "td": {"class": "number"},
    "tf": {"class": "number"},
}
WHEN = {"td": {"class": "text-nowrap"}}
ROWS_A_PAGE = 50
MOST_PAGES = 1000  # beyond, a narrower filter is the way


class Table(tables.Table):
    """A table as the page shows it (components/table.html).

    ``title`` tells it from the others where a page has several.
    """

    title = "Table"

    def list_rows(self) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
        """Yield the rows of the page with their cells, each with its attributes as HTML.

        A cell has those of its column, which django-tables2 puts together anew for each cell; of
        the rows' own, only a table that has some pays for them.
        """
        columns = [(column, column.attrs["td"].as_html()) for column in self.columns]
        for row in self.paginated_rows:
            cells = [(attrs, self.render_cell(row, column)) for column, attrs in columns]
            yield row.attrs.as_html() if self.row_attrs else "", cells

    def render_cell(self, row: BoundRow, column: BoundColumn) -> Any:  # Any: what a column renders
        """Return what stands in a cell."""
        return row.get_cell(column.name)


def show_page(
    table: tables.Table, request: HttpRequest, *, paginator: "type[Paginator[Any]]" = Paginator
) -> None:
    """Order a table as the address asks, and choose its page.

    What is no page is the first; what lies too far is the last, or with ``LazyPaginator`` the
    first. How many rows a page has is nothing that an address may say.
    """
    table.request = request
    order_by = request.GET.getlist(table.prefixed_order_by_field)
    if order_by and table.orderable:
        table.order_by = order_by
    try:
        table.paginate(paginator, ROWS_A_PAGE, read_page(request))
    except EmptyPage:
        table.paginate(paginator, ROWS_A_PAGE, table.paginator.num_pages or 1)


def read_page(request: HttpRequest) -> int:
    """Return the number of the page that an address asks for."""
    text = request.GET.get("page", "")
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else 1
    return min(max(number, 1), MOST_PAGES)


class BotRow(NamedTuple):
    """A bot as the list shows it; ``sessions``: billing sessions of the month."""

    bot: Bot
    owner: str
    shares: int
    sessions: int
    created_on: date

    @property
    def sorts_as(self) -> tuple[str, str]:
        """The name without regard to capitals, then the key."""
        return self.bot.name.casefold(), self.bot.key


def link_bot(record: BotRow, table: tables.Table) -> str:
    """Return the address of a bot's page."""
    return reverse("accounts:bot", args=[table.request.workspace.slug, record.bot.pk])


class BotTable(Table):
    """Bots: one `BotRow` a row."""

    name = tables.Column(
        accessor="bot__name", verbose_name="Name", linkify=link_bot, order_by="sorts_as"
    )
    key = tables.Column(
        accessor="bot__key", verbose_name="Key", attrs={"td": {"class": "id breaks"}}
    )
    owner = tables.Column(verbose_name="Owner", empty_values=(None, ""), default="–")
    status = tables.TemplateColumn(
        template_name="accounts/_bot_status.html",
        accessor="bot__publish_status",
        verbose_name="Publish status",
    )
    shares = tables.Column(verbose_name="Shared with", attrs=NUMBER)
    sessions = tables.Column(verbose_name="Sessions this month", attrs=NUMBER)
    created_on = tables.Column(verbose_name="Created")

    class Meta:
        order_by = "name"

    def render_created_on(self, value: date) -> str:
        """Return the day; a template for each row would take longer than all else."""
        return f"{value:%-d %b %Y}"


class PersonRow(NamedTuple):
    """A person as the list shows them; ``changeable``: the reader may change their role."""

    member: Membership
    bots: int
    second_factor: bool
    itself: bool
    changeable: bool

    @property
    def sorts_as(self) -> tuple[str, str]:
        """The name without regard to capitals, then the mail address."""
        return self.member.user.known_as.casefold(), self.member.user.email

    @property
    def signed_in(self) -> float:
        """The last sign-in as a number; nobody's is the least."""
        last = self.member.user.last_login
        return last.timestamp() if last else 0.0


class PersonTable(Table):
    """People of a workspace: one `PersonRow` a row."""

    name = tables.TemplateColumn(
        template_name="accounts/_person.html", accessor="member", order_by="sorts_as"
    )
    role = tables.Column(accessor="member__get_role_display")
    bots = tables.TemplateColumn(
        template_name="accounts/_person_bots.html", verbose_name="Bots owned", attrs=NUMBER
    )
    last_login = tables.TemplateColumn(
        template_name="components/instant.html",
        accessor="member__user__last_login",
        verbose_name="Last sign-in",
        empty_values=(),
        order_by="signed_in",
    )
    second_factor = tables.TemplateColumn(
        template_name="accounts/_second_factor.html", verbose_name="Second factor"
    )
    actions = tables.TemplateColumn(
        template_name="accounts/_person_actions.html",
        accessor="member",
        verbose_name="Actions",
        orderable=False,
    )

    class Meta:
        order_by = "name"


class KeyTable(Table):
    """API keys; never anything by which one could be used."""

    name = tables.Column()
    start = tables.Column(verbose_name="Begins with", attrs={"td": {"class": "id"}})
    scopes = tables.TemplateColumn(template_name="accounts/_scopes.html", orderable=False)
    created_at = tables.TemplateColumn(
        template_name="components/instant.html", verbose_name="Created"
    )
    expires_at = tables.TemplateColumn(
        template_name="components/instant.html", verbose_name="Expires", empty_values=()
    )
    last_used_at = tables.TemplateColumn(
        template_name="components/instant.html", verbose_name="Last used", empty_values=()
    )
    status = tables.TemplateColumn(
        template_name="accounts/_key_status.html",
        accessor="revoked_at",
        verbose_name="Status",
        empty_values=(),
    )

    class Meta:
        model = ApiKey
        fields = ("name", "start", "scopes", "created_at", "expires_at", "last_used_at")
        sequence = (*fields, "status")

    def render_start(self, value: str) -> str:
        """Return the first letters, marked as such."""
        return f"{value}…"


class AuditTable(Table):
    """Entries of the audit log, newest first: to sort them otherwise would read all."""

    at = tables.DateTimeColumn(verbose_name="When", format="j M Y, H:i:s", attrs=WHEN)
    actor_name = tables.Column(
        verbose_name="Who", empty_values=(), attrs={"td": {"class": "breaks"}}
    )
    action = tables.Column()
    target = tables.Column(default="–", attrs={"td": {"class": "breaks"}})
    changes = tables.TemplateColumn(
        template_name="accounts/_audit_changes.html",
        accessor="pk",
        verbose_name="Before and after",
        attrs={"td": {"class": "changes"}},
    )

    class Meta:
        orderable = False

    def render_actor_name(self, record: AuditEntry) -> str:
        """Return who acted."""
        return audit_log.name_actor(record)

    def render_action(self, value: str) -> str:
        """Return what was done in words."""
        return audit_log.name_action(value)


def link_mail(record: Mail) -> str:
    """Return the address of a mail's page."""
    return reverse("mails_operator:mail", args=[record.pk])


class MailTable(Table):
    """Mails of all workspaces, newest first; times in UTC."""

    created_at = tables.DateTimeColumn(
        verbose_name="Of", format="j M Y, H:i", attrs=WHEN, linkify=link_mail
    )
    workspace = tables.Column(accessor="workspace__slug", verbose_name="Workspace")
    kind = tables.Column(verbose_name="Kind")
    address = tables.Column(verbose_name="To", attrs={"td": {"class": "breaks"}})
    state = tables.TemplateColumn(template_name="operator/_mail_state.html", verbose_name="State")
    attempts = tables.Column(verbose_name="Attempts", attrs=NUMBER)

    class Meta:
        model = Mail
        fields = ("created_at", "workspace", "kind", "address", "state", "attempts")
        orderable = False

    def render_kind(self, value: str) -> str:
        """Return what a kind is called."""
        return KINDS[value].name if value in KINDS else value
