"""Background work of plans: each task makes one call and may run twice.

Redis carries only these calls. What has to be done stands in Postgres, where the beat finds it
again if a call is lost.
"""

from datetime import UTC, datetime

from celery import shared_task

from plans import alerting, backlog, charging, warnings

HOUR = 60 * 60  # seconds
EXPIRES = 60  # seconds; a call that waited that long was followed by others that say the same


@shared_task
def find_due_charges() -> None:
    """Have every workspace charged in which something changed or lapses; sent each minute."""
    now = datetime.now(UTC)
    for workspace_id in backlog.find_workspaces_due(now=now):
        charge_workspace.apply_async(
            kwargs={"workspace_id": workspace_id, "now": now.isoformat()}, expires=EXPIRES
        )


@shared_task
def charge_workspace(*, workspace_id: int, now: str) -> None:
    """Charge what changed in one workspace, and let its credits lapse that are to."""
    charging.run(workspace_id=workspace_id, now=datetime.fromisoformat(now))


@shared_task
def find_due_warnings() -> None:
    """Have people warned in every workspace, also where nothing is charged; sent each hour."""
    now = datetime.now(UTC)
    for workspace_id in warnings.find_due():
        warn_workspace.apply_async(
            kwargs={"workspace_id": workspace_id, "now": now.isoformat()}, expires=HOUR
        )


@shared_task
def warn_workspace(*, workspace_id: int, now: str) -> None:
    """Warn the people of one workspace of credits that run low, are gone or lapse soon."""
    warnings.run(workspace_id=workspace_id, now=datetime.fromisoformat(now))


@shared_task
def find_due_usage_alerts() -> None:
    """Have the usage alerts of every workspace looked at, also of one missed; sent each hour."""
    for workspace_id in alerting.find_due():
        fire_usage_alerts.apply_async(kwargs={"workspace_id": workspace_id}, expires=HOUR)


@shared_task
def fire_usage_alerts(*, workspace_id: int) -> None:
    """Have the usage alerts of one workspace fire that are to."""
    alerting.run(workspace_id=workspace_id, now=datetime.now(UTC))
