"""Pages of saved payment methods: which there are and what for, one more, the default, removal."""

from datetime import UTC, datetime, timedelta
from http import HTTPStatus

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
    require_safe,
)

from accounts import calls
from accounts.access import WorkspaceRequest, workspace_view
from accounts.months import read_calendar
from invoices import collecting, expiry, forms, keepers, payments, queries, saved_methods
from invoices.models import Method, MethodSetup, SavedMethod
from invoices.providers import ProviderDown
from invoices.queries import MethodUse

ANSWER_EXPECTED = timedelta(minutes=3)  # after a setup was begun the page asks by itself
REFRESH = 5  # seconds, without a script


@workspace_view("payment_methods.view")
@never_cache
@require_safe
def list_methods(request: WorkspaceRequest) -> HttpResponse:
    """Show the saved payment methods and what they are charged for.

    Who comes back from saving one is told how it went, as soon as that is known.
    """
    setup = find_setup(request)
    asks_again = setup is not None and is_awaited(setup)
    if request.htmx and asks_again:
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    methods = queries.list_methods(request.workspace)
    today = read_calendar(request.workspace).day_of(datetime.now(UTC))
    context = {
        "methods": methods,
        "today": today,
        "soon": today + expiry.TOLD_BEFORE,
        "renewals_by": next((one.method for one in methods if one.pays_renewals), None),
        "removed": queries.list_removed(request.workspace),
        "may_add": bool(keepers.list_methods()),
        "setup": setup,
        "asks_again": asks_again,
        "refresh_seconds": REFRESH,
    }
    template = "_payment_methods.html" if request.htmx else "payment_methods.html"
    return render(request, f"invoices/{template}", context)


@workspace_view("payment_methods.change")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def add_method(request: WorkspaceRequest) -> HttpResponse:
    """Ask for consent to save a payment method, note it, and lead to where it is entered."""
    methods = keepers.list_methods()
    paid = collecting.find_saved(request.workspace)
    form = forms.NewMethod(
        request.POST if request.method == "POST" else None,
        initial={"method": methods[0][0] if methods else "", "as_default": paid is None},
        methods=methods,
    )
    if form.is_valid():
        setup = keepers.start(
            workspace=request.workspace,
            by=request.user,
            method=Method(form.cleaned_data["method"]),
            as_default=form.cleaned_data["as_default"],
            at=datetime.now(UTC),
        )
        return redirect("invoices:payment_method_setup", request.workspace.slug, setup.pk)
    context = {"form": form, "methods": methods, "consent": payments.CONSENT, "paid": paid}
    return render(request, "invoices/payment_method_new.html", context)


@workspace_view("payment_methods.change")
@never_cache
@require_GET
def open_setup(request: WorkspaceRequest, setup_id: int) -> HttpResponse:
    """Lead to the provider's page on which a method is entered.

    A request of its own: what was agreed to is stored by then.
    """
    setup = get_object_or_404(find_setups(request), pk=setup_id)
    page = reverse("invoices:payment_methods", args=[request.workspace.slug])
    back = f"{page}?setup={setup.pk}"
    if setup.ended_at:
        return redirect(back)
    if setup.started_by_id != request.user.pk:
        messages.error(request, "Somebody else agreed to save this one. Add one yourself.")
        return redirect(page)
    try:
        return redirect(keepers.open_page(setup=setup, return_to=back))
    except (payments.Unavailable, ProviderDown) as error:
        messages.error(request, str(error))
    return redirect(page)


@workspace_view("payment_methods.change")
@require_POST
def choose_default(request: WorkspaceRequest, method_id: int) -> HttpResponse:
    """Have renewals paid by a method."""
    saved = find_method(request, method_id)
    if obstacle := find_use(request, saved).obstacle:
        messages.error(request, f"Renewals cannot be paid by {saved}. {obstacle}")
    else:
        try:
            saved_methods.choose(saved=saved)
        except saved_methods.NotUsable as error:
            messages.error(request, str(error))
        else:
            messages.success(request, f"Renewals are paid by {saved}.")
    return redirect("invoices:payment_methods", request.workspace.slug)


@workspace_view("payment_methods.change")
@require_http_methods(["GET", "HEAD", "POST"])
def remove_method(request: WorkspaceRequest, method_id: int) -> HttpResponse:
    """Show what the removal of a method comes to, and remove it."""
    saved = find_method(request, method_id)
    if request.method == "POST":
        if saved_methods.remove(saved=saved, by=request.user, at=datetime.now(UTC)):
            calls.after_commit("invoices.tasks.let_go", workspace_id=request.workspace.pk)
            messages.success(request, f"{saved} is removed and is not charged any more.")
        else:
            messages.info(request, f"{saved} was removed before.")
        return redirect("invoices:payment_methods", request.workspace.slug)
    return render(request, "invoices/payment_method_remove.html", {"use": find_use(request, saved)})


def find_use(request: WorkspaceRequest, saved: SavedMethod) -> MethodUse:
    """Return what a method is charged for; one that was removed is for nothing."""
    uses = {use.method.pk: use for use in queries.list_methods(request.workspace)}
    return uses.get(saved.pk) or MethodUse(saved, [], collecting.find_obstacle(saved, admins=()))


def find_method(request: WorkspaceRequest, method_id: int) -> SavedMethod:
    """Return a saved method of the workspace, also one that was removed.

    Raises:
        Http404: there is none with this number.
    """
    found = SavedMethod.objects.for_workspace(request.workspace)
    return get_object_or_404(found.select_related("workspace", "saved_by"), pk=method_id)


def find_setup(request: WorkspaceRequest) -> MethodSetup | None:
    """Return the setup from which the person comes back; None: from none, or not from theirs."""
    asked = request.GET.get("setup", "")
    if not (asked.isascii() and asked.isdecimal() and len(asked) < 19):
        return None
    return find_setups(request).filter(pk=int(asked), started_by=request.user).first()


def find_setups(request: WorkspaceRequest) -> QuerySet[MethodSetup]:
    """Return all that was begun in the workspace."""
    setups = MethodSetup.objects.for_workspace(request.workspace)
    return setups.select_related("kept_method")


def is_awaited(setup: MethodSetup) -> bool:
    """Tell whether a provider may say at any moment how a setup went."""
    return setup.ended_at is None and datetime.now(UTC) - setup.started_at < ANSWER_EXPECTED
