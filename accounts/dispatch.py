"""Mails of the outbox go out, each once.

Whoever sends one has locked its row from before it goes out until that is noted; after a crash in
between a second copy goes out, with the same Message-ID.
"""

import logging
from datetime import datetime, timedelta

from django.conf import settings

from accounts import mail, mail_words, recipients
from accounts.days import DAY
from accounts.mail_kinds import KINDS
from accounts.models import Mail, MailState, MutedMail
from accounts.tenancy import in_workspace

TRIES_FOR = 4 * DAY  # a mail server may be away for days
PAUSES = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=20))
LONGEST_PAUSE = timedelta(hours=1)

logger = logging.getLogger(__name__)


def run(*, workspace_id: int, now: datetime) -> int:
    """Send what is due in a workspace; return how many were. Safe to run twice and at once.

    Raises:
        ServerAway: the mail server takes none now; the next run tries again.
    """
    sent = 0
    while (state := send_next(workspace_id=workspace_id, now=now)) is not None:
        sent += state == MailState.SENT
    return sent


def send_next(*, workspace_id: int, now: datetime) -> str | None:
    """Send one mail that is due and that nobody else is sending; return its state.

    None: there is none.

    Raises:
        ServerAway: the mail server takes none now. The mail waits, its attempt is noted.
    """
    away = None
    with in_workspace(workspace_id):
        due = Mail.objects.for_workspace(workspace_id).due(now).order_by("due_at", "pk")
        due = due.select_related("workspace", "user", "bot")
        found = due.select_for_update(skip_locked=True, of=("self",)).first()
        if found is None:
            return None
        if reason := find_obstacle(found, now=now):
            found.state, found.reason = MailState.DROPPED, reason
        else:
            away = try_to_send(found, now=now)
        found.save(update_fields=["state", "reason", "attempts", "due_at", "sent_at"])
    if away:
        raise away
    return found.state


def find_obstacle(found: Mail, *, now: datetime) -> str:
    """Return why a mail is not to be sent (any more); empty: it is."""
    if settings.EMAIL_BACKEND.endswith("dummy.EmailBackend"):
        return "no mail server"
    if found.kind not in KINDS:  # of a later version, which was taken back
        return "unknown kind"
    if not found.attempts and now - found.created_at > TRIES_FOR:
        return "too old"
    if not recipients.may_still_get(found):
        return "not a recipient any more"
    category = KINDS[found.kind].category
    muted = MutedMail.objects.for_workspace(found.workspace_id).filter(category=category)
    if not KINDS[found.kind].mandatory and muted.filter(user=found.user_id).exists():
        return "switched off"
    return ""


def try_to_send(found: Mail, *, now: datetime) -> mail.ServerAway | None:
    """Send a mail that the caller has locked, and note on it what became of that.

    Returns what hinders all other mails too.
    """
    found.attempts += 1
    try:
        said = mail_words.render(found)
        mail.send(
            # An address that was changed meanwhile is not written to any more.
            to=found.user.email if found.user else found.address,
            subject=said.subject,
            template="news",
            key=f"mail-{found.workspace_id}-{found.pk}",
            context=said.context,
            headers=said.headers,
        )
    except mail.AddressRefused as error:
        logger.warning("Mail %s is refused for ever: %s", found.pk, error)
        found.state, found.reason = MailState.REFUSED, str(error)
    except mail.NotSent as error:
        logger.warning("Mail %s was not sent: %s", found.pk, error)
        put_off(found, str(error), now=now)
        return error if isinstance(error, mail.ServerAway) else None
    except Exception as error:  # one that cannot be made holds up no other
        logger.exception("Mail %s could not be made", found.pk)
        put_off(found, type(error).__name__, now=now)
    else:
        found.state, found.reason, found.sent_at = MailState.SENT, "", now
    return None


def put_off(found: Mail, reason: str, *, now: datetime) -> None:
    """Have a mail tried again later, or give it up after days."""
    found.reason = reason
    if now - found.created_at > TRIES_FOR:
        found.state = MailState.FAILED
        return
    done = found.attempts - 1
    found.due_at = now + (PAUSES[done] if done < len(PAUSES) else LONGEST_PAUSE)
