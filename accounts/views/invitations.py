"""Invitations: sent, sent again, withdrawn, and opened by whoever was invited."""

from datetime import UTC, datetime

from allauth.account.utils import perform_login
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from accounts import forms, invitations, tasks
from accounts import people as places
from accounts.access import WorkspaceRequest, workspace_view
from accounts.menu import find_first_page
from accounts.models import Invitation, Membership, Role
from accounts.roles import EXPLANATIONS, list_choices


@workspace_view("people.change")
@never_cache
@require_http_methods(["GET", "POST"])
def invite(request: WorkspaceRequest) -> HttpResponse:
    """Invite somebody by mail."""
    form = forms.NewInvitation(request.POST or None)
    if form.is_valid():
        try:
            sent = invitations.invite(
                workspace=request.workspace,
                email=form.cleaned_data["email"],
                role=form.cleaned_data["role"],
                by=request.membership,
                at=datetime.now(UTC),
            )
        except invitations.NotInvited as error:
            form.add_error("email", str(error))
        except places.NotPermitted:
            raise PermissionDenied from None
        else:
            return after_sending(request, sent)
    choices = list_choices(request.membership.role)
    return render(request, "accounts/invite.html", {"form": form, "choices": choices})


@workspace_view("people.change")
@never_cache
@require_POST
def resend(request: WorkspaceRequest, invitation_id: int) -> HttpResponse:
    """Send an invitation again, with a new link."""
    try:
        sent = invitations.resend(
            invitation=find_invitation(request, invitation_id),
            by=request.membership,
            at=datetime.now(UTC),
        )
    except invitations.NotInvited as error:
        messages.error(request, str(error))
        return redirect("accounts:people", request.workspace.slug)
    except places.NotPermitted:
        raise PermissionDenied from None
    return after_sending(request, sent)


def after_sending(request: WorkspaceRequest, sent: Invitation) -> HttpResponse:
    """Have the mail sent; where none goes out show the link, this once."""
    tasks.start_invitation(sent)
    if settings.MAIL_GOES_OUT:
        messages.success(request, f"{sent.email} is invited; the mail is on its way.")
        return redirect("accounts:people", request.workspace.slug)
    link = request.build_absolute_uri(invitations.write_path(sent))
    context = {"invitation": sent, "link": link, "zone": request.workspace.timezone}
    return render(request, "accounts/invitation_link.html", context)


@workspace_view("people.change")
@require_POST
def withdraw(request: WorkspaceRequest, invitation_id: int) -> HttpResponse:
    """End an invitation: its link works no more."""
    found = find_invitation(request, invitation_id)
    try:
        done = invitations.withdraw(invitation=found, by=request.membership, at=datetime.now(UTC))
    except places.NotPermitted:
        raise PermissionDenied from None
    words = "is withdrawn" if done else "was not open any more"
    messages.success(request, f"The invitation of {found.email} {words}.")
    return redirect("accounts:people", request.workspace.slug)


def find_invitation(request: WorkspaceRequest, invitation_id: int) -> Invitation:
    """Return an invitation of the workspace.

    Raises:
        Http404: there is none with this number.
    """
    found = Invitation.objects.for_workspace(request.workspace).select_related("workspace")
    return get_object_or_404(found, pk=invitation_id)


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Show whoever opens the link what they are invited to, and let them join.

    To open it changes nothing, since programs that check mail open links too.
    """
    now = datetime.now(UTC)
    try:
        found = invitations.find(token, at=now)
        user = request.user
        if isinstance(user, AnonymousUser):
            return join_as_stranger(request, found, token=token, at=now)
        if not invitations.belongs_to(found, user):
            raise invitations.OfSomebodyElse(user)
        if request.method == "POST":
            return enter(request, invitations.accept(token=token, user=user, at=now))
        return show(request, found)
    except invitations.Refused as error:
        invitations.record_refused(token=token, error=error)
        return render(
            request, "accounts/invitation_refused.html", {"error": error}, status=error.status
        )


def join_as_stranger(
    request: HttpRequest, found: Invitation, *, token: str, at: datetime
) -> HttpResponse:
    """Lead somebody with an account to the sign-in; let others make one."""
    if invitations.has_account(found):
        return show(request, found, sign_in=request.path)
    form = forms.NewAccount(request.POST or None)
    if form.is_valid():
        try:
            membership = invitations.accept_as_new(
                token=token,
                name=form.cleaned_data["name"],
                password=form.cleaned_data["password"],
                at=at,
            )
        except invitations.NotInvited:  # the account was made meanwhile
            return show(request, found, sign_in=request.path)
        except ValidationError as error:
            form.add_error("password", error.messages)
        else:
            return sign_in(request, membership)
    return show(request, found, form=form)


def show(
    request: HttpRequest,
    found: Invitation,
    *,
    sign_in: str = "",
    form: forms.NewAccount | None = None,
) -> HttpResponse:
    """Show an invitation with what can be done about it."""
    context = {
        "invitation": found,
        "explanation": EXPLANATIONS[Role(found.role)],
        "sign_in": sign_in,
        "form": form,
    }
    return render(request, "accounts/invitation.html", context)


def sign_in(request: HttpRequest, membership: Membership) -> HttpResponse:
    """Sign in whoever has just made an account, and lead into the workspace."""
    messages.success(request, f"Welcome to {membership.workspace.name}.")
    response: HttpResponse = perform_login(
        request, membership.user, redirect_url=find_first_page(membership)
    )
    return response


def enter(request: HttpRequest, membership: Membership) -> HttpResponse:
    """Lead a person into the workspace that they have joined."""
    messages.success(request, f"Welcome to {membership.workspace.name}.")
    return redirect(find_first_page(membership))
