"""Mails about bots that are given to another owner."""

from collections.abc import Sequence
from datetime import datetime

from django.urls import reverse

from accounts import outbox, recipients
from accounts.models import Bot, User, Workspace
from accounts.recipients import Why


def tell_owner_changed(
    *, workspace: Workspace, bots: Sequence[Bot], before: User | None, after: User, at: datetime
) -> None:
    """Tell the old and the new owner of bots, those of one act in one mail each."""
    told = ((after, before, True), (before, after, False))
    for user, other, gained in told:
        outbox.queue(
            "bot_owner_changed",
            workspace=workspace,
            of=f"{','.join(str(bot.pk) for bot in bots)[:200]}:{at.isoformat()}",
            # Who owned a bot may be a guest of it by now.
            to=recipients.of_person(user, Why.BOT_OWNER if gained else Why.MEMBER),
            at=at,
            # Many at once are of no bot, so that they and a single one do not stand for each other.
            bot=bots[0] if len(bots) == 1 else None,
            bots=[bot.name for bot in bots],
            count=len(bots),
            gained=gained,
            other=other.known_as if other else "",
            action=["See the bots", reverse("accounts:bot_list", args=[workspace.slug])],
        )
