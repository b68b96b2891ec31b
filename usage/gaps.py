"""Equations between numbers that are kept apart, and where they do not hold. Pure arithmetic."""

from decimal import Decimal
from typing import NamedTuple


class Gap(NamedTuple):
    """An equation that does not hold: what its left side says, and what its right."""

    equation: str
    expected: int | Decimal
    found: int | Decimal

    @property
    def difference(self) -> int | Decimal:
        """How much more was found than expected."""
        return self.found - self.expected


def find_gaps(*equations: Gap) -> list[Gap]:
    """Return those of some equations that do not hold."""
    return [one for one in equations if one.expected != one.found]
