"""Background work of accounts: each task makes one call and may run twice."""

import logging
from datetime import UTC, datetime

from celery import shared_task
from django.core.cache import cache
from django.db import transaction

from accounts import actors, dispatch, mail, outbox, queries, seals, sign_ins
from accounts.models import Invitation, User

EXPIRES = 60  # seconds; a call that waited that long was followed by others that say the same

MAIL_SERVER_AWAY = "mail-server-away"
AWAY_FOR = 50  # seconds, in which nobody waits for it again

logger = logging.getLogger(__name__)


def start_invitation(invitation: Invitation) -> None:
    """Have a worker send an invitation once it is committed; without Redis the beat finds it."""
    call = {"workspace_id": invitation.workspace_id, "invitation_id": invitation.pk}
    transaction.on_commit(
        lambda: send_invitation.apply_async(kwargs=call, retry=False), robust=True
    )


@shared_task
def send_invitation(*, workspace_id: int, invitation_id: int) -> None:
    """Send one invitation, unless it was sent; where it fails the beat tries again."""
    try:
        mail.send_invitation(
            workspace_id=workspace_id, invitation_id=invitation_id, now=datetime.now(UTC)
        )
    except mail.NotSent as error:
        logger.warning("Invitation %s was not sent: %s", invitation_id, error)


@shared_task
def find_unsent_invitations() -> None:
    """Have the invitations sent whose mail was lost or failed."""
    for workspace_id, invitation_id in queries.find_unsent_invitations(now=datetime.now(UTC)):
        send_invitation.apply_async(
            kwargs={"workspace_id": workspace_id, "invitation_id": invitation_id}, expires=EXPIRES
        )


@shared_task
def find_waiting_mail() -> None:
    """Have mails sent whose call was lost, or that failed; sent by the beat every minute."""
    for workspace_id in outbox.find_due(now=datetime.now(UTC)):
        send_mail.apply_async(kwargs={"workspace_id": workspace_id}, expires=EXPIRES)


@shared_task
def send_mail(*, workspace_id: int) -> None:
    """Send what is due in one workspace; where no server takes it, the beat tries again."""
    if cache.get(MAIL_SERVER_AWAY):
        return
    try:
        dispatch.run(workspace_id=workspace_id, now=datetime.now(UTC))
    except mail.ServerAway:
        cache.set(MAIL_SERVER_AWAY, True, AWAY_FOR)


def start_notice(user: User, sentence: str, *, browser: str, to: str = "") -> None:
    """Have a worker tell a person that their sign-in was changed; without Redis it is left out.

    ``to`` is an address that they had before.
    """
    call = {
        "user_id": user.pk,
        "sentence": sentence,
        "at": datetime.now(UTC).isoformat(),
        "address": actors.current().address,
        "browser": browser,
        "to": to,
    }
    transaction.on_commit(lambda: send_notice.apply_async(kwargs=call, retry=False), robust=True)


@shared_task(autoretry_for=(mail.NotSent,), retry_backoff=30, max_retries=8)
def send_notice(
    *, user_id: int, sentence: str, at: str, address: str, browser: str, to: str
) -> None:
    """Tell a person that their sign-in was changed, when and from where."""
    mail.send_notice(
        user_id=user_id,
        sentence=sentence,
        at=datetime.fromisoformat(at),
        address=address,
        browser=browser,
        to=to,
    )


@shared_task(autoretry_for=(mail.NotSent,), retry_backoff=30, max_retries=5)
def send_password_reset(*, email: str, at: str) -> None:
    """Send a link to set a password anew, if there is such a person."""
    mail.send_password_reset(email=email, at=datetime.fromisoformat(at))


def start_address_change(user: User, *, email: str) -> None:
    """Have a worker send a link to a person's new address; without Redis this fails."""
    call = {"user_id": user.pk, "email": email, "at": datetime.now(UTC).isoformat()}
    transaction.on_commit(lambda: send_address_change.apply_async(kwargs=call, retry=False))


@shared_task(autoretry_for=(mail.NotSent,), retry_backoff=30, max_retries=5)
def send_address_change(*, user_id: int, email: str, at: str) -> None:
    """Send a link to a person's new mail address, by which they show that it is theirs."""
    mail.send_address_change(user_id=user_id, email=email, at=datetime.fromisoformat(at))


@shared_task
def remove_ended_sign_ins() -> None:
    """Remove what is left of sessions that have ended; sent by the beat daily."""
    sign_ins.remove_ended()


@shared_task
def seal_audit_log() -> None:
    """Seal what is new in the audit log; sent by the beat every minute."""
    seals.seal(at=datetime.now(UTC))
