"""Usage of plans that use credits is charged: the difference to what is charged already is posted.

Marks of changed bots (`usage.ChangedBot`) say where to look. Some bots at a time, in a transaction
that holds the lock of the workspace's billing, their marks are removed, and only then their totals
are read: what is committed meanwhile has a mark of its own, which stays. The roll-up waits for
nothing here, and this for nothing of the roll-up.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import Max, Q

from accounts.models import Workspace
from accounts.months import read_calendar
from accounts.tenancy import in_workspace
from plans import alerting, billing, differences, ledger, lots, warnings
from plans.differences import Difference
from plans.ledger import NewPosting
from plans.models import BotBilling, CreditLot, PostingKind, WorkspaceBilling
from plans.new_lots import settle
from plans.wallets import Lot, Use, Uses, Wallets
from usage.models import ChangedBot

BOTS_AT_ONCE = 250

# Primary key of the marks.
CLAIM_BOTS = """
WITH taken AS (
    DELETE FROM usage_changedbot
    WHERE workspace_id = %(workspace)s AND bot_id = ANY(ARRAY(
        SELECT DISTINCT bot_id FROM usage_changedbot
        WHERE workspace_id = %(workspace)s AND id <= %(newest)s
        ORDER BY bot_id LIMIT %(limit)s))
    RETURNING bot_id
)
SELECT DISTINCT bot_id FROM taken ORDER BY bot_id
"""
# Of two runs in a workspace one goes on; held to the end of a transaction.
TAKE_TURN = "SELECT pg_try_advisory_xact_lock(hashtextextended('charging', %(workspace)s))"
# Which lots served usage of these bots: of the given days, and of all others together. Indexes
# posting_of_bot and the primary key of the entries.
FIND_USES = """
SELECT posting.bot_id, corrected.day, entry.lot_id, sum(entry.amount),
    max(ARRAY[posting.id, entry.number]) FILTER (WHERE entry.amount > 0)
FROM plans_posting posting
JOIN plans_ledgerentry entry
    ON entry.workspace_id = %(workspace)s AND entry.posting_id = posting.id
LEFT JOIN (SELECT DISTINCT * FROM unnest(%(bots)s::bigint[], %(days)s::date[])) corrected (bot, day)
    ON corrected.bot = posting.bot_id AND corrected.day = posting.service_day
WHERE posting.workspace_id = %(workspace)s AND posting.bot_id = ANY(%(bots)s)
    AND posting.kind IN ('charge', 'settlement') AND entry.lot_id IS NOT NULL
GROUP BY 1, 2, 3
"""
KEEP_CHARGED = """
INSERT INTO plans_chargedday
    (workspace_id, bot_id, day, meter, version_id, quantity, amount, postings)
SELECT %(workspace)s, bot, day, meter, version, quantity, amount, 1
FROM unnest(%(bot)s::bigint[], %(day)s::date[], %(meter)s::text[], %(version)s::bigint[],
        %(quantity)s::int[], %(amount)s::numeric[])
    AS charged (bot, day, meter, version, quantity, amount)
ON CONFLICT (workspace_id, bot_id, day, meter, version_id) DO UPDATE
    SET quantity = plans_chargedday.quantity + excluded.quantity,
        amount = plans_chargedday.amount + excluded.amount,
        postings = plans_chargedday.postings + 1
