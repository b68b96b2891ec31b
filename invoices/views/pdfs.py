"""PDFs that a worker makes: handed out, or a page that asks again until they are there."""

from collections.abc import Callable
from http import HTTPStatus
from typing import NamedTuple

from django.http import HttpResponse
from django.shortcuts import render

from accounts.access import WorkspaceRequest
from invoices import downloads, files

REFRESH = 5  # seconds, until a PDF is asked for again


class Pdf(NamedTuple):
    """A PDF that is asked for: in words, by its file's name, its address, and that of its page."""

    name: str
    file: str
    address: str
    page: str
    is_made: bool


def answer(request: WorkspaceRequest, pdf: Pdf, *, take_out: Callable[[], bytes]) -> HttpResponse:
    """Return a PDF as a file; while it is being made, a page that asks again."""
    context = {"pdf": pdf, "seconds": REFRESH}
    if request.htmx:  # that page asks whether it is there
        if pdf.is_made:
            return render(request, "invoices/_pdf_made.html", context)
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    try:
        content = take_out()
    except files.NotMade:
        page = render(request, "invoices/pdf_not_made.html", context, status=HTTPStatus.ACCEPTED)
        page["Retry-After"] = str(REFRESH)
        return page
    except files.Damaged:
        status = HTTPStatus.SERVICE_UNAVAILABLE
        return render(request, "invoices/pdf_damaged.html", context, status=status)
    return downloads.send(pdf.file, content)
