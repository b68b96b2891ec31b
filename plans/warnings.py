"""People are warned of credits that run low, are gone or lapse soon.

What is looked at is how things stand, not what changed: a run that is missed is made up for by the
next. What was told already is known by the keys of the mails: a low balance, or none, is told again
only after credits were added.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from itertools import chain

from django.db.models import Max
from django.urls import reverse

from accounts import outbox, recipients
from accounts.models import Bot, Mail, MailQuerySet, Role, Workspace
from accounts.months import read_calendar
from accounts.tenancy import in_workspace, read_as_operator
from plans import balances, mails, subscriptions
from plans.balances import Balance, BalanceStatus
from plans.models import CreditLot, Currency
from plans.wording import say_amount, say_balance

STAGES = (14, 3)  # days before credits lapse
LAPSES_KNOWN = timedelta(days=STAGES[0] + 2)  # how long it is known which were told of
NAMED = 10  # bots in a summary
FIND_DUE = "SELECT workspace_id FROM plans_workspacebilling ORDER BY workspace_id"


def find_due() -> list[int]:
    """Return the workspaces that are billed, as the operator sees them."""
    return [workspace_id for (workspace_id,) in read_as_operator(FIND_DUE)]


def run(*, workspace_id: int, now: datetime) -> None:
    """Write the mails that are due in a workspace. Safe to repeat; nothing under a contract."""
    with in_workspace(workspace_id):
        workspace = Workspace.objects.get(pk=workspace_id)
        today = read_calendar(workspace).day_of(now)
        if subscriptions.has_contract(workspace=workspace, today=today):
            return
        warn_of_lapses(workspace, today=today, at=now)
        warn_of_balances(workspace, today=today, at=now)


def warn_of_lapses(workspace: Workspace, *, today: date, at: datetime) -> None:
    """Warn of credits that lapse in 14 and in 3 days, or since a run was missed in fewer.

    Not in 14 where they were not there yet 14 days before. Those of all bots of one owner that
    lapse on one day stand in one mail.
    """
    soon = CreditLot.objects.for_workspace(workspace).usable_on(today)
    soon = soon.filter(last_day__lte=today + timedelta(days=STAGES[0]))
    groups: defaultdict[tuple[str, str, date, int], list[CreditLot]] = defaultdict(list)
    calendar = read_calendar(workspace)
    for lot in soon.select_related("bot__workspace", "currency").order_by("last_day", "pk"):
        if lot.last_day is None:
            continue
        stage = min(days for days in STAGES if (lot.last_day - today).days <= days)
        if calendar.day_of(lot.granted_at) <= lot.last_day - timedelta(days=stage):
            groups[name_wallets(lot), lot.kind, lot.last_day, stage].append(lot)
    written = Mail.objects.for_workspace(workspace).filter(kind="credits_lapsing")
    told = list_told(written.filter(created_at__gt=at - LAPSES_KNOWN)) if groups else set()
    for (whose, _, _, stage), lots in groups.items():
        marks = {f"{whose}:{stage}:{lot.pk}": lot for lot in lots}
        if untold := {mark: lot for mark, lot in marks.items() if mark not in told}:
            mails.tell_lapsing(workspace=workspace, lots=untold, stage=stage, today=today, at=at)


def name_wallets(lot: CreditLot) -> str:
    """Return whose wallets are told of together: those of an owner, or of nobody; the shared."""
    return f"of {lot.bot.owner_id or 'nobody'}" if lot.bot else "shared"


def list_told(written: MailQuerySet) -> set[str]:
    """Return what mails have told of, by the marks in them."""
    marks = written.values_list("context__told", flat=True).distinct()
    return set(chain.from_iterable(told for told in marks if told))


def warn_of_balances(workspace: Workspace, *, today: date, at: datetime) -> None:
    """Warn of bots whose bought credits run low, and of those that have none any more."""
    bots = {bot.pk: bot for bot in Bot.objects.for_workspace(workspace).in_use().order_by("pk")}
    currency = Currency.objects.filter(code=workspace.currency).first()
    lots = find_latest_lots(workspace)
    if not bots or not lots or currency is None:
        return
    read = balances.read(workspace=workspace, bots=list(bots), today=today)
    low, gone = (
        {bots[pk]: read[pk] for pk in bots if read[pk].status is status}
        for status in (BalanceStatus.LOW, BalanceStatus.INACTIVE)
    )
    since = {bot: max(lots.get(bot.pk, 0), lots.get(None, 0)) for bot in [*low, *gone]}
    warn_of_low(workspace, low, since=since, currency=currency, at=at)
    warn_of_gone(workspace, [bot for bot in gone if since[bot]], since=since, at=at)


def find_latest_lots(workspace: Workspace) -> dict[int | None, int]:
    """Return by bot (None: shared) the latest credits that were ever added."""
    lots = CreditLot.objects.for_workspace(workspace).order_by().values_list("bot_id")
    return dict(lots.annotate(Max("pk")))


def find_told(workspace: Workspace, kind: str, bots: Sequence[Bot]) -> set[str]:
    """Return the keys of mails about bots, without their recipients."""
    told = Mail.objects.for_workspace(workspace).filter(kind=kind, bot__in=bots)
    return {key.rpartition(":")[0] for key in told.values_list("key", flat=True)}


def warn_of_low(
    workspace: Workspace,
    low: Mapping[Bot, Balance],
    *,
    since: Mapping[Bot, int],
    currency: Currency,
    at: datetime,
) -> None:
    """Warn of low balances, each once until credits are added or the limit is another."""
    told = find_told(workspace, "low_balance", list(low))
    for bot, balance in low.items():
        of = f"{since[bot]}/{balance.limit.normalize():f}"
        if f"low_balance:{bot.pk}:{of}" in told:
            continue
        outbox.queue(
            "low_balance",
            workspace=workspace,
            of=of,
            to=recipients.find_owner(bot),
            at=at,
            bot=bot,
            left=say_balance(balance.remaining, currency),
            limit=say_amount(balance.limit, currency),
            action=["Add funds", reverse("plans:manage", args=[workspace.slug, bot.pk])],
        )


def warn_of_gone(
    workspace: Workspace, gone: Sequence[Bot], *, since: Mapping[Bot, int], at: datetime
) -> None:
    """Warn of bots without credits: each owner of theirs, and the workspace's owners of all."""
    told = find_told(workspace, "credits_gone", gone)
    for bot in gone:
        if bot.owner_id is None or f"credits_gone:{bot.pk}:{since[bot]}" in told:
            continue
        outbox.queue(
            "credits_gone",
            workspace=workspace,
            of=since[bot],
            to=recipients.find_owner(bot),
            at=at,
            bot=bot,
            action=["Add funds", reverse("plans:manage", args=[workspace.slug, bot.pk])],
        )
    summarize(workspace, {f"{bot.pk}/{since[bot]}": bot for bot in gone}, at=at)


def summarize(workspace: Workspace, gone: Mapping[str, Bot], *, at: datetime) -> None:
    """Tell the workspace's owners of all bots without credits, when there are more of them.

    At most once a day: what is gone later on a day stands in the summary of the next.
    """
    written = Mail.objects.for_workspace(workspace).filter(kind="credits_gone_all")
    told = list_told(written)
    if gone.keys() <= told:
        return
    names = sorted(bot.name for bot in gone.values())
    outbox.queue(
        "credits_gone_all",
        workspace=workspace,
        of=at.isoformat(),
        to=recipients.find_admins(workspace, roles=[Role.OWNER]),
        at=at,
        told=sorted(gone),
        count=len(names),
        bots=names[:NAMED],
        more=max(0, len(names) - NAMED),
        action=["See all plans", reverse("plans:plan_list", args=[workspace.slug])],
    )
