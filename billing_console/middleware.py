"""Between the views and the browser."""

from collections.abc import Callable
from http import HTTPStatus

from django.http import HttpRequest, HttpResponse

from billing_console import errors
from billing_console.outages import find_outage


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
