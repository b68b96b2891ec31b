"""The Plan page: all bots with plan, balance and what is to come."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts import chips
from accounts import queries as account_queries
from accounts.access import WorkspaceRequest, may, workspace_view
from accounts.chips import Chip
from accounts.exports import Value, guard, record_download, write_csv
from accounts.models import Bot, Role, User
from accounts.months import read_calendar
from accounts.tables import show_page
from plans import catalog, forms, queries
from plans.balances import BalanceStatus
from plans.models import Plan
from plans.money import round_down
from plans.queries import PlanRow, Told
from plans.subscriptions import PlanStatus
from plans.tables import PlanTable
from plans.views.pending import tell_pending

COLUMNS = (
    "name",
    "key",
    "owner",
    "plan",
    "publish_status",
    "plan_status",
    "ends_on",
    "balance_status",
    "remaining",
    "currency",
    "runs_out_from",
    "runs_out_to",
)


@workspace_view("plans.view")
@require_safe
def plan_list(request: WorkspaceRequest) -> HttpResponse:
    """Show the bots whose plan a person may see, as far as they ask for them."""
    now = datetime.now(UTC)
    form = read_filter(request)
    calendar = read_calendar(request.workspace)
    today = calendar.day_of(now)
    told = tell_pending(request.membership)
    rows = list_rows(request, form, told=told, now=now)
    currency = catalog.find_currency(request.workspace)
    table = PlanTable(rows, currency=currency, exclude=hidden_columns(request))
    show_page(table, request)
    owners = list_owners(request)
    plans = list(Plan.objects.order_by("place"))
    bots = Bot.objects.for_workspace(request.workspace).with_plan_for(request.membership)
    return render(
        request,
        "plans/plan_list.html",
        {
            "form": form,
            "table": table,
            "rows": rows,
            "tabs": forms.TABS,
            "shown": form.cleaned_data.get("show", ""),
            "plans": plans,
            "plan_statuses": PlanStatus.choices,
            "balance_statuses": BalanceStatus.choices,
            "owners": owners,
            "chips": list_chips(request, form, plans=plans, owners=owners),
            "any": bots.exists(),
            "wallet": queries.read_wallet(request.workspace, today=today),
            "contract": queries.find_contract(request.workspace, at=now),
            "pending": told.get(None, []),
            "currency": currency,
            "may_change": may(request.membership, "plans.change"),
            "may_fund": request.membership.role in (Role.OWNER, Role.ADMIN),
            "may_change_owner": may(request.membership, "bots.change_owner"),
            "may_create": may(request.membership, "bots.create"),
            "zone": calendar.zone_of(today).key,
        },
    )


@workspace_view("plans.view")
@require_safe
def plan_export(request: WorkspaceRequest) -> HttpResponse:
    """Send what the list shows, all pages of it, as CSV."""
    form = read_filter(request)
    currency = catalog.find_currency(request.workspace)
    now = datetime.now(UTC)
    rows = list_rows(request, form, told=tell_pending(request.membership), now=now)
    table = PlanTable(rows, currency=currency, exclude=hidden_columns(request))
    show_page(table, request)
    left_out = {"owner"} if "owner" in table.exclude else set()
    columns = [name for name in COLUMNS if name not in left_out]
    file = f"{request.workspace.slug}-plans.csv"
    record_download(
        "plans.exported", workspace=request.workspace, file=file, form=form, query=request.GET
    )
    lines = write_csv(
        columns,
        (
            [csv_values(row.record, decimals=currency.decimals)[name] for name in columns]
            for row in table.rows
        ),
    )
    return HttpResponse(
        "".join(lines),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{file}"'},
    )


def csv_values(row: PlanRow, *, decimals: int) -> dict[str, Value]:
    """Return the values of a bot by column; amounts without separators, days as ISO has them."""
    balance, run_out = row.balance, row.run_out
    remaining = f"{round_down(balance.remaining, decimals=decimals):.{decimals}f}"
    return {
        "name": guard(row.bot.name),
        "key": guard(row.bot.key),
        "owner": guard(row.owner),
        "plan": guard(row.plan),
        "publish_status": row.bot.publish_status,
        "plan_status": row.status.value,
        "ends_on": row.ends_on.isoformat() if row.ends_on else "",
        "balance_status": balance.status.value,
        "remaining": remaining if balance.uses_credits else "",
        "currency": balance.currency if balance.uses_credits else "",
        "runs_out_from": run_out.earliest.isoformat() if run_out and run_out.earliest else "",
        "runs_out_to": run_out.latest.isoformat() if run_out and run_out.latest else "",
    }


def read_filter(request: WorkspaceRequest) -> forms.PlanFilter:
    """Return what is asked for in the address, checked; what cannot be is left out."""
    form = forms.PlanFilter(request.GET)
    if "owner" in hidden_columns(request):
        del form.fields["owner"]
    form.is_valid()
    return form


def hidden_columns(request: WorkspaceRequest) -> Sequence[str]:
    """Return what a person does not need: a member owns all the bots of the list."""
    return ("owner",) if request.membership.role == Role.MEMBER else ()


def list_owners(request: WorkspaceRequest) -> list[User]:
    """Return the people to filter by."""
    if "owner" in hidden_columns(request):
        return []
    return account_queries.list_owners(request.membership)


def list_rows(
    request: WorkspaceRequest,
    form: forms.PlanFilter,
    *,
    told: Told,
    now: datetime,
) -> list[PlanRow]:
    """Return the bots of a filter."""
    asked = form.cleaned_data
    rows = queries.list_rows(
        request.membership,
        text=asked.get("q", ""),
        owner=asked.get("owner"),
        archived=asked.get("show") == "archived",
        told=told,
        at=now,
    )
    return list(choose(rows, asked))


def choose(rows: Iterable[PlanRow], asked: dict[str, Any]) -> Iterable[PlanRow]:
    """Keep the bots of a tab, a plan and of statuses."""
    for row in rows:
        if (plan := asked.get("plan")) and row.version.plan.code != plan:
            continue
        if (status := asked.get("plan_status")) and row.status != status:
            continue
        if (balance := asked.get("balance")) and row.balance.status != balance:
            continue
        if is_of_tab(row, asked.get("show", "")):
            yield row


def is_of_tab(row: PlanRow, tab: str) -> bool:
    """Tell whether a bot is under a tab; archived ones were chosen before."""
    match tab:
        case "low":
            return row.balance.status == BalanceStatus.LOW
        case "inactive":
            return row.balance.status == BalanceStatus.INACTIVE
        case "due":
            return row.status in (PlanStatus.PAST_DUE, PlanStatus.EXPIRED)
        case "changes":
            return row.scheduled is not None
    return True


def list_chips(
    request: WorkspaceRequest, form: forms.PlanFilter, *, plans: list[Plan], owners: list[User]
) -> list[Chip]:
    """Return the filters that are on, but for the tabs."""
    labels: dict[str, dict[Any, str]] = {
        "plan": {plan.code: plan.name for plan in plans},
        "plan_status": dict(PlanStatus.choices),
        "balance": dict(BalanceStatus.choices),
        "owner": {owner.pk: owner.known_as for owner in owners},
    }
    found = []
    for name in ("q", *labels):
        if value := form.cleaned_data.get(name):
            shown = labels.get(name, {}).get(value, str(value))
            label = f"{form.fields[name].label}: {shown}"
            found.append(chips.make(request.GET, name, request.GET[name], label=label))
    return found
