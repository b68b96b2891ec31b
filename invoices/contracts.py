"""Under a contract (Enterprise) a workspace has no orders: what it has of them is refused.

Documents that were issued before stay with those who may see them below Settings.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import wraps
from http import HTTPStatus
from typing import Concatenate, ParamSpec

from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers

from accounts.access import WorkspaceRequest, may
from accounts.models import Membership
from plans import queries

ORDERS, DOCUMENTS = "invoices:order_list", "invoices:document_list"
SEES_DOCUMENTS = "documents.view"

Parameters = ParamSpec("Parameters")
View = Callable[Concatenate[WorkspaceRequest, Parameters], HttpResponseBase]


def holds(membership: Membership) -> bool:
    """Tell whether a contract holds in a person's workspace now."""
    return queries.find_contract(membership.workspace, at=datetime.now(UTC)) is not None


def list_hidden(membership: Membership) -> set[str]:
    """Return the pages that the menu leaves out: orders under a contract, else its documents."""
    return {ORDERS if holds(membership) else DOCUMENTS}


def absent_under_contract(view: View[Parameters]) -> View[Parameters]:
    """Refuse a page of orders under a contract: there is none then, which the answer explains."""

    @wraps(view)
    def enter(
        request: WorkspaceRequest, /, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> HttpResponseBase:
        if holds(request.membership):
            return refuse(request)
        return view(request, *args, **kwargs)

    return enter


def documents_under_contract(view: View[Parameters]) -> View[Parameters]:
    """Let a page of a document stay under a contract, for those who see documents then."""

    @wraps(view)
    def enter(
        request: WorkspaceRequest, /, *args: Parameters.args, **kwargs: Parameters.kwargs
    ) -> HttpResponseBase:
        if not may(request.membership, SEES_DOCUMENTS) and holds(request.membership):
            return refuse(request)
        return view(request, *args, **kwargs)

    return enter


def refuse(request: WorkspaceRequest) -> HttpResponseBase:
    """Answer that there is no such page, and where documents are."""
    context = {"sees_documents": may(request.membership, SEES_DOCUMENTS)}
    page = render(request, "invoices/under_contract.html", context, status=HTTPStatus.NOT_FOUND)
    add_never_cache_headers(page)
    return page
