"""What pages and exports read of bots, people and keys."""

from datetime import datetime
from itertools import groupby
from typing import NamedTuple

from django.db.models import Count, Q, QuerySet

from accounts import second_factors
from accounts.bots import SHARED_WITH
from accounts.models import (
    ApiKey,
    Bot,
    BotQuerySet,
    BotShare,
    Invitation,
    Mail,
    Membership,
    PublishStatus,
    Role,
    User,
    Workspace,
)

ARCHIVED = "archived"  # beside the publish statuses, what a list of bots is asked for


class Sharing(NamedTuple):
    """A person with whom bots are shared, and these bots by name."""

    user: User
    bots: list[Bot]


def list_bots(
    membership: Membership, *, text: str = "", owner: int | None = None, status: str = ""
) -> BotQuerySet:
    """Return bots that a person may see, with their owners.

    ``text`` is part of a name or key; ``owner`` a person's id; ``status`` a publish status or
    ``ARCHIVED``: archived bots are left out unless they are asked for.
    """
    bots = Bot.objects.for_workspace(membership.workspace_id).visible_to(membership)
    bots = bots.filter(archived_at__isnull=False) if status == ARCHIVED else bots.in_use()
    if status in PublishStatus.values:
        bots = bots.filter(publish_status=status)
    if owner is not None:
        bots = bots.filter(owner=owner)
    if text:
        bots = bots.filter(Q(name__icontains=text) | Q(key__icontains=text))
    return bots.select_related("owner")


def count_shares(workspace: Workspace) -> dict[int, int]:
    """Return by bot with how many people it is shared; bots without lack."""
    shares = BotShare.objects.for_workspace(workspace)
    return dict(shares.values_list("bot").annotate(Count("pk")))


def list_owners(membership: Membership) -> list[User]:
    """Return the people who own bots that a person may see, by name."""
    bots = Bot.objects.for_workspace(membership.workspace_id).visible_to(membership)
    owners = User.objects.filter(pk__in=bots.values("owner"))
    return sorted(owners, key=lambda user: user.known_as.casefold())


def list_possible_owners(workspace: Workspace) -> list[Membership]:
    """Return the people of a workspace who may own bots, by mail address."""
    people = Membership.objects.for_workspace(workspace).may_own_bots()
    return list(people.select_related("user").order_by("user__email"))


def list_shares(bot: Bot) -> list[BotShare]:
    """Return the people whom a bot is shared with, by mail address."""
    shares = BotShare.objects.for_workspace(bot.workspace_id).filter(bot=bot)
    return list(shares.select_related("user").order_by("user__email"))


def list_people_without(bot: Bot) -> list[Membership]:
    """Return the people whom a bot could be shared with, and is not, by mail address."""
    people = Membership.objects.for_workspace(bot.workspace_id).filter(role__in=SHARED_WITH)
    shares = BotShare.objects.for_workspace(bot.workspace_id).filter(bot=bot)
    others = people.exclude(user__in=shares.values("user"))
    others = others.exclude(role=Role.MEMBER, user=bot.owner_id) if bot.owner_id else others
    return list(others.select_related("user").order_by("user__email"))


def list_sharing(workspace: Workspace) -> list[Sharing]:
    """Return all people of a workspace with whom bots are shared, by mail address."""
    shares = BotShare.objects.for_workspace(workspace).select_related("user", "bot")
    ordered = shares.order_by("user__email", "bot__name", "bot__key")
    return [
        Sharing(user, [share.bot for share in of_user])
        for user, of_user in groupby(ordered, key=lambda share: share.user)
    ]


def list_people(workspace: Workspace, *, text: str = "", role: str = "") -> list[Membership]:
    """Return the people of a workspace, by the name they are known as.

    ``text`` is part of a name or mail address.
    """
    people = Membership.objects.for_workspace(workspace).select_related("user")
    if role:
        people = people.filter(role=role)
    if text:
        people = people.filter(Q(user__name__icontains=text) | Q(user__email__icontains=text))
    return sorted(people, key=lambda person: person.user.known_as.casefold())


def count_owned_bots(workspace: Workspace) -> dict[int, int]:
    """Return by person's id how many bots they own, archived ones included; people without lack."""
    bots = Bot.objects.for_workspace(workspace).filter(owner__isnull=False)
    return dict(bots.values_list("owner").annotate(Count("pk")))


def count_without_second_factor(workspace: Workspace) -> int:
    """Return how many people of a workspace have no second factor."""
    people = set(Membership.objects.for_workspace(workspace).values_list("user", flat=True))
    return len(people - second_factors.find_having(people))


def list_invitations(workspace: Workspace) -> list[Invitation]:
    """Return the open invitations of a workspace, expired ones too, newest first."""
    invitations = Invitation.objects.for_workspace(workspace).open().select_related("invited_by")
    return list(invitations.order_by("-expires_at", "-pk"))


def find_unsent_invitations(*, now: datetime) -> list[tuple[int, int]]:
    """Return workspace and id of all invitations whose mail has still to be sent."""
    unsent = Invitation.objects.using("operator").unsent(now)
    return list(unsent.order_by("pk").values_list("workspace_id", "pk"))


def list_mails(
    *, state: str = "", kind: str = "", workspace: str = "", to: str = ""
) -> QuerySet[Mail]:
    """Return mails of all workspaces as operators see them, the newest first.

    ``workspace`` is a slug, ``to`` part of an address.
    """
    mails = Mail.objects.using("operator").select_related("workspace").order_by("-pk")
    if state:
        mails = mails.filter(state=state)
    if kind:
        mails = mails.filter(kind=kind)
    if workspace:
        mails = mails.filter(workspace__slug=workspace)
    if to:
        mails = mails.filter(address__icontains=to)
    return mails


def list_keys(workspace: Workspace) -> QuerySet[ApiKey]:
    """Return the API keys of a workspace, newest first."""
    return ApiKey.objects.for_workspace(workspace).order_by("-created_at", "-pk")
