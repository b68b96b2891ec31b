"""The catalog of plans: what is offered in a currency, and what operators publish and withdraw.

The catalog is of the installation: everybody reads it, the role of operators adds to it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from django.db import transaction
from django.db.models import Prefetch

from accounts import audit
from accounts.models import Workspace
from plans.models import SEATS, Currency, Meter, Plan, PlanMeter, PlanVersion, Price
from plans.money import DECIMALS, MOST, round_amount

ALIAS = "operator"
FEE = ""  # the "meter" of a month's fee among prices
# Of these two at a time would count something twice.
OVERLAPS = (
    (Meter.BILLING_SESSIONS, Meter.CONVERSATIONS),
    (Meter.BILLING_SESSIONS, Meter.ALERT_SESSIONS),
    (Meter.AGENTS, Meter.AGENTS_PEAK),
)
LARGEST_NUMBER = 2**31 - 1
LONGEST_DAYS = 3650


class NotPublishable(Exception):
    """What an operator asks of the catalog cannot be; the text says why, in a sentence."""


class PricedMeter(NamedTuple):
    """A meter that a plan prices: how many a month's fee includes, and what one more costs."""

    meter: Meter
    included: int
    price: Decimal


@dataclass(frozen=True)
class Offer:
    """A plan version with its prices in one currency; it need not be for sale any more.

    ``fee`` is a month's; meters are in the order of `Meter`.
    """

    version: PlanVersion
    currency: Currency
    fee: Decimal
    meters: tuple[PricedMeter, ...]

    @property
    def plan(self) -> Plan:
        """The plan that this is a version of."""
        return self.version.plan

    def find(self, meter: Meter) -> PricedMeter | None:
        """Return what the plan says of a meter; None: it does not price it."""
        return next((priced for priced in self.meters if priced.meter == meter), None)


@dataclass(frozen=True)
class Terms:
    """What a new version is to offer; ``included`` by meter, ``prices`` by currency and meter.

    Each currency of the catalog has all prices (`FEE` for the fee) or none: in those without the
    plan is not offered. The others as in `PlanVersion`.
    """

    uses_credits: bool
    included: Mapping[str, int]
    prices: Mapping[tuple[str, str], Decimal]
    most_sessions: int | None = None
    most_agents: int | None = None
    bought_credit_days: int | None = None


def find_currency(workspace: Workspace) -> Currency:
    """Return the currency of a workspace; one that the catalog does not know has two decimals."""
    found = Currency.objects.filter(code=workspace.currency).first()
    return found or Currency(code=workspace.currency, decimals=2)


def find_offers(*, currency: str) -> list[Offer]:
    """Return what can be chosen in a currency, in the order of the plans.

    A plan without a price there is left out.
    """
    offers = read_offers(PlanVersion.objects.on_offer(), currency=currency)
    return sorted(offers.values(), key=lambda offer: offer.plan.place)


def read_offers(versions: Iterable[PlanVersion | int], *, currency: str) -> dict[int, Offer]:
    """Return versions with their prices by id; those without a price in the currency are left out.

    Three statements for as many versions as there are.
    """
    priced = Prefetch(
        "prices", Price.objects.filter(currency=currency).select_related("currency"), "priced"
    )
    found = PlanVersion.objects.filter(pk__in=[getattr(of, "pk", of) for of in versions])
    found = found.select_related("plan").prefetch_related("meters", priced)
    offers = (make_offer(version) for version in found)
    return {offer.version.pk: offer for offer in offers if offer is not None}


def make_offer(version: PlanVersion) -> Offer | None:
    """Return a version with the prices that were read as ``priced``; None: one is missing."""
    prices: list[Price] = version.priced  # type: ignore[attr-defined]  # of the prefetch above
    amounts = {price.meter: price.amount for price in prices}
    included = {of.meter: of.included for of in version.meters.all()}
    if not amounts.keys() >= {FEE, *included}:
        return None
    meters = (
        PricedMeter(meter, included[meter], amounts[meter]) for meter in Meter if meter in included
    )
    return Offer(version, prices[0].currency, amounts[FEE], tuple(meters))


def find_first_plan() -> Plan:
    """Return the plan in the first place: bots begin with it, and a cancellation leads back."""
    return Plan.objects.filter(by_contract=False).order_by("place")[0]


