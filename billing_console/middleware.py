"""Between the views and the browser."""

import re
import uuid
from collections.abc import Callable
from http import HTTPStatus
from ipaddress import ip_address
from itertools import chain

from django.conf import settings
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase

from accounts import actors
from billing_console import errors
from billing_console.outages import find_outage

REQUEST_ID = "X-Request-ID"
WELL_FORMED = re.compile(r"[A-Za-z0-9._:-]{1,64}")


class Origin:
    """Notes where a request comes from, and gives it an id that its answer carries.

    The id of a reverse proxy is kept where it is well-formed, so that its log and ours agree.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Keep what answers requests."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a request as one of its own."""
        given = request.headers.get(REQUEST_ID, "")
        request_id = given if WELL_FORMED.fullmatch(given) else str(uuid.uuid4())
        with actors.requesting(address=find_address(request), request_id=request_id):
            response = self.get_response(request)
        response[REQUEST_ID] = request_id
        return response


def find_address(request: HttpRequest) -> str:
    """Return the address of the browser or program; empty: it came by a socket, or is no address.

    Each reverse proxy adds to the right of the header whom it was called by. What stands further to
    the left than our own proxies wrote may be made up, so it is not looked at.
    """
    address = request.META.get("REMOTE_ADDR", "")
    header = request.headers.get("X-Forwarded-For", "")
    passed_on = [part.strip() for part in header.split(",") if part.strip()]
    if 0 < settings.PROXIES <= len(passed_on):
        address = passed_on[-settings.PROXIES]
    try:
        return str(ip_address(address))
    except ValueError:
        return ""


class WithoutSession:
    """Hands what machines ask on without a session, which would have to be read from the database.

    So a browser's request is answered too while the database is away.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Keep what answers requests."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a request."""
        if request.path in settings.OF_MACHINES:
            request.COOKIES.pop(settings.SESSION_COOKIE_NAME, None)
        return self.get_response(request)


class StreamsBegun:
    """Has the first piece of a streamed file made before its answer begins.

    What fails until then gets a page as anywhere else; what fails later breaks the connection off.
    The transaction of the file is open from here on, so whoever else writes for the request, such
    as its session, has to be nearer to the view.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        """Keep what answers requests."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a request, a file as far as its first piece."""
        response = self.get_response(request)
        if isinstance(response, StreamingHttpResponse):
            pieces = iter(response)
            response.streaming_content = chain([next(pieces, b"")], pieces)
        return response


class Troubles:
    """Gives answers of views that have no page, and outages that a view meets, one."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Keep what answers requests."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Replace the empty answer to a method that a view does not take."""
        response = self.get_response(request)
        if response.status_code != HTTPStatus.METHOD_NOT_ALLOWED:
            return response
        page = errors.answer(request, errors.NOT_ALLOWED)
        page["Allow"] = response.get("Allow", "")
        return page

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """Answer while a server is away; other errors take their way."""
        outage = find_outage(exception)
        return None if outage is None else errors.answer_outage(request, outage)
