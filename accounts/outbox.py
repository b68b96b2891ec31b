"""Mails about a workspace are written with what they tell of: a rollback sends nothing.

`accounts.dispatch` sends them.
"""

from collections.abc import Iterable
from datetime import datetime

from accounts import calls
from accounts.mail_kinds import KINDS
from accounts.models import Bot, Mail, MailState, Workspace
from accounts.months import read_calendar
from accounts.recipients import Recipient
from accounts.tenancy import in_workspace

SEND = "accounts.tasks.send_mail"


def queue(
    kind: str,
    *,
    workspace: Workspace,
    of: object,
    to: Iterable[Recipient],
    at: datetime,
    bot: Bot | None = None,
    **words: object,
) -> int:
    """Write mails that tell of something, in the caller's transaction; return how many are new.

    ``of``: what it happened to; the same again writes nothing, and neither does a second one of a
    local day and bot where the kind is limited to that. ``words``: what the template says, frozen:
    text, whole numbers, and lists of these; no secrets, for operators see them.
    """
    told = {one.key: one for one in reversed(list(to))}  # of two reasons the first
    if not told:
        return 0
    with in_workspace(workspace.pk):
        day = read_calendar(workspace).day_of(at) if KINDS[kind].once_a_day else None
        context = {"workspace": workspace.name, **({"bot": bot.name} if bot else {}), **words}
        rows = [
            Mail(
                workspace=workspace,
                kind=kind,
                key=f"{kind}:{bot.pk if bot else '-'}:{of}:{recipient.key}",
                day=day,
                address=recipient.address,
                user=recipient.user,
                bot=bot,
                why=recipient.why.value,
                context=context,
                created_at=at,
                due_at=at,
            )
            for recipient in told.values()
        ]
        keys = {row.key for row in rows}
        mails = Mail.objects.for_workspace(workspace).filter(key__in=keys)
        before = mails.count()
        Mail.objects.bulk_create(rows, ignore_conflicts=True)
        added = mails.count() - before
    if added:
        calls.after_commit(SEND, workspace_id=workspace.pk)
    return added


def find_due(*, now: datetime) -> list[int]:
    """Return the workspaces that have mails to be sent, as the operator sees them."""
    due = Mail.objects.using("operator").due(now)
    return list(due.order_by().values_list("workspace_id", flat=True).distinct())


def try_again(*, found: Mail, now: datetime) -> bool:
    """Have a mail that was refused, or given up, be sent once more; False: it was not."""
    with in_workspace(found.workspace_id):
        ended = Mail.objects.for_workspace(found.workspace_id).filter(
            pk=found.pk, state__in=[MailState.REFUSED, MailState.FAILED]
        )
        waits = bool(ended.update(state=MailState.WAITING, due_at=now))
        if waits:
            calls.after_commit(SEND, workspace_id=found.workspace_id)
    return waits
