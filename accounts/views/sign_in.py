"""Sign-in: what django-allauth's views do, as this console has it."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from http import HTTPStatus
from typing import Any

from allauth.account.internal.stagekit import unstash_login
from allauth.account.views import LoginView
from allauth.core import ratelimit
from allauth.mfa.base.views import authenticate
from allauth.mfa.recovery_codes import views as codes
from allauth.socialaccount.providers.openid_connect import views as openid_connect
from django.conf import settings
from django.contrib import messages
from django.contrib.auth.views import LogoutView
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods
from requests import RequestException

from accounts import forms, idle, second_factors, sign_ins, tasks, viewing
from accounts.access import PersonRequest, person_view

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


class SignOut(LogoutView):
    """Ends a session, and before it what an operator looks at as somebody else."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Sign out."""
        viewing.stop(session=request.session, now=datetime.now(UTC))
        response: HttpResponse = super().post(request, *args, **kwargs)
        return response


def of_person(view: AnyView) -> AnyView:
    """Let a view of allauth be reached by whoever has signed in; what it does is theirs.

    What it changes of their second factors is noted in its transaction. Its pages may show secrets,
    so no browser keeps them.
    """

    @wraps(view)
    @never_cache
    @person_view
    def enter(request: PersonRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with second_factors.noting_changes(request):
            return rendered(view(request, *args, **kwargs))

    return enter


def of_anybody(view: AnyView) -> AnyView:
    """Run a view of allauth in a transaction, with what is noted of it."""

    @wraps(view)
    def enter(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        with transaction.atomic():
            return rendered(view(request, *args, **kwargs))

    return enter


def second_factor(request: HttpRequest) -> HttpResponseBase:
    """Ask for the second factor after the password; a wrong one is noted as a failed sign-in."""
    pending = unstash_login(request, peek=True)
    response = of_anybody(authenticate)(request)
    if request.method == "POST" and pending and not request.user.is_authenticated:
        sign_ins.record_failed(pending.user.email)
    return response


@require_GET
def download_recovery_codes(request: PersonRequest) -> HttpResponseBase:
    """Download one's recovery codes; it is noted as any download."""
    response: HttpResponseBase = codes.download_recovery_codes(request)
    if response.status_code == HTTPStatus.OK:
        sign_ins.record("recovery_codes.downloaded", request.user)
    return response


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
        call = {"email": email, "at": datetime.now(UTC).isoformat()}
        tasks.send_password_reset.apply_async(kwargs=call, retry=False)
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
