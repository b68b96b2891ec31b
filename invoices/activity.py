"""What happened to an order, from the audit log: as much of it as a role may see."""

from collections.abc import Iterator
from datetime import timedelta
from typing import NamedTuple

from django.db.models import Q

from accounts import audit_log
from accounts.access import may
from accounts.actors import ActorKind
from accounts.models import AuditEntry, Membership
from invoices.issued import IssuedDocument
from invoices.models import Order

# Of these nouns the log has entries whose target is an order or a document.
NOUNS = ("order.", "payment.", "transfer.", "wire.", "payback.", "invoice.", "credit_note.")
MOST = 200
SKEW = timedelta(hours=1)  # by which the clocks of a web server and the database may differ


class Happened(NamedTuple):
    """One thing that happened: its entry, what and who in words.

    ``detailed``: the person may see all that the entry says.
    """

    entry: AuditEntry
    what: str
    who: str
    detailed: bool


def read(order: Order, membership: Membership) -> list[Happened]:
    """Return what happened to an order that a person sees, the latest first."""
    detailed = may(membership, "audit_log.view")
    return [
        Happened(
            entry,
            say_what(entry),
            audit_log.name_actor(entry) if detailed else say_who(entry, membership),
            detailed,
        )
        for entry in find_entries(order, membership)
    ]


def find_entries(order: Order, membership: Membership) -> Iterator[AuditEntry]:
    """Yield the entries about an order, its payments and documents."""
    workspace = membership.workspace
    actions = [one for one in audit_log.list_actions(workspace) if one.startswith(NOUNS)]
    documents = IssuedDocument.objects.for_workspace(workspace).visible_to(membership)
    numbers = list(documents.filter(order=order).values_list("number", flat=True))
    # Index audit_by_action, from the order's day on.
    entries = AuditEntry.objects.for_workspace(workspace).newest_first()
    about = entries.filter(action__in=actions, at__gte=order.created_at - SKEW)
    yield from about.filter(Q(target=str(order)) | Q(target__in=numbers))[:MOST]


def say_what(entry: AuditEntry) -> str:
    """Return what happened in words; of a document also its number."""
    what = audit_log.name_action(entry.action)
    of_document = entry.action.startswith(("invoice.", "credit_note."))
    return f"{what}, {entry.target}" if of_document else what


def say_who(entry: AuditEntry, membership: Membership) -> str:
    """Return who did it to somebody who may not learn who else is in the workspace."""
    match entry.actor_kind:
        case ActorKind.PERSON if entry.actor_id == str(membership.user_id):
            return "You"
        case ActorKind.PERSON:
            return "Somebody else"
        case ActorKind.SYSTEM:
            return audit_log.name_actor(entry)
        case _:
            return "A program"
