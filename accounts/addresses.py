"""A person gets another mail address, once they have shown that it is theirs."""

import hashlib
from datetime import timedelta

from django.core import signing
from django.db import IntegrityError, transaction

from accounts import sign_ins
from accounts.models import User

VALID_FOR = timedelta(days=1)
SALT = "accounts.addresses"


class NotChanged(Exception):
    """The address stays as it is: the message says why."""


def write_token(*, user: User, email: str) -> str:
    """Return what the link to a new address ends with; it is of no use once the address changed."""
    return signing.dumps({"user": user.pk, "old": user.email, "new": email}, salt=SALT)


def read_token(token: str, *, user: User) -> str:
    """Return the new address of a link.

    Raises:
        NotChanged: the link is not valid, or not this person's.
    """
    try:
        values = signing.loads(token, salt=SALT, max_age=VALID_FOR)
    except signing.SignatureExpired:
        raise NotChanged("This link was valid for a day. Ask for a new one.") from None
    except signing.BadSignature:
        raise NotChanged("This link is not whole. Copy all of it from the mail.") from None
    if values["user"] != user.pk:
        raise NotChanged(
            f"You are signed in as {user.email}, and this link is of another account. "
            "Sign out, and open it again."
        )
    if values["old"] != user.email:
        raise NotChanged("This link was used before, or your address has changed since.")
    new: str = values["new"]
    return new


def change(*, token: str, user: User) -> str:
    """Give a person the new address of a link; return it.

    Raises:
        NotChanged: the link is not valid, or somebody else has the address.
    """
    with transaction.atomic():
        stored = User.objects.select_for_update().get(pk=user.pk)
        new = read_token(token, user=stored)
        if User.objects.filter(email__iexact=new).exclude(pk=user.pk).exists():
            raise NotChanged("This address cannot be used. Choose another one.")
        before = stored.email
        stored.email = new
        try:
            with transaction.atomic():
                stored.save(update_fields=["email"])
        except IntegrityError:
            raise NotChanged("This address cannot be used. Choose another one.") from None
        sign_ins.record("address.changed", stored, after={"old": before, "new": new})
    return new


def digest(token: str) -> str:
    """Return a short name of a link, which does not give it away."""
    return hashlib.sha256(token.encode()).hexdigest()[:32]
