"""Lengths and instants in words, for explanations and drawings. Pure, like usage/sessions.py."""

from datetime import datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

from usage.sessions import SECOND


def say_length(length: int) -> str:
    """Return microseconds as ``m:ss`` or ``h:mm:ss``; a fraction of a second as far as it goes."""
    seconds, rest = divmod(length, SECOND)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    text = f"{hours}:{minute:02}:{second:02}" if hours else f"{minute}:{second:02}"
    return text + say_fraction(rest)


def say_fraction(microseconds: int) -> str:
    """Return a fraction of a second with its point; nothing where there is none."""
    return f".{microseconds:06}".rstrip("0").rstrip(".")


def say_number(number: int, noun: str) -> str:
    """Return a number of things, such as ``1 usage session``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


class LocalClock(NamedTuple):
    """Turns counted microseconds into local time; ``reference`` is the instant read first.

    The date is said where it is not that of the reference, the offset where clocks were changed.
    """

    zone: ZoneInfo
    origin: datetime
    reference: int

    def local(self, at: int) -> datetime:
        """Return the local time of an instant."""
        return (self.origin + timedelta(microseconds=at)).astimezone(self.zone)

    def say(self, at: int) -> str:
        """Return an instant for a sentence."""
        local, reference = self.local(at), self.local(self.reference)
        text = f"{local:%H:%M:%S}" + say_fraction(local.microsecond)
        if local.date() != reference.date():
            text = f"{local.day} {local:%b} {text}"
        if local.utcoffset() != reference.utcoffset():
            text += f" (UTC{local.isoformat(timespec='minutes')[16:]})"
        return text
