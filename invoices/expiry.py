"""Saved payment methods that expire: who saved them, and who relies on them, are told in time.

What is looked at is how things stand: a run that is missed is made up for by the next, as long as
the method can still be charged. What was told is known by the keys of the mails.
"""

from datetime import date, datetime

from django.urls import reverse

from accounts import outbox, recipients
from accounts.days import DAY
from accounts.models import Workspace
from accounts.months import read_calendar
from accounts.recipients import Why
from accounts.tenancy import in_workspace, read_as_operator
from invoices import queries
from invoices.queries import MethodUse
from plans import subscriptions
from plans.wording import say_day

TOLD_BEFORE = 30 * DAY
# Read by the beat, as the operator sees all workspaces: few rows. A local day is at most one off.
FIND_DUE = """
SELECT DISTINCT workspace_id FROM invoices_savedmethod
WHERE removed_at IS NULL AND expires_on BETWEEN %(first)s AND %(last)s
ORDER BY workspace_id
"""


def find_due(*, now: datetime) -> list[int]:
    """Return the workspaces with a saved method that expires soon, as the operator sees them."""
    days = {"first": now.date() - DAY, "last": now.date() + TOLD_BEFORE + DAY}
    return [workspace_id for (workspace_id,) in read_as_operator(FIND_DUE, days)]


def run(*, workspace_id: int, now: datetime) -> None:
    """Tell of the saved methods that expire within 30 days. Safe to repeat.

    Nothing is charged under a contract, so nothing is told.
    """
    with in_workspace(workspace_id):
        workspace = Workspace.objects.get(pk=workspace_id)
        today = read_calendar(workspace).day_of(now)
        if subscriptions.has_contract(workspace=workspace, today=today):
            return
        for use in queries.list_methods(workspace):
            expires_on = use.method.expires_on
            if expires_on is not None and today <= expires_on <= today + TOLD_BEFORE:
                tell(use, workspace=workspace, expires_on=expires_on, at=now)


def tell(use: MethodUse, *, workspace: Workspace, expires_on: date, at: datetime) -> None:
    """Tell that a method expires: who saved it and, of the one for renewals, owners and admins.

    Once for a method and its last day. Only owners and admins see the page of payment methods.
    """
    by = use.method.saved_by
    admins = recipients.find_admins(workspace)
    is_admin = by.pk in {one.user.pk for one in admins if one.user}
    saver = recipients.of_person(by, Why.SAVED)
    page = reverse("invoices:payment_methods", args=[workspace.slug])
    plans = reverse("plans:plan_list", args=[workspace.slug])
    told = [
        (admins if use.pays_renewals else saver if is_admin else [], page, "See payment methods"),
        ([] if is_admin else saver, plans, "See the plans"),
    ]
    for to, address, label in told:
        outbox.queue(
            "method_expiring",
            workspace=workspace,
            of=f"{use.method.pk}:{expires_on}",
            to=to,
            at=at,
            method=use.method.label,
            expires_on=say_day(expires_on),
            uses=list_uses(use),
            action=[label, address],
        )


def list_uses(use: MethodUse) -> list[str]:
    """Return what a method pays for, in the words of a sentence."""
    renewals = ["renewals"] if use.pays_renewals else []
    shared = "the credits that all bots share"
    return renewals + [f"auto-reload of {bot.name if bot else shared}" for bot in use.wallets]
