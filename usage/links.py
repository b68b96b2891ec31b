"""Addresses that carry a report's filters from one page to another."""

from collections.abc import Sequence
from urllib.parse import quote, urlencode

from django.urls import reverse

from accounts.models import Workspace
from usage.periods import Period


class SessionLinks:
    """Leads from a report's numbers to the sessions behind them.

    ``bots`` and ``channels`` are those that were chosen; none means all.
    """

    def __init__(
        self, workspace: Workspace, timezone: str, *, bots: Sequence[str], channels: Sequence[str]
    ) -> None:
        # A page has hundreds of them: what they share is put together once.
        self.address = reverse("usage:session_list", args=[workspace.slug])
        self.shared = urlencode({"timezone": timezone, "channel": channels}, doseq=True)
        self.bots = urlencode({"bot": bots}, doseq=True)

    def find_address(self, kind: str, period: Period, *, bot: str = "") -> str:
        """Return the address of a period's sessions of a kind, of one ``bot`` where it is given."""
        start, end = quote(period.starts_at.isoformat()), quote(period.ends_at.isoformat())
        bots = urlencode({"bot": bot}) if bot else self.bots
        return f"{self.address}?kind={kind}&from={start}&to={end}&{self.shared}&{bots}"
