"""Users & roles: who is in a workspace, with which role, and who may come."""

from collections.abc import Callable
from datetime import UTC, datetime

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import chips, forms, queries, second_factors
from accounts import people as places
from accounts.access import WorkspaceRequest, may, workspace_view
from accounts.chips import Chip
from accounts.models import Bot, Membership, Role
from accounts.roles import list_choices
from accounts.tables import PersonRow, PersonTable, show_page
from accounts.views.workspace import tell_errors


@workspace_view("people.view")
@require_safe
def people(request: WorkspaceRequest) -> HttpResponse:
    """Show the people of the workspace, as far as they are asked for, and who is invited."""
    form = forms.PeopleFilter(request.GET)
    form.is_valid()
    asked = form.cleaned_data
    found = queries.list_people(
        request.workspace, text=asked.get("q", ""), role=asked.get("role", "")
    )
    owned = queries.count_owned_bots(request.workspace)
    factors = second_factors.find_having(member.user_id for member in found)
    rows = [
        PersonRow(
            member=member,
            bots=owned.get(member.user_id, 0),
            second_factor=member.user_id in factors,
            itself=member.pk == request.membership.pk,
            changeable=places.may_give(request.membership.role, member.role),
        )
        for member in found
    ]
    table = PersonTable(rows)
    show_page(table, request)
    return render(
        request,
        "accounts/people.html",
        {
            "form": form,
            "table": table,
            "tabs": forms.ROLE_TABS,
            "shown": asked.get("role", ""),
            "chips": list_chips(request, form),
            "invitations": queries.list_invitations(request.workspace),
            "may_transfer": may(request.membership, "people.transfer"),
            "zone": request.workspace.timezone,
            "now": datetime.now(UTC),
        },
    )


def list_chips(request: WorkspaceRequest, form: forms.PeopleFilter) -> list[Chip]:
    """Return the filters that are on, but for the tabs."""
    text = form.cleaned_data.get("q")
    if not text:
        return []
    return [chips.make(request.GET, "q", request.GET["q"], label=f"Name or mail address: {text}")]


@workspace_view("people.change")
@require_http_methods(["GET", "POST"])
def change_role(request: WorkspaceRequest, member_id: int) -> HttpResponse:
    """Give a person another role, after the effect was shown and a reason given."""
    member = find_member(request, member_id)
    form = forms.NewRole(request.POST or None, initial={"role": member.role})
    if form.is_valid():
        role = form.cleaned_data["role"]

        def change() -> str:
            changed = places.change_role(
                member=member,
                role=role,
                by=request.membership,
                reason=form.cleaned_data["reason"],
                at=datetime.now(UTC),
            )
            words = "has the role" if changed else "had the role before:"
            return f"{member.user.email} {words} {Role(role).label}."

        if attempt(request, form, change):
            return after_change(request, member)
    choices = list_choices(request.membership.role)
    return show_member(request, member, "member_role", form, choices=choices)


@workspace_view("people.change")
@require_http_methods(["GET", "POST"])
def remove(request: WorkspaceRequest, member_id: int) -> HttpResponse:
    """Take a person out of the workspace, after the effect was shown and a reason given."""
    member = find_member(request, member_id)
    form = forms.Reason(request.POST or None)
    if form.is_valid():

        def change() -> str:
            done = places.remove(
                member=member,
                by=request.membership,
                reason=form.cleaned_data["reason"],
                at=datetime.now(UTC),
            )
            words = "is not in this workspace any more" if done else "was removed before"
            return f"{member.user.email} {words}."

        if attempt(request, form, change):
            return after_change(request, member)
    bots = Bot.objects.for_workspace(request.workspace).filter(owner=member.user_id)
    return show_member(
        request,
        member,
        "member_remove",
        form,
        bots=list(bots.order_by("name", "key")),
        receivers=[
            person
            for person in queries.list_possible_owners(request.workspace)
            if person.pk != member.pk
        ],
    )


@workspace_view("people.change")
@require_POST
def hand_over(request: WorkspaceRequest, member_id: int) -> HttpResponse:
    """Give all bots of a person another owner."""
    member = find_member(request, member_id)
    form = forms.Person(request.POST)
    if form.is_valid():
        members = Membership.objects.for_workspace(request.workspace).select_related("user")
        to = members.filter(user=form.cleaned_data["user"]).first()
        if to is None:
            form.add_error("user", "There is no such person in this workspace.")
        else:
            receiver = to

            def change() -> str:
                count = places.hand_over_bots(member=member, to=receiver, at=datetime.now(UTC))
                bots = "1 bot" if count == 1 else f"{count:,} bots"
                return f"{receiver.user.email} is the new owner of {bots}."

            attempt(request, form, change)
    tell_errors(request, form)
    return redirect("accounts:member_remove", request.workspace.slug, member.pk)


@workspace_view("people.transfer")
@require_http_methods(["GET", "POST"])
def transfer(request: WorkspaceRequest, member_id: int) -> HttpResponse:
    """Make a person the owner in one's own place, after the effect was shown."""
    member = find_member(request, member_id)
    form = forms.Reason(request.POST or None)
    if form.is_valid():

        def change() -> str:
            places.transfer_ownership(
                to=member,
                by=request.membership,
                reason=form.cleaned_data["reason"],
                at=datetime.now(UTC),
            )
            return f"{member.user.email} is the owner now, and you are an admin."

        if attempt(request, form, change):
            return after_change(request, member)
    return show_member(request, member, "ownership_transfer", form)


def find_member(request: WorkspaceRequest, member_id: int) -> Membership:
    """Return the place of a person in the workspace, which the reader may change.

    Raises:
        Http404: there is none with this number.
        PermissionDenied: it is an owner's, and the reader is none.
    """
    members = Membership.objects.for_workspace(request.workspace)
    member = get_object_or_404(members.select_related("user", "workspace"), pk=member_id)
    if not places.may_give(request.membership.role, member.role):
        raise PermissionDenied
    return member


def attempt(request: WorkspaceRequest, form: Form, change: Callable[[], str]) -> bool:
    """Make a change and have the next page say so; else put the rule that it breaks on the form.

    Raises:
        PermissionDenied: the person may not, as roles are now.
    """
    try:
        messages.success(request, change())
    except places.NotPossible as error:
        form.add_error(None, str(error))
        return False
    except places.NotPermitted:
        raise PermissionDenied from None
    return True


def after_change(request: WorkspaceRequest, member: Membership) -> HttpResponse:
    """Lead back to the list; whoever changed their own place may not see it any more."""
    if member.pk == request.membership.pk:
        return redirect("accounts:workspace_list")
    return redirect("accounts:people", request.workspace.slug)


def show_member(
    request: WorkspaceRequest,
    member: Membership,
    page: str,
    form: Form,
    **context: object,
) -> HttpResponse:
    """Show the page on which something about a person is changed."""
    values = {"member": member, "form": form, "itself": member.pk == request.membership.pk}
    return render(request, f"accounts/{page}.html", {**values, **context})
