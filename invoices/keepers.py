"""Providers that keep payment methods: a page to save one, and to have one forgotten.

As with payments a provider answers when it likes, and as often.
"""

import uuid
from datetime import datetime

from accounts import audit
from accounts.models import User, Workspace
from accounts.tenancy import in_workspace, read_as_operator
from invoices import payments, saved_methods
from invoices.models import Method, MethodSetup, SavedMethod
from invoices.providers import Keeper, SetupAnswer
from plans import billing

# Read by the beat, as the operator sees all workspaces: few rows at any time.
FIND_REMOVED = """
SELECT DISTINCT workspace_id FROM invoices_savedmethod
WHERE removed_at IS NOT NULL AND let_go_at IS NULL
"""


class UnknownSetup(LookupError):
    """A provider speaks of a setup that there is not."""


def find_keepers() -> dict[Method, Keeper]:
    """Return the methods that can be saved without a purchase, and who keeps them."""
    return {
        method: provider
        for method, provider in payments.find_providers().items()
        if isinstance(provider, Keeper)
    }


def list_methods() -> list[tuple[str, str]]:
    """Return the methods that can be saved with their names, for a choice."""
    return [(method.value, method.label) for method in find_keepers()]


def find_keeper(method: str) -> Keeper:
    """Return who keeps methods of a kind.

    Raises:
        Unavailable: nobody does, or it is not offered any more.
    """
    try:
        return find_keepers()[Method(method)]
    except (KeyError, ValueError):
        raise payments.Unavailable("This payment method cannot be saved.") from None


def start(
    *, workspace: Workspace, by: User, method: Method, as_default: bool, at: datetime
) -> MethodSetup:
    """Begin to save a method by the words of today, to which the person agrees.

    Raises:
        Unavailable: it cannot be saved.
    """
    find_keeper(method)
    with in_workspace(workspace.pk):
        setup = MethodSetup.objects.create(
            workspace=workspace,
            method=method,
            reference=uuid.uuid4().hex,
            consent=payments.CONSENT,
            as_default=as_default,
            started_by=by,
            started_at=at,
        )
        audit.record(
            "payment_method.started",
            workspace=workspace,
            target=method.label,
            after={"reference": setup.reference, "consent": setup.consent},
        )
    return setup


def open_page(*, setup: MethodSetup, return_to: str) -> str:
    """Return the address of the page on which the method is entered, and which leads back.

    Raises:
        Unavailable: it cannot be saved any more.
        ProviderDown: try again.
    """
    return find_keeper(setup.method).open_setup(setup, return_to=return_to)


def take_answer(*, workspace_id: int, answer: SetupAnswer, at: datetime) -> bool:
    """Note how a setup went, and keep the method that came of it; False: that was known.

    A method that arrives after the setup was given up is kept all the same, once.

    Raises:
        UnknownSetup: there is no such setup in this workspace.
    """
    with in_workspace(workspace_id):
        workspace = Workspace.objects.filter(pk=workspace_id).first()
        setups = MethodSetup.objects.for_workspace(workspace_id).filter(reference=answer.reference)
        if workspace is None or not setups.exists():
            raise UnknownSetup(f"There is no setup {answer.reference}.")
        billing.lock(workspace=workspace)
        setup = setups.select_related("started_by").get()
        if setup.kept_method_id or (setup.ended_at and not answer.saved_reference):
            return False
        setup.ended_at = at
        if answer.saved_reference:
            setup.kept_method = saved_methods.keep(
                workspace=workspace,
                by=setup.started_by,
                method=Method(setup.method),
                reference=answer.saved_reference,
                label=answer.saved_label,
                expires_on=answer.saved_until,
                consent=setup.consent,
                consented_at=setup.started_at,
                source="the page of payment methods",
                for_renewals=setup.consent in payments.FOR_RENEWALS,
                as_default=setup.as_default,
            )
        setup.save(update_fields=["ended_at", "kept_method"])
    return True


def find_removed() -> list[int]:
    """Return the workspaces with a removed method of which its provider was not told yet."""
    return [workspace_id for (workspace_id,) in read_as_operator(FIND_REMOVED)]


def let_go(*, workspace_id: int, now: datetime) -> int:
    """Have providers forget the methods that were removed here; return how many.

    Told twice they forget once. One that is not offered any more cannot be told: it is tried again
    when it is.

    Raises:
        ProviderDown: the rest waits for the next run.
    """
    with in_workspace(workspace_id):
        removed = SavedMethod.objects.for_workspace(workspace_id).filter(
            removed_at__isnull=False, let_go_at=None, method__in=list(find_keepers())
        )
        waiting = list(removed.order_by("pk"))
    for saved in waiting:
        if not is_kept_elsewhere(saved):
            find_keeper(saved.method).forget(saved)
        with in_workspace(workspace_id):
            told = SavedMethod.objects.for_workspace(workspace_id).filter(pk=saved.pk)
            told.update(let_go_at=now)
    return len(waiting)


def is_kept_elsewhere(saved: SavedMethod) -> bool:
    """Tell whether somebody else of the workspace has the same method saved, for themselves."""
    with in_workspace(saved.workspace_id):
        others = SavedMethod.objects.for_workspace(saved.workspace_id).kept()
        return others.filter(method=saved.method, reference=saved.reference).exists()