def publish(*, plan: Plan, terms: Terms, replaces: int | None, at: datetime) -> PlanVersion:
    """Publish a new version of a plan, which withdraws the one before.

    ``replaces``: the number of the version on offer that the operator saw, None for none. Bots that
    have a version keep it.

    Raises:
        NotPublishable: the terms cannot be, or somebody else published or withdrew meanwhile.
    """
    check_terms(terms, currencies=Currency.objects.using(ALIAS))
    with transaction.atomic(using=ALIAS):
        before = lock_offered(plan, seen=replaces)
        first = find_first_plan()
        if plan == first:
            check_first(plan, terms)
        else:
            check_way_back(first, terms)
        if before is not None:
            withdraw_version(before, at=at)
        version = PlanVersion.objects.using(ALIAS).create(
            plan_id=plan.pk,
            number=PlanVersion.objects.using(ALIAS).filter(plan=plan.pk).count() + 1,
            uses_credits=terms.uses_credits,
            most_sessions=terms.most_sessions,
            most_agents=terms.most_agents,
            bought_credit_days=terms.bought_credit_days,
            published_at=at,
        )
        PlanMeter.objects.using(ALIAS).bulk_create(
            PlanMeter(version=version, meter=meter, included=number)
            for meter, number in terms.included.items()
        )
        Price.objects.using(ALIAS).bulk_create(
            Price(version=version, currency_id=currency, meter=meter, amount=amount)
            for (currency, meter), amount in terms.prices.items()
        )
        record(
            "plan.published",
            plan=plan,
            before={"version": before.number} if before else None,
            after={"version": version.number, **describe(terms)},
        )
    return version


def withdraw(*, plan: Plan, seen: int, reason: str, at: datetime) -> None:
    """Sell a plan no more, until a new version is published; bots that have it keep it.

    ``seen``: the number of the version that the operator saw.

    Raises:
        NotPublishable: it is the plan in the first place, or nothing is on offer any more, or
            another version.
    """
    with transaction.atomic(using=ALIAS):
        before = lock_offered(plan, seen=seen)
        if plan == find_first_plan():
            raise NotPublishable(
                f"{plan.name} stays on offer: bots begin with it, and a cancellation leads back to"
                " it. Publish a new version instead."
            )
        if before is not None:  # it is: a number was seen
            withdraw_version(before, at=at)
        record("plan.withdrawn", plan=plan, before={"version": seen}, after={"reason": reason})


def lock_offered(plan: Plan, *, seen: int | None) -> PlanVersion | None:
    """Return the version on offer, so that nobody else changes the plan in this transaction.

    Raises:
        NotPublishable: it is not the one that was ``seen``.
    """
    Plan.objects.using(ALIAS).select_for_update().get(pk=plan.pk)
    offered = PlanVersion.objects.using(ALIAS).on_offer().filter(plan=plan.pk).first()
    if (offered.number if offered else None) != seen:
        raise NotPublishable(
            f"{plan.name} was changed meanwhile. Look at it again; nothing of yours is done."
        )
    return offered


def withdraw_version(version: PlanVersion, *, at: datetime) -> None:
    """Take a version off the offer."""
    version.withdrawn_at = at
    version.save(using=ALIAS, update_fields=["withdrawn_at"])


def check_terms(terms: Terms, *, currencies: Iterable[Currency]) -> None:
    """Refuse terms by which nothing could be billed.

    Raises:
        NotPublishable: meters overlap, prices are missing or too fine, numbers are out of range.
    """
    for one, other in OVERLAPS:
        if one in terms.included and other in terms.included:
            raise NotPublishable(
                f"{one.label.capitalize()} and {other.label} overlap: a plan prices one of them."
            )
    if not terms.included:
        raise NotPublishable("A plan prices at least one meter.")
    limits = (terms.most_sessions, terms.most_agents, *terms.included.values())
    if any(number is not None and not 0 <= number <= LARGEST_NUMBER for number in limits):
        raise NotPublishable(f"A number lies between 0 and {LARGEST_NUMBER:,}.")
    days = terms.bought_credit_days
    if days is not None and not 1 <= days <= LONGEST_DAYS:
        raise NotPublishable(f"Bought credits last between 1 and {LONGEST_DAYS:,} days.")
    check_prices(terms, currencies=currencies)
    if terms.uses_credits:
        check_credits(terms)


def check_prices(terms: Terms, *, currencies: Iterable[Currency]) -> None:
    """Refuse prices that are missing, negative or too fine.

    Raises:
        NotPublishable: for one of these.
    """
    wanted = {FEE, *terms.included}
    known = {currency.code: currency for currency in currencies}
    for code in {code for code, _ in terms.prices}:
        if code not in known:
            raise NotPublishable(f"The catalog has no currency {code}.")
        if {meter for currency, meter in terms.prices if currency == code} != wanted:
            raise NotPublishable(f"In {code} a price is missing: give all of them or none.")
        check_amount(terms.prices[code, FEE], decimals=known[code].decimals, what=f"fee in {code}")
    if not terms.prices:
        raise NotPublishable("A plan has prices in at least one currency.")
    for (code, _), amount in terms.prices.items():
        check_amount(amount, decimals=DECIMALS, what=f"price in {code}")


