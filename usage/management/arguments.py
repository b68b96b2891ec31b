"""Instants, dates, months and zones as people type them in commands."""

import re
from argparse import ArgumentTypeError
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from accounts.days import start_of_day
from accounts.models import Bot, Workspace, known_zone
from accounts.tenancy import in_workspace
from usage.periods import Period

FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(2200, 1, 1)
MONTH = re.compile(r"[0-9]{4}-[0-9]{2}", re.ASCII)


def instant(text: str) -> datetime:
    """Return an instant with its offset.

    Raises:
        ArgumentTypeError: it is none, or it has no offset.
    """
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not an instant of ISO 8601") from None
    if at.tzinfo is None:
        raise ArgumentTypeError(f"{text!r} has no offset from UTC, such as Z or +05:30")
    if not FIRST_DAY + timedelta(days=1) <= at.date() < LAST_DAY:
        raise ArgumentTypeError(f"{text!r} lies outside the years {FIRST_DAY.year} to 2199")
    return at


def day(text: str) -> date:
    """Return a date.

    Raises:
        ArgumentTypeError: it is none.
    """
    try:
        found = date.fromisoformat(text)
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a date such as 2026-03-31") from None
    if not FIRST_DAY <= found <= LAST_DAY:
        raise ArgumentTypeError(f"{text!r} lies outside the years {FIRST_DAY.year} to 2199")
    return found


def month(text: str) -> date:
    """Return the first day of a month.

    Raises:
        ArgumentTypeError: it is none.
    """
    try:
        if not MONTH.fullmatch(text):
            raise ValueError(text)
        found = date.fromisoformat(f"{text}-01")
    except ValueError:
        raise ArgumentTypeError(f"{text!r} is not a month such as 2026-03") from None
    if not FIRST_DAY <= found < LAST_DAY:
        raise ArgumentTypeError(f"{text!r} lies outside the years {FIRST_DAY.year} to 2199")
    return found


def day_or_instant(text: str) -> date | datetime:
    """Return a date, or an instant with its offset."""
    return instant(text) if len(text) > len("2026-03-31") else day(text)


def zone(text: str) -> ZoneInfo:
    """Return a time zone.

    Raises:
        ArgumentTypeError: there is none of this name.
    """
    try:
        known_zone(text)
    except ValidationError as error:
        raise ArgumentTypeError(error.message) from None
    return ZoneInfo(text)


def check_order(start: date, end: date) -> None:
    """Refuse a range that ends before it starts.

    Raises:
        CommandError: it does.
    """
    if start > end:
        raise CommandError("--from lies after --to.")


def to_period(
    start: date | datetime | None, end: date | datetime | None, *, of: Workspace
) -> Period:
    """Return the stretch between two local dates or instants; a missing one leaves it open."""
    local = ZoneInfo(of.timezone)
    bounds = (start or FIRST_DAY, end or LAST_DAY)
    starts_at, ends_at = (
        bound if isinstance(bound, datetime) else start_of_day(bound, local) for bound in bounds
    )
    check_order(starts_at, ends_at)
    return Period(starts_at, ends_at)


def find_bots(keys: list[str] | None, *, workspace: Workspace) -> list[Bot]:
    """Return bots in order of their keys: those named, else all of the workspace.

    Raises:
        CommandError: one of them does not exist.
    """
    with in_workspace(workspace.pk):
        bots = Bot.objects.for_workspace(workspace).order_by("key")
        if keys is None:
            return list(bots)
        found = list(bots.filter(key__in=keys))
    missing = set(keys) - {bot.key for bot in found}
    if missing:
        raise CommandError(f"There is no bot {min(missing)!r} in the workspace {workspace.slug!r}.")
    return found
