"""Bundles are asked for, canceled, tried again and removed; `invoices.bundling` makes them."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from django.core.files.storage import default_storage

from accounts import audit, calls
from accounts.models import Membership
from accounts.tenancy import in_workspace, read_as_operator
from invoices.bundled import AGAIN, UNFINISHED, BundleState, DocumentBundle
from invoices.issued import IssuedDocument
from invoices.models import OrderQuerySet

KEPT = timedelta(days=7)
MOST = 5000  # documents of one bundle
ABOUT_LENGTH = 500
# Index bundle_unfinished.
FIND_DUE = """
SELECT workspace_id, id FROM invoices_documentbundle
WHERE state = 'waiting' OR state = 'running' AND claimed_until < now()
ORDER BY id LIMIT 100
"""
# Index bundle_expiry.
FIND_EXPIRED = """
SELECT workspace_id, id FROM invoices_documentbundle WHERE expires_at < %(now)s
ORDER BY expires_at LIMIT 1000
"""


class NotBundled(ValueError):
    """Documents are not bundled; the message says why."""


def ask(
    *, membership: Membership, orders: OrderQuerySet, about: Iterable[str], key: UUID, at: datetime
) -> DocumentBundle:
    """Ask for the documents of orders that a person may see, once by ``key``.

    ``about``: by which filters the orders were found, in words.

    Raises:
        NotBundled: there are none, or too many.
    """
    workspace = membership.workspace
    bundles = DocumentBundle.objects.for_workspace(workspace)
    if asked := bundles.filter(key=key, asked_by=membership.user_id).first():
        return asked
    documents = IssuedDocument.objects.for_workspace(workspace).visible_to(membership)
    of_orders = documents.filter(order__in=orders.order_by().values("pk")).order_by("pk")
    ids = list(of_orders.values_list("pk", flat=True)[: MOST + 1])
    if not ids:
        raise NotBundled("None of these orders has an invoice.")
    if len(ids) > MOST:
        raise NotBundled(f"These are more than {MOST:,} documents. Choose fewer orders.")
    bundle, made = bundles.get_or_create(
        workspace=workspace,
        key=key,
        asked_by=membership.user,
        defaults={
            "asked_at": at,
            "about": ", ".join(about)[:ABOUT_LENGTH] or "All orders",
            "documents": ids,
            "expires_at": at + KEPT,
        },
    )
    if made:
        after = {"about": bundle.about, "documents": len(ids)}
        audit.record("bundle.asked", workspace=workspace, target=str(bundle), after=after)
        send(bundle)
    return bundle


def ask_for_proof(
    *, membership: Membership, document: IssuedDocument, key: UUID, at: datetime
) -> DocumentBundle:
    """Ask for the proof of a document, once by ``key``; one that is being made is returned."""
    bundles = DocumentBundle.objects.for_workspace(membership.workspace)
    proofs = bundles.filter(proves=document)
    if under_way := proofs.filter(state__in=UNFINISHED).first():
        return under_way
    bundle, made = bundles.get_or_create(
        workspace=membership.workspace,
        key=key,
        asked_by=membership.user,
        defaults={
            "asked_at": at,
            "about": f"Proof of {document.number}",
            "documents": [document.pk],
            "proves": document,
            "expires_at": at + KEPT,
        },
    )
    if made:
        audit.record("proof.asked", workspace=membership.workspace, target=document.number)
        send(bundle)
    return bundle


def send(bundle: DocumentBundle) -> None:
    """Have a worker make a bundle once the caller's transaction is committed."""
    calls.after_commit(
        "invoices.tasks.make_bundle", workspace_id=bundle.workspace_id, bundle_id=bundle.pk
    )


def cancel(*, bundle: DocumentBundle) -> bool:
    """Have a bundle not be made; False: it is finished. Its worker stops at the next document."""
    return move(bundle, UNFINISHED, state=BundleState.CANCELED, claimed_until=None)


def try_again(*, bundle: DocumentBundle, at: datetime) -> bool:
    """Have a bundle made that failed or was canceled; False: it is neither."""
    begun = move(
        bundle,
        AGAIN,
        state=BundleState.WAITING,
        tries=0,
        done=0,
        missing=0,
        result=None,
        failure="",
        expires_at=at + KEPT,
    )
    if begun:
        send(bundle)
    return begun


def move(bundle: DocumentBundle, states: Iterable[BundleState], **values: object) -> bool:
    """Change a bundle that is in one of some states; tell whether it was."""
    bundles = DocumentBundle.objects.for_workspace(bundle.workspace_id)
    return bool(bundles.filter(pk=bundle.pk, state__in=list(states)).update(**values))


def may_download(bundle: DocumentBundle, membership: Membership) -> bool:
    """Tell whether a person still may see all documents of a bundle."""
    documents = IssuedDocument.objects.for_workspace(bundle.workspace_id).visible_to(membership)
    return documents.filter(pk__in=bundle.documents).count() == bundle.total


def find_due() -> list[tuple[int, int]]:
    """Return workspace and id of bundles that a worker has to make, as the operator sees them."""
    return [(workspace, of) for workspace, of in read_as_operator(FIND_DUE)]


def remove_expired(*, now: datetime) -> int:
    """Remove the bundles whose time is up, with their files; return how many."""
    found = read_as_operator(FIND_EXPIRED, {"now": now})
    return sum(remove(workspace_id, bundle_id, now=now) for workspace_id, bundle_id in found)


def remove(workspace_id: int, bundle_id: int, *, now: datetime) -> bool:
    """Remove a bundle whose time is up; False: it is gone, or was asked for again."""
    with in_workspace(workspace_id):
        bundles = DocumentBundle.objects.for_workspace(workspace_id).filter(
            pk=bundle_id, expires_at__lt=now
        )
        bundle = bundles.select_for_update(skip_locked=True).first()
        if bundle is None:
            return False
        if bundle.name:
            default_storage.delete(bundle.name)
        bundle.delete()
    return True
