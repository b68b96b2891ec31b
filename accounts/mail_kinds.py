"""All kinds of mails about a workspace, in one registry, and what people may switch off.

Templates: ``mail/kinds/<kind>.txt``, its first line the subject, then paragraphs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Category(StrEnum):
    """What people choose mails by; those of a mandatory one are sent in any case."""

    CREDITS = "credits"
    USAGE = "usage"
    PLANS = "plans"
    RELOADS = "reloads"
    BOTS = "bots"
    EXTENSIONS = "extensions"
    PAYMENTS = "payments"
    DOCUMENTS = "documents"


@dataclass(frozen=True, kw_only=True)
class About:
    """A category in words."""

    name: str
    words: str
    mandatory: bool = False


CATEGORIES: Mapping[Category, About] = {
    Category.CREDITS: About(
        name="Credits", words="A low balance, credits that lapse soon or did, and none left."
    ),
    Category.USAGE: About(
        name="Usage alerts", words="A threshold of sessions or money that a usage alert watches."
    ),
    Category.PLANS: About(
        name="Plans", words="Changed plans, and plans that are past due or expire."
    ),
    Category.RELOADS: About(
        name="Auto-reload", words="Auto-reload that bought credits, or was turned on or off."
    ),
    Category.BOTS: About(name="Bots", words="Bots that are given to another owner."),
    Category.EXTENSIONS: About(
        name="Extensions", words="Extensions that were asked for, and what was decided."
    ),
    Category.PAYMENTS: About(
        name="Orders and payments",
        words="Your purchases, payments that wait or failed, and what is due.",
        mandatory=True,
    ),
    Category.DOCUMENTS: About(
        name="Invoices",
        words="Invoices and credit notes, to the recipients in the billing details.",
        mandatory=True,
    ),
}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of mail. ``money``: it moves money or credits, what is owed or who decides of it.

    Each of these is sent: a second one on a day says that the first is not true any more.
    ``asked_for``: people have set up what each of these tells of, and how often it may.

    Of all others there is at most one a local day for each bot and recipient.
    """

    name: str
    category: Category
    money: bool = False
    asked_for: bool = False

    @property
    def once_a_day(self) -> bool:
        """Whether there is at most one a local day."""
        return not self.money and not self.asked_for

    @property
    def mandatory(self) -> bool:
        """Whether nobody can switch it off."""
        return CATEGORIES[self.category].mandatory


KINDS: Mapping[str, Kind] = {
    "purchase": Kind(name="Purchase completed", category=Category.PAYMENTS, money=True),
    "payment_pending": Kind(name="Payment pending", category=Category.PAYMENTS, money=True),
    "wire_awaited": Kind(name="Transfer awaited", category=Category.PAYMENTS, money=True),
    "payment_failed": Kind(name="Payment failed", category=Category.PAYMENTS, money=True),
    "payment_due": Kind(name="Payment due", category=Category.PAYMENTS, money=True),
    "method_expiring": Kind(name="Payment method expiring", category=Category.PAYMENTS, money=True),
    "invoice_issued": Kind(name="Invoice issued", category=Category.DOCUMENTS, money=True),
    "credit_note_issued": Kind(name="Credit note issued", category=Category.DOCUMENTS, money=True),
    "reload_done": Kind(name="Auto-reload done", category=Category.RELOADS, money=True),
    "reload_failed": Kind(name="Auto-reload failed", category=Category.PAYMENTS, money=True),
    "reload_on": Kind(name="Auto-reload on", category=Category.RELOADS, money=True),
    "reload_off": Kind(name="Auto-reload off", category=Category.RELOADS, money=True),
    "low_balance": Kind(name="Low balance", category=Category.CREDITS),
    "credits_gone": Kind(name="Credits gone", category=Category.CREDITS),
    "credits_gone_all": Kind(name="Bots without credits", category=Category.CREDITS),
    "credits_lapsing": Kind(name="Credits lapsing", category=Category.CREDITS),
    "credits_lapsed": Kind(name="Credits lapsed", category=Category.CREDITS),
    "usage_alert": Kind(name="Usage alert", category=Category.USAGE, asked_for=True),
    "plan_changed": Kind(name="Plan changed", category=Category.PLANS, money=True),
    "plan_scheduled": Kind(name="Plan change scheduled", category=Category.PLANS, money=True),
    "plan_past_due": Kind(name="Plan past due", category=Category.PLANS),
    "plan_expiring": Kind(name="Plan expiring", category=Category.PLANS),
    "plan_expired": Kind(name="Plan expired", category=Category.PLANS),
    "extension_asked": Kind(name="Extension asked for", category=Category.EXTENSIONS, money=True),
    "extension_decided": Kind(name="Extension decided", category=Category.EXTENSIONS, money=True),
    "bot_owner_changed": Kind(name="Bot owner changed", category=Category.BOTS, money=True),
}
