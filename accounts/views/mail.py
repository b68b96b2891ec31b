"""Which mails people get from a workspace: their own page, and the link in each mail."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from accounts import actors, forms, mail_choices, mail_words
from accounts.access import WorkspaceRequest, workspace_view
from accounts.actors import ActorKind
from accounts.mail_kinds import CATEGORIES, Category


@workspace_view("mail.choose")
@require_http_methods(["GET", "POST"])
def mail_preferences(request: WorkspaceRequest) -> HttpResponse:
    """Show, and change, which mails of this workspace one gets."""
    if request.method == "POST":
        form = forms.MailChoice(request.POST)
        if form.is_valid():
            wanted = [Category(name) for name in form.cleaned_data["wanted"]]
            mail_choices.choose(member=request.membership, wanted=wanted)
            messages.success(request, "Your choice of mails is saved.")
        else:
            messages.error(request, "There are no such mails. Nothing is changed.")
        return redirect("accounts:mail_preferences", request.workspace.slug)
    context = {"offers": mail_choices.list_offers(request.membership)}
    return render(request, "accounts/mail_preferences.html", context)


# Mail programs send this without a cookie when somebody presses their own button; the token says
# for whom, and nothing else can be done by it.
@csrf_exempt
@never_cache
@require_http_methods(["GET", "POST"])
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """Switch a category of mails off; to open the link changes nothing, for programs do that."""
    template = "accounts/mail_switch_off.html"
    try:
        choice = mail_words.read_token(token)
    except ValueError as error:
        return render(request, template, {"refusal": str(error)}, status=404)
    member = mail_choices.find_member(choice)
    if member is None:
        refusal = "You are not in this workspace any more, so no mails come from it."
        return render(request, template, {"refusal": refusal}, status=404)
    done = request.method == "POST"
    if done:
        with actors.acting_as(ActorKind.PERSON, id=member.user_id, name=member.user.email):
            mail_choices.switch_off(choice)
    context = {"member": member, "about": CATEGORIES[choice.category], "done": done}
    return render(request, template, context)
