"""The menu of a workspace: what a person's role may not see is not in it."""

from collections.abc import Callable
from typing import Any, NamedTuple

from django.http import HttpRequest
from django.urls import reverse

from accounts.access import may
from accounts.models import Membership

PLACES_SHOWN = 8  # in the switcher; a page has them all


class Entry(NamedTuple):
    """A page of the menu: its view, the permission that the view asks for, and an icon.

    ``also``: below which further path of the workspace its pages lie.
    """

    label: str
    view: str
    permission: str
    icon: str
    also: str = ""


MENU: dict[str, list[Entry]] = {
    "": [Entry("Dashboard", "usage:dashboard", "dashboard.view", "layout-dashboard")],
    "Billing": [
        Entry(
            "Orders & Invoices", "invoices:order_list", "orders.view", "file-invoice", "invoices/"
        ),
        Entry("Statements", "invoices:statement_list", "statements.view", "report-money"),
        Entry("Plan", "plans:plan_list", "plans.view", "credit-card"),
        Entry("Usage", "usage:usage", "usage.view", "chart-bar"),
        Entry("Usage alerts", "plans:usage_alert_list", "usage_alerts.view", "bell"),
        Entry("Insight", "invoices:insight_plans", "insight.view", "bulb"),
    ],
    "Workspace": [
        Entry("Bots", "accounts:bot_list", "bots.view", "robot"),
        Entry("Users & roles", "accounts:people", "people.view", "users"),
        Entry("Audit log", "accounts:audit_log", "audit_log.view", "history"),
        Entry("Tie-out", "invoices:tie_out", "tie_out.view", "scale"),
        Entry("Developers", "accounts:developers", "developers.view", "code"),
        Entry(
            "Billing details", "invoices:billing_details", "billing_details.change", "address-book"
        ),
        Entry("Payment methods", "invoices:payment_methods", "payment_methods.view", "wallet"),
        Entry("Documents", "invoices:document_list", "documents.view", "file-invoice", "invoices/"),
        Entry("Settings", "accounts:settings", "settings.view", "settings"),
    ],
}

# Each part of the console adds its own; `operator_view` asks for the permissions.
OPERATOR_MENU: dict[str, list[Entry]] = {
    "Installation": [
        Entry("Workspaces", "operator:workspace_list", "workspaces.view", "buildings"),
        Entry("Extensions", "plans_operator:extension_list", "extensions.view", "calendar-plus"),
        Entry("Wires", "invoices_operator:wire_list", "wires.view", "building-bank"),
        Entry("Plans", "plans_operator:plan_list", "catalog.view", "list-check"),
        Entry(
            "Paybacks", "invoices_operator:payback_list", "refunds.view", "cash-banknote-move-back"
        ),
        Entry("Books", "invoices_operator:books", "books.view", "book-2"),
        Entry("Seller profile", "invoices_operator:seller", "seller.change", "building-store"),
        Entry("Mails", "mails_operator:mail_list", "mails.view", "mail"),
        Entry("Tie-outs", "invoices_operator:tie_out_list", "tie_outs.view", "scale"),
        Entry("Health", "operator:health", "health.view", "heartbeat"),
        Entry("Audit log", "operator:audit", "audit.view", "history"),
    ],
}
OPERATOR_PAGES = "/operator/"
# Say which pages are left out of the menu for more than a role; each part adds its own (apps.py).
HIDING: list[Callable[[Membership], set[str]]] = []


def list_entries(membership: Membership) -> dict[str, list[Entry]]:
    """Return the groups of the menu that hold something for a person's role."""
    groups = {
        group: [entry for entry in entries if may(membership, entry.permission)]
        for group, entries in MENU.items()
    }
    return {group: entries for group, entries in groups.items() if entries}


def find_first_page(membership: Membership) -> str:
    """Return the address of the first page that a person sees in a workspace."""
    first = next(entry for entries in list_entries(membership).values() for entry in entries)
    return find_address(first, membership)


def find_address(entry: Entry, membership: Membership) -> str:
    """Return the address of a page of the menu in a workspace."""
    return reverse(entry.view, args=[membership.workspace.slug])


def find_active(path: str, entries: list[tuple[Entry, str]]) -> str:
    """Return the address of the page of the menu that a path lies below; empty: of none.

    It is the longest one: the dashboard's is above all others.
    """
    above = {address: address for _, address in entries}
    workspace = min(above, key=len, default="")
    above |= {f"{workspace}{entry.also}": address for entry, address in entries if entry.also}
    found = [one for one in above if path.startswith(one)]
    return above[max(found, key=len)] if found else ""


def menu(request: HttpRequest) -> dict[str, Any]:  # Any: a template's context is free
    """Return the menu of a page; once for a request, since each cell that a template draws asks."""
    kept = vars(request)
    if "menu" not in kept:
        kept["menu"] = make_menu(request)
    made: dict[str, Any] = kept["menu"]
    return made


def make_menu(request: HttpRequest) -> dict[str, Any]:
    """Return the menu of a workspace's and of operators' pages; others have none."""
    membership = getattr(request, "membership", None)
    if isinstance(membership, Membership):
        hidden = {view for hide in HIDING for view in hide(membership)}
        groups = [
            (
                group,
                [
                    (entry, find_address(entry, membership))
                    for entry in entries
                    if entry.view not in hidden
                ],
            )
            for group, entries in list_entries(membership).items()
        ]
    elif request.path.startswith(OPERATOR_PAGES):
        groups = [
            (group, [(entry, reverse(entry.view)) for entry in entries])
            for group, entries in OPERATOR_MENU.items()
        ]
    else:
        return {}
    active = find_active(request.path, [pair for _, entries in groups for pair in entries])
    memberships: list[Membership] = getattr(request, "memberships", [])
    places = [(place, find_first_page(place)) for place in memberships[:PLACES_SHOWN]]
    return {"menu": groups, "menu_active": active, "places": places}
