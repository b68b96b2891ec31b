"""Pages of people and workspaces: bots, API keys and settings."""

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from django import forms as django_forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import (
    require_GET,
    require_http_methods,
    require_POST,
    require_safe,
)

from accounts import bots, chips, first_request, forms, keys, queries, workspaces
from accounts.access import (
    PersonRequest,
    SignedInRequest,
    WorkspaceRequest,
    may,
    may_change_bot,
    person_view,
    sees_people,
    workspace_view,
)
from accounts.chips import Chip
from accounts.exports import BOT_COLUMNS, bot_values, record_download, write_csv
from accounts.menu import find_first_page
from accounts.models import ApiKey, Bot, Membership, PublishStatus, User, Workspace, list_zones
from accounts.tables import BotRow, BotTable, KeyTable, show_page
from usage.queries import count_month

OF_PEOPLE = ("owner", "shares")  # columns that a shared-account user does not see


@person_view
@require_safe
def workspace_list(request: PersonRequest) -> HttpResponse:
    """Show the workspaces that a person has a role in."""
    places = [(place, find_first_page(place)) for place in request.memberships]
    return render(request, "accounts/workspace_list.html", {"places": places})


@workspace_view("bots.view")
@require_safe
def bot_list(request: WorkspaceRequest) -> HttpResponse:
    """Show the bots that a person may see, as far as they ask for them."""
    form = read_bot_filter(request)
    owners = queries.list_owners(request.membership) if sees_people(request.membership) else []
    return render(
        request,
        "accounts/bot_list.html",
        {
            "form": form,
            "table": make_bot_table(request, form),
            "owners": owners,
            "tabs": forms.STATUSES,
            "shown": form.cleaned_data.get("status", ""),
            "chips": list_chips(request, form, owners),
            "any": Bot.objects.for_workspace(request.workspace)
            .visible_to(request.membership)
            .exists(),
            "month": find_month(request.workspace),
            "may_create": may(request.membership, "bots.create"),
            "sees_people": sees_people(request.membership),
        },
    )


@workspace_view("bots.view")
@require_GET
def bot_export(request: WorkspaceRequest) -> HttpResponse:
    """Send what the list shows, all pages of it, as CSV."""
    form = read_bot_filter(request)
    table = make_bot_table(request, form)
    month = f"{find_month(request.workspace):%Y-%m}"
    columns = [name for name in BOT_COLUMNS if name not in table.exclude]
    rows = (
        [value for name, value in zip(BOT_COLUMNS, values, strict=True) if name in columns]
        for values in (bot_values(row.record, month=month) for row in table.rows)
    )
    file = f"{request.workspace.slug}-bots.csv"
    record_download(
        "bots.exported", workspace=request.workspace, file=file, form=form, query=request.GET
    )
    return HttpResponse(
        "".join(write_csv(columns, rows)),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{file}"'},
    )


def read_bot_filter(request: WorkspaceRequest) -> forms.BotFilter:
    """Return what is asked for in the address, checked; what cannot be is left out."""
    form = forms.BotFilter(request.GET)
    if not sees_people(request.membership):
        del form.fields["owner"]
    form.is_valid()
    return form


def make_bot_table(request: WorkspaceRequest, form: forms.BotFilter) -> BotTable:
    """Return the bots of a filter as a table, in the order that the address asks for."""
    asked = form.cleaned_data
    found = queries.list_bots(
        request.membership,
        text=asked.get("q", ""),
        owner=asked.get("owner"),
        status=asked.get("status", ""),
    )
    zone = ZoneInfo(request.workspace.timezone)
    month = find_month(request.workspace)
    listed = list(found)
    shares = queries.count_shares(request.workspace)
    sessions = count_month(
        workspace=request.workspace, bots=[bot.pk for bot in listed], month=month
    )
    rows = [
        BotRow(
            bot=bot,
            owner=bot.owner.known_as if bot.owner else "",
            shares=shares.get(bot.pk, 0),
            sessions=sessions.get(bot.pk, 0),
            created_on=bot.created_at.astimezone(zone).date(),
        )
        for bot in listed
    ]
    hidden = () if sees_people(request.membership) else OF_PEOPLE
    table = BotTable(rows, exclude=hidden)
    show_page(table, request)
    return table


