"""To whom mails go, by role and by what people own, when something happens and when it is sent."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from accounts.models import ADMINS, Bot, Mail, Membership, Role, User, Workspace


class Why(StrEnum):
    """Why somebody gets a mail; it stands at the foot."""

    ADMIN = "admin"
    OWNER = "owner"
    BOT_OWNER = "bot_owner"
    MEMBER = "member"
    BUYER = "buyer"
    ASKED = "asked"
    SAVED = "saved"
    OPERATOR = "operator"
    BILLING = "billing"


SAID: dict[str, str] = {
    Why.ADMIN: "you are an owner or admin of this workspace",
    Why.OWNER: "you are an owner of this workspace",
    Why.BOT_OWNER: "you own this bot",
    Why.MEMBER: "it concerns a bot of yours",
    Why.BUYER: "you placed the order",
    Why.ASKED: "you asked for the extension",
    Why.SAVED: "you saved the payment method",
    Why.OPERATOR: "you operate this console",
    Why.BILLING: "this address stands in the workspace's billing details",
}


class Recipient(NamedTuple):
    """A person, or (without ``user``) a mail address, and why they get the mail."""

    address: str
    why: Why
    user: User | None = None

    @property
    def key(self) -> str:
        """What tells recipients apart, also when an address changes."""
        return f"user {self.user.pk}" if self.user else self.address.lower()


def find_admins(workspace: Workspace, *, roles: Iterable[str] = ADMINS) -> list[Recipient]:
    """Return the people who have a workspace in their hands; the caller has admitted it."""
    members = Membership.objects.for_workspace(workspace).filter(role__in=roles)
    found = members.filter(user__is_active=True).select_related("user").order_by("pk")
    why = Why.OWNER if set(roles) == {Role.OWNER} else Why.ADMIN
    return [Recipient(member.user.email, why, member.user) for member in found]


def find_owner(bot: Bot) -> list[Recipient]:
    """Return the owner of a bot; where it has none, who has the workspace in their hands."""
    if bot.owner_id is None:
        return find_admins(bot.workspace)
    return of_person(User.objects.get(pk=bot.owner_id), Why.BOT_OWNER)


def find_of_wallet(workspace: Workspace, bot: Bot | None) -> list[Recipient]:
    """Return who is told of a bot's own credits or, without a bot, of the shared ones."""
    return find_owner(bot) if bot else find_admins(workspace)


def find_operators() -> list[Recipient]:
    """Return those who run the installation."""
    operators = User.objects.filter(is_operator=True, is_active=True).order_by("pk")
    return [Recipient(user.email, Why.OPERATOR, user) for user in operators]


def of_person(user: User | None, why: Why) -> list[Recipient]:
    """Return a person, if there is one who has an account still."""
    return [Recipient(user.email, why, user)] if user and user.is_active else []


def of_addresses(addresses: Sequence[str]) -> list[Recipient]:
    """Return the recipients that the billing details name."""
    return [Recipient(address, Why.BILLING) for address in addresses]


def find_again(mail: Mail) -> Membership | None:
    """Return the recipient's place in the workspace as it is now; the caller has admitted it."""
    members = Membership.objects.for_workspace(mail.workspace_id).select_related("user")
    return members.filter(user=mail.user_id).first()


def may_still_get(mail: Mail) -> bool:
    """Tell whether somebody is still who they were when it happened.

    Who left gets nothing; a shared-account user nothing but of a bot that was theirs.
    """
    user = mail.user
    if user is None:
        return True
    if not user.is_active:
        return False
    if mail.why == Why.OPERATOR:
        return user.is_operator
    member = find_again(mail)
    if member is None:
        return False
    if mail.why == Why.MEMBER:
        return True
    if mail.why == Why.OWNER:
        return member.role == Role.OWNER
    if member.role in ADMINS:
        return True
    if mail.why == Why.BOT_OWNER:
        # Of many bots at once the mail names none: any role but a guest's may own them.
        owner = mail.bot.owner_id if mail.bot else user.pk
        return owner == user.pk and member.role != Role.SHARED
    return mail.why in (Why.BUYER, Why.ASKED, Why.SAVED) and member.role != Role.SHARED
