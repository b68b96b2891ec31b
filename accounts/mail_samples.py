"""Made-up mails of each kind, for operators to look at: what the templates are given, and why."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.template.loader import render_to_string

from accounts import mail_words
from accounts.mail_kinds import KINDS
from accounts.models import Bot, Mail, User, Workspace
from accounts.recipients import Why


class Preview(NamedTuple):
    """A kind of mail that can be looked at: its name in addresses and in words, and a subject."""

    name: str
    label: str
    subject: str


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
    "wire_awaited": (Why.BUYER, ORDER),
    "payment_failed": (Why.BUYER, ORDER),
    "payment_due": (Why.BILLING, ORDER | {"due_on": "16 Apr 2026"}),
    "method_expiring": (
        Why.ADMIN,
        {
            "method": "Visa ending in 4242, to 03/2026",
            "expires_on": "31 Mar 2026",
            "uses": ["renewals", "auto-reload of the credits that all bots share"],
            "action": ["See payment methods", "/w/acme/settings/payment-methods"],
        },
    ),
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
        OF_CREDITS
        | {
            "sort": "free",
            "left": "412.60 USD",
            "days": 14,
            "last_day": "31 May 2026",
            "told": [],
            "facts": [],
        },
    ),
    "credits_lapsed": (
        Why.ADMIN,
        OF_CREDITS
        | {"amount": "88.20 USD", "facts": [["Free, last day 31 May 2026", "88.20 USD"]]},
    ),
    "usage_alert": (
        Why.BOT_OWNER,
        {
            "count": 1,
            "scope": "Help desk",
            "period": "on 2 Mar 2026",
            "threshold": "500 billing sessions",
            "number": "512 billing sessions",
            "facts": [["Help desk, 2 Mar 2026", "512 billing sessions; threshold 500 per day"]],
            "more": 0,
            "action": ["See the alert", "/w/acme/usage-alerts/1/"],
        },
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
# Sent on their own: they hold links that nobody else may see, and are in no list.
OF_SIGN_INS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "invitation": (
        "Join Acme Ltd on Billing Console",
        {
            "workspace": Workspace(pk=0, slug="acme", name="Acme Ltd"),
            "invitation": {
                "invited_by": User(pk=0, email="ada@acme.example", name="Ada Example"),
                "get_role_display": "Member",
                "email": "ben@acme.example",
                "expires_at": datetime(2026, 3, 9, 12, tzinfo=UTC),
            },
        },
    ),
    "password_reset": ("Set a new password", {}),
    "address_change": (
        "Confirm your mail address",
        {"old": "ada@acme.example", "new": "ada@example.org"},
    ),
    "notice": (
        "Your password was changed",
        {
            "sentence": "Your password was changed.",
            "at": datetime(2026, 3, 2, 12, tzinfo=UTC),
            "address": "192.0.2.7",
            "browser": "Firefox on Linux",
        },
    ),
}
OF_NO_BOT = {
    "credits_gone_all",
    "method_expiring",
    "invoice_issued",
    "credit_note_issued",
    "bot_owner_changed",
}


def list_previews() -> list[Preview]:
    """Return what there is to look at: the kinds, then the mails about sign-ins."""
    kinds = [
        Preview(name, kind.name, mail_words.render(make(name)).subject)
        for name, kind in KINDS.items()
    ]
    others = [
        Preview(name, name.replace("_", " ").capitalize(), subject)
        for name, (subject, _) in OF_SIGN_INS.items()
    ]
    return kinds + others


def render(name: str, *, as_html: bool) -> str:
    """Return a made-up mail as HTML or text.

    Raises:
        KeyError: there is no such kind.
    """
    ending = "html" if as_html else "txt"
    if name in OF_SIGN_INS:
        subject, words = OF_SIGN_INS[name]
        link = mail_words.absolute("/only-a-preview")
        more = {"subject": subject, "link": link, "console": settings.PUBLIC_ADDRESS}
        return render_to_string(f"mail/{name}.{ending}", {**words, **more})
    said = mail_words.render(make(name))
    return render_to_string(f"mail/news.{ending}", dict(said.context))


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
