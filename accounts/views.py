"""Pages of people and workspaces."""

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from accounts.access import SignedInRequest, find_memberships


@login_required
@require_GET
def workspace_list(request: SignedInRequest) -> HttpResponse:
    """Show the workspaces that a person has a role in."""
    memberships = find_memberships(request.user)
    return render(request, "accounts/workspace_list.html", {"memberships": memberships})
