"""Which plan version bots have on which local day, and how that is changed."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime

from django.db import models

from accounts import audit
from accounts.days import DAY
from accounts.models import Bot, Workspace
from accounts.months import read_calendar
from accounts.tenancy import in_workspace
from plans import billing, mails
from plans.models import BotBilling, BotPlan, BotPlanQuerySet, PlanVersion, WorkspaceBilling
from usage import totals


class NotChangeable(Exception):
    """A plan cannot be changed so; the text says why, in a sentence."""


class PlanStatus(models.TextChoices):
    """How a bot's plan stands."""

    ACTIVE = "active", "Active"
    ENDS_ON = "ends_on", "Ends on"
    PAST_DUE = "past_due", "Past due"
    EXPIRED = "expired", "Expired"


@dataclass(frozen=True)
class BotStatus:
    """How a bot's plan stands, and the local day that goes with it.

    Of ENDS_ON the last day of the plan, of PAST_DUE and EXPIRED the first day that it is so.
    """

    status: PlanStatus
    day: date | None = None


def find_version(*, bot: Bot, day: date) -> PlanVersion:
    """Return the plan version that a bot has on a local day, with its plan."""
    return find_versions(workspace=bot.workspace, bots=[bot], day=day)[bot.pk]


def find_versions(
    *, workspace: Workspace, bots: Collection[Bot | int], day: date
) -> dict[int, PlanVersion]:
    """Return by bot the plan version of a local day, with its plan. One statement."""
    with in_workspace(workspace.pk):
        rows = of_bots(workspace, bots).in_force_on(day).select_related("version__plan")
        return {row.bot_id: row.version for row in rows}


def find_plans(
    *, workspace: Workspace, bots: Collection[Bot | int], since: date
) -> dict[int, list[BotPlan]]:
    """Return by bot the rows that hold on a day or later, in order; versions with their plans.

    The first of each bot holds on ``since``, however early it begins.
    """
    with in_workspace(workspace.pk):
        rows = of_bots(workspace, bots).select_related("version__plan").order_by("bot", "starts_on")
        found: dict[int, list[BotPlan]] = {}
        for row in rows:
            plans = found.setdefault(row.bot_id, [])
            if row.starts_on <= since:
                plans.clear()
            plans.append(row)
        return found


def find_scheduled(
    *, workspace: Workspace, bots: Collection[Bot | int], today: date
) -> dict[int, BotPlan]:
    """Return by bot the change that is scheduled, with version and plan; bots without lack."""
    with in_workspace(workspace.pk):
        rows = of_bots(workspace, bots).filter(starts_on__gt=today)
        rows = rows.select_related("version__plan").order_by("bot", "-starts_on")
        return {row.bot_id: row for row in rows}


def read_statuses(
    *, workspace: Workspace, bots: Collection[Bot | int], today: date
) -> dict[int, BotStatus]:
    """Return how the plan of each bot stands: what is unpaid goes before what ends. Two statements.

    Source: product doc, "Unpaid on the due day: Past due; 14 days later: Expired".
    """
    with in_workspace(workspace.pk):
        ends = find_scheduled(workspace=workspace, bots=bots, today=today)
        keys = list_keys(bots)
        unpaid = BotBilling.objects.for_workspace(workspace).filter(bot__in=keys)
        due = {row.bot_id: row for row in unpaid.exclude(past_due_on=None, expires_on=None)}
    return {key: tell_status(due.get(key), ends.get(key), today=today) for key in keys}


def tell_status(due: BotBilling | None, ends: BotPlan | None, *, today: date) -> BotStatus:
    """Return how a plan stands, given what is unpaid and what is scheduled."""
    if due and due.expires_on and due.expires_on <= today:
        return BotStatus(PlanStatus.EXPIRED, due.expires_on)
    if due and due.past_due_on and due.past_due_on <= today:
        return BotStatus(PlanStatus.PAST_DUE, due.past_due_on)
    if ends:
        return BotStatus(PlanStatus.ENDS_ON, ends.starts_on - DAY)
    return BotStatus(PlanStatus.ACTIVE)


