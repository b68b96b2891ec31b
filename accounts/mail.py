"""Mail to people, as text and HTML; sent by workers only."""

from collections.abc import Mapping
from datetime import datetime
from smtplib import SMTPDataError, SMTPException, SMTPRecipientsRefused

from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse

from accounts import addresses, invitations, sign_ins
from accounts.models import Invitation, User
from accounts.tenancy import in_workspace

FOR_EVER = 500  # replies of mail servers from here on say: do not try again


class NotSent(Exception):
    """A mail was not taken. Named by its kind only: what servers say has mail addresses in it."""


class AddressRefused(NotSent):
    """The server says for ever that it does not deliver to this address: it bounces."""


class ServerAway(NotSent):
    """The server takes no mail at all: it cannot be reached, or does not let the console in."""


def send(
    *,
    to: str,
    subject: str,
    template: str,
    key: str,
    context: Mapping[str, object],
    headers: Mapping[str, str] | None = None,
) -> None:
    """Send what the templates ``mail/<template>.txt`` and ``.html`` say.

    ``key`` is the same whenever the same mail is sent again: by it programs that read mail know a
    second copy.

    Raises:
        AddressRefused: the mail server does not deliver there, and will not.
        ServerAway: it takes none at all now.
        NotSent: it did not take this one.
    """
    values = {**context, "subject": subject, "console": settings.PUBLIC_ADDRESS}
    message = EmailMultiAlternatives(
        subject=" ".join(subject.split()),
        body=render_to_string(f"mail/{template}.txt", values),
        to=[to],
        headers={
            "Message-ID": f"<{key}@{settings.PUBLIC_ADDRESS.split('//')[-1].split(':')[0]}>",
            "Auto-Submitted": "auto-generated",
            **(headers or {}),
        },
    )
    message.attach_alternative(render_to_string(f"mail/{template}.html", values), "text/html")
    try:
        message.send()
    except SMTPRecipientsRefused as error:
        codes = [code for code, _ in error.recipients.values()]
        name = f"SMTP {min(codes, default=0)}"
        raise (AddressRefused if min(codes, default=0) >= FOR_EVER else NotSent)(name) from None
    except SMTPDataError as error:
        raise NotSent(f"SMTP {error.smtp_code}") from None
    except (SMTPException, OSError) as error:
        raise ServerAway(type(error).__name__) from None


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


def send_password_reset(*, email: str, at: datetime) -> None:
    """Send a link to set a password anew; where there is no such person nothing is sent.

    ``at``: when it was asked for.
    """
    user = User.objects.filter(email__iexact=email, is_active=True).first()
    if user is None:
        return
    key = default_token_generator.make_token(user)
    path = reverse("account_reset_password_from_key", args=[user_pk_to_url_str(user), key])
    send(
        to=user.email,
        subject="Set a new password",
        template="password_reset",
        key=f"password-{user.pk}-{at:%Y%m%d%H%M%S%f}",
        context={"link": f"{settings.PUBLIC_ADDRESS}{path}"},
    )


def send_address_change(*, user_id: int, email: str, at: datetime) -> None:
    """Send a link to the mail address that a person wants to have; ``at``: asked for it."""
    user = User.objects.get(pk=user_id)
    token = addresses.write_token(user=user, email=email)
    path = reverse("accounts:confirm_address", args=[token])
    send(
        to=email,
        subject="Confirm your mail address",
        template="address_change",
        key=f"address-{user.pk}-{at:%Y%m%d%H%M%S%f}",
        context={"link": f"{settings.PUBLIC_ADDRESS}{path}", "old": user.email, "new": email},
    )


def send_notice(
    *, user_id: int, sentence: str, at: datetime, address: str, browser: str, to: str = ""
) -> None:
    """Tell a person that their sign-in was changed; ``to`` is an address that they had before."""
    user = User.objects.get(pk=user_id)
    send(
        to=to or user.email,
        subject=sentence.rstrip("."),
        template="notice",
        key=f"notice-{user.pk}-{at:%Y%m%d%H%M%S%f}",
        context={
            "sentence": sentence,
            "at": at,
            "address": address,
            "browser": sign_ins.describe_browser(browser),
        },
    )
