"""Sessions opened by little more than 15 minutes: against a plain loop, and their price."""

import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Bot, Workspace
from accounts.tenancy import in_workspace
from invoices import boundary_costs
from invoices.boundary_costs import Row
from plans.models import WorkspaceBilling
from tests import make
from tests.invoices import renewing
from tests.invoices.renewing import MARCH
from usage.boundaries import Asked, ShortSession, list_short
from usage.models import BillingSession, Conversation, SessionKind, Stream
from usage.periods import Period

pytestmark = pytest.mark.django_db(transaction=True)

END_OF_MARCH = date(2026, 3, 31)
SECOND = timedelta(seconds=1)
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def read(
    of: Workspace, *bots: Bot, first: date = MARCH, last: date = END_OF_MARCH, minutes: int = 1
) -> dict[tuple[str, str], Row]:
    """Return the rows by key of the bot and channel."""
    rows = boundary_costs.read_rows(
        workspace=of,
        bots=bots,
        channels=[],
        first=first,
        last=last,
        minutes=minutes,
        now=renewing.CLOSE,
    )
    return {(row.bot.key, row.channel): row for row in rows}


def converse(
    bot: Bot, length: timedelta, *, at: datetime = NOON, user: str = "", channel: str = "web"
) -> None:
    """Have somebody converse with a bot for as long, a message every ten minutes."""
    instants = [at]
    while instants[-1] < at + length:
        instants.append(min(instants[-1] + 10 * make.MINUTE, at + length))
    user = user or f"u{next(make.numbers)}"
    events = (
        make.event(at=instant, subject=bot.key, channel=channel, user=user) for instant in instants
    )
    make.take_in(bot.workspace, *events, now=renewing.CLOSE)


def begun(session: BillingSession) -> datetime:
    """Return when the conversation of a session began."""
    assert session.conversation_started_at is not None
    return session.conversation_started_at


def roll_up(of: Workspace) -> None:
    make.roll_up(of, now=renewing.CLOSE)


def test_counts_are_those_of_a_plain_loop() -> None:
    rng = random.Random(7)
    acme = renewing.workspace(timezone="Europe/Berlin")
    bots = [make.bot(acme, key) for key in ("sales", "support")]
    for _ in range(60):
        beyond = rng.choice([0, 1, 59, 60, 61, 299, 301])
        length = rng.randrange(4) * 15 * make.MINUTE + beyond * SECOND
        at = datetime(2026, 3, 27, 12, tzinfo=UTC) + rng.randrange(120) * make.HOUR
        converse(rng.choice(bots), length, at=at, channel=rng.choice(["web", "ivr"]))
    roll_up(acme)
    first, last = date(2026, 3, 28), date(2026, 3, 30)  # clocks are put forward in between

    found = read(acme, *bots, first=first, last=last)

    starts_at = datetime(2026, 3, 27, 23, tzinfo=UTC)
    ends_at = datetime(2026, 3, 30, 22, tzinfo=UTC)
    expected: dict[tuple[str, str], list[int]] = {}
    with in_workspace(acme.pk):
        keys = {bot.pk: bot.key for bot in bots}
        for one in BillingSession.objects.for_workspace(acme).filter(
            kind=SessionKind.USAGE,
            completed=True,
            started_at__gte=starts_at,
            started_at__lt=ends_at,
        ):
            whole = Conversation.objects.get(
                workspace=acme, stream_id=one.stream_id, started_at=begun(one)
            )
            rest = whole.bot_time - (one.number - 1) * 15 * make.MINUTE
            numbers = expected.setdefault((keys[one.bot_id], one.channel), [0, 0, 0, 0])
            numbers[0] += 1
            for place, few in enumerate((1, 2, 5), 1):
                numbers[place] += one.number > 1 and rest < few * make.MINUTE
    assert {key: [row.sessions, *row.by_minutes] for key, row in found.items()} == expected
    assert sum(numbers[1] for numbers in expected.values())


@pytest.mark.parametrize(
    ("beyond", "expected"),
    [(0, (0, 0, 0)), (1, (1, 1, 1)), (60, (0, 1, 1)), (120, (0, 0, 1)), (300, (0, 0, 0))],
)
def test_less_is_less(beyond: int, expected: tuple[int, int, int]) -> None:
    acme = renewing.workspace()
    bot = make.bot(acme)
    converse(bot, 30 * make.MINUTE + beyond * SECOND)
    roll_up(acme)

    assert read(acme, bot)["support", "web"].by_minutes == expected


def test_agent_time_is_left_aside() -> None:
    acme = renewing.workspace()
    bot = make.bot(acme)
    at = NOON
    talk = [
        *make.talk(0, 10, 14, start=at, user="u"),
        make.event("agent.transfer_started", at=at + 14 * make.MINUTE, user="u"),
        make.event("agent.transfer_ended", at=at + 24 * make.MINUTE, user="u"),
        *make.talk(25.5, start=at, user="u"),
    ]
    make.take_in(acme, *talk, now=renewing.CLOSE)
    roll_up(acme)

    assert read(acme, bot)["support", "web"].by_minutes == (1, 1, 1)


