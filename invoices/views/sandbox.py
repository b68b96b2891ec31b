"""The sandbox's own pages, which know nothing of the console, and where its answers arrive."""

from datetime import UTC, date, datetime
from http import HTTPStatus

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from accounts import actors, audit
from accounts.actors import ActorKind
from invoices import forms, keepers, payments, sandbox
from invoices.providers import SetupAnswer
from invoices.sandbox import Choice, Expiry, NotSigned, SavedAnswer


def check_offered() -> None:
    """Let through where this installation has a sandbox.

    Raises:
        Http404: it has none.
    """
    if not settings.SANDBOX_PAYMENTS:
        raise Http404


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def pay(request: HttpRequest, token: str) -> HttpResponse:
    """Ask which answer the sandbox is to give to a payment, give it, and lead back."""
    check_offered()
    try:
        bill = sandbox.read_bill(token)
    except NotSigned as error:
        return render(
            request,
            "invoices/sandbox_refused.html",
            {"reason": str(error)},
            status=HTTPStatus.NOT_FOUND,
        )
    form = forms.SandboxAnswer(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        return render(
            request,
            "invoices/sandbox.html",
            {
                "bill": bill,
                "form": form,
                "saved_answers": SavedAnswer.choices,
                "expiries": Expiry.choices,
                "late": sandbox.LATE,
            },
        )
    choice = Choice(form.cleaned_data["choice"])
    saved = SavedAnswer(form.cleaned_data["saved"] or SavedAnswer.ACCEPT)
    sandbox.decide(bill, choice=choice, saved=saved, until=read_until(form))
    if choice == Choice.EARLY:
        return render(request, "invoices/sandbox_answered.html", {"bill": bill})
    return redirect(bill.return_to)


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def save(request: HttpRequest, token: str) -> HttpResponse:
    """Ask whether the sandbox is to keep a method, and how that answers; then lead back."""
    check_offered()
    try:
        wish = sandbox.read_wish(token)
    except NotSigned as error:
        return render(
            request,
            "invoices/sandbox_refused.html",
            {"reason": str(error)},
            status=HTTPStatus.NOT_FOUND,
        )
    form = forms.SandboxMethod(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        context = {
            "form": form,
            "saved_answers": SavedAnswer.choices,
            "expiries": Expiry.choices,
        }
        return render(request, "invoices/sandbox_method.html", context)
    saved = form.cleaned_data["saved"]
    sandbox.save(wish, saved=SavedAnswer(saved) if saved else None, until=read_until(form))
    return redirect(wish.return_to)


def read_until(form: forms.SandboxAnswer | forms.SandboxMethod) -> date | None:
    """Return until when a method is good that is kept."""
    today = datetime.now(UTC).date()
    return sandbox.find_last_day(Expiry(form.cleaned_data["expiry"]), today=today)


@csrf_exempt  # no browser comes here: a signature says who it is
@require_POST
def take_answer(request: HttpRequest) -> HttpResponseBase:
    """Take an answer of the sandbox, from server to server; sent again it changes nothing."""
    check_offered()
    try:
        workspace_id, answer = sandbox.read_callback(
            request.body, signature=request.headers.get(sandbox.SIGNATURE, "")
        )
    except NotSigned as error:
        audit.record_refused("payment.answer_refused", workspace_id=None, reason=str(error))
        return JsonResponse({"detail": str(error)}, status=HTTPStatus.FORBIDDEN)
    with actors.acting_as(ActorKind.SYSTEM, name="the sandbox"):
        now = datetime.now(UTC)
        try:
            if isinstance(answer, SetupAnswer):
                taken = keepers.take_answer(workspace_id=workspace_id, answer=answer, at=now)
            else:
                taken = payments.take_answer(workspace_id=workspace_id, answer=answer, at=now)
        except (payments.UnknownPayment, keepers.UnknownSetup) as error:
            return JsonResponse({"detail": str(error)}, status=HTTPStatus.NOT_FOUND)
    return JsonResponse({"changed": taken})
