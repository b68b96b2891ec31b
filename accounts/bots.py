"""Bots are registered, changed, shared and archived."""

from datetime import datetime
from typing import Any

from accounts.models import Bot, BotShare, Membership, Role, User, Workspace
from accounts.tenancy import in_workspace

SHARED_WITH = (Role.MEMBER, Role.SHARED)  # all others see every bot anyway


class NotShareable(Exception):
    """A bot cannot be shared with this person."""


def create(
    *, workspace: Workspace, key: str, name: str = "", owner: User | None = None
) -> tuple[Bot, bool]:
    """Return the bot of a key and whether it is new; an existing one is left as it is.

    Raises:
        ValidationError: a value is not acceptable.
    """
    values = {"name": name or key, "owner": owner}
    bot = Bot(workspace=workspace, key=key, **values)
    with in_workspace(workspace.pk):
        bot.clean_fields()
        return Bot.objects.for_workspace(workspace).get_or_create(
            workspace=workspace, key=key, defaults=values
        )


def change(*, bot: Bot, **values: Any) -> None:
    """Give a bot another ``name``, ``publish_status`` or ``owner``; others stay as they are.

    Raises:
        ValidationError: a value is not acceptable.
    """
    for field, value in values.items():
        setattr(bot, field, value)
    with in_workspace(bot.workspace_id):
        bot.clean_fields(exclude={field.name for field in bot._meta.fields} - values.keys())
        bot.save(update_fields=list(values))


def share(*, bot: Bot, person: Membership) -> bool:
    """Let a person see a bot; tell whether they did not before.

    Raises:
        NotShareable: they own it, or see all bots anyway.
    """
    if person.user_id == bot.owner_id and person.role == Role.MEMBER:
        raise NotShareable(f"{person.user.email} owns {bot.name}.")
    if person.role not in SHARED_WITH:
        raise NotShareable(f"{person.user.email} sees all bots anyway.")
    with in_workspace(bot.workspace_id):
        shares = BotShare.objects.for_workspace(bot.workspace_id)
        return shares.get_or_create(workspace=bot.workspace, bot=bot, user=person.user)[1]


def take_back(*, bot: Bot, user_id: int) -> bool:
    """Take a bot back from a person it was shared with; tell whether it was."""
    with in_workspace(bot.workspace_id):
        shares = BotShare.objects.for_workspace(bot.workspace_id)
        return bool(shares.filter(bot=bot, user=user_id).delete()[0])


def archive(*, bot: Bot, reason: str, at: datetime) -> bool:
    """Leave a bot out of lists from ``at`` on; tell whether it was in them before."""
    with in_workspace(bot.workspace_id):
        bots = Bot.objects.for_workspace(bot.workspace_id).in_use().filter(pk=bot.pk)
        return bool(bots.update(archived_at=at, archive_reason=reason))


def restore(*, bot: Bot, reason: str) -> bool:
    """Put an archived bot back into the lists; tell whether it was archived."""
    with in_workspace(bot.workspace_id):
        bots = Bot.objects.for_workspace(bot.workspace_id).filter(
            pk=bot.pk, archived_at__isnull=False
        )
        return bool(bots.update(archived_at=None, archive_reason=reason))
