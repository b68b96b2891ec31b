"""Mail to people, as text and HTML; sent by workers only."""

from collections.abc import Mapping
from datetime import datetime

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from accounts import invitations
from accounts.models import Invitation
from accounts.tenancy import in_workspace


def send(*, to: str, subject: str, template: str, key: str, context: Mapping[str, object]) -> None:
    """Send what the templates ``mail/<template>.txt`` and ``.html`` say.

    ``key`` is the same whenever the same mail is sent again: by it programs that read mail know a
    second copy.
    """
    values = {**context, "subject": subject, "console": settings.PUBLIC_ADDRESS}
    message = EmailMultiAlternatives(
        subject=subject,
        body=render_to_string(f"mail/{template}.txt", values),
        to=[to],
        headers={
            "Message-ID": f"<{key}@{settings.PUBLIC_ADDRESS.split('//')[-1].split(':')[0]}>",
            "Auto-Submitted": "auto-generated",
        },
    )
    message.attach_alternative(render_to_string(f"mail/{template}.html", values), "text/html")
    message.send()


def send_invitation(*, workspace_id: int, invitation_id: int, now: datetime) -> bool:
    """Send the mail of an open invitation; tell whether it was sent now.

    Its row is locked from before the mail goes out until it is noted: of two workers one sends.
    """
    with in_workspace(workspace_id):
        waiting = Invitation.objects.for_workspace(workspace_id).unsent(now)
        invitation = (
            waiting.filter(pk=invitation_id)
            .select_related("workspace", "invited_by")
            .select_for_update(skip_locked=True, of=("self",))
            .first()
        )
        if invitation is None:
            return False
        workspace = invitation.workspace
        send(
            to=invitation.email,
            subject=f"Join {workspace.name} on Billing Console",
            template="invitation",
            key=f"invitation-{invitation.hash[:32]}",
            context={
                "invitation": invitation,
                "workspace": workspace,
                "link": f"{settings.PUBLIC_ADDRESS}{invitations.write_path(invitation)}",
            },
        )
        invitation.sent_at = now
        invitation.save(update_fields=["sent_at"])
    return True
