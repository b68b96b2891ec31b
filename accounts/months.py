"""The local months of a workspace, each in the zone that holds for it.

A change of zone holds for charging, periods and statements from the next month on; which zone each
month has is kept in `MonthZone`.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from itertools import groupby, pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from accounts.days import DAY, next_month, start_of_day
from accounts.models import MonthZone, Workspace
from accounts.tenancy import read_as_operator

BEGINNING = date(1, 1, 1)  # of all months: no event is older
# Unique key of accounts_monthzone.
LIST_ZONES = """
SELECT workspace.id, workspace.timezone, kept.month, kept.zone
FROM accounts_workspace workspace
LEFT JOIN accounts_monthzone kept ON kept.workspace_id = workspace.id
ORDER BY workspace.id, kept.month
"""


class ZoneFrom(NamedTuple):
    """A zone and the first month that it holds for."""

    month: date
    zone: ZoneInfo


class Calendar:
    """Local days and months, in zones that may change from one month to the next.

    Each instant lies in exactly one day: a month begins where the one before ends, by that one's
    zone, so that the first day after a change is longer or shorter by the difference (or empty,
    where clocks are put forward by more than a day).
    """

    def __init__(self, zones: Sequence[ZoneFrom]) -> None:
        """``zones``: by month, the first from `BEGINNING` on."""
        if not zones or zones[0].month != BEGINNING:
            raise ValueError("the first zone has to hold from the beginning")
        if any(later.month <= earlier.month for earlier, later in pairwise(zones)):
            raise ValueError("zones are to be in order of their months")
        self.zones = zones

    def zone_of(self, day: date) -> ZoneInfo:
        """Return the zone of the month that a day lies in."""
        return next(of.zone for of in reversed(self.zones) if of.month <= day)

    def start_of(self, day: date) -> datetime:
        """Return the first instant of a local day, with the offset of its zone."""
        zone = self.zone_of(day)
        first = day.replace(day=1)
        before = self.zone_of(first - DAY) if first > BEGINNING else zone
        month_starts_at = start_of_day(first, before)
        if day == first:
            return month_starts_at.astimezone(zone)
        return max(start_of_day(day, zone), month_starts_at.astimezone(zone))

    def day_of(self, at: datetime) -> date:
        """Return the local day in which an instant lies."""
        # Zones lie less than two days apart.
        day = at.astimezone(self.zones[-1].zone).date() + 2 * DAY
        while self.start_of(day) > at:
            day -= DAY
        return day

    def is_of(self, day: date, zone: ZoneInfo) -> bool:
        """Tell whether a day here is the same stretch of time as in a zone."""
        return self.zone_of(day) == zone and self.start_of(day) == start_of_day(day, zone)


def read_calendar(workspace: Workspace) -> Calendar:
    """Return the months of a workspace; where its zone never changed, all in that."""
    kept = MonthZone.objects.for_workspace(workspace).order_by("month")
    return make_calendar(kept.values_list("month", "zone"), timezone=workspace.timezone)


def read_calendars() -> dict[int, Calendar]:
    """Return the months of all workspaces by their ids, as the operator sees them."""
    return {
        workspace_id: make_calendar(
            [(month, zone) for _, _, month, zone in kept if month], timezone=timezone
        )
        for (workspace_id, timezone), kept in groupby(
            read_as_operator(LIST_ZONES), key=lambda row: row[:2]
        )
    }


def make_calendar(kept: Iterable[tuple[date, str]], *, timezone: str) -> Calendar:
    """Return the months by the zones that are kept of them, in order; none: all in ``timezone``."""
    zones: list[ZoneFrom] = []
    for month, zone in kept:
        if not zones or zones[-1].zone.key != zone:  # a change may have been undone
            zones.append(ZoneFrom(month, ZoneInfo(zone)))
    return Calendar(zones or [ZoneFrom(BEGINNING, ZoneInfo(timezone))])


def note_zone(workspace: Workspace, *, before: str, after: str, at: datetime) -> None:
    """Have a workspace's zone hold from the month after the one that runs at ``at``.

    ``before``: the zone that pages had so far. The caller runs in the workspace's transaction and
    holds the lock of its row.
    """
    zones = MonthZone.objects.for_workspace(workspace)
    if not zones.exists():
        MonthZone.objects.create(workspace=workspace, month=BEGINNING, zone=before)
    month = next_month(read_calendar(workspace).day_of(at))
    zones.filter(month__gte=month).delete()
    MonthZone.objects.create(workspace=workspace, month=month, zone=after)
