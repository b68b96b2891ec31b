"""Pages of the catalog for operators: plans, new versions, and the amounts of currencies."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from accounts.access import SignedInRequest, operator_view
from plans import catalog
from plans.catalog import NotPublishable, Offer
from plans.catalog_forms import CurrencyAmounts, NewVersion, Withdrawal, fill_in
from plans.models import Currency, Plan, PlanVersion
from plans.wording import write

AMOUNTS = ("free_credits", "top_up_from", "top_up_to", "low_balance")


@operator_view("catalog.view")
@require_safe
def plan_list(request: SignedInRequest) -> HttpResponse:
    """Show all plans with what they cost, and the currencies."""
    offered = PlanVersion.objects.on_offer()
    versions = {version.plan_id: version for version in offered}
    offers = read_offers(offered)
    plans = [
        (plan, versions.get(plan.pk), offers[versions[plan.pk].pk] if plan.pk in versions else [])
        for plan in Plan.objects.order_by("place")
    ]
    context = {"plans": plans, "currencies": Currency.objects.order_by("code")}
    return render(request, "plans/operator_plan_list.html", context)


@operator_view("catalog.view")
@require_safe
def plan(request: SignedInRequest, plan_code: str) -> HttpResponse:
    """Show a plan with all its versions, the newest first."""
    found = get_object_or_404(Plan, code=plan_code)
    versions = list(PlanVersion.objects.filter(plan=found).order_by("-number"))
    offers = read_offers(versions)
    context = {
        "plan": found,
        "offered": find_offered(found),
        "versions": [(version, offers[version.pk]) for version in versions],
        "stays": found == catalog.find_first_plan(),
    }
    return render(request, "plans/operator_plan.html", context)


def find_offered(plan: Plan) -> PlanVersion | None:
    """Return the version of a plan that can be chosen."""
    return PlanVersion.objects.on_offer().filter(plan=plan).first()


def read_offers(versions: Iterable[PlanVersion]) -> defaultdict[int, list[Offer]]:
    """Return by version what it offers in each currency that it is sold in."""
    found: defaultdict[int, list[Offer]] = defaultdict(list)
    for code in Currency.objects.order_by("code").values_list("code", flat=True):
        for number, offer in catalog.read_offers(versions, currency=code).items():
            found[number].append(offer)
    return found


@operator_view("catalog.change")
@require_http_methods(["GET", "HEAD", "POST"])
def version_new(request: SignedInRequest, plan_code: str) -> HttpResponse:
    """Publish a new version of a plan, which begins with what it offers so far."""
    found = get_object_or_404(Plan, code=plan_code, by_contract=False)
    currencies = list(Currency.objects.order_by("code"))
    latest = PlanVersion.objects.filter(plan=found).order_by("-number").first()
    offers = read_offers([latest])[latest.pk] if latest else []
    form = NewVersion(request.POST or None, currencies=currencies, initial=fill_in(latest, offers))
    if request.method == "POST" and form.is_valid():
        try:
            made = catalog.publish(
                plan=found,
                terms=form.terms,
                replaces=form.cleaned_data["replaces"],
                at=datetime.now(UTC),
            )
        except NotPublishable as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"Version {made.number} of {found.name} is on offer.")
            return redirect("plans_operator:plan", found.code)
    context = {"plan": found, "form": form, "currencies": currencies, "latest": latest}
    return render(request, "plans/operator_version_new.html", context)


@operator_view("catalog.change")
@require_http_methods(["GET", "HEAD", "POST"])
def plan_withdraw(request: SignedInRequest, plan_code: str) -> HttpResponse:
    """Sell a plan no more, after a look at what that does."""
    found = get_object_or_404(Plan, code=plan_code, by_contract=False)
    form = Withdrawal(request.POST or None)
    if request.method == "POST" and form.is_valid():
        values = form.cleaned_data
        try:
            catalog.withdraw(
                plan=found, seen=values["seen"], reason=values["reason"], at=datetime.now(UTC)
            )
        except NotPublishable as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"{found.name} is not on offer any more.")
            return redirect("plans_operator:plan", found.code)
    context = {"plan": found, "form": form, "offered": find_offered(found)}
    return render(request, "plans/operator_plan_withdraw.html", context)


@operator_view("catalog.change")
@require_http_methods(["GET", "HEAD", "POST"])
def currency(request: SignedInRequest, currency_code: str) -> HttpResponse:
    """Change the amounts that hold in a currency."""
    found = get_object_or_404(Currency, code=currency_code)
    start = {name: write(getattr(found, name), found) for name in AMOUNTS}
    form = CurrencyAmounts(
        request.POST or None, currency=found, initial={**start, "free_days": str(found.free_days)}
    )
    if request.method == "POST" and form.is_valid():
        try:
            catalog.change_currency(code=found.code, at=datetime.now(UTC), **form.cleaned_data)
        except NotPublishable as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"The amounts in {found.code} are set.")
            return redirect("plans_operator:plan_list")
    context = {"currency": found, "form": form}
    return render(request, "plans/operator_currency.html", context)