def schedule(*, bot: Bot, version: PlanVersion, day: date, at: datetime) -> None:
    """Have a bot change its plan on a later local day; what was scheduled before is replaced.

    Raises:
        NotChangeable: the workspace has a contract, or the version is sold no more.
        ValueError: the day has begun.
    """
    with in_workspace(bot.workspace_id):
        today = lock_today(bot, at=at)
        if day <= today:
            raise ValueError(f"{day} is not after {today}")
        check_on_offer(version)
        before = find_version(bot=bot, day=today)
        rows = of_bots(bot.workspace, [bot])
        if rows.filter(starts_on=day, version=version).exists():
            return
        rows.filter(starts_on__gt=today).delete()
        BotPlan.objects.create(workspace=bot.workspace, bot=bot, starts_on=day, version=version)
        record("plan_change.scheduled", bot=bot, before=before, after=version, day=day)
        mails.tell_plan_changed(
            "plan_scheduled", bot=bot, before=before, after=version, day=day, at=at
        )


def undo(*, bot: Bot, at: datetime) -> bool:
    """Undo the change that is scheduled; False: there is none any more.

    Raises:
        NotChangeable: the workspace has a contract.
    """
    with in_workspace(bot.workspace_id):
        today = lock_today(bot, at=at)
        scheduled = find_scheduled(workspace=bot.workspace, bots=[bot], today=today).get(bot.pk)
        if scheduled is None:
            return False
        of_bots(bot.workspace, [bot]).filter(starts_on__gt=today).delete()
        kept = find_version(bot=bot, day=today)
        record(
            "plan_change.undone",
            bot=bot,
            before=scheduled.version,
            after=kept,
            day=scheduled.starts_on,
        )
        return True


def change_today(*, bot: Bot, version: PlanVersion, at: datetime) -> None:
    """Have a bot change its plan from 00:00 of today; what was scheduled is gone.

    The bot is marked to be charged again: where the new plan takes nothing from credits, charging
    gives back what was taken today.

    Raises:
        NotChangeable: the workspace has a contract.
    """
    with in_workspace(bot.workspace_id):
        today = lock_today(bot, at=at)
        before = find_version(bot=bot, day=today)
        of_bots(bot.workspace, [bot]).filter(starts_on__gte=today).delete()
        BotPlan.objects.create(workspace=bot.workspace, bot=bot, starts_on=today, version=version)
        totals.note_changed(workspace_id=bot.workspace_id, bots=[bot.pk])
        record("plan.changed", bot=bot, before=before, after=version, day=today)
        mails.tell_plan_changed(
            "plan_changed", bot=bot, before=before, after=version, day=today, at=at
        )


def lock_today(bot: Bot, *, at: datetime) -> date:
    """Return the local day, so that nobody else changes plans in this transaction.

    Raises:
        NotChangeable: the workspace has a contract on that day.
    """
    billing.lock(workspace=bot.workspace, at=at)
    today = read_calendar(bot.workspace).day_of(at)
    check_contract(workspace=bot.workspace, today=today)
    return today


def has_contract(*, workspace: Workspace, today: date) -> bool:
    """Tell whether a contract holds in a workspace, so that its bots have no plans of their own."""
    with in_workspace(workspace.pk):
        held = WorkspaceBilling.objects.for_workspace(workspace)
        return held.under_contract_on(today).exists()


def check_contract(*, workspace: Workspace, today: date) -> None:
    """Refuse a change where a contract holds.

    Raises:
        NotChangeable: it does.
    """
    if has_contract(workspace=workspace, today=today):
        raise NotChangeable("This workspace has a contract: its plan is changed by the operator.")


def check_on_offer(version: PlanVersion) -> None:
    """Refuse a version that is sold no more.

    Raises:
        NotChangeable: it was withdrawn, perhaps just now.
    """
    if not PlanVersion.objects.on_offer().filter(pk=version.pk).exists():
        raise NotChangeable(
            f"{version.plan.name} is not offered in this version any more. Nothing is changed; look"
            " at the plans again."
        )


def of_bots(workspace: Workspace, bots: Iterable[Bot | int]) -> BotPlanQuerySet:
    """Return the rows of some bots."""
    return BotPlan.objects.for_workspace(workspace).filter(bot__in=list_keys(bots))


def list_keys(bots: Iterable[Bot | int]) -> list[int]:
    """Return the ids of bots."""
    return [bot if isinstance(bot, int) else bot.pk for bot in bots]


def record(action: str, *, bot: Bot, before: PlanVersion, after: PlanVersion, day: date) -> None:
    """Note a change of a bot's plan; ``day``: from when on it holds, or would have held."""
    audit.record(
        action,
        workspace=bot.workspace,
        target=bot.key,
        before={"plan": str(before)},
        after={"plan": str(after), "from": day},
    )
