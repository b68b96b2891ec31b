"""May a bot answer now? Asked by bot platforms before each conversation, so one statement long."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

from django.db import connection

from accounts import keys as api_keys
from accounts.models import ApiKey, PublishStatus, Workspace
from accounts.prepared import ADMITTED_WORKSPACE, Prepared
from accounts.tenancy import WORKSPACE, in_workspace
from plans import billing
from plans.balances import Balance, BalanceStatus

# The local day of charging, as `accounts.months.Calendar` has it; the bot by its unique key; its
# plan, billing, marks and lots by primary keys and the index of lots by workspace.
FIND = Prepared(
    "entitlement",
    types=["bigint", "text", "timestamptz"],
    text="""
WITH today AS MATERIALIZED (
    SELECT coalesce(
        (SELECT greatest(month, ($3 AT TIME ZONE zone)::date)
         FROM (
            SELECT month, zone, coalesce(lag(zone) OVER (ORDER BY month), zone) AS before
            FROM accounts_monthzone WHERE workspace_id = $1
         ) zones
         WHERE month::timestamp AT TIME ZONE before <= $3
         ORDER BY month DESC LIMIT 1),
        ($3 AT TIME ZONE workspace.timezone)::date
    ) AS day, workspace.currency
    FROM accounts_workspace workspace WHERE workspace.id = $1
)
SELECT
    CASE WHEN bot.archived_at IS NULL THEN bot.publish_status ELSE 'suspended' END,
    billing.workspace_id IS NOT NULL,
    version.uses_credits AND coalesce(billing.enterprise_from > today.day, true)
        AND EXISTS (
            SELECT FROM plans_price
            WHERE version_id = version.id AND currency_id = today.currency AND meter = ''),
    coalesce(billing.enterprise_from <= today.day, false),
    coalesce(unpaid.expires_on <= today.day, false),
    lots.own_free, lots.own_bought, lots.shared_free, lots.shared_bought,
    coalesce(unpaid.overdraft, 0),
    coalesce(unpaid.low_balance, currency.low_balance, 0),
    today.currency,
    least($3,
        (SELECT min(greatest(due_at, marked_at)) FROM usage_dirtystream
         WHERE workspace_id = $1 AND bot_id = bot.id AND due_at <= $3),
        (SELECT min(marked_at) FROM usage_changedbot WHERE workspace_id = $1))
FROM today
JOIN accounts_bot bot ON bot.workspace_id = $1 AND bot.key = $2
LEFT JOIN plans_workspacebilling billing ON billing.workspace_id = $1
LEFT JOIN plans_botbilling unpaid
    ON unpaid.workspace_id = $1 AND unpaid.bot_id = bot.id
LEFT JOIN plans_currency currency ON currency.code = today.currency
JOIN plans_planversion version ON version.id = (
    SELECT version_id FROM plans_botplan
    WHERE workspace_id = $1 AND bot_id = bot.id AND starts_on <= today.day
    ORDER BY starts_on DESC LIMIT 1)
CROSS JOIN LATERAL (
    SELECT
        coalesce(sum(balance) FILTER (WHERE bot_id IS NOT NULL AND kind = 'free'), 0),
        coalesce(sum(balance) FILTER (WHERE bot_id IS NOT NULL AND kind = 'bought'), 0),
        coalesce(sum(balance) FILTER (WHERE bot_id IS NULL AND kind = 'free'), 0),
        coalesce(sum(balance) FILTER (WHERE bot_id IS NULL AND kind = 'bought'), 0)
    FROM plans_creditlot
    WHERE workspace_id = $1 AND (bot_id IS NULL OR bot_id = bot.id)
        AND lapsed_at IS NULL AND balance > 0
        AND (last_day IS NULL OR last_day >= today.day)
) lots (own_free, own_bought, shared_free, shared_bought)
""",
)


Row = tuple[Any, ...]  # of `FIND`; Any: what stands in its columns


class Reason(StrEnum):
    """Why a bot may answer (`OK`) or may not."""

    OK = "ok"
    NO_CREDIT = "no_credit"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    IN_DEVELOPMENT = "in_development"


UNPUBLISHED = {
    PublishStatus.IN_DEVELOPMENT: Reason.IN_DEVELOPMENT,
    PublishStatus.SUSPENDED: Reason.SUSPENDED,
}


class UnknownBot(Exception):
    """A workspace has no bot of a key."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Entitlement:
    """Whether a bot may answer, and by which balance; ``bot`` is its key.

    All usage up to ``as_of`` is in it: of what was counted and charged nothing older waits.
    """

    bot: str
    reason: Reason
    balance: Balance
    as_of: datetime

    @property
    def allowed(self) -> bool:
        """It may begin a conversation."""
        return self.reason is Reason.OK

    @property
    def status(self) -> BalanceStatus:
        """How its balance stands, as the Plan page calls it."""
        return self.balance.status


def find_with_api_key(secret: str, *, key: str, now: datetime) -> tuple[ApiKey | None, Row | None]:
    """Return the API key that was presented, if it is valid, and what `find` takes for known.

    In one trip to the database, outside of transactions.
    """
    if "\0" in key or connection.in_atomic_block:
        return api_keys.find(secret, at=now), None
    return api_keys.find_and_ask(
        secret, at=now, statement=FIND, parameters=[ADMITTED_WORKSPACE, key, now]
    )


def find(*, workspace_id: int, key: str, now: datetime, known: Row | None = None) -> Entitlement:
    """Return whether the bot of a key may begin a conversation at ``now``.

    An archived bot may not: it counts as suspended. ``known``: what was read of it before.

    Raises:
        UnknownBot: the workspace has no such bot.
    """
    row = known or read(workspace_id, key=key, now=now)
    if not row[1]:  # the beat opens the billing of a new workspace within a minute
        with in_workspace(workspace_id):
            billing.open_billing(workspace=Workspace.objects.get(pk=workspace_id), at=now)
            row = read(workspace_id, key=key, now=now)
    publish_status, _, uses_credits, by_contract, expired, *amounts, currency, as_of = row
    own_free, own_bought, shared_free, shared_bought, overdraft, limit = amounts
    balance = Balance(
        own_free=own_free,
        own_bought=own_bought,
        shared_free=shared_free,
        shared_bought=shared_bought,
        overdraft=overdraft,
        limit=limit,
        currency=currency,
        uses_credits=uses_credits,
    )
    reason = choose_reason(
        publish_status=publish_status,
        expired=expired and not by_contract,
        remaining=balance.remaining if uses_credits else None,
    )
    return Entitlement(bot=key, reason=reason, balance=balance, as_of=as_of)


def choose_reason(*, publish_status: str, expired: bool, remaining: Decimal | None) -> Reason:
    """Return the first reason against a bot's answering, or `Reason.OK`.

    ``remaining``: what is left where usage is taken from credits. Credits do not help a bot whose
    plan has expired: its plan does not take from them.
    """
    if unpublished := UNPUBLISHED.get(PublishStatus(publish_status)):
        return unpublished
    if remaining is None:
        return Reason.EXPIRED if expired else Reason.OK
    return Reason.OK if remaining > 0 else Reason.NO_CREDIT


def read(workspace_id: int, *, key: str, now: datetime) -> Row:
    """Return the row of a bot.

    Raises:
        UnknownBot: there is none. No key holds a NUL, which no database would take.
    """
    if "\0" in key:
        raise UnknownBot(key)
    row = FIND.fetch_one([workspace_id, key, now], admitting=(WORKSPACE, workspace_id))
    if row is None:
        raise UnknownBot(key)
    return row
