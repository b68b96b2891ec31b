"""While an operator looks at a workspace as somebody else, nothing is changed by any road."""

from collections.abc import Callable
from datetime import UTC, datetime

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from accounts import viewing
from accounts.viewing import Viewing
from billing_console import errors

READS = ("GET", "HEAD", "OPTIONS")


class ViewingRequest(HttpRequest):
    """A request of which is known whether somebody looks at a workspace as somebody else."""

    viewing: Viewing | None
    viewing_minutes: int


class ViewingReadsOnly:
    """Finds out what an operator looks at, and refuses whatever is no reading of a page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Keep what answers requests."""
        self.get_response = get_response

    def __call__(self, request: ViewingRequest) -> HttpResponse:
        """Answer a request, unless it would change something."""
        now = datetime.now(UTC)
        request.viewing = None
        if settings.SESSION_COOKIE_NAME in request.COOKIES:
            request.viewing = viewing.find(session=request.session, user=request.user, now=now)
        if request.viewing is None:
            return self.get_response(request)
        request.viewing_minutes = request.viewing.minutes_left(now=now)
        if refuses(request):
            return errors.answer(request, errors.VIEWING)
        return self.get_response(request)


def refuses(request: HttpRequest) -> bool:
    """Tell whether a request is none that reads a page, and does not stop the viewing either."""
    if request.path in (reverse("operator:viewing_stop"), reverse("account_logout")):
        return False
    return request.method not in READS or request.path.startswith(errors.API)
