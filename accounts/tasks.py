"""Background work of accounts: each task makes one call and may run twice."""

import logging
from datetime import UTC, datetime
from smtplib import SMTPException

from celery import shared_task
from django.db import transaction

from accounts import mail, queries
from accounts.models import Invitation

EXPIRES = 60  # seconds; a call that waited that long was followed by others that say the same

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
    except (SMTPException, OSError) as error:
        logger.warning("Invitation %s was not sent: %s", invitation_id, type(error).__name__)


@shared_task
def find_unsent_invitations() -> None:
    """Have the invitations sent whose mail was lost or failed."""
    for workspace_id, invitation_id in queries.find_unsent_invitations(now=datetime.now(UTC)):
        send_invitation.apply_async(
            kwargs={"workspace_id": workspace_id, "invitation_id": invitation_id}, expires=EXPIRES
        )
