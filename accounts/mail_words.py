"""What a mail of the outbox says: its template and context, the foot, and how to switch it off."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from django.conf import settings
from django.core import signing
from django.template.loader import render_to_string
from django.urls import reverse

from accounts import recipients
from accounts.mail_kinds import CATEGORIES, KINDS, Category
from accounts.models import Mail

SALT = "mail.unsubscribe"


class Choice(NamedTuple):
    """Whose mails of a category are to be switched off."""

    workspace_id: int
    user_id: int
    category: Category


@dataclass(frozen=True, kw_only=True)
class Words:
    """A mail's subject, headers, and the context of ``mail/news.txt`` and ``.html``."""

    subject: str
    headers: Mapping[str, str]
    context: Mapping[str, object]


def render(mail: Mail) -> Words:
    """Return what a mail says; its workspace, user and bot are read."""
    values = {name: flatten(value) for name, value in mail.context.items()}
    text = render_to_string(f"mail/kinds/{mail.kind}.txt", values)
    subject, *paragraphs = [" ".join(part.split()) for part in text.strip().split("\n\n")]
    action = values.get("action")
    headers: dict[str, str] = {}
    preferences = ""
    if mail.user_id is not None and mail.why != recipients.Why.OPERATOR:
        preferences = absolute(reverse("accounts:mail_preferences", args=[mail.workspace.slug]))
        if not KINDS[mail.kind].mandatory:
            token = write_token(mail.workspace_id, mail.user_id, KINDS[mail.kind].category)
            link = absolute(reverse("accounts:unsubscribe", args=[token]))
            headers = {
                "List-Unsubscribe": f"<{link}>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
            }
    context = {
        "subject": subject,
        "paragraphs": paragraphs,
        "facts": values.get("facts", []),
        "link": absolute(str(action[1])) if isinstance(action, list) else "",
        "label": action[0] if isinstance(action, list) else "",
        "workspace": mail.workspace.name,
        "why": recipients.SAID[mail.why],
        "preferences": preferences,
        "mandatory": KINDS[mail.kind].mandatory,
        "category": CATEGORIES[KINDS[mail.kind].category].name,
        "console": settings.PUBLIC_ADDRESS,
    }
    return Words(subject=subject, headers=headers, context=context)


def flatten(value: object) -> object:
    """Return a value with each text on one line: a blank line in a name begins no paragraph."""
    if isinstance(value, list):
        return [flatten(one) for one in value]
    return " ".join(value.split()) if isinstance(value, str) else value


def absolute(path: str) -> str:
    """Return the address of a page as mails have it."""
    return f"{settings.PUBLIC_ADDRESS}{path}"


def write_token(workspace_id: int, user_id: int, category: Category) -> str:
    """Return the token of a link that switches a category off without a sign-in."""
    return signing.dumps([workspace_id, user_id, category.value], salt=SALT)


def read_token(token: str) -> Choice:
    """Return what a token is for; it holds as long as its mail may be read: for ever.

    Raises:
        ValueError: it is not one of ours, or of a category that cannot be switched off.
    """
    try:
        workspace_id, user_id, name = signing.loads(token, salt=SALT)
        category = Category(name)
    except signing.BadSignature:
        raise ValueError("The link is damaged.") from None
    if CATEGORIES[category].mandatory:
        raise ValueError("These mails cannot be switched off.")
    return Choice(workspace_id, user_id, category)
