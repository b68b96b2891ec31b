"""What each role may do, in the words of the pages; accounts/access.py is what holds."""

from accounts.models import Role
from accounts.people import may_give

EXPLANATIONS = {
    Role.OWNER: "Everything, and gives and takes the owner role.",
    Role.ADMIN: "Everything but the owner role.",
    Role.FINANCE: "Sees all usage, plans, orders and invoices, and changes billing details.",
    Role.MEMBER: "Sees and manages the bots they own, sees those shared with them.",
    Role.SHARED: "Sees the usage of bots shared with them: no money, and no other person.",
}


def list_choices(own: str) -> list[tuple[Role, str]]:
    """Return the roles that somebody of a role may give, each with what it may do."""
    return [(role, EXPLANATIONS[role]) for role in Role if may_give(own, role)]
