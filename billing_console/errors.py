"""What a person, or a program, is told when a request cannot be answered.

The pages need neither the database nor a session, and name no workspace but the person's own.
"""

import sys
from dataclasses import dataclass
from http import HTTPStatus

from django.core.exceptions import (
    RequestDataTooBig,
    TooManyFieldsSent,
    TooManyFilesSent,
)
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template import loader
from django.utils.cache import add_never_cache_headers
from django.utils.log import log_response

from accounts.menu import find_first_page
from accounts.models import Membership
from billing_console.outages import Outage, find_outage

API = "/api/"
TRY_AGAIN_AFTER = 5  # seconds


@dataclass(frozen=True)
class Trouble:
    """What happened and what to do about it; ``code`` is what the API calls it."""

    status: HTTPStatus
    code: str
    icon: str
    title: str
    text: str
    waits: bool = False  # the page tries again by itself


BAD_REQUEST = Trouble(
    HTTPStatus.BAD_REQUEST,
    "bad_request",
    "alert-triangle",
    "This request cannot be understood",
    "Something in it is not as the console expects. Go back, check what you entered, and try "
    "again.",
)
TOO_LARGE = Trouble(
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    "too_large",
    "alert-triangle",
    "This is too much at once",
    "What was sent is larger than a form of the console may be. Go back and send less of it.",
)
FORBIDDEN = Trouble(
    HTTPStatus.FORBIDDEN,
    "forbidden",
    "lock",
    "Your role does not allow this",
    "Somebody who administers the workspace can do it for you, or give you another role.",
)
FORM_EXPIRED = Trouble(
    HTTPStatus.FORBIDDEN,
    "csrf",
    "lock",
    "This form is no longer valid",
    "Nothing was changed. You have signed in or out since it was opened, or the browser takes no "
    "cookies. Open the page anew and send the form again.",
)
VIEWING = Trouble(
    HTTPStatus.FORBIDDEN,
    "viewing",
    "eye",
    "Nothing can be changed while you view a workspace",
    "You see it as somebody else would, to read only. Stop viewing to act as yourself.",
)
NOT_FOUND = Trouble(
    HTTPStatus.NOT_FOUND,
    "not_found",
    "error-404",
    "There is nothing at this address",
    "The page was moved or never was, or you may not see it. Check the address.",
)
TOO_MANY = Trouble(
    HTTPStatus.TOO_MANY_REQUESTS,
    "too_many_requests",
    "hourglass",
    "This was tried too often",
    "Nothing was changed. Wait some minutes, then try again.",
)
NOT_ALLOWED = Trouble(
    HTTPStatus.METHOD_NOT_ALLOWED,
    "method",
    "alert-triangle",
    "This address is not used that way",
    "Nothing was changed. Open the page from the menu and use its buttons there.",
)
FAILED = Trouble(
    HTTPStatus.INTERNAL_SERVER_ERROR,
    "failed",
    "alert-triangle",
    "The console has made a mistake",
    "It is none of yours. It was logged for those who run the console. Try again; if it happens "
    "again, tell them when it was and what you did.",
)
AWAY = {
    Outage.DATABASE: (
        "database-off",
        "The database cannot be reached",
        "Nothing that was stored is lost, and you stay signed in.",
    ),
    Outage.REDIS: (
        "cloud-off",
        "A part of the console cannot be reached",
        "Redis is away, which this page needs. Nothing that was stored is lost.",
    ),
}
AWAY_FOR_PROGRAMS = (
    "Send the request again in some seconds: events that were stored already are counted once."
)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer what Django finds suspicious, or too large."""
    too_large = isinstance(exception, RequestDataTooBig | TooManyFieldsSent | TooManyFilesSent)
    return answer(request, TOO_LARGE if too_large else BAD_REQUEST)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer who may not do something and is to know it."""
    return answer(request, FORBIDDEN)


def too_many_requests(request: HttpRequest) -> HttpResponse:
    """Answer who tries to sign in, or to find a password, too often."""
    return answer(request, TOO_MANY)


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer a form that did not come from a page of the console."""
    return answer(request, FORM_EXPIRED)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer an address without a page; it looks the same whatever the reason is."""
    return answer(request, NOT_FOUND)


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer an error of the program; also a loss of servers that no view has met."""
    outage = find_outage(sys.exc_info()[1])
    return answer(request, FAILED) if outage is None else answer_outage(request, outage)


def answer_outage(request: HttpRequest, outage: Outage) -> HttpResponse:
    """Answer while the database or Redis is away, and log it in a line."""
    icon, title, text = AWAY[outage]
    reads = request.method in ("GET", "HEAD")
    if request.path.startswith(API):
        text = AWAY_FOR_PROGRAMS
    elif reads:
        text = f"{text} This page tries again by itself."
    else:
        text = (
            f"{text} Whether your change was stored is not certain: look first, and if it is "
            "missing do it again."
        )
    trouble = Trouble(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", icon, title, text, waits=reads)
    response = answer(request, trouble)
    response["Retry-After"] = str(TRY_AGAIN_AFTER)
    if reads and "HX-Request" in request.headers:
        response["HX-Refresh"] = "true"  # a part of a page: have the whole page say it
    log_response(
        "%s, %s %s", title, request.method, request.path, response=response, request=request,
        level="warning",
    )  # fmt: skip
    return response


def answer(request: HttpRequest, trouble: Trouble) -> HttpResponse:
    """Return a page; to programs the code and the sentence as the API writes them."""
    response: HttpResponse
    if request.path.startswith(API):
        detail = f"{trouble.title}. {trouble.text}"
        response = JsonResponse({"code": trouble.code, "detail": detail}, status=trouble.status)
    else:
        # Without the request: what its context needs may be what is away.
        page = loader.get_template("error.html").render(
            {
                "trouble": trouble,
                "seconds": TRY_AGAIN_AFTER,
                "again": request.get_full_path() if trouble.waits else "",
                **find_way_out(request),
            }
        )
        response = HttpResponse(page, status=trouble.status)
    add_never_cache_headers(response)
    return response


def find_way_out(request: HttpRequest) -> dict[str, str]:
    """Return where a page of the person's own leads on, where they were let into a workspace."""
    membership = getattr(request, "membership", None)
    if not isinstance(membership, Membership):
        return {}
    return {"workspace": membership.workspace.name, "first_page": find_first_page(membership)}
