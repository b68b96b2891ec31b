"""Saved payment methods: kept with the words that were agreed to, chosen, removed.

One of a workspace at most is its default, by which renewals are paid. Nothing of one that was
removed is lost: orders, payments and what was agreed to go on naming it.
"""

from datetime import date, datetime

from accounts import audit
from accounts.models import ADMINS, Membership, User, Workspace
from accounts.tenancy import in_workspace
from invoices import auto_reload, mails
from invoices.models import AutoReload, Method, SavedMethod
from plans import billing

REMOVED = "Its payment method was removed."


class NotUsable(ValueError):
    """A saved method cannot be what it was chosen for; the message says why."""


def keep(
    *,
    workspace: Workspace,
    by: User,
    method: Method,
    reference: str,
    label: str,
    consent: str,
    consented_at: datetime,
    source: str,
    for_renewals: bool,
    as_default: bool | None = None,
    expires_on: date | None = None,
) -> SavedMethod:
    """Keep a method that a provider saved; of one that is kept already its last day is noted anew.

    ``as_default``: renewals are to be paid by it; None: where they are paid by no other.
    ``for_renewals``: the words that were agreed to speak of them. ``source``: where it comes from,
    in words. The caller has the workspace's lock.
    """
    kept = SavedMethod.objects.for_workspace(workspace).kept()
    found = kept.filter(method=method, reference=reference, saved_by=by).first()
    saved = found or SavedMethod.objects.create(
        workspace=workspace,
        method=method,
        reference=reference,
        label=label,
        consent=consent,
        consented_at=consented_at,
        saved_by=by,
        expires_on=expires_on,
    )
    if found is None:
        audit.record(
            "payment_method.saved",
            workspace=workspace,
            target=saved.label,
            after={
                "by": by.email,
                "from": source,
                "consent": saved.consent,
                "expires_on": expires_on,
            },
        )
    else:
        note_expiry(saved, expires_on=expires_on)
    if as_default is None:
        as_default = not kept.filter(is_default=True).exists()
    if as_default and for_renewals and by.pk in find_admins(workspace):
        set_default(saved, workspace=workspace)
    return saved


def note_expiry(saved: SavedMethod, *, expires_on: date | None) -> None:
    """Note a last day that a provider says anew, as of a card that was renewed."""
    if expires_on in (None, saved.expires_on):
        return
    before, saved.expires_on = saved.expires_on, expires_on
    saved.save(update_fields=["expires_on"])
    audit.record(
        "payment_method.renewed",
        workspace=saved.workspace,
        target=saved.label,
        before={"expires_on": before},
        after={"expires_on": expires_on},
    )


def find_admins(workspace: Workspace) -> set[int]:
    """Return the ids of the owners and admins, who alone have renewals paid by their methods."""
    places = Membership.objects.for_workspace(workspace).filter(role__in=ADMINS)
    return set(places.values_list("user", flat=True))


def choose(*, saved: SavedMethod) -> bool:
    """Have renewals paid by a method from now on; False: they are already.

    Whether it may be: `collecting.find_obstacle`.

    Raises:
        NotUsable: it was removed, perhaps a moment ago.
    """
    with in_workspace(saved.workspace_id):
        billing.lock(workspace=saved.workspace)
        saved.refresh_from_db(fields=["is_default", "removed_at"])
        if saved.removed_at:
            raise NotUsable("This payment method was removed.")
        return set_default(saved, workspace=saved.workspace)


def set_default(saved: SavedMethod, *, workspace: Workspace) -> bool:
    """Make a method the default in the place of another; False: it is. The caller has the lock."""
    if saved.is_default:
        return False
    defaults = SavedMethod.objects.for_workspace(workspace).filter(is_default=True)
    before = defaults.first()
    defaults.update(is_default=False)
    saved.is_default = True
    saved.save(update_fields=["is_default"])
    audit.record(
        "payment_method.chosen",
        workspace=workspace,
        target=saved.label,
        before={"renewals": before.label if before else None},
        after={"renewals": saved.label},
    )
    return True


def remove(*, saved: SavedMethod, by: User, at: datetime) -> bool:
    """Charge a method never again; False: it was removed before.

    Auto-reloads that use it are switched off. Its provider is told afterwards: `keepers.let_go`.
    """
    with in_workspace(saved.workspace_id):
        billing.lock(workspace=saved.workspace)
        saved.refresh_from_db(fields=["is_default", "removed_at"])
        if saved.removed_at:
            return False
        was_default, saved.is_default = saved.is_default, False
        saved.removed_at, saved.removed_by = at, by
        saved.save(update_fields=["is_default", "removed_at", "removed_by"])
        audit.record(
            "payment_method.removed",
            workspace=saved.workspace,
            target=saved.label,
            before={"renewals": was_default},
        )
        using = AutoReload.objects.for_workspace(saved.workspace).filter(
            saved_method=saved, is_on=True
        )
        for reload in using.select_related("workspace", "bot").order_by("pk"):
            auto_reload.stop(reload, because=REMOVED)
            mails.tell_stopped(saved.workspace, reload.bot, because=REMOVED, of=at, at=at)
    return True
