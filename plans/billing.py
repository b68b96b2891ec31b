"""The billing of a workspace is opened once, and locked by whoever moves its credits."""

from datetime import UTC, date, datetime, timedelta

from accounts import audit
from accounts.days import next_month
from accounts.models import Workspace
from accounts.months import Calendar, read_calendar
from accounts.tenancy import in_workspace
from plans import catalog, new_lots
from plans.ledger import Entry
from plans.models import Account, Currency, LotKind, WorkspaceBilling

FIRST_CREDITS = "free:first"  # the key of their posting
CLOSES_AFTER = timedelta(hours=24)  # a month, after its local end


def closes_at(calendar: Calendar, month: date) -> datetime:
    """Return when a month is to be closed: in UTC, since its next day may be of another length.

    Source: product doc, "A month of a workspace closes 24 hours after its local end".
    """
    return calendar.start_of(next_month(month)).astimezone(UTC) + CLOSES_AFTER


def closes_under_contract(held: WorkspaceBilling, month: date, *, calendar: Calendar) -> bool:
    """Tell whether a contract holds when a month is closed: nothing is ordered of the month then.

    Nor is it of what was used before the contract.
    """
    return held.is_under_contract_on(calendar.day_of(closes_at(calendar, month)))


def open_billing(*, workspace: Workspace, at: datetime) -> WorkspaceBilling:
    """Return how a workspace is billed; the first call opens it and grants the free credits.

    These are what the catalog says for the workspace's currency, shared by all bots; their last day
    is the ``free_days``-th local day after the grant.
    """
    with in_workspace(workspace.pk):
        billings = WorkspaceBilling.objects.for_workspace(workspace)
        found = billings.select_related("workspace").first()
        if found is not None:
            return found
        today = read_calendar(workspace).day_of(at)
        first_plan = catalog.find_first_plan()
        # Of two at once the second waits here for the first, and finds its row.
        billing, created = billings.get_or_create(
            workspace=workspace,
            defaults={
                "default_plan": first_plan,
                "open_month": today.replace(day=1),
            },
        )
        currency = Currency.objects.filter(code=workspace.currency, free_credits__gt=0).first()
        if created:
            free = currency.free_credits if currency else None
            audit.record(
                "billing.opened",
                workspace=workspace,
                target=workspace.slug,
                after={"plan": first_plan.code, "free_credits": free},
            )
        if created and currency is not None:
            new_lots.add(
                billing=billing,
                kind=LotKind.FREE,
                amount=currency.free_credits,
                against=[Entry(Account.PROMOTION, currency.free_credits)],
                at=at,
                key=FIRST_CREDITS,
                last_day=today + timedelta(days=currency.free_days),
            )
        return billing


def lock(*, workspace: Workspace, at: datetime | None = None) -> WorkspaceBilling:
    """Lock how a workspace is billed to the end of the caller's transaction.

    It is opened where it is not open yet; ``at`` is the clock for that.
    """
    with in_workspace(workspace.pk):
        billings = WorkspaceBilling.objects.for_workspace(workspace).select_related("workspace")
        locked = billings.select_for_update(of=("self",))
        found = locked.first()
        if found is None:
            open_billing(workspace=workspace, at=at or datetime.now(UTC))
            found = locked.get()
        return found
