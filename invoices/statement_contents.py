"""What a statement says beside its numbers, as frozen values that are stored as JSON."""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

import msgspec

from invoices.frozen import Party
from invoices.stated import StatementBot, UsageStatement


@dataclass(frozen=True, kw_only=True)
class Heading:
    """Whose statement it is; ``seller`` and ``buyer`` are None where they were not known.

    ``plans``: the names of the plans by the number of their version.
    """

    workspace: str
    seller: Party | None = None
    buyer: Party | None = None
    plans: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class PlanUse:
    """What a bot used of a meter on days of a plan with a fee, the last included.

    Of ``used``, ``included`` are paid by the fee; ``ordered`` are on the renewal at ``price`` each.
    """

    plan: str
    meter: str
    first: date
    last: date
    used: int
    included: int
    ordered: int
    price: Decimal
    net: Decimal

    @property
    def days(self) -> tuple[date, date]:
        """The first and the last day."""
        return self.first, self.last


def write(value: object) -> Any:  # what JSON can store
    """Return frozen values as JSON is stored."""
    return msgspec.to_builtins(value)


def read_heading(statement: UsageStatement) -> Heading:
    """Return whose statement it is."""
    return msgspec.convert(statement.content, Heading)


def read_uses(bot: StatementBot) -> list[PlanUse]:
    """Return what a bot's plans include and what was ordered."""
    return msgspec.convert(bot.content, list[PlanUse])
