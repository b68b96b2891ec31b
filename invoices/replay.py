"""What a month would cost under one plan throughout: the same arithmetic as what is billed.

Pure arithmetic, for what-if and break-even.
"""

from datetime import date
from decimal import Decimal

from invoices import rating
from invoices.rating import Count, PlanDays, Start
from plans.catalog import Offer
from plans.models import SEATS

NOTHING = Decimal(0)


def rate_month(offer: Offer, *, month: date, count: Count) -> Decimal:
    """Return what a month costs whose every day has a plan: fee, further usage, seats, credits.

    ``month``: its first day. Lines of an invoice are rounded, what is taken from credits is not.
    """
    lines = rating.rate_fee(offer, month=month)
    lines += rating.rate_ended(month=month, starts=[Start(month, offer)], count=count)
    whole = PlanDays(offer, month, rating.end_of_month(month))
    return rating.add_up(lines) + take_from_credits(whole, count=count)


def take_from_credits(plan: PlanDays, *, count: Count) -> Decimal:
    """Return what is taken from credits on some days; nothing where the plan uses none.

    Quantity x price, unrounded: the sum of what charging posts for these days.
    """
    if not plan.offer.version.uses_credits:
        return NOTHING
    amounts = (
        rating.EXACTLY.multiply(priced.price, Decimal(count(priced.meter, plan.first, plan.last)))
        for priced in plan.offer.meters
        if priced.meter not in SEATS
    )
    return sum(amounts, NOTHING)
