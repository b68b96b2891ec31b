"""Fourteen months of two workspaces with all plans and changes, proven at the end of each month.

The clock begins in January 2027 and ends in March 2028: with a leap day, four changes of the clocks
and a workspace that goes to another time zone.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal

import pytest
from django.db.models import Count
from django.db.models.functions import TruncDate

from accounts import bots
from accounts.days import previous_month
from accounts.models import Bot, Membership, Workspace
from accounts.tenancy import in_workspace
from invoices import (
    auto_reload,
    documents,
    files,
    numbering,
    orders,
    payments,
    plan_changes,
    proving,
    refunds,
    reloads,
    renewals,
    statement_verification,
    tie_out,
)
from invoices.books import receivables, roll_forward
from invoices.issued import IssuedDocument
from invoices.models import Method, Order, OrderStatus, SavedMethod
from invoices.sandbox import SavedAnswer
from plans import charging, grants, subscriptions, verification
from plans.subscriptions import PlanStatus
from tests import make
from tests.invoices import buying, renewing
from tests.invoices.renewing import DAY, HOUR
from usage import zones
from usage.models import BillingSession

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

SECOND = timedelta(seconds=1)
FIRST, LAST = date(2027, 1, 5), date(2028, 3, 2)
# Of each month the clock stands on these days: a close, what is charged anew after 3 and 7 days,
# what is due after 14, and what has expired when the next month begins.
RUN_ON = frozenset({1, 2, 5, 9, 16})
A_DAY = {"plain": 2, "busy": 10, "growing": 16, "large": 4, "young": 3, "old": 5}  # alerts


def at(day: date) -> datetime:
    return datetime.combine(day, time(12), UTC)


@dataclass
class Year:
    """The workspaces, what is used, and the clock that moves on day by day."""

    acme: Workspace
    owner: Membership
    globex: Workspace
    today: date = FIRST
    used: dict[str, Counter[date]] = field(default_factory=dict)  # sessions by bot and UTC day
    taken_to: date = FIRST
    proved: set[int] = field(default_factory=set)  # ids of documents

    def bot(self, key: str) -> Bot:
        found = make.bot(self.acme, key)
        found.workspace = self.acme
        return found

    @property
    def known(self) -> dict[tuple[str, date], int]:
        """What was used, as the test itself counts it."""
        return {
            (key, day): count for key, of in self.used.items() for day, count in of.items() if count
        }

    @property
    def now(self) -> datetime:
        return at(self.today)

    def use(self, key: str, count: int, day: date) -> None:
        """Have a bot used on a day, as is learned now."""
        make.take_in(self.acme, *self.alerts(key, count, day), now=self.now)

    def alerts(self, key: str, count: int, day: date) -> list[make.Event]:
        """Return the events of a day, which are noted as used."""
        self.used.setdefault(key, Counter())[day] += count
        return [
            make.event("alert.delivered", at=at(day) + number * SECOND, subject=key)
            for number in range(count)
        ]

    def talk(self, key: str, day: date, conversation: str) -> None:
        """Have a conversation of 31 minutes: three sessions."""
        said = make.talk(
            0,
            10,
            20,
            31,
            start=at(day) - HOUR,
            subject=key,
            conversation=conversation,
            user=conversation,
        )
        make.take_in(self.acme, *said, now=self.now)
        self.used.setdefault(key, Counter())[day] += 3

    def hand_over(self, key: str, day: date, conversation: str) -> None:
        """Learn late that an agent had all but the first minutes of it: one session is left."""
        late = [
            make.event(
                f"agent.transfer_{what}",
                at=at(day) - HOUR + minutes * make.MINUTE,
                subject=key,
                conversation=conversation,
                user=conversation,
                agent="a1",
            )
            for what, minutes in (("started", 10.5), ("ended", 32))
        ]
        make.take_in(self.acme, *late, now=self.now)
        self.used[key][day] -= 2

    def hold(self, key: str, agent: str) -> None:
        """Have an agent hold a seat from now on."""
        seat = make.event("agent.seat_assigned", at=self.now - HOUR, subject=key, agent=agent)
        make.take_in(self.acme, seat, now=self.now)

    def live(self) -> None:
        """Take in what was used since the clock stood still the last time, then have it counted."""
        ours, theirs = [], []
        while self.taken_to < self.today:
            for key, count in A_DAY.items():
                if has_begun(key, self.taken_to):
                    ours += self.alerts(key, count, self.taken_to)
            theirs.append(make.event("alert.delivered", at=at(self.taken_to), subject="theirs"))
            self.taken_to += DAY
        make.take_in(self.acme, *ours, now=self.now)
        make.take_in(self.globex, *theirs, now=self.now)
        self.run(self.acme)
        self.run(self.globex)

    def run(self, of: Workspace) -> None:
        """Do what the beat does for a workspace; charging also warns of credits."""
        make.roll_up(of, now=self.now)
        charging.run(workspace_id=of.pk, now=self.now)
        reloads.run(workspace_id=of.pk, now=self.now)
        renewals.run(workspace_id=of.pk, now=self.now)

    def buy(self, net: int, key: str = "") -> Order:
        """Buy credits by the sandbox, for a bot or all."""
        bot = self.bot(key) if key else None
        return buying.paid(
            self.acme, str(net), buyer=self.owner.user, bot=bot, at=self.now, key=str(uuid.uuid4())
        )

    def change(self, key: str, code: str) -> None:
        """Change a plan as it is quoted, and pay where that costs something."""
        bot, version = self.bot(key), renewing.version(code)
        quoted = plan_changes.quote(bot=bot, version=version, at=self.now)
        placed = plan_changes.change(
            bot=bot,
            version=version,
            seen=quoted.seen,
            buyer=self.owner.user,
            at=self.now,
            key=str(uuid.uuid4()),
            method=Method.SANDBOX,
        )
        if placed:
            orders.complete(order=placed, at=self.now)

    def keep_method(self, answers: SavedAnswer) -> None:
        """Have renewals paid by a method that answers so from now on."""
        buying.kept_method(
            self.acme, by=self.owner.user, answers=answers, as_default=True, at=self.now
        )

    def pay_renewals(self, of: Workspace) -> None:
        """Have a person pay the renewals that are owed."""
        for order in renewing.orders(of):
            if order.status in (OrderStatus.FAILED, OrderStatus.PENDING):
                payment = payments.start(order=order, at=self.now)
                buying.answer(payment, "accepted", at=self.now)

    def status(self, key: str) -> PlanStatus:
        return renewing.status(self.bot(key), self.today).status


def has_begun(key: str, day: date) -> bool:
    """Tell whether a bot is used on a day: one is made in the year, one is archived."""
    return (key != "young" or day >= date(2027, 5, 9)) and (key != "old" or day < date(2027, 9, 16))


@pytest.fixture
def year() -> Year:
    acme = renewing.workspace(opened=at(FIRST), timezone="Europe/Berlin")
    globex = renewing.workspace("globex", opened=at(FIRST), currency="EUR")
    for key in A_DAY:
        if key != "young":
            make.bot(acme, key)
    renewing.has(make.bot(globex, "theirs"), "advanced", at=at(FIRST))
    return Year(acme, make.member(acme), globex)


def list_acts(year: Year) -> dict[date, list[Callable[[], object]]]:
    """Return what people do on which day."""
    found: dict[date, list[Callable[[], object]]] = {}

    def on(month: int, day: int, *acts: Callable[[], object], in_year: int = 2027) -> None:
        found[date(in_year, month, day)] = list(acts)

    bought: list[Order] = []

    def reload() -> None:
        auto_reload.turn_on(
            workspace=year.acme,
            bot=year.bot("busy"),
            amount=Decimal(100),
            limit=Decimal(40),
            saved_method=kept(year),
            by=year.owner.user,
            at=year.now,
        )

    def refund() -> None:
        with in_workspace(year.acme.pk):
            placed = Order.objects.for_workspace(year.acme).select_related("workspace", "lot")
            order = placed.get(pk=bought[0].pk)
        sums = refunds.find_left(order)
        assert sums is not None
        refunds.refund(order=order, expected=sums.gross, reason="Not needed.", at=year.now)

    on(1, 9, lambda: year.buy(100, "busy"), lambda: year.change("large", "advanced"))
    on(1, 16, lambda: year.keep_method(SavedAnswer.ACCEPT), reload)
    on(2, 9, lambda: year.change("growing", "essential"))
    on(2, 16, lambda: year.hold("growing", "a1"), lambda: year.hold("large", "a2"))
    on(3, 9, lambda: year.use("large", 3200, date(2027, 3, 8)))
    on(3, 16, lambda: bought.append(year.buy(500, "plain")))
    on(4, 16, refund)
    on(5, 9, lambda: year.bot("young"))
    on(5, 16, lambda: year.change("growing", "advanced"))
    on(6, 16, lambda: zones.change(workspace=year.acme, zone="America/New_York", at=year.now))
    on(7, 5, lambda: year.change("growing", "essential"))
    on(7, 9, lambda: subscriptions.undo(bot=year.bot("growing"), at=year.now))
    on(7, 16, lambda: year.change("growing", "essential"), lambda: year.pay_renewals(year.globex))
    on(8, 9, lambda: year.keep_method(SavedAnswer.DECLINE))
    on(9, 16, lambda: bots.archive(bot=year.bot("old"), reason="Replaced.", at=year.now))
    on(10, 16, lambda: year.pay_renewals(year.acme), lambda: year.keep_method(SavedAnswer.ACCEPT))
    on(11, 16, lambda: year.change("growing", "standard"))
    on(12, 5, lambda: year.buy(100))
    on(1, 16, lambda: contract(year, date(2028, 2, 1)), in_year=2028)
    return found


def kept(year: Year) -> SavedMethod:
    with in_workspace(year.acme.pk):
        found = SavedMethod.objects.for_workspace(year.acme).kept()
        return found.select_related("workspace").get(reference=SavedAnswer.ACCEPT)


def contract(year: Year, day: date) -> None:
    grants.begin_contract(workspace=year.acme, day=day, reason="Signed.", at=year.now)


def list_days() -> Iterator[date]:
    day = FIRST
    while day <= LAST:
        yield day
        day += DAY


def happen_late(year: Year) -> None:
    """Learn on the fifth what was used before the month began, which is closed."""
    last = year.today.replace(day=1) - DAY
    tenth = last.replace(day=10)
    year.use("growing", 3, last)
    year.use("plain", 2, last)
    if last > FIRST:
        for key in ("growing", "plain", "large"):
            year.hand_over(key, tenth, f"{key}-{tenth}")


def test_each_months_end_of_fourteen_is_proven(year: Year) -> None:
    acts = list_acts(year)
    closed = []

    for day in list_days():
        year.today = day
        if day.day in RUN_ON or day in acts:
            year.live()
        for act in acts.get(day, ()):
            act()
        if day in acts:
            year.run(year.acme)
        if day.day == 10:
            for key in ("growing", "plain", "large"):
                year.talk(key, day, f"{key}-{day}")
        if day.day == 5 and day > FIRST:
            happen_late(year)
            year.run(year.acme)
        if day.day == 2:
            closed.append(prove_all(year))

    assert closed == [date(2027, month, 1) for month in range(1, 13)] + [
        date(2028, month, 1) for month in (1, 2)
    ]


def prove_all(year: Year) -> date:
    """Compare all that can be compared at a month's end, and return the month that is closed."""
    first = year.today.replace(day=1)
    closed = previous_month(first)
    stated = None if closed.month % 4 == 0 or year.today == LAST else closed  # None: all so far
    for of in (year.acme, year.globex):
        assert renewing.open_month(of) == first
        assert verification.verify(of) == []
    assert documents.find_missing() == []
    assert not any(series.gaps or series.duplicates for series in numbering.list_series())
    for workspace_id, file_id in files.find_unmade():
        files.make_file(workspace_id=workspace_id, file_id=file_id, now=year.now)
    assert set(files.verify(now=year.now)) == {None}
    assert count_sessions(year) == year.known
    for of in (year.acme, year.globex):
        assert prove_documents(of, year.proved) == []
        assert statement_verification.verify(of, month=stated) == []
        board = tie_out.check(of, first=FIRST, last=year.today, now=year.now)
        assert list(board.list_gaps()) == []
    assert roll_forward.read(month=closed).all_differences == []
    assert receivables.read(as_of=year.today).all_differences == []
    return closed


def prove_documents(of: Workspace, proved: set[int]) -> list[proving.Proof]:
    """Prove the documents that are not in ``proved`` yet; return the proofs that are not equal."""
    with in_workspace(of.pk):
        found = IssuedDocument.objects.for_workspace(of).exclude(pk__in=proved)
        ids = list(found.order_by("pk").values_list("pk", flat=True))
    proved.update(ids)
    proofs = [proving.prove(workspace_id=of.pk, document_id=one) for one in ids]
    return [proof for proof in proofs if not proof.equal]


def count_sessions(year: Year) -> dict[tuple[str, date], int]:
    """Return how many sessions each bot of the first workspace has on each UTC day."""
    day = TruncDate("started_at", tzinfo=UTC)
    with in_workspace(year.acme.pk):
        completed = BillingSession.objects.for_workspace(year.acme).filter(completed=True)
        counted = completed.order_by().values_list("bot__key", day).annotate(Count("stream_id"))
        return {(key, on): count for key, on, count in counted}
