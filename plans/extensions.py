"""Extensions: a bot's users ask for more days, and the operator approves or declines.

What they have: on a plan that uses credits, a new free lot of what lapses or lapsed last; while a
fee is unpaid, or where a change is scheduled, that day moves.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal

from django.db import IntegrityError, transaction
from django.db.models import Q, Sum

from accounts import audit
from accounts.days import DAY
from accounts.models import Bot, User
from accounts.months import read_calendar
from accounts.tenancy import in_workspace
from plans import billing, ledger, lots, mails, subscriptions
from plans.models import (
    BotBilling,
    BotPlan,
    CreditLot,
    Extension,
    ExtensionStatus,
    LedgerEntry,
    LotKind,
    Posting,
    PostingKind,
    WorkspaceBilling,
)
from plans.wallets import Lot

LONGEST = 90  # days


class NotPossible(Exception):
    """A rule stands against it: the message says which."""


@dataclass(frozen=True)
class Effect:
    """What an extension does: one of the three is set.

    ``lot``: whose ``amount`` a new lot gives once more, with the last day ``until``; ``expires``:
    the local day on which the plan expires moves to ``until``; ``ends``: its last day does, before
    a scheduled change. ``lapsed``: the credits of the lot are gone already.
    """

    until: date
    lot: CreditLot | None = None
    amount: Decimal = Decimal(0)
    lapsed: bool = False
    expires: date | None = None
    ends: date | None = None


def find_effect(*, bot: Bot, days: int, at: datetime) -> Effect:
    """Return what so many more days would do; the caller has admitted the workspace.

    Raises:
        NotPossible: there is nothing that they would extend.
    """
    today = read_calendar(bot.workspace).day_of(at)
    if subscriptions.has_contract(workspace=bot.workspace, today=today):
        raise NotPossible("Under the contract nothing lapses or ends.")
    more = timedelta(days=days)
    held = BotPlan.objects.for_workspace(bot.workspace_id).filter(bot=bot)
    now = held.in_force_on(today).select_related("version").get()
    if now.version.uses_credits:
        return find_lot(bot=bot, today=today, more=more)
    unpaid = BotBilling.objects.for_workspace(bot.workspace_id).filter(bot=bot).first()
    if unpaid is not None and unpaid.expires_on is not None:
        if unpaid.expires_on <= today:
            raise NotPossible("The plan has expired. Once the invoice is paid it is active again.")
        return Effect(until=unpaid.expires_on + more, expires=unpaid.expires_on)
    scheduled = held.filter(starts_on__gt=today).order_by("starts_on").first()
    if scheduled is None:
        raise NotPossible("The plan of this bot neither ends nor is past due.")
    last = scheduled.starts_on - DAY
    return Effect(until=last + more, ends=last)


def find_lot(*, bot: Bot, today: date, more: timedelta) -> Effect:
    """Return the free credits that lapse next, else those that lapsed last, once more.

    Raises:
        NotPossible: none lapse, and none did that were not given once more.
    """
    free = CreditLot.objects.for_workspace(bot.workspace_id).filter(Q(bot=bot) | Q(bot=None))
    free = free.filter(kind=LotKind.FREE, last_day__isnull=False)
    lapsing = free.filter(lapsed_at=None, balance__gt=0).order_by("last_day", "pk").first()
    if lapsing is not None and lapsing.last_day is not None:
        until = max(lapsing.last_day, today) + more
        return Effect(until=until, lot=lapsing, amount=lapsing.balance)
    extended = CreditLot.objects.for_workspace(bot.workspace_id).exclude(extends=None)
    lapsed = free.exclude(lapsed_at=None).exclude(pk__in=extended.values("extends"))
    lot = lapsed.lapsed_in_part().order_by("-lapsed_at", "-pk").first()
    if lot is not None:
        return Effect(until=today + more, lot=lot, amount=sum_lapsed(lot), lapsed=True)
    raise NotPossible("This bot has no free credits that lapse or have lapsed.")


def sum_lapsed(lot: CreditLot) -> Decimal:
    """Return how much of a lot has lapsed."""
    postings = Posting.objects.for_workspace(lot.workspace_id).filter(kind=PostingKind.LAPSE)
    entries = LedgerEntry.objects.for_workspace(lot.workspace_id).filter(lot=lot)
    lapsed = entries.filter(posting_id__in=postings.values("id")).aggregate(sum=Sum("amount"))
    return lapsed["sum"] or Decimal(0)


def request(*, bot: Bot, days: int, reason: str, by: User, at: datetime) -> Extension:
    """Ask for more days.

    Raises:
        NotPossible: there is nothing to extend, or a request that is not decided yet.
    """
    with in_workspace(bot.workspace_id):
        find_effect(bot=bot, days=days, at=at)
        asked = Extension(
            workspace=bot.workspace,
            bot=bot,
            days=days,
            reason=reason,
            requested_by=by,
            requested_at=at,
        )
        try:
            with transaction.atomic():
                asked.save()
        except IntegrityError:
            raise NotPossible(
                f"An extension of {bot.name} is asked for already, and not decided yet."
            ) from None
        after = {"days": days, "reason": reason}
        audit.record("extension.requested", workspace=bot.workspace, target=bot.key, after=after)
        mails.tell_extension_asked(asked)
        return asked


def approve(*, extension: Extension, note: str, by: User, at: datetime) -> Effect:
    """Give the days that were asked for, and return what they did.

    Raises:
        NotPossible: it is decided already, or there is nothing left to extend.
    """
    with in_workspace(extension.workspace_id):
        locked = billing.lock(workspace=extension.workspace, at=at)
        found = lock_request(extension)
        effect = find_effect(bot=found.bot, days=found.days, at=at)
        if effect.lot is not None:
            give_once_more(effect, effect.lot, extension=found, billed=locked, at=at)
        elif effect.expires is not None:
            billed = BotBilling.objects.for_workspace(found.workspace_id)
            billed.filter(bot=found.bot_id).update(expires_on=effect.until)
        elif effect.ends is not None:
            held = BotPlan.objects.for_workspace(found.workspace_id).filter(bot=found.bot_id)
            held.filter(starts_on=effect.ends + DAY).update(starts_on=effect.until + DAY)
        decide(found, ExtensionStatus.APPROVED, note=note, by=by, at=at, until=effect.until)
        return effect


def decline(*, extension: Extension, note: str, by: User, at: datetime) -> None:
    """Refuse the days that were asked for.

    Raises:
        NotPossible: it is decided already.
    """
    with in_workspace(extension.workspace_id):
        found = lock_request(extension)
        decide(found, ExtensionStatus.DECLINED, note=note, by=by, at=at, until=None)


def lock_request(extension: Extension) -> Extension:
    """Return a request as it is now, locked.

    Raises:
        NotPossible: it is decided.
    """
    asked = Extension.objects.for_workspace(extension.workspace_id)
    asked = asked.select_related("bot", "workspace").select_for_update(of=("self",))
    found = asked.get(pk=extension.pk)
    if found.status != ExtensionStatus.REQUESTED:
        raise NotPossible(f"{found.decided_by} has decided it: {found.get_status_display()}.")
    return found


def give_once_more(
    effect: Effect,
    lot: CreditLot,
    *,
    extension: Extension,
    billed: WorkspaceBilling,
    at: datetime,
) -> None:
    """Make the new lot; what the old one has left lapses, so that it is not there twice.

    The old lot goes on to its last day: what is given back to it until then can be used.
    """
    workspace = extension.workspace
    key = f"extension:{extension.pk}"
    if not effect.lapsed:
        month = billed.book(read_calendar(workspace).day_of(at))
        lapse = lots.lapse(lot=Lot.of(lot), cause=key, month=month)
        ledger.write(workspace=workspace, at=at, postings=[lapse])
    lots.grant_free(
        workspace=workspace,
        amount=effect.amount,
        at=at,
        last_day=effect.until,
        key=key,
        bot=lot.bot,
        extends=lot,
        reason=extension.reason,
    )


def decide(
    found: Extension,
    status: ExtensionStatus,
    *,
    note: str,
    by: User,
    at: datetime,
    until: date | None,
) -> None:
    """Write down what became of a request."""
    found.status = status
    found.decided_by = by.email
    found.decided_at = at
    found.decision_note = note
    found.save(update_fields=["status", "decided_by", "decided_at", "decision_note"])
    audit.record(
        f"extension.{status.value}",
        workspace=found.workspace,
        target=found.bot.key,
        before={"status": ExtensionStatus.REQUESTED.value},
        after={"days": found.days, "until": until, "note": note},
    )
    mails.tell_extension_decided(found, until=until, at=at)