def find_month(workspace: Workspace) -> date:
    """Return the first day of the month that it is in a workspace."""
    return datetime.now(UTC).astimezone(ZoneInfo(workspace.timezone)).date().replace(day=1)


def list_chips(request: WorkspaceRequest, form: forms.BotFilter, owners: list[User]) -> list[Chip]:
    """Return the filters that are on, but for the tabs."""
    names = {owner.pk: owner.known_as for owner in owners}
    asked = form.cleaned_data
    found = []
    if text := asked.get("q"):
        label = f"Name or key: {text}"
        found.append(chips.make(request.GET, "q", request.GET["q"], label=label))
    if owner := asked.get("owner"):
        label = f"Owner: {names.get(owner, 'nobody who owns a bot here')}"
        found.append(chips.make(request.GET, "owner", request.GET["owner"], label=label))
    return found


@workspace_view("bots.create")
@require_http_methods(["GET", "POST"])
def bot_create(request: WorkspaceRequest) -> HttpResponse:
    """Register a bot."""
    form = forms.NewBot(request.POST or None)
    people = queries.list_possible_owners(request.workspace)
    if form.is_valid():
        values = form.cleaned_data
        owner = next((person for person in people if person.user_id == values["owner"]), None)
        if values["owner"] and owner is None:
            form.add_error("owner", "There is no such person in this workspace.")
        elif made := register(request, form, owner):
            messages.success(request, f"{made.name} is registered.")
            return redirect("accounts:bot", request.workspace.slug, made.pk)
    return render(request, "accounts/bot_create.html", {"form": form, "people": people})


def register(request: WorkspaceRequest, form: forms.NewBot, owner: Membership | None) -> Bot | None:
    """Register a bot; None: the form says why not."""
    values = form.cleaned_data
    try:
        made, created = bots.create(
            workspace=request.workspace,
            key=values["key"],
            name=values["name"],
            owner=owner.user if owner else None,
        )
    except ValidationError as error:
        form.add_error(None, error)
        return None
    if not created:
        form.add_error("key", f"There is a bot with the key {made.key} already: {made.name}.")
    return made if created else None


@workspace_view("bots.view")
@require_safe
def bot(request: WorkspaceRequest, bot_id: int) -> HttpResponse:
    """Show a bot: its facts, what it used this month, and what may be done with it."""
    found = find_bot(request, bot_id)
    month = find_month(request.workspace)
    sessions = count_month(workspace=request.workspace, bots=[found.pk], month=month)
    people = sees_people(request.membership)
    changes = may_change_bot(request.membership, found)
    return render(
        request,
        "accounts/bot.html",
        {
            "bot": found,
            "month": month,
            "sessions": sessions.get(found.pk, 0),
            "sees_people": people,
            "shares": queries.list_shares(found) if people else [],
            "may_change": changes,
            "may_archive": may(request.membership, "bots.archive"),
            "statuses": PublishStatus.choices,
            "candidates": queries.list_people_without(found) if changes else [],
        },
    )


def find_bot(request: WorkspaceRequest, bot_id: int) -> Bot:
    """Return a bot that the person sees.

    Raises:
        Http404: there is none with this number.
    """
    seen = Bot.objects.for_workspace(request.workspace).visible_to(request.membership)
    return get_object_or_404(seen.select_related("owner"), pk=bot_id)


def find_bot_to_change(request: WorkspaceRequest, bot_id: int) -> Bot:
    """Return a bot that the person may change.

    Raises:
        Http404: they do not see it.
        PermissionDenied: they see it, and it is not theirs.
    """
    found = find_bot(request, bot_id)
    if not may_change_bot(request.membership, found):
        raise PermissionDenied
    return found


def back_to(request: WorkspaceRequest, changed: Bot) -> HttpResponse:
    """Lead back to a bot's page."""
    return redirect("accounts:bot", request.workspace.slug, changed.pk)


def tell_errors(request: SignedInRequest, form: django_forms.Form) -> None:
    """Have the next page say what was wrong with a form."""
    for problems in form.errors.get_json_data().values():
        for problem in problems:
            messages.error(request, problem["message"])


