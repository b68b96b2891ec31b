"""What pages read of orders."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import F

from accounts.models import Bot, Membership, Workspace
from invoices import collecting, saved_methods
from invoices.models import AutoReload, Order, OrderLine, SavedMethod

REMOVED_SHOWN = 20


@dataclass(frozen=True)
class MethodUse:
    """A saved method and what it is charged for.

    ``wallets``: that are reloaded by it, None for the credits that all bots share. ``obstacle``:
    why renewals cannot be paid by it; empty: they can.
    """

    method: SavedMethod
    wallets: list[Bot | None]
    obstacle: str

    @property
    def pays_renewals(self) -> bool:
        """Tell whether renewals are paid by it."""
        return self.method.is_default and not self.obstacle


def list_methods(workspace: Workspace) -> list[MethodUse]:
    """Return the saved methods of a workspace with their uses, the latest first."""
    methods = SavedMethod.objects.for_workspace(workspace).kept().select_related("saved_by")
    reloads = AutoReload.objects.for_workspace(workspace).filter(is_on=True).select_related("bot")
    wallets: defaultdict[int, list[Bot | None]] = defaultdict(list)
    for reload in reloads.order_by(F("bot__name").asc(nulls_first=True), "pk"):
        wallets[reload.saved_method_id].append(reload.bot)
    admins = saved_methods.find_admins(workspace)
    return [
        MethodUse(method, wallets[method.pk], collecting.find_obstacle(method, admins=admins))
        for method in methods.order_by("-consented_at", "-pk")
    ]


def list_removed(workspace: Workspace) -> list[SavedMethod]:
    """Return the methods that were removed, the latest first, and of many the latest alone."""
    removed = SavedMethod.objects.for_workspace(workspace).filter(removed_at__isnull=False)
    found = removed.select_related("saved_by", "removed_by").order_by("-removed_at", "-pk")
    return list(found[:REMOVED_SHOWN])


def list_unpaid(membership: Membership) -> list[Order]:
    """Return the orders a person sees that wait for payment or review, the oldest first.

    Renewals whose payment failed are among them: they are owed.
    """
    orders = Order.objects.for_workspace(membership.workspace_id).visible_to(membership)
    unpaid = orders.open() | orders.owed()
    return list(unpaid.select_related("currency").order_by("number"))


def find_bots(membership: Membership, orders: Collection[Order]) -> defaultdict[int, list[int]]:
    """Return by order the bots of its lines."""
    lines = OrderLine.objects.for_workspace(membership.workspace_id).filter(order__in=orders)
    found: defaultdict[int, list[int]] = defaultdict(list)
    for order, bot in lines.order_by("order", "bot").values_list("order", "bot").distinct():
        found[order].append(bot)
    return found
