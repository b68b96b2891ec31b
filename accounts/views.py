"""Pages of people and workspaces."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.access import SignedInRequest, find_memberships
from accounts.menu import find_first_page
from accounts.tenancy import USER, admitted


@login_required
@require_GET
def workspace_list(request: SignedInRequest) -> HttpResponse:
    """Show the workspaces that a person has a role in."""
    with admitted(USER, request.user.pk):
        places = [(place, find_first_page(place)) for place in find_memberships(request.user)]
    return render(request, "accounts/workspace_list.html", {"places": places})
