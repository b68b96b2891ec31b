"""Believable events of a made-up workspace, as lines in the order of their arrival.

Each bot and day has a random generator of its own, seeded by their names: any day can be made
alone, and is always the same. The clock is never read.
"""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from billing_console.demo import conversations, desk
from billing_console.demo.conversations import Staging, Talk
from billing_console.demo.daybook import (
    DAY,
    HOUR,
    LATEST,
    MINUTE,
    SECOND,
    Daybook,
    to_milliseconds,
)
from billing_console.demo.traffic import Traffic

SEED = "billing-console-demo"
ALERT_HOURS = (0, 8, 16)
FAILED_ALERT = 0.03
# What the events of a day can still add after it: a long conversation and what arrives late.
REACH = timedelta(days=LATEST // DAY + 1)


@dataclass(frozen=True)
class Business:
    """A made-up workspace: its slug, zone, the day it opened, and its bots' traffic by key."""

    slug: str
    zone: ZoneInfo
    opened: date
    bots: Mapping[str, Traffic]


def generate(
    business: Business, *, until: datetime, since: datetime | None = None, seed: str = SEED
) -> Iterator[bytes]:
    """Yield what arrives up to ``until``, one event as a line of JSON each.

    With ``since`` only what arrives from that instant on: the rest of what a generation with the
    same seed and an earlier ``until`` began.
    """
    first = business.opened
    if since is not None:
        first = max(first, (since - REACH).astimezone(business.zone).date())
    last = until.astimezone(business.zone).date()
    from_, to = to_milliseconds(since) if since else 0, to_milliseconds(until)
    waiting: list[tuple[int, bytes]] = []
    for day in (first + timedelta(days=offset) for offset in range((last - first).days + 1)):
        for bot in business.bots:
            waiting += generate_day(business, bot, day, seed=seed)
        waiting.sort()
        # No event of a later day can arrive before that day.
        over = min(to + 1, find_midnight(day + timedelta(days=1), business.zone))
        place = next((i for i, (arrival, _) in enumerate(waiting) if arrival >= over), len(waiting))
        yield from (line for arrival, line in waiting[:place] if arrival >= from_)
        waiting = waiting[place:]


def generate_day(
    business: Business, bot: str, day: date, *, seed: str = SEED
) -> list[tuple[int, bytes]]:
    """Return the events of one bot and local day, each after the instant of its arrival.

    Instants are milliseconds since 1970. In no order; the last ones lie after the day's end.
    """
    traffic = business.bots[bot]
    number = (day - business.opened).days
    book = Daybook(
        random.Random(f"{seed}:{business.slug}:{bot}:{day}"),  # noqa: S311
        workspace=business.slug,
        bot=bot,
    )
    midnight = find_midnight(day, business.zone)
    tenures = desk.list_tenures(seed, bot, traffic)
    workday = day.weekday() < 5
    shifts = desk.write_day(book, tenures, number=number, midnight=midnight, workday=workday)
    if traffic.runs_on(number):
        for _ in range(traffic.count_conversations(book.rng, day, number)):
            write_conversation(book, traffic, number=number, midnight=midnight, shifts=shifts)
        write_alerts(book, traffic, number=number, midnight=midnight)
        write_notifications(book, traffic, midnight=midnight)
    return book.events


def find_midnight(day: date, zone: ZoneInfo) -> int:
    """Return where a local day starts, in milliseconds since 1970."""
    return to_milliseconds(datetime.combine(day, time(), zone))


def write_conversation(
    book: Daybook, traffic: Traffic, *, number: int, midnight: int, shifts: list[desk.Shift]
) -> None:
    """Write one conversation: a chat or a call, of a customer or to try the bot."""
    rng = book.rng
    names, weights = zip(*traffic.channels, strict=True)
    channel = rng.choices(names, weights)[0]
    at = midnight + int(traffic.pick_second(rng) * SECOND)
    staging = Staging.LIVE
    user = book.user_id(traffic.pick_user(rng, number))
    if rng.random() < traffic.tests:
        staging = rng.choice((Staging.DEVELOPER, Staging.TEST))
        user = f"dev-{rng.randrange(1, 6)}"
    talk = Talk(at, user, channel, staging, traffic.parent if rng.random() < 0.4 else "")
    transfer = rng.random() < traffic.transfers
    there = [shift.agent for shift in shifts if shift.from_ <= at < shift.to]
    agent = rng.choice(there) if there and transfer else None
    write = conversations.call if channel == conversations.VOICE else conversations.chat
    write(book, talk, agent=agent, transfer=transfer)


def write_alerts(book: Daybook, traffic: Traffic, *, number: int, midnight: int) -> None:
    """Write the alerts that subscribers get at 0, 8 and 16 o'clock; some do not get through."""
    if not traffic.subscribers:
        return
    # A few subscribe during the year.
    count = traffic.subscribers // 2 + traffic.subscribers * min(number, 365) // 730
    for user in range(count):
        data = f'"user":"{book.user_id(user)}","channel":"whatsapp","alert":"{book.bot}-8h"'
        for hour in ALERT_HOURS:
            at = midnight + hour * HOUR + int(book.rng.uniform(0, 90) * SECOND)
            failed = book.rng.random() < FAILED_ALERT
            name = "alert.failed" if failed else "alert.delivered"
            book.write(at, name, "alerts", book.new_id(), data)


def write_notifications(book: Daybook, traffic: Traffic, *, midnight: int) -> None:
    """Write a day's notifications, sent out within minutes after ten o'clock."""
    for _ in range(traffic.notified):
        user = book.user_id(book.rng.randrange(400))
        at = midnight + 10 * HOUR + int(book.rng.uniform(0, 20) * MINUTE)
        data = f'"user":"{user}","channel":"whatsapp","notification":"{book.bot}-news"'
        book.write(at, "notification.delivered", "alerts", book.new_id(), data)