def test_credits_pay_the_price_of_each() -> None:
    acme = renewing.workspace()
    bot = make.bot(acme)
    for channel in ("web", "web", "ivr"):
        converse(bot, 15 * make.MINUTE + SECOND, channel=channel)
    roll_up(acme)

    found = read(acme, bot)

    assert [(row.charged, row.cost) for row in found.values()] == [
        (1, Decimal("0.20")),
        (2, Decimal("0.40")),
    ]


def test_included_sessions_cost_nothing_and_only_as_many_as_were_charged_do() -> None:
    acme = renewing.workspace()
    bot = renewing.has(make.bot(acme), "essential")
    renewing.use(bot, 396)
    for channel in ("web", "web", "ivr"):
        converse(bot, 15 * make.MINUTE + SECOND, channel=channel)
    roll_up(acme)

    found = read(acme, bot)

    rows = [found["support", channel] for channel in ("ivr", "web")]
    assert sum(row.charged for row in rows) == 2  # 402 sessions, 400 of them included
    assert sum(row.included for row in rows) == 1
    assert sum(row.cost for row in rows) == Decimal("0.36")


def test_days_of_a_contract_cost_nothing() -> None:
    acme = renewing.workspace()
    bot = make.bot(acme)
    for day in (2, 20):
        converse(bot, 15 * make.MINUTE + SECOND, at=NOON.replace(day=day))
    roll_up(acme)
    with in_workspace(acme.pk):
        WorkspaceBilling.objects.for_workspace(acme).update(enterprise_from=date(2026, 3, 10))

    row = read(acme, bot)["support", "web"]

    assert (row.by_minutes[0], row.charged, row.cost) == (2, 1, Decimal("0.20"))


@pytest.mark.parametrize(
    ("contract_from", "cost"),
    [
        (date(2026, 3, 10), Decimal(0)),
        (date(2026, 4, 2), Decimal(0)),  # when March is closed: all of it is never ordered
        (date(2026, 4, 3), Decimal("0.18")),
    ],
)
def test_month_closed_under_a_contract_costs_nothing(contract_from: date, cost: Decimal) -> None:
    acme = renewing.workspace()
    bot = renewing.has(make.bot(acme), "essential")
    renewing.use(bot, 400, at=NOON)
    converse(bot, 15 * make.MINUTE + SECOND)
    roll_up(acme)
    with in_workspace(acme.pk):
        WorkspaceBilling.objects.for_workspace(acme).update(enterprise_from=contract_from)

    row = read(acme, bot)["support", "web"]

    assert (row.by_minutes[0], row.included, row.cost) == (1, 0, cost)


def test_change_of_plan_prices_each_day_by_its_own() -> None:
    acme = renewing.workspace()
    bot = make.bot(acme)
    renewing.has(bot, "essential", at=NOON.replace(day=10))
    for day in (2, 20):
        converse(bot, 15 * make.MINUTE + SECOND, at=NOON.replace(day=day))
    roll_up(acme)

    row = read(acme, bot)["support", "web"]

    assert (row.charged, row.included, row.cost) == (1, 1, Decimal("0.20"))


def test_others_are_left_out() -> None:
    globex = renewing.workspace("globex")
    converse(make.bot(globex), 15 * make.MINUTE + SECOND)
    roll_up(globex)
    acme = renewing.workspace()
    bot, other = make.bot(acme), make.bot(acme, "other")
    converse(other, 15 * make.MINUTE + SECOND)
    roll_up(acme)

    assert read(acme, bot) == {}


def test_latest_lead_to_their_conversations() -> None:
    acme = renewing.workspace()
    bot = make.bot(acme)
    converse(bot, 30 * make.MINUTE + 37 * SECOND, user="ann")
    converse(bot, 15 * make.MINUTE + 90 * SECOND, user="bob")
    roll_up(acme)
    whole = Period(NOON - timedelta(days=1), NOON + timedelta(days=1))

    with in_workspace(acme.pk):
        found: list[ShortSession] = list_short(Asked(acme.pk, [bot.pk], whole), minutes=1)
        stream = Stream.objects.for_workspace(acme).get(user="ann")

    (one,) = found
    assert (one.number, one.length, one.bot) == (3, "0:37", bot.name)
    assert one.conversation_id.startswith(stream.key.hex)


def test_many_bots_are_read_with_as_many_statements_as_one() -> None:
    acme = renewing.workspace()
    bots = [make.bot(acme, f"bot-{number}") for number in range(20)]
    for bot in bots[:5]:
        converse(bot, 15 * make.MINUTE + SECOND)
    roll_up(acme)
    with CaptureQueriesContext(connection) as one:
        read(acme, bots[0])
    with CaptureQueriesContext(connection) as many:
        read(acme, *bots)

    assert len(many) == len(one)


@pytest.mark.parametrize("charged", range(8))
def test_spread_gives_no_channel_more_than_it_has(charged: int) -> None:
    bot = Bot(pk=1, name="b", key="b")
    numbers = {"a": 1, "b": 4, "c": 2}
    rows = {(1, channel): Row(bot, channel) for channel in numbers}

    boundary_costs.spread(
        rows,
        1,
        numbers=numbers,
        priced=boundary_costs.Priced(charged, 7 - charged, Decimal("0.18")),
    )

    assert sum(row.charged for row in rows.values()) == charged
    assert all(row.charged + row.included == numbers[row.channel] for row in rows.values())