@workspace_view("bots.change")
@require_POST
def bot_rename(request: WorkspaceRequest, bot_id: int) -> HttpResponse:
    """Give a bot another name."""
    changed = find_bot_to_change(request, bot_id)
    form = forms.BotName(request.POST)
    if form.is_valid():
        bots.change(bot=changed, name=form.cleaned_data["name"])
        messages.success(request, f"The bot is called {changed.name}.")
    tell_errors(request, form)
    return back_to(request, changed)


@workspace_view("bots.change")
@require_POST
def bot_publish(request: WorkspaceRequest, bot_id: int) -> HttpResponse:
    """Give a bot another publish status."""
    changed = find_bot_to_change(request, bot_id)
    form = forms.BotStatus(request.POST)
    if form.is_valid():
        bots.change(bot=changed, publish_status=form.cleaned_data["publish_status"])
        messages.success(request, f"The publish status is {changed.get_publish_status_display()}.")
    tell_errors(request, form)
    return back_to(request, changed)


@workspace_view("bots.change")
@require_POST
def bot_share(request: WorkspaceRequest, bot_id: int) -> HttpResponse:
    """Let a person of the workspace see a bot."""
    shared = find_bot_to_change(request, bot_id)
    form = forms.Person(request.POST)
    if form.is_valid():
        people = Membership.objects.for_workspace(request.workspace).select_related("user")
        person = people.filter(user=form.cleaned_data["user"]).first()
        try:
            if person is None:
                messages.error(request, "There is no such person in this workspace.")
            elif bots.share(bot=shared, person=person):
                messages.success(request, f"{person.user.email} sees {shared.name} now.")
            else:
                messages.success(request, f"{person.user.email} sees {shared.name} already.")
        except bots.NotShareable as error:
            messages.error(request, str(error))
    tell_errors(request, form)
    return back_to(request, shared)


@workspace_view("bots.change")
@require_POST
def bot_take_back(request: WorkspaceRequest, bot_id: int) -> HttpResponse:
    """Take a bot back from somebody it was shared with."""
    shared = find_bot_to_change(request, bot_id)
    form = forms.Person(request.POST)
    if form.is_valid():
        if bots.take_back(bot=shared, user_id=form.cleaned_data["user"]):
            messages.success(request, f"{shared.name} is not shared with them any more.")
        else:
            messages.success(request, f"{shared.name} was not shared with them.")
    tell_errors(request, form)
    return back_to(request, shared)


@workspace_view("bots.archive")
@require_http_methods(["GET", "POST"])
def bot_archive(request: WorkspaceRequest, bot_id: int) -> HttpResponse:
    """Archive a bot, after the effect was shown and a reason given."""
    archived = find_bot(request, bot_id)
    form = forms.Reason(request.POST or None)
    if form.is_valid():
        reason = form.cleaned_data["reason"]
        done = bots.archive(bot=archived, reason=reason, at=datetime.now(UTC))
        words = "is archived" if done else "was archived before"
        messages.success(request, f"{archived.name} {words}.")
        return back_to(request, archived)
    context = {"bot": archived, "form": form, "verb": "Archive"}
    return render(request, "accounts/bot_archive.html", context)


@workspace_view("bots.archive")
@require_http_methods(["GET", "POST"])
def bot_restore(request: WorkspaceRequest, bot_id: int) -> HttpResponse:
    """Put an archived bot back into the lists, after the effect was shown and a reason given."""
    restored = find_bot(request, bot_id)
    form = forms.Reason(request.POST or None)
    if form.is_valid():
        done = bots.restore(bot=restored, reason=form.cleaned_data["reason"])
        words = "is in the lists again" if done else "was not archived"
        messages.success(request, f"{restored.name} {words}.")
        return back_to(request, restored)
    context = {"bot": restored, "form": form, "verb": "Restore"}
    return render(request, "accounts/bot_restore.html", context)


