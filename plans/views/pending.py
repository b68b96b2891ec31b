"""What orders that are not paid yet say on the pages of plans."""

from collections.abc import Mapping

from django.urls import reverse

from accounts.models import Membership
from invoices.queries import find_bots, list_unpaid
from plans.queries import Notice
from plans.wording import say_amount, say_day


def tell_pending(membership: Membership) -> Mapping[int | None, list[Notice]]:
    """Return by bot (None: for all bots) which payments are pending of orders a person sees.

    A renewal is told of for all bots, and of each that is on it.
    """
    told: dict[int | None, list[Notice]] = {}
    slug = membership.workspace.slug
    unpaid = list_unpaid(membership)
    on_renewals = find_bots(membership, [order for order in unpaid if order.due_on])
    for order in unpaid:
        amount = say_amount(order.gross, order.currency)
        kind = order.get_type_display().lower()
        text = f"A payment of {amount} is pending ({order}, {kind})."
        if order.due_on:
            text = f"The renewal {order} of {amount} is unpaid; due on {say_day(order.due_on)}."
        page = reverse("invoices:order", args=[slug, order.number])
        notice = Notice("credit-card-pay", text, page)
        for bot in (order.bot_id, *on_renewals[order.pk]):
            told.setdefault(bot, []).append(notice)
    return told
