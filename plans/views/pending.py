"""What orders that are not paid yet say on the pages of plans."""

from collections.abc import Mapping

from django.urls import reverse

from accounts.models import Membership
from invoices.queries import list_open_orders
from plans.queries import Notice
from plans.wording import say_amount


def tell_pending(membership: Membership) -> Mapping[int | None, list[Notice]]:
    """Return by bot (None: for all bots) which payments are pending of orders a person sees."""
    told: dict[int | None, list[Notice]] = {}
    slug = membership.workspace.slug
    for order in list_open_orders(membership):
        amount = say_amount(order.gross, order.currency)
        kind = order.get_type_display().lower()
        text = f"A payment of {amount} is pending ({order}, {kind})."
        page = reverse("invoices:order", args=[slug, order.number])
        told.setdefault(order.bot_id, []).append(Notice("credit-card-pay", text, page))
    return told
