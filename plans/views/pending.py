"""What orders that are not paid yet say on the pages of plans."""

from collections.abc import Mapping

from accounts.models import Workspace
from invoices.queries import list_open_orders
from plans.queries import Notice
from plans.wording import say_balance


def tell_pending(workspace: Workspace) -> Mapping[int | None, list[Notice]]:
    """Return by bot (None: for all bots) which payments are pending. One statement."""
    told: dict[int | None, list[Notice]] = {}
    for order in list_open_orders(workspace):
        amount = say_balance(
            order.gross, currency=order.currency_id, decimals=order.currency.decimals
        )
        kind = order.get_type_display().lower()
        text = f"A payment of {amount} is pending ({order}, {kind})."
        told.setdefault(order.bot_id, []).append(Notice("credit-card-pay", text))
    return told
