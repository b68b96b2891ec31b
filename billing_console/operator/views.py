"""Pages of those who run the installation."""

from datetime import UTC, datetime, timedelta

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe
from django_tables2 import LazyPaginator
from redis.exceptions import RedisError

from accounts import chips, viewing
from accounts.access import SignedInRequest, operator_view
from accounts.menu import find_first_page
from accounts.models import Membership, Role, Workspace
from accounts.tables import show_page
from billing_console import workers
from billing_console.operator import forms, queries
from billing_console.operator.tables import InstallationAuditTable, WorkspaceTable
from invoices import tie_out_checks
from usage.backlog import find_backlog


@operator_view("workspaces.view")
@require_safe
def workspace_list(request: SignedInRequest) -> HttpResponse:
    """Show all workspaces."""
    form = forms.Search(request.GET)
    form.is_valid()
    text = form.cleaned_data.get("q", "")
    table = WorkspaceTable(queries.list_workspaces(text=text, now=datetime.now(UTC)))
    show_page(table, request)
    return render(request, "operator/workspace_list.html", {"form": form, "table": table})


@operator_view("workspaces.view")
@require_safe
def workspace(request: SignedInRequest, slug: str) -> HttpResponse:
    """Show one workspace, and how to look at it as somebody in it."""
    return show_workspace(request, find_workspace(slug), forms.NewViewing())


def show_workspace(request: HttpRequest, found: Workspace, form: forms.NewViewing) -> HttpResponse:
    """Return the page of a workspace with a form as far as it is filled in."""
    context = {
        "found": found,
        "form": form,
        "people": queries.list_people(found),
        "keys": queries.list_keys(found),
        "roles": Role.choices,
        "minutes": forms.MINUTES,
        "now": datetime.now(UTC),
    }
    return render(request, "operator/workspace.html", context)


def find_workspace(slug: str) -> Workspace:
    """Return a workspace as the list shows it.

    Raises:
        Http404: there is none with this slug.
    """
    found = queries.list_workspaces(now=datetime.now(UTC)).filter(slug=slug).first()
    if found is None:
        raise Http404
    return found


@operator_view("health.view")
@require_safe
def health(request: SignedInRequest) -> HttpResponse:
    """Show what waits, who works, what was refused, and how large the tables are."""
    now = datetime.now(UTC)
    backlog = find_backlog(now=now)
    context = {
        "now": now,
        "backlog": backlog,
        "lag": backlog.lag(now=now),
        "dirty": queries.count_dirty(now=now),
        "rejected": queries.count_rejected(now=now),
        "tables": queries.measure_tables(),
        "tie_outs": tie_out_checks.summarize(),
        **ask_workers(now=now),
    }
    return render(request, "operator/health.html", context)


def ask_workers(*, now: datetime) -> dict[str, object]:
    """Return what workers left in Redis, as far as it answers."""
    try:
        seen = workers.list_seen()
        return {
            "workers": [(name, at, now - at <= workers.LATELY) for name, at in seen],
            "alive": workers.count_alive(at=now),
            "waiting": workers.count_waiting(),
            "failures": sorted(workers.count_failures().items()),
        }
    except RedisError:
        return {"redis_away": True}


@operator_view("audit.view")
@require_safe
def audit(request: SignedInRequest) -> HttpResponse:
    """Show the audit log of all workspaces, and of the installation."""
    form = forms.AuditFilter(request.GET)
    form.is_valid()
    asked = form.cleaned_data
    entries = queries.list_audit(
        slug=asked.get("workspace", ""),
        action=asked.get("action", ""),
        actor=asked.get("actor", ""),
    )
    table = InstallationAuditTable(entries)
    show_page(table, request, paginator=LazyPaginator)
    set_ = [
        chips.make(request.GET, name, request.GET[name], label=f"{form.fields[name].label}: {text}")
        for name, text in asked.items()
        if text
    ]
    return render(request, "operator/audit.html", {"form": form, "table": table, "chips": set_})


@operator_view("viewing.start")
@require_POST
def viewing_start(request: SignedInRequest, slug: str) -> HttpResponse:
    """Look at a workspace as one of its people, or as a role."""
    found = find_workspace(slug)
    form = forms.NewViewing(request.POST)
    if not form.is_valid():
        return show_workspace(request, found, form)
    asked = form.cleaned_data
    person = None
    if asked["person"]:
        places = {place.user_id: place for place in queries.list_people(found)}
        person = places.get(asked["person"])
        if person is None:
            form.add_error("person", "There is no such person in this workspace.")
            return show_workspace(request, found, form)
    role = Role(person.role if person else asked["role"])
    viewing.start(
        session=request.session,
        operator=request.user,
        workspace=found,
        role=role,
        person=person.user if person else None,
        reason=asked["reason"],
        length=timedelta(minutes=asked["minutes"]),
        now=datetime.now(UTC),
    )
    return redirect(find_first_page(Membership(workspace=found, role=role)))


@operator_view("viewing.start")
@require_POST
def viewing_stop(request: SignedInRequest) -> HttpResponse:
    """Look at nothing as somebody else any more."""
    ended = viewing.stop(session=request.session, now=datetime.now(UTC))
    if ended is None:
        return redirect("operator:workspace_list")
    messages.success(request, f"You act as yourself again; you viewed {ended.name}.")
    return redirect("operator:workspace", ended.slug)
