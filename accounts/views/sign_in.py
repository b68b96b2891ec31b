"""Sign-in: what django-allauth's views do, as this console has it."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.views import LoginView
from allauth.core import ratelimit
from allauth.socialaccount.providers.openid_connect import views as openid_connect
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from requests import RequestException

from accounts import actors, forms, idle, tasks
from accounts.actors import ActorKind
from accounts.models import User

logger = logging.getLogger(__name__)

AnyView = Callable[..., HttpResponseBase]


class SignIn(LoginView):
    """Mail address and password, or a passkey, or single sign-on."""

    template_name = "accounts/sign_in.html"

    def get_form_kwargs(self) -> dict[str, Any]:
        """Return what is sent: browsers and tests know the mail address as ``username``."""
        values: dict[str, Any] = super().get_form_kwargs()
        if "data" in values:
            values["data"] = values["data"].copy()
            values["data"].setdefault("login", values["data"].get("username", ""))
        return values

    def get_context_data(self, **values: Any) -> dict[str, Any]:
        """Return what the page shows."""
        context: dict[str, Any] = super().get_context_data(**values)
        request = self.request
        return context | {
            "next": request.POST.get("next") or request.GET.get("next", ""),
            "providers": find_providers(),
        }


def of_person(view: AnyView) -> AnyView:
    """Let a view of allauth be reached by whoever has signed in; what it does is theirs."""

    @wraps(view)
    @login_required
    def enter(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        user = request.user
        assert isinstance(user, User)  # noqa: S101
        with (
            actors.acting_as(ActorKind.PERSON, id=user.pk, name=user.email),
            transaction.atomic(),
        ):
            return rendered(view(request, *args, **kwargs))

    return enter


def of_anybody(view: AnyView) -> AnyView:
    """Run a view of allauth in a transaction, with what is noted of it."""

    @wraps(view)
    def enter(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with transaction.atomic():
            return rendered(view(request, *args, **kwargs))

    return enter


def rendered(response: HttpResponseBase) -> HttpResponseBase:
    """Return an answer whose page is written, while the transaction lasts."""
    render_now = getattr(response, "render", None)
    return response if render_now is None else render_now()


@never_cache
@require_http_methods(["GET", "POST"])
def forgot_password(request: HttpRequest) -> HttpResponse:
    """Send a link to set a password anew; the answer is the same whoever asks for whom."""
    form = forms.Address(request.POST or None)
    if form.is_valid():
        email = form.cleaned_data["email"]
        key = email.lower()
        if refused := ratelimit.consume_or_429(request, action="reset_password", key=key):
            too_many: HttpResponse = refused
            return too_many
        # A worker looks whether there is such a person: the time of the answer says nothing.
        tasks.send_password_reset.apply_async(kwargs={"email": email}, retry=False)
        return redirect("account_reset_password_done")
    return render(request, "accounts/forgot_password.html", {"form": form})


def find_providers() -> dict[str, str]:
    """Return the names of the providers of single sign-on by their ids; most have none or one."""
    apps = settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"]
    return {app["provider_id"]: app["name"] for app in apps}


@require_http_methods(["GET", "POST"])
def single_sign_on(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """Lead to the provider; only to sign in, not to connect accounts."""
    processes = {values["process"] for values in (request.GET, request.POST) if "process" in values}
    if provider_id not in find_providers() or processes - {"login"}:
        raise Http404
    return ask_provider(openid_connect.login, request, provider_id)


def single_sign_on_callback(request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """Take in whom the provider sends back."""
    if provider_id not in find_providers():
        raise Http404
    return ask_provider(openid_connect.callback, request, provider_id)


def ask_provider(view: AnyView, request: HttpRequest, provider_id: str) -> HttpResponseBase:
    """Run a view that speaks with the provider; without an answer lead back to the sign-in."""
    try:
        return view(request, provider_id)
    except (RequestException, LookupError, ValueError) as error:
        logger.warning("The provider of single sign-on gave no answer: %s", type(error).__name__)
        messages.error(
            request,
            f"{find_providers()[provider_id]} cannot be reached. Try again, or use your password.",
        )
        return redirect("account_login")


@never_cache
@require_http_methods(["GET", "POST"])
def session(request: HttpRequest) -> JsonResponse:
    """Say how many seconds a person stays signed in; to send it is a request as any other."""
    return JsonResponse({"seconds": idle.find_seconds_left(request)})
