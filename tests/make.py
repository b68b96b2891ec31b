"""Test data: each function makes one thing, with values that a test need not care about."""

import itertools
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from accounts import bots, invitations, keys, people, workspaces
from accounts.models import Bot, Invitation, Membership, Role, Scope, Workspace
from accounts.tenancy import in_workspace
from benchmarks.scratch import address
from invoices import billing_details as details
from invoices import seller as sellers
from tests.rows import made_once
from usage import intake, retention, rollup
from usage.chunks import check_events
from usage.event_format import Limits
from usage.intake import Outcome
from usage.models import SessionKind
from usage.periods import Period
from usage.session_queries import Chosen, SessionRow, read_chosen

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
LONG_AFTER = NOON + timedelta(days=60)
ALWAYS = Period(datetime(1970, 1, 2, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))

PASSWORD = "a believable passphrase"  # of people who exist in tests only

SELLER = {
    "legal_name": "Sandbox Seller GmbH",
    "street": "Probegasse 1",
    "postal_code": "20095",
    "city": "Hamburg",
    "region": "",
    "country": "DE",
    "vat_id": "DE123456788",
    "tax_number": "",
    "register_number": "HRB 0, Amtsgericht Hamburg",
    "standing": "registered",
    "tax_rate": Decimal("19.00"),
    "tax_reason": "",
    "tax_currency": "EUR",
    "timezone": "Europe/Berlin",
    "email": "invoices@seller.example",
    "bank_name": "Sandbank",
    "bank_account": "DE89370400440532013000",
    "bic": "DEUTDEFF",
    "payment_terms": "Due in 14 days, without deduction.",
}
BUYER = {
    "legal_name": "Acme Ltd",
    "street": "1 Main Street",
    "postal_code": "97201",
    "city": "Portland",
    "region": "Oregon",
    "country": "US",
    "vat_id": "",
    "purchase_order": "",
    "recipients": ["invoices@acme.example"],
}

Event = dict[str, Any]  # Any: an event is free JSON, and tests make bad ones
numbers: Iterator[int] = itertools.count(1)


@made_once
def workspace(slug: str = "acme", **values: str) -> Workspace:
    """Make a workspace, or return the one that exists."""
    return workspaces.create(slug=slug, **values)[0]


@made_once
def bot(of: Workspace, key: str = "support") -> Bot:
    """Make a bot, or return the one that exists."""
    return bots.create(workspace=of, key=key)[0]


@made_once
def member(of: Workspace, role: Role = Role.OWNER, email: str = "") -> Membership:
    """Make a person with a role; the password is ``PASSWORD``."""
    email = email or f"{role.value}@{of.slug}.example"
    return people.add_member(workspace=of, email=email, role=role, password=PASSWORD)[0]


def seller(**values: Any) -> None:
    """Have the console sell: from Hamburg, at 19 % in euros. Tests have this seller anyway."""
    sellers.change(**{**SELLER, **values})


@made_once
def billing_details(of: Workspace, *, at: datetime = NOON, **values: Any) -> None:
    """Say who is invoiced for a workspace: somebody in the United States, who pays no tax."""
    details.change(workspace=of, at=at, **{**BUYER, **values})


def invitation(
    of: Workspace, role: Role = Role.MEMBER, email: str = "new@acme.example", at: datetime = NOON
) -> Invitation:
    """Invite somebody, as an owner."""
    return invitations.invite(workspace=of, email=email, role=role, by=member(of), at=at)


def api_key(of: Workspace, *scopes: Scope, name: str = "platform") -> str:
    """Make an API key and return its secret."""
    secret = keys.create(workspace=of, name=name, scopes=scopes or (Scope.WRITE_EVENTS,))[1]
    assert secret is not None
    return secret


def event(type: str = "conversation.message", *, at: datetime = NOON, **values: Any) -> Event:
    """Make an event; names of the envelope go there and all others into its data."""
    envelope: Event = {
        name: values.pop(name) for name in ("id", "source", "subject") if name in values
    }
    data = {"user": "u1", "channel": "web", **values}
    if type == "conversation.message":
        data.setdefault("direction", "user")
    return {
        "specversion": "1.0",
        "id": f"e{next(numbers)}",
        "source": "/tests",
        "type": type,
        "subject": "support",
        "time": at.isoformat(),
        **envelope,
        "data": data,
    }


def talk(*minutes: float, start: datetime = NOON, **values: Any) -> list[Event]:
    """Make messages of a user at some minutes after ``start``."""
    return [event(at=start + minute * MINUTE, **values) for minute in minutes]


def encode(*events: Event) -> list[bytes]:
    """Return the JSON texts of events."""
    return [json.dumps(event).encode() for event in events]


def take_in(of: Workspace, *events: Event, now: datetime = LONG_AFTER) -> Outcome:
    """Store events as the import does, creating their bots."""
    limits = Limits(now, retention.oldest_kept(of, now=now))
    chunk = check_events(enumerate(encode(*events), 1), limits=limits, bots=None)
    return intake.store(chunk, workspace_id=of.pk, now=now)


def roll_up(of: Workspace, now: datetime = LONG_AFTER) -> int:
    """Roll up what is due, waiting for whoever rolls up at the same time."""
    return rollup.run(workspace_id=of.pk, now=now, wait=True)


def sessions(of: Workspace) -> list[SessionRow]:
    """Return the completed sessions in order of their start."""
    with in_workspace(of.pk):
        chosen = Chosen(
            workspace_id=of.pk,
            bots=list(Bot.objects.for_workspace(of).values_list("pk", flat=True)),
            period=ALWAYS,
            kinds=list(SessionKind),
            completed=[True],
        )
        return list(read_chosen(chosen))


def blocks(of: Workspace) -> list[tuple[str, str, str, datetime, datetime]]:
    """Return bot, kind, user, start and end of the completed sessions, sorted."""
    return sorted(
        (row.bot, row.kind.label, row.user, row.started_at, row.ended_at) for row in sessions(of)
    )


def date_marks(table: str, at: datetime) -> None:
    """Have what waits to be counted or charged wait since some time, which nobody may write."""
    with psycopg.connect(address("owner")) as owner:
        owner.execute(
            SQL("UPDATE {} SET marked_at = %s").format(Identifier(table)),
            [at],
        )