"""


class PostedBefore(Exception):
    """A charge is to be posted under a key that stands already: `ChargedDay` is wrong."""


def run(*, workspace_id: int, now: datetime) -> int:
    """Charge what changed in a workspace, then let credits lapse; return the charges posted.

    What changes meanwhile is left to the next run, and so is everything while another one is at it.
    Safe to repeat.
    """
    with in_workspace(workspace_id):
        marks = ChangedBot.objects.for_workspace(workspace_id)
        newest = marks.aggregate(newest=Max("id"))["newest"] or 0
    posted = 0
    while (charges := charge_next(workspace_id=workspace_id, newest=newest, now=now)) is not None:
        posted += charges
    lots.lapse_due(workspace_id=workspace_id, now=now)
    warnings.run(workspace_id=workspace_id, now=now)
    alerting.run(workspace_id=workspace_id, now=now)
    with in_workspace(workspace_id):
        if not ChangedBot.objects.for_workspace(workspace_id).exists():
            earlier = Q(charged_at=None) | Q(charged_at__lt=now)
            billings = WorkspaceBilling.objects.for_workspace(workspace_id).filter(earlier)
            billings.update(charged_at=now)
    return posted


def charge_next(*, workspace_id: int, newest: int, now: datetime) -> int | None:
    """Charge some bots with a mark up to ``newest`` in one transaction.

    None: there are none, or another run is at it.
    """
    with in_workspace(workspace_id):
        with connection.cursor() as cursor:
            cursor.execute(TAKE_TURN, {"workspace": workspace_id})
            if cursor.fetchone() != (True,):
                return None
        workspace = Workspace.objects.get(pk=workspace_id)
        locked = billing.lock(workspace=workspace, at=now)
        calendar = read_calendar(workspace)
        bots = claim_bots(workspace_id, newest=newest)
        if not bots:
            return None
        found = differences.find(
            workspace=workspace,
            bots=bots,
            enterprise_from=locked.enterprise_from,
            calendar=calendar,
        )
        if found:
            charges = Charges(locked, now=now, today=calendar.day_of(now), bots=bots)
            charges.post(found)
    return len(found)


def claim_bots(workspace_id: int, *, newest: int) -> list[int]:
    """Remove all marks of some bots that have one up to ``newest``; return the bots."""
    values = {"workspace": workspace_id, "newest": newest, "limit": BOTS_AT_ONCE}
    with connection.cursor() as cursor:
        cursor.execute(CLAIM_BOTS, values)
        return [bot for (bot,) in cursor.fetchall()]


class Charges:
    """Charges of some bots of a workspace, whose billing the caller has locked."""

    def __init__(
        self, locked: WorkspaceBilling, *, now: datetime, today: date, bots: Sequence[int]
    ) -> None:
        self.billing = locked
        self.workspace = locked.workspace
        self.now = now
        self.today = today
        self.bots = bots
        self.postings: list[NewPosting] = []

    def post(self, found: Sequence[Difference]) -> None:
        """Post differences: those downward first, which may pay for the others.

        What goes back to lots pays overdrafts only after all of them: a bot whose overdraft is
        paid could have something given back itself.
        """
        downward = [difference for difference in found if difference.amount < 0]
        uses = find_uses(self.workspace.pk, downward)
        self.wallets = Wallets(
            lots=self.find_lots(uses.values()),
            overdrafts=find_overdrafts(self.workspace.pk),
        )
        returned: dict[int, str] = {}
        for difference in downward:
            posting, given = self.give_back(difference, uses=uses[difference.bot])
            self.postings.append(posting)
            returned |= dict.fromkeys(given, posting.key)
        for lot_id, cause in returned.items():
            self.postings += self.pass_on(self.wallets.lots[lot_id], cause=cause)
        for difference in found:
            if difference.amount > 0:
                entries = self.wallets.take(
                    difference.amount, bot=difference.bot, day=difference.day
                )
                self.postings.append(self.charge(difference, entries=entries))
        written = ledger.write(workspace=self.workspace, at=self.now, postings=self.postings)
        if written != len(self.postings):
            raise PostedBefore(f"{len(self.postings) - written} keys of {self.workspace.slug}")
        keep_charged(self.workspace.pk, found)

    def find_lots(self, uses: Iterable[Uses]) -> list[Lot]:
        """Return the lots that can be taken from, and those that get something back."""
        used = {lot for of_bot in uses for lot in of_bot.in_all}
        mine = Q(bot=None) | Q(bot__in=self.bots)
        found = CreditLot.objects.for_workspace(self.workspace).filter(
            mine & Q(lapsed_at=None, balance__gt=0) | Q(pk__in=used)
        )
        return [Lot.of(lot) for lot in found]

    def give_back(self, difference: Difference, *, uses: Uses) -> tuple[NewPosting, list[int]]:
        """Give back what is charged too much; return the posting and to which lots."""
        entries = self.wallets.give_back(
            -difference.amount, bot=difference.bot, day=difference.day, uses=uses
        )
        given = {entry.lot for entry in entries if entry.lot is not None}
        return self.charge(difference, entries=entries), sorted(given)

    def pass_on(self, lot: Lot, *, cause: str) -> Iterator[NewPosting]:
        """Let what came back to a lot lapse, where the lot has, or pay overdrafts.

        ``cause``: the key of the last posting that gave something back.
        """
        month = self.billing.book(self.today)
        if lot.lapsed:
            yield lots.lapse(lot=lot, cause=cause, month=month)
        for bot, payment in self.wallets.pay_overdrafts(lot, day=self.today):
            yield settle(lot=lot, bot=bot, cause=cause, month=month, entries=payment)

    def charge(self, difference: Difference, *, entries: Sequence[ledger.Entry]) -> NewPosting:
        """Return the posting of a difference."""
        bot, day, meter, version = difference[:4]
        return NewPosting(
            key=f"charge:{bot}:{day}:{meter}:{version}:{difference.postings + 1}",
            kind=PostingKind.CHARGE,
            booking_month=self.billing.book(day),
            bot=bot,
            service_day=day,
            meter=meter,
            version=version,
            quantity=difference.quantity,
            entries=entries,
        )


def find_uses(workspace_id: int, downward: Sequence[Difference]) -> defaultdict[int, Uses]:
    """Return by bot which lots its usage took from, where something is to be given back."""
    uses: defaultdict[int, Uses] = defaultdict(Uses)
    if not downward:
        return uses
    values: dict[str, Any] = {  # psycopg adapts the values
        "workspace": workspace_id,
        "bots": [difference.bot for difference in downward],
        "days": [difference.day for difference in downward],
    }
    with connection.cursor() as cursor:
        cursor.execute(FIND_USES, values)
        for bot, day, lot, amount, latest in cursor.fetchall():
            uses[bot].add(Use(lot, amount, tuple(latest or (0, 0))), day=day)
    return uses


def find_overdrafts(workspace_id: int) -> dict[int, Decimal]:
    """Return by bot what bots of a workspace owe."""
    owing = BotBilling.objects.for_workspace(workspace_id).filter(overdraft__gt=0)
    return dict(owing.values_list("bot_id", "overdraft"))


def keep_charged(workspace_id: int, found: Sequence[Difference]) -> None:
    """Keep what is charged now."""
    values: dict[str, Any] = {
        name: [getattr(difference, name) for difference in found]
        for name in ("bot", "day", "meter", "version", "quantity", "amount")
    }
    with connection.cursor() as cursor:
        cursor.execute(KEEP_CHARGED, {"workspace": workspace_id, **values})
