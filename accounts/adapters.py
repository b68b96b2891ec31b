"""How the console uses django-allauth: what differs from its defaults, and what is noted of it."""

import base64
import hashlib
import secrets
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from cryptography.fernet import Fernet, InvalidToken
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, resolve_url

from accounts import actors, idle, sign_ins, tasks
from accounts.access import find_memberships
from accounts.menu import find_first_page
from accounts.models import User
from accounts.tenancy import USER, admitted

UNKNOWN_ADDRESS = "0.0.0.0"  # noqa: S104  # nothing listens here: where no address is known
# What allauth would send a mail about: how the audit log calls it, and what the mail says. Changes
# of second factors are noted by accounts/second_factors.py.
NOTICES = {
    "account/email/password_changed": ("password.changed", "Your password was changed."),
    "account/email/password_set": ("password.changed", "A password was set."),
    "account/email/password_reset": ("password.reset", "Your password was set anew by a link."),
    "mfa/email/totp_activated": ("", "An authenticator app was added."),
    "mfa/email/totp_deactivated": ("", "The authenticator app was removed."),
    "mfa/email/webauthn_added": ("", "A passkey was added."),
    "mfa/email/webauthn_removed": ("", "A passkey was removed."),
    "mfa/email/recovery_codes_generated": (
        "", "New recovery codes were made; the old ones are void.",
    ),
    "socialaccount/email/account_connected": (
        "single_sign_on.connected", "Your account was connected with single sign-on.",
    ),
}  # fmt: skip


def find_name(user: User) -> str:
    """Return the name by which allauth shows a person."""
    return user.known_as


class AccountAdapter(DefaultAccountAdapter):
    """Sign-in by mail address and password; nobody signs up without an invitation."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": (
            "This mail address and password do not match. Mind capital and small letters."
        ),
        "too_many_login_attempts": (
            "There were too many failed attempts. Wait five minutes, then try again."
        ),
        "incorrect_code": "This code is not right, or was used before. Wait for the next one.",
        "incorrect_password": "This password is not right. Mind capital and small letters.",
        "enter_current_password": "This is not your current password.",
        "rate_limited": "There were too many attempts. Wait five minutes, then try again.",
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Keep everybody out who was not invited."""
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Return the address that the audit log has too."""
        return actors.current().address or UNKNOWN_ADDRESS

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Lead to the default workspace, as long as the person has a role there."""
        user = request.user
        assert isinstance(user, User)  # noqa: S101
        with admitted(USER, user.pk):
            for place in find_memberships(user):
                if place.workspace_id == user.default_workspace_id:
                    return find_first_page(place)
        return resolve_url(settings.LOGIN_REDIRECT_URL)

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        """Lead back to the profile."""
        return resolve_url("accounts:profile")

    def post_login(self, request: HttpRequest, user: User, **values: Any) -> HttpResponse:
        """Note who has signed in, and for how long they may be idle."""
        with admitted(USER, user.pk):
            idle.begin(request, find_memberships(user))
        sign_ins.record("sign_in.succeeded", user)
        response: HttpResponse = super().post_login(request, user, **values)
        return response

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Note a failed attempt; the same is done whether or not there is such a person."""
        sign_ins.record_failed(str(credentials.get("email", "")))

    def send_notification_mail(
        self,
        template_prefix: str,
        user: User,
        context: dict[str, Any] | None = None,
        email: str | None = None,
    ) -> None:
        """Note what was changed, and have a worker tell the person by mail."""
        if template_prefix not in NOTICES:
            return
        action, sentence = NOTICES[template_prefix]
        if action:
            sign_ins.record(action, user)
        tasks.start_notice(user, sentence, browser=self.get_http_user_agent(self.request))


class SecondFactorAdapter(DefaultMFAAdapter):
    """Keeps secrets of authenticator apps and recovery codes encrypted in the database."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": AccountAdapter.error_messages["incorrect_code"],
    }

    def generate_authenticator_name(self, user: User, type: Authenticator.Type) -> str:
        """Return the name that a new passkey has until its owner gives it another."""
        count = Authenticator.objects.filter(user=user, type=type).count()
        return f"Passkey {count + 1}" if count else "Passkey"

    def encrypt(self, text: str) -> str:
        """Encrypt with a key made from the installation's secret key."""
        return cipher().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        """Decrypt. After a change of the secret key no code matches: nobody gets in by it."""
        try:
            return cipher().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            return base64.b32encode(secrets.token_bytes(20)).decode()


def cipher() -> Fernet:
    """Return what encrypts second factors."""
    key = hashlib.sha256(b"second factors" + settings.SECRET_KEY.encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))


class SingleSignOnAdapter(DefaultSocialAccountAdapter):
    """Signs people in whom the provider vouches for, and who have an account here."""

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Keep everybody out who was not invited."""
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Connect the provider's account with the person of its verified mail address.

        Raises:
            ImmediateHttpResponse: there is no such person, or the address is not verified.
        """
        if sociallogin.is_existing:
            return
        verified = [one.email for one in sociallogin.email_addresses if one.verified]
        users = [User.objects.filter(email__iexact=email).first() for email in verified]
        user = next(filter(None, users), None)
        if user is None or not user.is_active:
            messages.error(
                request,
                f"{settings.OIDC_NAME} knows you, but by no verified mail address that was "
                "invited here. Ask an administrator of your workspace.",
            )
            raise ImmediateHttpResponse(redirect(settings.LOGIN_URL))
        sociallogin.connect(request, user)

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: Any = None,
        exception: Exception | None = None,
        extra_context: Any = None,
    ) -> None:
        """Say that it did not work, on the page where it began.

        Raises:
            ImmediateHttpResponse: always.
        """
        messages.error(
            request,
            f"Signing in by {settings.OIDC_NAME} did not work. Try again, or use your password.",
        )
        raise ImmediateHttpResponse(redirect(settings.LOGIN_URL))
