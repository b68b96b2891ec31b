"""The mails of usage alerts: all that fire in one run stand in one mail to each who is told."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from django.urls import reverse

from accounts import outbox, recipients
from accounts.models import Workspace
from plans import catalog
from plans.alert_wording import say_number, say_period, say_scope
from plans.alerted import Per, UsageAlertFiring
from plans.wording import Currency

NAMED = 25  # of what fired at once; the page has all


def tell(*, workspace: Workspace, firings: Sequence[UsageAlertFiring], at: datetime) -> None:
    """Tell of usage alerts that have just fired: the owner of a bot, else owners and admins.

    The caller has written ``firings`` in this transaction.
    """
    groups: defaultdict[int | None, list[UsageAlertFiring]] = defaultdict(list)
    for firing in firings:
        bot = firing.alert.bot
        groups[bot.owner_id if bot else None].append(firing)
    currency = catalog.find_currency(workspace)
    for owner, fired in groups.items():
        bots = {firing.alert.bot for firing in fired}
        bot = bots.pop() if len(bots) == 1 else None
        any_bot = fired[0].alert.bot
        first = fired[0]
        outbox.queue(
            "usage_alert",
            workspace=workspace,
            of=min(firing.pk for firing in fired),
            to=(
                recipients.find_owner(any_bot)
                if owner is not None and any_bot is not None
                else recipients.find_admins(workspace)
            ),
            at=at,
            bot=bot,
            count=len(fired),
            scope=say_scope(first.alert.bot),
            period=say_when(first),
            **say_numbers(first, currency),
            facts=[say_fact(firing, currency) for firing in fired[:NAMED]],
            more=max(0, len(fired) - NAMED),
            action=link(workspace, fired),
        )


def say_when(firing: UsageAlertFiring) -> str:
    """Return a period in a sentence: ``on 2 Mar 2026``, ``in March 2026``."""
    per = firing.alert.per
    return f"{'in' if per == Per.MONTH else 'on'} {say_period(firing.starts_on, per)}"


def say_numbers(firing: UsageAlertFiring, currency: Currency) -> dict[str, str]:
    """Return what the threshold was, and the number that had reached it."""
    watched = firing.alert.watched
    return {
        "threshold": say_number(firing.threshold, watched, currency),
        "number": say_number(firing.number, watched, currency),
    }


def say_fact(firing: UsageAlertFiring, currency: Currency) -> list[str]:
    """Return a line of the mail's table."""
    said = say_numbers(firing, currency)
    per = firing.alert.per
    label = f"{say_scope(firing.alert.bot)}, {say_period(firing.starts_on, per)}"
    return [label, f"{said['number']}; threshold {said['threshold']} per {Per(per).label.lower()}"]


def link(workspace: Workspace, fired: Sequence[UsageAlertFiring]) -> list[str]:
    """Return the way to the alert, or to all of them."""
    alerts = {firing.alert_id for firing in fired}
    if len(alerts) == 1:
        return ["See the alert", reverse("plans:usage_alert", args=[workspace.slug, *alerts])]
    return ["See usage alerts", reverse("plans:usage_alert_list", args=[workspace.slug])]
