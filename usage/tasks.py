"""Background work of usage: each task makes one call and may run twice.

Redis carries only these calls. What has to be done stands in Postgres, where the beat finds it
again if a call is lost.
"""

from datetime import UTC, datetime

from celery import shared_task

from accounts import workspaces
from usage import queries, retention, rollup, zones

EXPIRES = 60  # seconds; a call that waited that long was followed by others that say the same


@shared_task
def find_due_work() -> None:
    """Have every workspace with due work rolled up; sent by the beat every few seconds."""
    now = datetime.now(UTC)
    for workspace_id in queries.find_workspaces_due(now=now):
        roll_up_workspace.apply_async(
            kwargs={"workspace_id": workspace_id, "now": now.isoformat()}, expires=EXPIRES
        )


@shared_task
def roll_up_workspace(*, workspace_id: int, now: str) -> None:
    """Roll up what is due in one workspace, but for bots that another worker rolls up."""
    rollup.run(workspace_id=workspace_id, now=datetime.fromisoformat(now))


@shared_task
def remove_old_events() -> None:
    """Have events removed that their workspace no longer keeps; sent by the beat daily."""
    now = datetime.now(UTC)
    for workspace in workspaces.find_all():
        remove_old_events_of.delay(workspace_id=workspace.pk, now=now.isoformat())


@shared_task
def remove_old_events_of(*, workspace_id: int, now: str) -> None:
    """Remove the events that one workspace no longer keeps."""
    retention.remove_old_events(workspace_id=workspace_id, now=datetime.fromisoformat(now))


@shared_task
def find_old_zones() -> None:
    """Have days counted again that are those of another zone than their workspace's."""
    for workspace_id in queries.find_workspaces_in_old_zone():
        recount_days.apply_async(kwargs={"workspace_id": workspace_id}, expires=EXPIRES)


@shared_task
def recount_days(*, workspace_id: int) -> None:
    """Count the days of one workspace again, as far as they are those of another zone."""
    zones.recount(workspace_id=workspace_id)
