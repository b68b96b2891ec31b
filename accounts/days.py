"""Local days. Pure arithmetic, without database or clock."""

from datetime import UTC, date, datetime, time
from functools import lru_cache
from zoneinfo import ZoneInfo


@lru_cache(maxsize=4096)
def start_of_day(day: date, zone: ZoneInfo) -> datetime:
    """Return the first instant of a local day; not 00:00 where the clocks skip that."""
    # Midnight taken by itself may not exist or come twice; the round trip by UTC settles both.
    return datetime.combine(day, time.min, zone).astimezone(UTC).astimezone(zone)
