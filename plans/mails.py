"""Mails about plans, credits that lapsed and extensions, written where these are."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal
from operator import itemgetter

from django.urls import reverse

from accounts import outbox, recipients
from accounts.models import Bot, Workspace
from accounts.recipients import Why
from plans.models import CreditLot, Extension, ExtensionStatus, LotKind, PlanVersion
from plans.wording import say_balance, say_day

SORTS = {LotKind.FREE: "free", LotKind.BOUGHT: "bought"}


def say_wallet(bot: Bot | None) -> str:
    """Return whose credits are meant, in a sentence."""
    return f"the bot {bot.name}" if bot else "all bots"


def say_lot(lot: CreditLot) -> str:
    """Return a lot that lapses in a few words."""
    return f"{lot.get_kind_display()}, last day {say_day(lot.last_day) if lot.last_day else ''}"


def link_plan(bot: Bot) -> list[str]:
    """Return the way to the page of a bot's plan."""
    return ["See the plan", reverse("plans:manage", args=[bot.workspace.slug, bot.pk])]


def link_wallet(workspace: Workspace, bot: Bot | None) -> list[str]:
    """Return the way to where a wallet is filled."""
    if bot is None:
        return ["See the credits", reverse("plans:lot_list", args=[workspace.slug])]
    return link_plan(bot)


def tell_plan_changed(
    kind: str, *, bot: Bot, before: PlanVersion, after: PlanVersion, day: date, at: datetime
) -> None:
    """Tell that a bot has another plan from a day on, or (by the kind) is to have it."""
    outbox.queue(
        kind,
        workspace=bot.workspace,
        of=f"{day}:{after.pk}:{at.isoformat()}",
        to=recipients.find_owner(bot),
        at=at,
        bot=bot,
        before=before.plan.name,
        plan=after.plan.name,
        day=say_day(day),
        action=link_plan(bot),
    )


def tell_lapsed(*, workspace: Workspace, lots: Iterable[CreditLot], at: datetime) -> None:
    """Tell of what was left of lots, before they lapse; those of one wallet in one mail."""
    wallets: defaultdict[Bot | None, list[CreditLot]] = defaultdict(list)
    for lot in lots:
        wallets[lot.bot].append(lot)
    for bot, lapsed in wallets.items():
        outbox.queue(
            "credits_lapsed",
            workspace=workspace,
            of=",".join(str(lot.pk) for lot in lapsed)[:200],
            to=recipients.find_of_wallet(workspace, bot),
            at=at,
            bot=bot,
            wallet=say_wallet(bot),
            amount=say_balance(
                sum((lot.balance for lot in lapsed), Decimal(0)), lapsed[0].currency
            ),
            facts=[[say_lot(lot), say_balance(lot.balance, lot.currency)] for lot in lapsed],
            action=link_wallet(workspace, bot),
        )


def tell_extension_asked(extension: Extension) -> None:
    """Tell who asked that it is noted, and the operators that it waits for them."""
    bot, asked = extension.bot, extension.requested_by
    decide = ["Decide", reverse("plans_operator:extension", args=[extension.pk])]
    told = (
        (recipients.of_person(asked, Why.ASKED), False, link_plan(bot)),
        (recipients.find_operators(), True, decide),
    )
    for to, for_operator, action in told:
        outbox.queue(
            "extension_asked",
            workspace=extension.workspace,
            of=f"{extension.pk}:{for_operator}",
            to=to,
            at=extension.requested_at,
            bot=bot,
            days=extension.days,
            by=asked.known_as,
            for_operator=for_operator,
            facts=[["Reason", extension.reason]],
            action=action,
        )


def tell_extension_decided(extension: Extension, *, until: date | None, at: datetime) -> None:
    """Tell who asked for an extension, and the operators, what was decided."""
    bot, asked = extension.bot, extension.requested_by
    facts = [["Reason", extension.reason]]
    if extension.decision_note:
        facts.append(["Note", extension.decision_note])
    told = (
        (recipients.of_person(asked, Why.ASKED), link_plan(bot)),
        (
            recipients.find_operators(),
            ["See extensions", reverse("plans_operator:extension_list")],
        ),
    )
    for to, action in told:
        outbox.queue(
            "extension_decided",
            workspace=extension.workspace,
            of=f"{extension.pk}:{action[0]}",
            to=to,
            at=at,
            bot=bot,
            days=extension.days,
            by=asked.known_as,
            decision=ExtensionStatus(extension.status).label.lower(),
            until=say_day(until) if until else "",
            facts=facts,
            action=action,
        )


def tell_lapsing(
    *,
    workspace: Workspace,
    lots: Mapping[str, CreditLot],
    stage: int,
    today: date,
    at: datetime,
) -> None:
    """Tell of lots of one kind and last day that they lapse soon: shared ones, or of one owner.

    Of several bots it names each. ``lots`` are by marks, by which it is known what was told of.
    """
    first = next(iter(lots.values()))
    if first.last_day is None:
        raise ValueError("these lots do not lapse")
    wallets: defaultdict[Bot | None, Decimal] = defaultdict(Decimal)
    for lot in lots.values():
        wallets[lot.bot] += lot.balance
    one = first.bot if len(wallets) == 1 else None
    names = sorted(((say_wallet(bot), left) for bot, left in wallets.items()), key=itemgetter(0))
    outbox.queue(
        "credits_lapsing",
        workspace=workspace,
        of=f"{stage}:{first.last_day}:{first.kind}:{first.pk}",
        to=recipients.find_of_wallet(workspace, first.bot),
        at=at,
        bot=one,
        wallet=say_wallet(first.bot) if len(wallets) == 1 else f"{len(wallets)} bots",
        sort=SORTS[LotKind(first.kind)],
        left=say_balance(sum(wallets.values(), Decimal(0)), first.currency),
        days=(first.last_day - today).days,
        last_day=say_day(first.last_day),
        told=list(lots),
        facts=[[name, say_balance(left, first.currency)] for name, left in names]
        if len(names) > 1
        else [],
        action=link_wallet(workspace, one),
    )
