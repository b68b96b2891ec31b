"""Usage alerts fire: once for each period in which the number has reached the threshold.

What is looked at is how things stand, not what changed: a run that is missed is made up for by the
next. What fired already stands in a row, so that nobody is told twice, also after a correction.
"""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal

from accounts.days import DAY
from accounts.models import Workspace
from accounts.months import read_calendar
from accounts.tenancy import in_workspace, read_as_operator
from plans import alert_mails, alert_numbers
from plans.alert_numbers import Watch
from plans.alerted import UsageAlert, UsageAlertFiring
from plans.thresholds import find_reached, find_start

LOOKS_BACK = 35 * DAY  # how late events of a workspace may come, as it begins
FIND_DUE = "SELECT DISTINCT workspace_id FROM plans_usagealert WHERE is_on ORDER BY workspace_id"


def find_due() -> list[int]:
    """Return the workspaces with usage alerts that are on, as the operator sees them."""
    return [workspace_id for (workspace_id,) in read_as_operator(FIND_DUE)]


def run(*, workspace_id: int, now: datetime) -> int:
    """Have the usage alerts of a workspace fire that are to; return how many did.

    Safe to repeat and to run at once with itself. Late usage counts for its own period, as long as
    that was not over more than `LOOKS_BACK` ago.
    """
    with in_workspace(workspace_id):
        watching = UsageAlert.objects.for_workspace(workspace_id).watching().order_by("pk")
        alerts = list(watching)
        if not alerts:
            return 0
        workspace = Workspace.objects.get(pk=workspace_id)
        calendar = read_calendar(workspace)
        today = calendar.day_of(now)
        first = today - LOOKS_BACK
        numbers = alert_numbers.read(
            workspace, watches=map(watch_of, alerts), calendar=calendar, first=first, last=today
        )
        due = decide(workspace, alerts, numbers=numbers, first=first, at=now)
        if not due:
            return 0
        # Of two runs the second waits here for the first, and finds what it wrote. So does whoever
        # changes one of them meanwhile.
        locked = watching.filter(pk__in={firing.alert_id for firing in due}).select_related("bot")
        alerts = list(locked.select_for_update(no_key=True, of=("self",)))
        due = decide(workspace, alerts, numbers=numbers, first=first, at=now)
        fired = UsageAlertFiring.objects.bulk_create(due)
        alert_mails.tell(workspace=workspace, firings=fired, at=now)
    return len(fired)


def watch_of(alert: UsageAlert) -> Watch:
    """Return what a usage alert looks at."""
    return Watch(alert.bot_id, alert.watched, alert.per)


def decide(
    workspace: Workspace,
    alerts: Sequence[UsageAlert],
    *,
    numbers: Mapping[Watch, Mapping[date, Decimal]],
    first: date,
    at: datetime,
) -> list[UsageAlertFiring]:
    """Return what is to fire: periods that have reached a threshold and did not fire yet.

    Of each alert not those that were over before it was made, or changed.
    """
    written = UsageAlertFiring.objects.for_workspace(workspace).filter(
        alert__in=[alert.pk for alert in alerts], starts_on__gte=first.replace(day=1)
    )
    fired = set(written.values_list("alert_id", "starts_on"))
    return [
        UsageAlertFiring(
            workspace=workspace,
            alert=alert,
            starts_on=period.starts_on,
            number=period.number,
            threshold=alert.threshold,
            fired_at=at,
        )
        for alert in alerts
        for period in find_reached(numbers.get(watch_of(alert), {}), threshold=alert.threshold)
        if period.starts_on >= find_start(alert.since_on, alert.per)
        and (alert.pk, period.starts_on) not in fired
    ]