def check_amount(amount: Decimal, *, decimals: int, what: str) -> None:
    """Refuse an amount that is no price.

    Raises:
        NotPublishable: it is negative, not finite, too large or too fine.
    """
    if not amount.is_finite() or not 0 <= amount <= MOST:
        raise NotPublishable(f"A {what} is an amount of 0 or more.")
    if amount != round_amount(amount, decimals=decimals):
        raise NotPublishable(f"A {what} has at most {decimals} decimals.")


def check_credits(terms: Terms) -> None:
    """Refuse a plan that takes usage from credits and has what credits cannot pay.

    Raises:
        NotPublishable: it has a fee, includes something, or prices seats.
    """
    if any(amount for (_, meter), amount in terms.prices.items() if meter == FEE):
        raise NotPublishable("A plan that takes usage from credits has no fee.")
    if any(terms.included.values()):
        raise NotPublishable("A plan that takes usage from credits includes nothing.")
    if SEATS.intersection(terms.included):
        raise NotPublishable("Seats are paid by month and never taken from credits.")


def check_first(plan: Plan, terms: Terms) -> None:
    """Refuse terms that would keep somebody from the plan that a cancellation leads back to.

    Raises:
        NotPublishable: it costs a fee, or is not open to every bot, or lacks a currency.
    """
    if any(amount for (_, meter), amount in terms.prices.items() if meter == FEE):
        raise NotPublishable(f"{plan.name} has no fee: a cancellation leads back to it.")
    if terms.most_sessions is not None or terms.most_agents is not None:
        raise NotPublishable(f"{plan.name} is open to every bot: a cancellation leads back to it.")
    offered = Price.objects.using(ALIAS).filter(version__in=PlanVersion.objects.on_offer())
    sold = set(offered.values_list("currency_id", flat=True))
    if missing := sold - {code for code, _ in terms.prices}:
        raise NotPublishable(
            f"{plan.name} needs prices in {', '.join(sorted(missing))}: plans are sold there."
        )


def check_way_back(first: Plan, terms: Terms) -> None:
    """Refuse prices in a currency in which a cancellation would lead to nothing.

    Raises:
        NotPublishable: the first plan is not sold there.
    """
    sold = Price.objects.using(ALIAS).filter(version__plan=first, version__withdrawn_at=None)
    missing = {code for code, _ in terms.prices} - set(sold.values_list("currency_id", flat=True))
    if missing:
        raise NotPublishable(
            f"{first.name} is not sold in {', '.join(sorted(missing))}: a cancellation leads back"
            " to it. Publish it there first."
        )


def change_currency(*, code: str, at: datetime, **values: Decimal | int) -> Currency:
    """Change the amounts that hold in a currency; those not named stay as they are.

    ``values``: fields of `Currency` but for its code and decimals.

    Raises:
        NotPublishable: a value cannot be.
    """
    with transaction.atomic(using=ALIAS):
        currency = Currency.objects.using(ALIAS).select_for_update().get(pk=code)
        changed = {name for name, value in values.items() if getattr(currency, name) != value}
        before = {name: getattr(currency, name) for name in sorted(changed)}
        for name in changed:
            setattr(currency, name, values[name])
        check_currency(currency)
        if changed:
            currency.save(using=ALIAS, update_fields=changed)
            after = {name: getattr(currency, name) for name in sorted(changed)}
            with transaction.atomic():
                audit.record(
                    "currency.changed", workspace=None, target=code, before=before, after=after
                )
    return currency


def check_currency(currency: Currency) -> None:
    """Refuse amounts that cannot hold in a currency.

    Raises:
        NotPublishable: for one of them.
    """
    for what, amount in {
        "amount of free credits": currency.free_credits,
        "smallest top-up": currency.top_up_from,
        "largest top-up": currency.top_up_to,
        "low balance limit": currency.low_balance,
    }.items():
        check_amount(amount, decimals=currency.decimals, what=what)
    if not 0 < currency.top_up_from <= currency.top_up_to:
        raise NotPublishable("The smallest top-up is more than 0 and at most the largest.")
    if not 1 <= currency.free_days <= LONGEST_DAYS:
        raise NotPublishable(f"Free credits last between 1 and {LONGEST_DAYS:,} days.")


def describe(terms: Terms) -> dict[str, object]:
    """Return terms as the audit log has them."""
    return {
        "uses_credits": terms.uses_credits,
        "most_sessions": terms.most_sessions,
        "most_agents": terms.most_agents,
        "bought_credit_days": terms.bought_credit_days,
        "included": dict(terms.included),
        "prices": {
            f"{code} {meter or 'fee'}": amount for (code, meter), amount in terms.prices.items()
        },
    }


def record(
    action: str, *, plan: Plan, before: Mapping[str, object] | None, after: Mapping[str, object]
) -> None:
    """Note a change of the catalog, which commits just before the change itself.

    The two are of different roles and so of different transactions; better an entry of what then
    failed than a change without one.
    """
    with transaction.atomic():
        audit.record(action, workspace=None, target=plan.code, before=before, after=after)
