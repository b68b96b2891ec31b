"""What usage alerts look at and found, in the words of templates."""

from datetime import date
from decimal import Decimal

from django import template
from django.forms import Form
from django.template import Context

from accounts.models import Bot
from plans.alert_wording import say_alert, say_number, say_period
from plans.alerted import UsageAlert, Watched

register = template.Library()
register.filter("in_words", say_alert)


@register.simple_tag(takes_context=True)
def said(context: Context, number: Decimal, watched: str) -> str:
    """Return a number with its unit; money in the ``currency`` of the page."""
    return say_number(number, watched, context["currency"])


@register.filter
def period(starts_on: date, alert: UsageAlert) -> str:
    """Return a period of a usage alert."""
    return say_period(starts_on, alert.per)


@register.filter
def watched_name(watched: str) -> str:
    """Return what is looked at."""
    return Watched(watched).label


@register.filter
def scope(bot: Bot | None) -> str:
    """Return whose numbers are looked at, in a sentence."""
    return f"of the bot {bot.name}" if bot else "of all bots together"


@register.filter
def words(text: str) -> list[str]:
    """Return the words of a text."""
    return text.split()


@register.filter
def sent(form: Form, name: str) -> str:
    """Return what a field of a form was sent, as it is sent once more."""
    value = form[name].value()
    return "" if value is None else str(value)
