"""End users, whom bots talk with: known by the id that their events carry, and forgotten."""

import secrets
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from accounts import audit
from accounts.models import Workspace
from accounts.tenancy import in_workspace
from usage.chunks import key_stream
from usage.models import Stream

# Waits for the intakes under way and keeps new ones out for a moment: one that has found a stream
# by its old key must be able to find it again.
HOLD_STREAMS = "LOCK TABLE usage_stream IN SHARE ROW EXCLUSIVE MODE"


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
    user's id as its own, that is replaced too.

    Raises:
        NoSuchUser: there is none, or they were forgotten before.
    """
    with in_workspace(workspace.pk):
        with connection.cursor() as cursor:
            cursor.execute(HOLD_STREAMS)
        # Index stream_of_user. Alerts and agents have streams of nobody.
        named = Stream.objects.for_workspace(workspace).filter(user=user).exclude(user="")
        streams = list(named.select_related("bot"))
        if not streams:
            raise NoSuchUser(f"There is no user {user!r} in {workspace.slug}.")
        name = f"forgotten-{secrets.token_hex(12)}"
        for stream in streams:
            rename(stream, user, name)
        Stream.objects.bulk_update(streams, ["user", "conversation", "key"])
        audit.record(
            "user.forgotten", workspace=workspace, target=name, after={"streams": len(streams)}
        )
    return Forgotten(name, len(streams))


def rename(stream: Stream, old: str, new: str) -> None:
    """Call the user of a stream otherwise; its key, a hash of the names, follows."""
    stream.user = new
    if stream.conversation == old:
        stream.conversation = new
    names = (stream.bot.key, stream.channel, new, stream.conversation, stream.agent)
    stream.key = UUID(hex=key_stream(*names))
