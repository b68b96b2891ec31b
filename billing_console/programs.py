"""Requests of programs take a shorter way than those of browsers."""

from collections.abc import Callable
from typing import cast

from csp.constants import HEADER
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.middleware.common import CommonMiddleware
from django.urls import Resolver404, ResolverMatch, resolve

from billing_console.errors import API
from billing_console.middleware import StreamsBegun, Troubles

# Of the API, but opened by browsers.
DOCUMENTATION = {"openapi-view"}
# A browser that is led to an answer of the API does nothing with it.
POLICY = "default-src 'none'; frame-ancestors 'none'"


class Programs:
    """Has operations of the API answered past what follows in the list, unless a browser asks.

    Sessions, forms, messages and nonces are for browsers, and were up to a fifth of the time of an
    answer on entitlement.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        """Keep what answers browsers."""
        self.get_response = get_response
        self.troubles = Troubles(call_view)
        operation = CommonMiddleware(StreamsBegun(self.troubles))
        # Django's may be asynchronous, where what it wraps is.
        self.operation = cast(Callable[[HttpRequest], HttpResponseBase], operation)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer a request."""
        of_browser = settings.SESSION_COOKIE_NAME in request.COOKIES
        match = None if of_browser else find_operation(request.path_info)
        if match is None:
            return self.get_response(request)
        request.resolver_match = match
        try:
            response = self.operation(request)
        except Exception as error:
            outage = self.troubles.process_exception(request, error)
            if outage is None:
                raise
            response = outage
        response.headers[HEADER] = POLICY
        return response


def find_operation(path: str) -> ResolverMatch | None:
    """Return the operation of the API at an address; None: it is another page, or none."""
    if not path.startswith(API):
        return None
    try:
        match = resolve(path)
    except Resolver404:
        return None
    return None if match.url_name in DOCUMENTATION else match


def call_view(request: HttpRequest) -> HttpResponse:
    """Return what the view answers that the request was resolved to."""
    view, args, keywords = cast(ResolverMatch, request.resolver_match)
    response: HttpResponse = view(request, *args, **keywords)
    return response
