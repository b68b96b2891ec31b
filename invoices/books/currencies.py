"""How many decimals currencies have; books of all workspaces have several."""

from collections.abc import Mapping

from accounts.tenancy import read_as_operator
from invoices.frozen import Denomination

LIST = "SELECT code, decimals FROM plans_currency"
DECIMALS = 2  # of a currency that the catalog does not have


def read() -> dict[str, Denomination]:
    """Return the currencies of the catalog by their codes."""
    return {code: Denomination(code, decimals) for code, decimals in read_as_operator(LIST)}


def find(known: Mapping[str, Denomination], code: str) -> Denomination:
    """Return a currency, also one that the catalog does not have."""
    return known.get(code, Denomination(code, DECIMALS))