@workspace_view("developers.view")
@require_safe
def developers(request: WorkspaceRequest) -> HttpResponse:
    """Show the API keys, and how to send the first request."""
    table = KeyTable(queries.list_keys(request.workspace))
    show_page(table, request)
    example = Bot.objects.for_workspace(request.workspace).in_use().order_by("pk").first()
    text = first_request.write(
        address=request.build_absolute_uri(reverse("api:post_events")),
        bot_key=example.key if example else "YOUR_BOT_KEY",
        at=datetime.now(ZoneInfo(request.workspace.timezone)),
    )
    return render(
        request,
        "accounts/developers.html",
        {
            "table": table,
            "first_request": text,
            "example": example,
            "now": datetime.now(UTC),
            "zone": request.workspace.timezone,
        },
    )


@workspace_view("developers.change")
@never_cache
@require_http_methods(["GET", "POST"])
def api_key_create(request: WorkspaceRequest) -> HttpResponse:
    """Make an API key and show its secret, this once: nothing keeps it, so nothing redirects."""
    zone = ZoneInfo(request.workspace.timezone)
    form = forms.NewKey(request.POST or None, zone=zone, now=datetime.now(UTC))
    if form.is_valid():
        key, secret = keys.create(
            workspace=request.workspace,
            name=form.cleaned_data["name"],
            scopes=form.cleaned_data["scopes"],
            expires_at=form.expires_at,
        )
        if secret is not None:
            return render(request, "accounts/api_key_created.html", {"key": key, "secret": secret})
        form.add_error(
            "name", f"There is, or was, an API key {key.name}: a name is used only once."
        )
    return render(
        request,
        "accounts/api_key_create.html",
        {
            "form": form,
            "scopes": forms.SCOPES.items(),
            "chosen": request.POST.getlist("scopes"),
        },
    )


@workspace_view("developers.change")
@require_http_methods(["GET", "POST"])
def api_key_revoke(request: WorkspaceRequest, key_id: int) -> HttpResponse:
    """Revoke an API key, after the effect was shown."""
    key = get_object_or_404(ApiKey.objects.for_workspace(request.workspace), pk=key_id)
    if request.method == "GET":
        zone = request.workspace.timezone
        return render(request, "accounts/api_key_revoke.html", {"key": key, "zone": zone})
    if keys.revoke(key=key, at=datetime.now(UTC)):
        messages.success(request, f"The key {key.name} is revoked.")
    else:
        messages.success(request, f"The key {key.name} was revoked before.")
    return redirect("accounts:developers", request.workspace.slug)


@workspace_view("settings.view")
@require_safe
def settings(request: WorkspaceRequest) -> HttpResponse:
    """Show what a workspace has set, and which people have which bots shared."""
    return render(
        request,
        "accounts/settings.html",
        {
            "zones": list_zones(),
            "sharing": queries.list_sharing(request.workspace),
            "without_second_factor": queries.count_without_second_factor(request.workspace),
        },
    )


@workspace_view("settings.change")
@require_POST
def change_general(request: WorkspaceRequest) -> HttpResponse:
    """Change the workspace's name and how late its events may come."""
    form = forms.General(request.POST)
    if form.is_valid():
        workspaces.change(workspace=request.workspace, **form.cleaned_data)
        messages.success(request, "The settings are saved.")
    tell_errors(request, form)
    return redirect("accounts:settings", request.workspace.slug)


@workspace_view("settings.change")
@require_POST
def change_sign_in(request: WorkspaceRequest) -> HttpResponse:
    """Change after how long people are signed out, and whether they need a second factor."""
    form = forms.SignInRules(request.POST)
    if form.is_valid():
        workspaces.change(workspace=request.workspace, **form.cleaned_data)
        messages.success(request, "The rules of sign-in are saved.")
    tell_errors(request, form)
    return redirect("accounts:settings", request.workspace.slug)


@workspace_view("settings.change")
@require_POST
def change_retention(request: WorkspaceRequest) -> HttpResponse:
    """Change how long events are kept; where that removes some, ask once more."""
    form = forms.Retention(request.POST)
    if form.is_valid():
        months = form.cleaned_data["retention_months"]
        before = request.workspace.retention_months
        shorter = months is not None and (before is None or months < before)
        if shorter and not form.cleaned_data["confirmed"]:
            return render(request, "accounts/retention.html", {"months": months, "before": before})
        workspaces.change(workspace=request.workspace, retention_months=months)
        messages.success(request, "The retention is saved.")
    tell_errors(request, form)
    return redirect("accounts:settings", request.workspace.slug)
