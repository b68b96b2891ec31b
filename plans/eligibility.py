"""Which plans bots may choose, given what they used."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date

from accounts.days import DAY, previous_month
from accounts.models import Workspace
from accounts.months import read_calendar
from accounts.tenancy import in_workspace
from plans import catalog
from plans.catalog import Offer
from usage.agents import Span, count_holders
from usage.periods import Period
from usage.postgres_time import to_count
from usage.queries import count_month, read_agents

MONTHS = 3


@dataclass(frozen=True)
class Eligible:
    """An offer and whether a bot may choose it; ``reason``: in a sentence why not, else empty."""

    offer: Offer
    reason: str

    @property
    def is_open(self) -> bool:
        """Tell whether it may."""
        return not self.reason


@dataclass(frozen=True)
class Used:
    """What decides for a bot: billing sessions by month, and agents with a seat in this month."""

    sessions: Mapping[date, int]
    agents: int


def check(*, workspace: Workspace, bots: Collection[int], today: date) -> dict[int, list[Eligible]]:
    """Return by bot what is on offer in the workspace's currency, and what it may choose.

    As many statements for one bot as for all of the workspace.

    Source: product doc, "at most 2,000 sessions in each of the last 3 months and 10 agents".
    """
    offers = catalog.find_offers(currency=workspace.currency)
    used = read_used(workspace=workspace, bots=bots, today=today)
    return {
        bot: [Eligible(offer, find_reason(offer, used[bot])) for offer in offers] for bot in bots
    }


def read_used(*, workspace: Workspace, bots: Collection[int], today: date) -> dict[int, Used]:
    """Return by bot its sessions of the last whole months and its agents of the one that runs.

    Months are those of the pages: what the usage page says decides.
    """
    months = [previous_month(today)]
    while len(months) < MONTHS:
        months.insert(0, previous_month(months[0]))
    calendar = read_calendar(workspace)
    running = Period(calendar.start_of(today.replace(day=1)), calendar.start_of(today + DAY))
    stretch = Span(to_count(running.starts_at), to_count(running.ends_at))
    with in_workspace(workspace.pk):
        sessions = {
            month: count_month(workspace=workspace, bots=bots, month=month) for month in months
        }
        seats = read_agents(workspace=workspace, bots=bots, periods=[running], signed_in=False)
    return {
        bot: Used(
            sessions={month: sessions[month].get(bot, 0) for month in months},
            agents=count_holders(seats.get(bot, []), [stretch], now=stretch.end or 0)[0],
        )
        for bot in bots
    }


def find_reason(offer: Offer, used: Used) -> str:
    """Return why a bot may not choose an offer; empty: it may."""
    version = offer.version
    if version.most_sessions is not None:
        for month, sessions in used.sessions.items():
            if sessions > version.most_sessions:
                return (
                    f"Open to bots with at most {version.most_sessions:,} sessions in each of the"
                    f" last {MONTHS} months: there were {sessions:,} in {month:%B %Y}."
                )
    if version.most_agents is not None and used.agents > version.most_agents:
        return (
            f"Open to bots with at most {version.most_agents:,} agents:"
            f" {used.agents:,} hold or held a seat this month."
        )
    return ""
