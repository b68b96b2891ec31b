"""How pages and mails say what usage alerts look at, and what they found."""

from datetime import date
from decimal import Decimal

from accounts.models import Bot
from plans.alerted import Per, UsageAlert, Watched
from plans.wording import Currency, say_day, say_exactly

WHOLE = "Whole workspace"


def say_scope(bot: Bot | None) -> str:
    """Return whose numbers are looked at."""
    return bot.name if bot else WHOLE


def say_number(number: Decimal, watched: str, currency: Currency) -> str:
    """Return a number, or a threshold, in words: ``1,200 billing sessions``, ``12.50 USD``."""
    if watched == Watched.MONEY:
        return say_exactly(number, currency)
    return f"{number:,.0f} billing session{'' if number == 1 else 's'}"


def say_watch(watched: str, per: str) -> str:
    """Return what is looked at: ``Billing sessions per day``."""
    return f"{Watched(watched).label} per {Per(per).label.lower()}"


def say_period(starts_on: date, per: str) -> str:
    """Return a period: ``2 Mar 2026``, ``March 2026``."""
    return f"{starts_on:%B %Y}" if per == Per.MONTH else say_day(starts_on)


def say_alert(alert: UsageAlert, currency: Currency) -> str:
    """Return a usage alert in a few words: ``Help desk: 500 billing sessions per day``."""
    threshold = say_number(alert.threshold, alert.watched, currency)
    return f"{say_scope(alert.bot)}: {threshold} per {Per(alert.per).label.lower()}"
