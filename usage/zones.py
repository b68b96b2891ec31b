"""A workspace goes to another time zone: the days and months of its bots are counted again.

Bot by bot, each in a transaction that notes the new zone with the bot, so that a bot's days are
always those of one zone and what is left to do stands in `RolledBot`. A roll-up meanwhile counts
the days of its bot in the zone that it finds, all of them where that is another one than before.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError

from accounts import months, workspaces
from accounts.models import Workspace, known_zone
from accounts.tenancy import in_workspace
from usage import totals
from usage.models import RolledBot


class NoSuchZone(Exception):
    """There is no time zone of this name."""


def change(*, workspace: Workspace, zone: str, at: datetime) -> None:
    """Give a workspace another zone; `recount` has to follow (the beat finds it if it is lost).

    Pages have it at once, months from the one after ``at`` on.

    Raises:
        NoSuchZone: the IANA database does not have it.
    """
    try:
        known_zone(zone)
    except ValidationError as error:
        raise NoSuchZone(error.message) from None
    with in_workspace(workspace.pk):
        before = Workspace.objects.select_for_update().get(pk=workspace.pk).timezone
        workspace.timezone = zone
        workspaces.save_settings(workspace, timezone=zone)
        if zone != before:
            months.note_zone(workspace, before=before, after=zone, at=at)


def recount(*, workspace_id: int) -> int:
    """Count the days of all bots again that are still those of another zone; return how many were.

    Waits for bots that are being rolled up. Safe to repeat, to interrupt and to run at once with
    itself.
    """
    with in_workspace(workspace_id):
        others = RolledBot.objects.for_workspace(workspace_id).in_other_zone().order_by("bot_id")
        bots = list(others.values_list("bot_id", flat=True))
    return sum(recount_bot(workspace_id=workspace_id, bot_id=bot_id) for bot_id in bots)


def recount_bot(*, workspace_id: int, bot_id: int) -> bool:
    """Count the days of one bot again; tell whether they were those of another zone."""
    with in_workspace(workspace_id):
        rolled = RolledBot.objects.for_workspace(workspace_id).select_for_update().get(bot=bot_id)
        # Read after the lock: the zone may have changed again meanwhile.
        zone = ZoneInfo(Workspace.objects.get(pk=workspace_id).timezone)
        if rolled.zone == zone.key:
            return False
        totals.replace_all_days(rolled=[rolled], zone=zone)
    return True
