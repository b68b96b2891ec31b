"""Bots are registered, changed, shared and archived."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from accounts import audit, bot_mails
from accounts.audit import Act
from accounts.models import Bot, BotShare, Membership, PublishStatus, Role, User, Workspace
from accounts.tenancy import in_workspace

SHARED_WITH = (Role.MEMBER, Role.SHARED)  # all others see every bot anyway

# By the field that changes, what the audit log calls it.
CHANGES = {
    "name": "bot.renamed",
    "publish_status": "bot.publish_status_changed",
    "owner": "bot.owner_changed",
}

# Unique key bot_key_unique. In order, so that two that register the same bots wait for each other.
ADD_MISSING = """
INSERT INTO accounts_bot (workspace_id, key, name, publish_status)
SELECT %(workspace)s, key, key, %(status)s FROM unnest(%(keys)s::text[]) AS wanted (key)
ORDER BY key COLLATE "C"
ON CONFLICT (workspace_id, key) DO NOTHING
RETURNING key
"""


class NotShareable(Exception):
    """A bot cannot be shared with this person."""


class OwnerChanged(Exception):
    """Somebody else gave the bot another owner meanwhile."""


@contextmanager
def refusing_owner() -> Iterator[None]:
    """Turn the database's refusal of an owner, who left or became shared meanwhile, into words.

    Raises:
        ValidationError: it refused.
    """
    try:
        with transaction.atomic():
            yield
    except IntegrityError:
        raise ValidationError(
            {"owner": "This person cannot own a bot any more. Choose somebody else."}
        ) from None


def create(
    *, workspace: Workspace, key: str, name: str = "", owner: User | None = None
) -> tuple[Bot, bool]:
    """Return the bot of a key and whether it is new; an existing one is left as it is.

    Raises:
        ValidationError: a value is not acceptable.
    """
    values = {"name": name or key, "owner": owner}
    with in_workspace(workspace.pk):
        Bot(workspace=workspace, key=key, **values).clean_fields({"workspace"})
        bots = Bot.objects.for_workspace(workspace)
        found = bots.filter(key=key).first()
        if found is not None:
            return found, False
        with refusing_owner():
            bot, created = bots.get_or_create(workspace=workspace, key=key, defaults=values)
        if created:
            record_created(workspace, [bot])
        return bot, created


def create_missing(*, workspace_id: int, keys: Collection[str]) -> None:
    """Register the bots of those keys that have none; the keys are known to be acceptable."""
    with in_workspace(workspace_id):
        with connection.cursor() as cursor:
            values: dict[str, int | str | list[str]] = {
                "workspace": workspace_id,
                "keys": list(keys),
                "status": PublishStatus.PUBLISHED.value,
            }
            cursor.execute(ADD_MISSING, values)
            added = [key for (key,) in cursor.fetchall()]
        if added:
            bots = Bot.objects.for_workspace(workspace_id).filter(key__in=added)
            record_created(Workspace.objects.get(pk=workspace_id), bots.order_by("key"))


def record_created(workspace: Workspace, bots: Iterable[Bot]) -> None:
    """Note in the audit log that there are new bots."""
    acts = [
        Act(bot.key, after={name: describe(getattr(bot, name)) for name in CHANGES}) for bot in bots
    ]
    audit.record_all("bot.created", workspace=workspace, acts=acts)


def describe(value: str | User | None) -> str | None:
    """Return the value of a field as the audit log has it: an owner by mail address."""
    return value.email if isinstance(value, User) else value


def change(*, bot: Bot, at: datetime | None = None, **values: Any) -> None:
    """Give a bot another ``name``, ``publish_status`` or ``owner``; others stay as they are.

    ``at``: where it is given, the old and the new owner are told.

    Raises:
        ValidationError: a value is not acceptable.
    """
    for field, value in values.items():
        setattr(bot, field, value)
    with in_workspace(bot.workspace_id):
        bot.clean_fields(exclude={field.name for field in bot._meta.fields} - values.keys())
        bots = Bot.objects.for_workspace(bot.workspace_id).select_related("owner", "workspace")
        stored = bots.select_for_update(of=("self",)).get(pk=bot.pk)
        changed = {field for field, value in values.items() if getattr(stored, field) != value}
        with refusing_owner():
            bot.save(update_fields=changed)
        if "owner" in changed:  # an owner sees it anyway
            shares = BotShare.objects.for_workspace(bot.workspace_id).filter(bot=bot)
            shares.filter(user=bot.owner_id).delete()
            if at and bot.owner:
                bot_mails.tell_owner_changed(
                    workspace=stored.workspace,
                    bots=[bot],
                    before=stored.owner,
                    after=bot.owner,
                    at=at,
                )
        for field in sorted(changed):
            audit.record(
                CHANGES[field],
                workspace=stored.workspace,
                target=stored.key,
                before={field: describe(getattr(stored, field))},
                after={field: describe(values[field])},
            )


def hand_over(
    *,
    bot: Bot,
    to: Membership,
    was: int | None,
    keeps_access: bool,
    reason: str,
    at: datetime,
) -> bool:
    """Make somebody the owner of a bot; tell whether they were not before.

    ``was``: the id of the owner that the person who decides has seen. With ``keeps_access`` the
    bot is shared with that owner from now on, where they would not see it otherwise.

    Raises:
        OwnerChanged: the owner is somebody else by now.
        ValidationError: this person cannot own a bot.
    """
    with in_workspace(bot.workspace_id):
        bots = Bot.objects.for_workspace(bot.workspace_id).select_related("owner", "workspace")
        stored = bots.select_for_update(of=("self",)).get(pk=bot.pk)
        before = stored.owner
        if stored.owner_id == to.user_id:
            return False
        if stored.owner_id != was:
            raise OwnerChanged(
                f"{before.email if before else 'Nobody'} owns {stored.name} by now. Look again."
            )
        stored.owner = to.user
        with refusing_owner():
            stored.save(update_fields=["owner"])
        shares = BotShare.objects.for_workspace(bot.workspace_id).filter(bot=bot)
        shares.filter(user=to.user_id).delete()
        keeps_access = keeps_access and before is not None and keep_access(stored, before)
        audit.record(
            CHANGES["owner"],
            workspace=stored.workspace,
            target=stored.key,
            before={"owner": describe(before)},
            after={
                "owner": to.user.email,
                "old_owner_keeps_access": keeps_access,
                "reason": reason,
            },
        )
        bot_mails.tell_owner_changed(
            workspace=stored.workspace, bots=[stored], before=before, after=to.user, at=at
        )
        return True


def keep_access(bot: Bot, before: User) -> bool:
    """Share a bot with who owned it; tell whether they see it only so."""
    members = Membership.objects.for_workspace(bot.workspace_id)
    if not members.filter(user=before, role__in=SHARED_WITH).exists():
        return False
    shares = BotShare.objects.for_workspace(bot.workspace_id)
    shares.get_or_create(workspace=bot.workspace, bot=bot, user=before)
    return True


def hand_over_all(*, workspace: Workspace, owner: User, to: User, at: datetime) -> int:
    """Give all bots of a person another owner; return how many they were.

    The caller holds the lock of the workspace, under which ``to`` was seen to be one who may own
    them.
    """
    with in_workspace(workspace.pk):
        bots = Bot.objects.for_workspace(workspace)
        # One that was given to somebody else while this waited is not among them.
        owned = bots.filter(owner=owner).select_for_update().order_by("key")
        given = list(owned)
        keys = {bot.pk: bot.key for bot in given}
        bots.filter(pk__in=keys).update(owner=to)
        shares = BotShare.objects.for_workspace(workspace)
        shares.filter(user=to, bot__in=keys).delete()  # an owner sees them anyway
        before, after = {"owner": owner.email}, {"owner": to.email}
        acts = [Act(key, before, after) for key in keys.values()]
        audit.record_all(CHANGES["owner"], workspace=workspace, acts=acts)
        if given:
            bot_mails.tell_owner_changed(
                workspace=workspace, bots=given, before=owner, after=to, at=at
            )
    return len(keys)


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
        _, added = shares.get_or_create(workspace=bot.workspace, bot=bot, user=person.user)
        if added:
            with_whom = {"shared_with": person.user.email}
            audit.record("bot.shared", workspace=bot.workspace, target=bot.key, after=with_whom)
        return added


def take_back(*, bot: Bot, user_id: int) -> bool:
    """Take a bot back from a person it was shared with; tell whether it was."""
    with in_workspace(bot.workspace_id):
        shares = BotShare.objects.for_workspace(bot.workspace_id).select_related("user")
        share = shares.filter(bot=bot, user=user_id).select_for_update(of=("self",)).first()
        if share is None:
            return False
        share.delete()
        with_whom = {"shared_with": share.user.email}
        audit.record("bot.taken_back", workspace=bot.workspace, target=bot.key, before=with_whom)
        return True


def archive(*, bot: Bot, reason: str, at: datetime) -> bool:
    """Leave a bot out of lists from ``at`` on; tell whether it was in them before."""
    with in_workspace(bot.workspace_id):
        bots = Bot.objects.for_workspace(bot.workspace_id).in_use().filter(pk=bot.pk)
        archived = bool(bots.update(archived_at=at, archive_reason=reason))
        if archived:
            why = {"reason": reason}
            audit.record("bot.archived", workspace=bot.workspace, target=bot.key, after=why)
        return archived


def restore(*, bot: Bot, reason: str) -> bool:
    """Put an archived bot back into the lists; tell whether it was archived."""
    with in_workspace(bot.workspace_id):
        bots = Bot.objects.for_workspace(bot.workspace_id).filter(
            pk=bot.pk, archived_at__isnull=False
        )
        restored = bool(bots.update(archived_at=None, archive_reason=reason))
        if restored:
            why = {"reason": reason}
            audit.record("bot.restored", workspace=bot.workspace, target=bot.key, after=why)
        return restored
