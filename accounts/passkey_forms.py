"""Passkeys as browsers send them. What is none gets a sentence, whatever it is made of."""

import struct
from typing import Any

from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from allauth.mfa.webauthn.forms import (
    AddWebAuthnForm,
    AuthenticateWebAuthnForm,
    LoginWebAuthnForm,
    ReauthenticateWebAuthnForm,
)
from cryptography.exceptions import InvalidSignature
from django.core.exceptions import ValidationError

# What the libraries below raise for parts that are missing, of another kind, or cut off.
UNREADABLE = (
    ArithmeticError,
    AttributeError,
    InvalidSignature,
    LookupError,
    TypeError,
    ValueError,
    struct.error,
)


class Careful(AuthenticateWebAuthnForm):
    """Takes whatever cannot be read for a passkey that does not fit."""

    def clean_credential(self) -> Authenticator:
        """Return the passkey that was used."""
        try:
            found: Authenticator = super().clean_credential()
        except ValidationError:
            raise
        except UNREADABLE:
            raise get_adapter().validation_error("incorrect_code") from None
        return found


class Add(AddWebAuthnForm):
    """Adds a passkey."""

    def clean(self) -> dict[str, Any]:
        """Return what was sent, checked."""
        try:
            values: dict[str, Any] = super().clean()
        except ValidationError:
            raise
        except UNREADABLE:
            raise get_adapter().validation_error("incorrect_code") from None
        return values


class SignInAlone(Careful, LoginWebAuthnForm):
    """Signs in by a passkey alone."""


class SignIn(Careful):
    """Signs in by a passkey after the password."""


class Confirm(Careful, ReauthenticateWebAuthnForm):
    """Shows by a passkey that it is oneself."""
