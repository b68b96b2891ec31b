"""The HTTP API, ``/api/v1/``, and its OpenAPI document and pages."""

from http import HTTPStatus

from django.http import Http404, HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError, ValidationError

from accounts.access import ApiRefused
from accounts.api import router as bots
from invoices.api import router as invoices
from plans.api import router as entitlement
from usage.api import router as events
from usage.sessions_api import router as sessions
from usage.usage_api import router as usage

api = NinjaAPI(
    title="Billing Console",
    version="1",
    description="For bot platforms: send events, and read what was counted. Each request carries "
    "an API key of one workspace as a bearer token.",
    urls_namespace="api",
)
api.add_router("", events)
api.add_router("", usage)
api.add_router("", sessions)
api.add_router("", entitlement)  # before the bots, whose keys may hold slashes
api.add_router("", bots)
api.add_router("", invoices)


@api.exception_handler(ApiRefused)
def refuse(request: HttpRequest, error: ApiRefused) -> HttpResponse:
    """Answer a request that is refused for a reason of its own."""
    return answer(request, error.status, error.code, error.detail)


@api.exception_handler(AuthenticationError)
def refuse_stranger(request: HttpRequest, error: AuthenticationError) -> HttpResponse:
    """Answer a request without a valid key."""
    detail = "Send a valid API key: Authorization: Bearer bck_..."
    response = answer(request, HTTPStatus.UNAUTHORIZED, "unauthorized", detail)
    response["WWW-Authenticate"] = "Bearer"
    return response


@api.exception_handler(HttpError)
def refuse_unreadable(request: HttpRequest, error: HttpError) -> HttpResponse:
    """Answer a request whose body is not JSON."""
    return answer(request, HTTPStatus(error.status_code), "unreadable", f"{error}.")


@api.exception_handler(ValidationError)
def refuse_values(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Answer a request with values of the wrong kind, naming the first of them."""
    first = error.errors[0]
    place = ".".join(str(part) for part in first["loc"])
    detail = f"{place}: {first['msg']}."
    return answer(request, HTTPStatus.UNPROCESSABLE_ENTITY, "bad_value", detail)


@api.exception_handler(Http404)
def refuse_unknown(request: HttpRequest, error: Http404) -> HttpResponse:
    """Answer a request for what is not there, or not to be seen."""
    return answer(request, HTTPStatus.NOT_FOUND, "not_found", "There is nothing at this address.")


def answer(request: HttpRequest, status: HTTPStatus, code: str, detail: str) -> HttpResponse:
    """Return a refusal as the API writes it."""
    return api.create_response(request, {"code": code, "detail": detail}, status=status)
