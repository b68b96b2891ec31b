"""My profile: what a person sets for themselves, in whatever workspaces they are."""

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts import addresses, forms, people, second_factors, sign_ins, tasks
from accounts.access import PersonRequest, person_view
from accounts.sign_ins import describe_browser
from accounts.views.workspace import tell_errors


@person_view
@require_safe
def profile(request: PersonRequest) -> HttpResponse:
    """Show who the person is here, and where they are signed in."""
    return render(
        request,
        "accounts/profile.html",
        {
            "places": request.memberships,
            "second_factor": second_factors.has(request.user),
            "sign_ins": [
                (session, describe_browser(session.user_agent), session.is_current())
                for session in sign_ins.find_all(request.user)
            ],
        },
    )


@person_view
@require_POST
def change_name(request: PersonRequest) -> HttpResponse:
    """Give oneself another name."""
    form = forms.OwnName(request.POST)
    if form.is_valid():
        people.rename(user=request.user, name=form.cleaned_data["name"])
        messages.success(request, "Your name is saved.")
    tell_errors(request, form)
    return redirect("accounts:profile")


@person_view
@require_POST
def change_default_workspace(request: PersonRequest) -> HttpResponse:
    """Choose where a sign-in leads."""
    form = forms.DefaultWorkspace(request.POST)
    if form.is_valid():
        chosen = form.cleaned_data["workspace"]
        if chosen and chosen not in {place.workspace_id for place in request.memberships}:
            form.add_error("workspace", "You have no role in this workspace.")
        else:
            request.user.default_workspace_id = chosen
            request.user.save(update_fields=["default_workspace"])
            messages.success(request, "Your default workspace is saved.")
    tell_errors(request, form)
    return redirect("accounts:profile")


@person_view
@reauthentication_required(app="allauth.mfa")  # type: ignore[untyped-decorator]  # django-allauth
@require_http_methods(["GET", "POST"])
def change_address(request: PersonRequest) -> HttpResponse:
    """Send a link to another mail address, which is then one's own."""
    form = forms.OwnAddress(request.POST or None)
    if form.is_valid() and not addresses.admit_mail(user=request.user):
        form.add_error("email", "You had several links sent. Wait an hour.")
    elif form.is_valid():
        email = form.cleaned_data["email"]
        tasks.start_address_change(request.user, email=email)
        messages.success(request, f"A link is on its way to {email}. Open it to confirm.")
        return redirect("accounts:profile")
    return render(request, "accounts/address.html", {"form": form})


@person_view
@require_http_methods(["GET", "POST"])
def confirm_address(request: PersonRequest, token: str) -> HttpResponse:
    """Show the new mail address of a link, and change to it."""
    try:
        if request.method == "POST":
            old = request.user.email
            new = addresses.change(token=token, user=request.user)
            tasks.start_notice(
                request.user,
                f"Your mail address is {new} now.",
                browser=request.headers.get("User-Agent", ""),
                to=old,
            )
            messages.success(request, f"Your mail address is {new}.")
            return redirect("accounts:profile")
        new = addresses.read_token(token, user=request.user)
    except addresses.NotChanged as error:
        messages.error(request, str(error))
        return redirect("accounts:profile")
    return render(request, "accounts/address_confirm.html", {"new": new})


@person_view
@require_POST
def sign_out_elsewhere(request: PersonRequest) -> HttpResponse:
    """Sign oneself out in all browsers but this one."""
    sign_ins.end_others(request, request.user)
    messages.success(request, "You are signed out everywhere else.")
    return redirect("accounts:profile")
