"""End users, whom bots talk with: known by the id that their events carry, and forgotten."""

import secrets
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection
from django.db.models import Q

from accounts import audit
from accounts.models import Workspace
from accounts.tenancy import in_workspace
from usage.chunks import key_stream
from usage.models import Stream

# Waits for the intakes under way and keeps new ones out for a moment: one that has found a stream
# by its old key must be able to find it again.
HOLD_STREAMS = "LOCK TABLE usage_stream IN SHARE ROW EXCLUSIVE MODE"

# Primary key of the streams.
RENAME = """
UPDATE usage_stream stream SET key = fresh.key,
    "user" = CASE WHEN "user" = %(old)s THEN %(new)s ELSE "user" END,
    conversation = CASE WHEN conversation = %(old)s THEN %(new)s ELSE conversation END
FROM unnest(%(ids)s::bigint[], %(keys)s::uuid[]) AS fresh (id, key)
WHERE stream.workspace_id = %(workspace)s AND stream.id = fresh.id
"""


class NoSuchUser(Exception):
    """No event of the workspace names this user."""


class Forgotten(NamedTuple):
    """By which id a user is called now, and in how many streams."""

    user: str
    streams: int


def forget(*, workspace: Workspace, user: str) -> Forgotten:
    """Replace a user's id by a random one, everywhere in a workspace and for ever.

    Sessions and totals stay as they are, and so does what a rebuild counts; an event that is sent
    again is still a duplicate. Only the new id is in the audit log. Where a conversation has the
    user's id as its own, that is replaced too, whoever else talks in it.

    Raises:
        NoSuchUser: there is none, or they were forgotten before.
    """
    with in_workspace(workspace.pk):
        with connection.cursor() as cursor:
            cursor.execute(HOLD_STREAMS)
        # Indexes stream_of_user and stream_of_conversation. Alerts and agents may have no user.
        streams = Stream.objects.for_workspace(workspace).exclude(user="", conversation="")
        named = streams.filter(Q(user=user) | Q(conversation=user)).select_related("bot")
        found = list(named) if user else []
        if not found:
            raise NoSuchUser(f"There is no user {user!r} in {workspace.slug}.")
        name = f"forgotten-{secrets.token_hex(12)}"
        values: dict[str, Any] = {  # Any: the driver adapts them
            "workspace": workspace.pk,
            "old": user,
            "new": name,
            "ids": [stream.id for stream in found],
            "keys": [rename_key(stream, user, name) for stream in found],
        }
        with connection.cursor() as cursor:
            cursor.execute(RENAME, values)
        audit.record(
            "user.forgotten", workspace=workspace, target=name, after={"streams": len(found)}
        )
    return Forgotten(name, len(found))


def rename_key(stream: Stream, old: str, new: str) -> UUID:
    """Return the key of a stream, a hash of its names, once a user is called otherwise."""
    named = (new if name == old else name for name in (stream.user, stream.conversation))
    return UUID(hex=key_stream(stream.bot.key, stream.channel, *named, stream.agent))
