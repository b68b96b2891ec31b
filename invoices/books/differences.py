"""Where two ways to the same figure lead to two."""

from decimal import Decimal
from typing import NamedTuple

ALL = "all workspaces"
COLUMNS = ("workspace", "what", "currency", "expected", "ledger", "difference")


class Difference(NamedTuple):
    """What differs: what is kept beside the ledger, and what its entries say."""

    workspace: str
    what: str
    currency: str
    expected: Decimal
    ledger: Decimal

    @property
    def values(self) -> list[str]:
        """Its values in the order of the columns."""
        difference = self.ledger - self.expected
        amounts = [f"{amount:.4f}" for amount in (self.expected, self.ledger, difference)]
        return [self.workspace, self.what, self.currency, *amounts]

    def __str__(self) -> str:
        return (
            f"{self.what} of {self.workspace}: {self.expected:.4f} expected, {self.ledger:.4f} in"
            f" the ledger ({self.currency})"
        )
