"""Made-up mails of each kind, for operators to look at: what the templates are given, and why."""

from collections.abc import Mapping
from typing import Any

from accounts.models import Bot, Mail, User, Workspace
from accounts.recipients import Why

ORDER = {
    "order": "O-000042",
    "gross": "119.00 USD",
    "method": "Card",
    "due_on": "",
    "facts": [
        ["Order", "O-000042"],
        ["What", "Credit purchase"],
        ["Bot", "Help desk"],
        ["Net", "100.00 USD"],
        ["Tax", "19.00 USD"],
        ["Total", "119.00 USD"],
    ],
    "action": ["See the order", "/w/acme/orders/42/"],
}
OF_PLAN = {"action": ["See the plan", "/w/acme/plan/bots/1/"]}
OF_CREDITS = {"action": ["See the credits", "/w/acme/plan/credits/"], "wallet": "all bots"}
OF_FUNDS = {"action": ["Add funds", "/w/acme/plan/bots/1/"]}
OF_RELOAD = {"action": ["See auto-reload", "/w/acme/plan/reload"], "wallet": "all bots"}
UNPAID = {"due_on": "16 Apr 2026", "expires_on": "30 Apr 2026", **OF_PLAN}
EXTENSION = {"days": 30, "by": "Ada Example", "facts": [["Reason", "The launch has moved."]]}
DOCUMENT = {"gross": "119.00 USD", "action": ["See the document", "/w/acme/orders/42/"]}

SAMPLES: Mapping[str, tuple[Why, Mapping[str, Any]]] = {  # Any: words of templates are free
    "purchase": (
        Why.BUYER,
        ORDER
        | {
            "what": "Credit purchase",
            "ordered_on": "2 Mar 2026",
            "loaded": True,
            "net": "100.00 USD",
            "wallet": "the bot Help desk",
        },
    ),
    "payment_pending": (Why.BUYER, ORDER),
    "payment_failed": (Why.BUYER, ORDER),
    "payment_due": (Why.BILLING, ORDER | {"due_on": "16 Apr 2026"}),
    "invoice_issued": (
        Why.BILLING,
        DOCUMENT
        | {
            "number": "ACME-2026-000042",
            "facts": [["Number", "ACME-2026-000042"], ["Total", "119.00 USD"]],
        },
    ),
    "credit_note_issued": (
        Why.BILLING,
        DOCUMENT
        | {
            "number": "ACME-C-2026-000001",
            "facts": [["Number", "ACME-C-2026-000001"], ["Total", "119.00 USD"]],
        },
    ),
    "reload_done": (
        Why.ADMIN,
        ORDER
        | {
            "what": "Auto-reload",
            "ordered_on": "2 Mar 2026",
            "loaded": True,
            "net": "100.00 USD",
            "wallet": "all bots",
        },
    ),
    "reload_failed": (
        Why.ADMIN,
        OF_RELOAD | {"because": "The payment of order O-000042 failed."},
    ),
    "reload_on": (
        Why.ADMIN,
        OF_RELOAD
        | {
            "by": "Ada Example",
            "amount": "100.00 USD",
            "limit": "50.00 USD",
            "method": "Visa ending in 4242",
        },
    ),
    "reload_off": (Why.ADMIN, OF_RELOAD | {"by": "Ada Example"}),
    "low_balance": (Why.BOT_OWNER, OF_FUNDS | {"left": "9.40 USD", "limit": "50.00 USD"}),
    "credits_gone": (Why.BOT_OWNER, OF_FUNDS),
    "credits_gone_all": (
        Why.OWNER,
        {
            "told": [],
            "count": 12,
            "bots": ["Help desk", "Sales", "Travel"],
            "more": 9,
            "action": ["See all plans", "/w/acme/plan/"],
        },
    ),
    "credits_lapsing": (
        Why.ADMIN,
        OF_CREDITS | {"sort": "free", "left": "412.60 USD", "days": 14, "last_day": "31 May 2026"},
    ),
    "credits_lapsed": (
        Why.ADMIN,
        OF_CREDITS
        | {"amount": "88.20 USD", "facts": [["Free, last day 31 May 2026", "88.20 USD"]]},
    ),
    "plan_changed": (
        Why.BOT_OWNER,
        OF_PLAN | {"before": "Standard", "plan": "Essential", "day": "2 Mar 2026"},
    ),
    "plan_scheduled": (
        Why.BOT_OWNER,
        OF_PLAN | {"before": "Advanced", "plan": "Standard", "day": "1 Apr 2026"},
    ),
    "plan_past_due": (Why.BOT_OWNER, UNPAID | {"days": 14}),
    "plan_expiring": (Why.BOT_OWNER, UNPAID | {"days": 3}),
    "plan_expired": (Why.BOT_OWNER, UNPAID | {"days": 0}),
    "extension_asked": (
        Why.OPERATOR,
        EXTENSION | {"for_operator": True, "action": ["Decide", "/operator/extensions/1/"]},
    ),
    "extension_decided": (
        Why.ASKED,
        EXTENSION | OF_PLAN | {"decision": "approved", "until": "30 Apr 2026"},
    ),
    "bot_owner_changed": (
        Why.BOT_OWNER,
        {
            "bots": ["Help desk"],
            "count": 1,
            "gained": True,
            "other": "Ben Example",
            "action": ["See the bots", "/w/acme/bots/"],
        },
    ),
}
OF_NO_BOT = {"credits_gone_all", "invoice_issued", "credit_note_issued", "bot_owner_changed"}


def make(kind: str) -> Mail:
    """Return a made-up mail that is stored nowhere.

    Raises:
        KeyError: there is no such kind.
    """
    why, words = SAMPLES[kind]
    workspace = Workspace(pk=0, slug="acme", name="Acme Ltd")
    context = {"workspace": workspace.name, **words}
    bot = None
    if kind not in OF_NO_BOT:
        bot = Bot(pk=0, workspace=workspace, name="Help desk")
        context["bot"] = bot.name
    address = "ada@acme.example"
    user = None if why == Why.BILLING else User(pk=0, email=address, name="Ada Example")
    return Mail(
        pk=0,
        kind=kind,
        workspace=workspace,
        bot=bot,
        address=address,
        user=user,
        why=why.value,
        context=context,
    )
