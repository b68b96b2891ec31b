"""What a proof reads: what is claimed, and from what it is to follow. Both are plain JSON.

Amounts are texts of decimals, instants ISO 8601 in UTC with microseconds, days ISO 8601. Bots are
named by their keys, versions of plans by code and number. Standard library only: this package is
handed out with the bundles of proofs.
"""

import json
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, NamedTuple, TypedDict

EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
DAY = timedelta(days=1)
NONE = Decimal(0)

USAGE_METERS = ("billing_sessions", "conversations", "alert_sessions", "voice_sessions")
SEAT_METERS = ("agents", "agents_peak")
METERS = USAGE_METERS + SEAT_METERS

Content = dict[str, Any]  # all that a document says, as invoices.frozen has it


class LineFact(TypedDict):
    """A line of the order."""

    number: int
    bot: str
    kind: str
    version: str
    first_day: str
    last_day: str
    meter: str
    used: int
    included: int
    quantity: int
    price: str
    net: str


class EntryFact(TypedDict):
    """An entry of a posting; debits are positive."""

    account: str
    amount: str
    currency: str


class PostingFact(TypedDict):
    """A posting of the ledger with its entries."""

    key: str
    entries: list[EntryFact]


class OrderFact(TypedDict):
    """The order of the document. ``lot``: how many credits it loaded; None: none.

    Of an order of a plan, by number of the entry in the audit log: ``placed`` when it was placed,
    ``done`` when the plan was changed by it or, where it was not, when it was completed.
    """

    number: int
    name: str
    net: str
    tax: str
    gross: str
    tax_category: str
    tax_rate: str
    created_at: str
    created_on: str
    completed_at: str | None
    completed_on: str | None
    placed: int | None
    done: int | None
    due_on: str | None
    bot: str | None
    version: str | None
    lot: str | None


class Claim(TypedDict):
    """What is to be proved: a document, its order and what was posted."""

    number: str
    kind: str
    cause: str
    currency: str
    decimals: int
    net: str
    tax: str
    gross: str
    issued_at: str
    issued_on: str
    content: Content
    order: OrderFact
    lines: list[LineFact]
    postings: list[PostingFact]


class MeterFact(TypedDict):
    """What a version says of a meter."""

    meter: str
    included: int
    price: str


class VersionFact(TypedDict):
    """A version of a plan with its prices in the currency of the document."""

    uses_credits: bool
    fee: str
    meters: list[MeterFact]


class PlanFact(TypedDict):
    """From which local day on a bot has which version."""

    bot: str
    day: str
    version: str


class ChangeFact(TypedDict):
    """A change of a bot's plan that held from the same day on, as the audit log has it.

    ``entry``: the number of its entry; later ones have higher numbers.
    """

    entry: int
    day: str
    before: str
    after: str


class OrderedFact(TypedDict):
    """What was ordered of a service before, or (by a credit note) given back.

    ``order``: the number of the order whose line it is.
    """

    order: int
    line: int
    bot: str
    version: str
    meter: str
    first_day: str
    last_day: str
    quantity: int
    price: str
    net: str


class ZoneFact(TypedDict):
    """A time zone and the first month that it holds for."""

    month: str
    zone: str


class InvoiceFact(TypedDict):
    """Of a credit note: the invoice that it corrects, and what was left of it."""

    number: str
    issued_on: str
    net: str
    tax: str


class PlanPaidFact(TypedDict):
    """What an upgrade on the first day of a month paid of its fee."""

    bot: str
    posting: str
    net: str


class Inputs(TypedDict):
    """From what the document is to follow.

    ``as_of``: the clock, and up to when events were received. ``edges``: by local day its first
    instant. ``month``: the one that begins; None: no month does. ``fee_paid``: by posting what
    upgrades paid of the fee of that month. ``given``: by credit note what was given back before.
    ``changes``: of the bot of an upgrade, whose row of plans a later change may have replaced.
    ``transfer``: the money that the order was made for. ``lot``: entries on the credits before
    their refund. ``invoice``: see there.
    """

    rule: int
    decimals: int
    as_of: str
    month: str | None
    zones: list[ZoneFact]
    edges: dict[str, str]
    versions: dict[str, VersionFact]
    plans: list[PlanFact]
    contract_from: str | None
    ordered: list[OrderedFact]
    given: list[OrderedFact]
    fee_paid: list[PlanPaidFact]
    changes: list[ChangeFact]
    transfer: str | None
    lot: list[str]
    invoice: InvoiceFact | None


class Event(TypedDict, total=False):
    """An event as it was received; what is not said is left out."""

    bot: str
    channel: str
    user: str
    conversation: str
    agent: str
    at: str
    type: int
    direction: int
    voice: bool
    developer: bool
    test: bool
    source: str
    id: str
    received_at: str


class Service(NamedTuple):
    """What a line in arrears is for."""

    bot: str
    version: str
    meter: str
    first_day: str
    last_day: str


class Line(NamedTuple):
    """A line as it has to be."""

    bot: str
    kind: str
    version: str
    first_day: str
    last_day: str
    meter: str
    used: int
    included: int
    quantity: int
    price: Decimal
    net: Decimal

    @property
    def service(self) -> Service:
        """What it is for."""
        return Service(self.bot, self.version, self.meter, self.first_day, self.last_day)

    def __str__(self) -> str:
        meter = f" of {self.meter.replace('_', ' ')}" if self.meter else ""
        return f"{self.kind}{meter} of {self.bot}, {self.version}, {say_days(*self[3:5])}"


class CannotProve(Exception):
    """Nothing can be proved by this; the message says why."""


def canonical(value: object) -> bytes:
    """Return a value as JSON that is always the same for the same value, with a line end."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return f"{text}\n".encode()


def count_from(at: str) -> int:
    """Return the microseconds from 2000 to an instant."""
    return (datetime.fromisoformat(at) - EPOCH) // MICROSECOND


def say_days(first: str, last: str) -> str:
    """Return days in words."""
    return first if first == last else f"{first} to {last}"


def next_month(day: date) -> date:
    """Return the first day of the month after that of a day."""
    return (day.replace(day=28) + 4 * DAY).replace(day=1)


def list_months(begins: str | None) -> list[date]:
    """Return the months that may be on a renewal: the 12 closed before, and the one that ended.

    ``begins``: the month that begins; None: none does.
    """
    if begins is None:
        return []
    month = date.fromisoformat(begins)
    numbers = (month.year * 12 + month.month - 1 - back for back in range(13, 0, -1))
    return [date(number // 12, number % 12 + 1, 1) for number in numbers]
