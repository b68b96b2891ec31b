"""The month's end of many workspaces at once: months closed, renewals placed, invoices issued."""

import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import psycopg

from accounts.days import previous_month
from accounts.models import Bot, Workspace
from accounts.tenancy import in_workspace, read_as_operator
from benchmarks import pages, scratch
from benchmarks.documents import make_seller
from benchmarks.measures import Result, celery_worker
from billing_console.demo import parties
from invoices import billing_details, renewals, tasks
from plans import billing, charging, lots, subscriptions
from plans.models import PlanVersion

WORKERS = 2
CLOSED_IN = 120  # seconds, for a thousand workspaces
BOTS = 4  # of a workspace
PLANS = ("standard", "essential", "advanced", "standard")  # of its bots
DAYS = 27  # of usage, before the month's end

# The sessions that the close has to find; index usage_usagemonth_pkey.
PLAIN = """
SELECT workspace_id, sum(usage_sessions + alert_sessions)
FROM usage_usagemonth WHERE month = %(month)s
GROUP BY workspace_id
"""
FIND_OPEN = "SELECT count(*) FROM plans_workspacebilling WHERE open_month <= %(month)s"
FIND_UNMADE = "SELECT count(*) FROM invoices_documentfile WHERE stored_at IS NULL"
FIND_RENEWALS = """
SELECT count(*), count(document.id)
FROM invoices_order placed
LEFT JOIN invoices_issueddocument document ON document.order_id = placed.id
WHERE placed.type = 'renewal'
"""


def measure_closing(*, full: bool) -> Iterator[Result]:
    """Have workers close a month of workspaces of all plans; all that was used is charged before.

    The files of the invoices are made by the same workers, after the last month is closed.
    """
    count, sessions = (1000, 1000) if full else (50, 400)
    now = find_close()
    month = previous_month(now.date().replace(day=1))
    scratch.empty()
    make_seller()
    workspaces = [make_workspace(number, sessions=sessions, now=now) for number in range(count)]
    scratch.settle()
    plain = read_plainly(month)
    assert plain == Counter({workspace.pk: sessions for workspace in workspaces})
    with scratch.files(), celery_worker(WORKERS):
        start = time.perf_counter()
        for workspace_id in renewals.find_due(now=now):
            tasks.run_renewals.delay(workspace_id=workspace_id)
        wait_until_none(FIND_OPEN, month=month)
        closed_in = time.perf_counter() - start
        wait_until_none(FIND_UNMADE)
        made_in = time.perf_counter() - start
    ((placed, invoiced),) = read_as_operator(FIND_RENEWALS)
    assert placed == invoiced == count
    most = CLOSED_IN * count / 1000
    yield Result(
        f"a month of {count:,} workspaces ({count * sessions:,} sessions) closed by {WORKERS}"
        f" workers; with the PDFs of all invoices {made_in:.0f} s",
        f"bar {most:.0f} s",
        f"{closed_in:.1f} s",
        closed_in / most,
        1,
    )


def find_close() -> datetime:
    """Return an instant at which the latest month may be closed in the workspaces' zone."""
    today = datetime.now(ZoneInfo(pages.ZONE)) - timedelta(days=1)
    first = today.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return first.astimezone(UTC) + timedelta(hours=25)


def make_workspace(number: int, *, sessions: int, now: datetime) -> Workspace:
    """Return a workspace whose bots were used in the month before ``now`` and were charged."""
    end = now - timedelta(hours=26)
    owner = pages.make_workspace(
        f"closed-{number}", bots_count=BOTS, sessions=sessions, now=end, days=DAYS
    )
    workspace = owner.workspace
    opened = end - timedelta(days=DAYS)
    billing.open_billing(workspace=workspace, at=opened)
    billing_details.change(workspace=workspace, at=opened, **parties.BUYERS["larkspur-bank"])
    lots.add_bought(
        workspace=workspace, net=Decimal(100), tax=Decimal(0), at=opened, key="bench:bought"
    )
    with in_workspace(workspace.pk):
        bots = list(Bot.objects.for_workspace(workspace).order_by("key"))
    for bot, code in zip(bots, PLANS, strict=True):
        if code != "standard":
            version = PlanVersion.objects.on_offer().get(plan__code=code)
            subscriptions.change_today(bot=bot, version=version, at=opened)
    charging.run(workspace_id=workspace.pk, now=end)
    return workspace


def read_plainly(month: date) -> Counter[int]:
    """Return by workspace the sessions of a month."""
    with psycopg.connect(scratch.address("owner")) as connection:
        return Counter(dict(connection.execute(PLAIN.encode(), {"month": month}).fetchall()))


def wait_until_none(sql: str, **values: object) -> None:
    """Wait until a statement counts nothing any more."""
    while read_as_operator(sql, values)[0][0]:
        time.sleep(0.2)
