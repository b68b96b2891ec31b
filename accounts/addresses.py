"""A person gets another mail address, once they have shown that it is theirs."""

from datetime import timedelta

from django.core import signing
from django.db import IntegrityError, transaction

from accounts import limits, sign_ins
from accounts.models import User

VALID_FOR = timedelta(days=1)
MAILS_AN_HOUR = 5
SALT = "accounts.addresses"


class NotChanged(Exception):
    """The address stays as it is: the message says why."""


def admit_mail(*, user: User) -> bool:
    """Tell whether a person may have another link sent; a few an hour, to whomever."""
    return limits.admit(f"address-mail:{user.pk}", most=MAILS_AN_HOUR, seconds=limits.HOUR)


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
        change = {"before": {"email": before}, "after": {"email": new}}
        sign_ins.record("address.changed", stored, **change)
    return new
