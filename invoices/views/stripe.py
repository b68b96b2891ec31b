"""Where Stripe's events arrive."""

from datetime import UTC, datetime
from http import HTTPStatus

from django.http import Http404, HttpRequest, HttpResponseBase, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from accounts import actors, audit
from accounts.actors import ActorKind
from invoices import stripe_events, stripe_payments
from invoices.providers import ProviderDown


@csrf_exempt  # no browser comes here: a signature says who it is
@require_POST
def take_event(request: HttpRequest) -> HttpResponseBase:
    """Take an event of Stripe; sent again it changes nothing.

    Whatever is signed and of no concern here is answered as taken: Stripe would send it for days.
    """
    if not stripe_payments.is_offered():
        raise Http404
    length = request.headers.get("Content-Length") or "0"
    if not length.isdecimal() or int(length) > stripe_events.LARGEST:
        detail = "An event is smaller than that."
        return JsonResponse({"detail": detail}, status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
    signature = request.headers.get(stripe_events.SIGNATURE, "")
    with actors.acting_as(ActorKind.SYSTEM, name="Stripe"):
        try:
            event = stripe_events.read(request.body, signature=signature)
            changed = stripe_events.take(event, at=datetime.now(UTC))
        except stripe_events.Refused as error:
            audit.record_refused("payment.answer_refused", workspace_id=None, reason=str(error))
            return JsonResponse({"detail": str(error)}, status=HTTPStatus.BAD_REQUEST)
        except ProviderDown as error:
            return JsonResponse({"detail": str(error)}, status=HTTPStatus.SERVICE_UNAVAILABLE)
    return JsonResponse({"changed": changed})
