"""Background work of invoices: each task makes one call and may run twice."""

import logging
from datetime import UTC, datetime

from celery import shared_task

from invoices import (
    bundles,
    bundling,
    callbacks,
    documents,
    expiry,
    files,
    keepers,
    paying_back,
    reloads,
    renewals,
    tie_out_checks,
)
from invoices.books import packs
from invoices.providers import ProviderDown

logger = logging.getLogger(__name__)

HOUR = 60 * 60  # seconds
EXPIRES = 60  # seconds; a call that waited that long was followed by others that say the same


@shared_task
def find_due_reloads() -> None:
    """Have wallets reloaded that are below their limit; sent by the beat every minute."""
    now = datetime.now(UTC)
    for workspace_id in reloads.find_due():
        run_reloads.apply_async(
            kwargs={"workspace_id": workspace_id, "now": now.isoformat()}, expires=EXPIRES
        )


@shared_task
def run_reloads(*, workspace_id: int, now: str) -> None:
    """Order and charge what is due in one workspace."""
    reloads.run(workspace_id=workspace_id, now=datetime.fromisoformat(now))


@shared_task
def find_due_renewals() -> None:
    """Have months closed that are over, and renewals paid; sent by the beat every minute."""
    now = datetime.now(UTC)
    for workspace_id in renewals.find_due(now=now):
        run_renewals.apply_async(kwargs={"workspace_id": workspace_id}, expires=EXPIRES)


@shared_task
def run_renewals(*, workspace_id: int) -> None:
    """Close months of one workspace, charge its renewals, and say which plans are past due.

    By a clock of its own: an event that comes after the clock keeps a month open.
    """
    renewals.run(workspace_id=workspace_id, now=datetime.now(UTC))


@shared_task
def find_removed_methods() -> None:
    """Have providers told of methods that were removed; sent by the beat every minute."""
    for workspace_id in keepers.find_removed():
        let_go.apply_async(kwargs={"workspace_id": workspace_id}, expires=EXPIRES)


@shared_task
def let_go(*, workspace_id: int) -> None:
    """Have providers forget the methods that were removed in one workspace."""
    try:
        keepers.let_go(workspace_id=workspace_id, now=datetime.now(UTC))
    except ProviderDown as error:
        logger.warning("a removed payment method waits: %s", error)


@shared_task(autoretry_for=(OSError,), retry_backoff=5, max_retries=6)
def deliver_sandbox_answer(*, body: str) -> None:
    """Send an answer of the sandbox to the console; where it is not taken, again later."""
    callbacks.deliver(body=body)


@shared_task
def find_unmade_files() -> None:
    """Have PDFs made that are not; sent by the beat every minute."""
    for workspace_id, file_id in files.find_unmade():
        make_file.apply_async(
            kwargs={"workspace_id": workspace_id, "file_id": file_id}, expires=EXPIRES
        )


@shared_task
def make_file(*, workspace_id: int, file_id: int) -> None:
    """Make the PDF of one document or statement."""
    files.make_file(workspace_id=workspace_id, file_id=file_id, now=datetime.now(UTC))


@shared_task
def issue_missing_invoices() -> None:
    """Issue the invoices of orders that have none; sent by the beat every hour."""
    documents.issue_missing(at=datetime.now(UTC))


@shared_task
def find_due_paybacks() -> None:
    """Have providers send back what is owed to buyers; sent by the beat every minute."""
    now = datetime.now(UTC)
    for workspace_id, payback_id in paying_back.find_due(now=now):
        send_payback.apply_async(
            kwargs={
                "workspace_id": workspace_id,
                "payback_id": payback_id,
                "now": now.isoformat(),
            },
            expires=EXPIRES,
        )


@shared_task
def send_payback(*, workspace_id: int, payback_id: int, now: str) -> None:
    """Have the provider send back one payment, or a part of it."""
    paying_back.send(
        workspace_id=workspace_id, payback_id=payback_id, now=datetime.fromisoformat(now)
    )


@shared_task
def find_due_bundles() -> None:
    """Have bundles made that wait, or whose worker died; sent by the beat every minute."""
    for workspace_id, bundle_id in bundles.find_due():
        make_bundle.apply_async(
            kwargs={"workspace_id": workspace_id, "bundle_id": bundle_id}, expires=EXPIRES
        )


@shared_task
def make_bundle(*, workspace_id: int, bundle_id: int) -> None:
    """Make one bundle."""
    bundling.make(workspace_id=workspace_id, bundle_id=bundle_id, now=datetime.now(UTC))


@shared_task
def remove_expired_bundles() -> None:
    """Remove bundles whose time is up; sent by the beat every hour."""
    bundles.remove_expired(now=datetime.now(UTC))


@shared_task
def find_due_month_packs() -> None:
    """Have month-end packs made that wait, or whose worker died; sent by the beat every minute."""
    for pack_id in packs.find_due():
        make_month_pack.apply_async(kwargs={"pack_id": pack_id}, expires=EXPIRES)


@shared_task
def make_month_pack(*, pack_id: int) -> None:
    """Make one month-end pack."""
    packs.make(pack_id=pack_id)


@shared_task
def remove_expired_month_packs() -> None:
    """Remove month-end packs whose time is up; sent by the beat every hour."""
    packs.remove_expired(now=datetime.now(UTC))


@shared_task
def find_due_tie_outs() -> None:
    """Have workspaces checked that were not this night; sent by the beat every hour of it."""
    now = datetime.now(UTC)
    for workspace_id in tie_out_checks.find_due(now=now):
        check_tie_out.apply_async(
            kwargs={"workspace_id": workspace_id, "now": now.isoformat()}, expires=HOUR
        )


@shared_task
def check_tie_out(*, workspace_id: int, now: str) -> None:
    """Compare the numbers of one workspace and keep how many differ."""
    tie_out_checks.run(workspace_id=workspace_id, now=datetime.fromisoformat(now))


@shared_task
def find_expiring_methods() -> None:
    """Have people told of saved methods that expire soon; sent by the beat every hour."""
    for workspace_id in expiry.find_due(now=datetime.now(UTC)):
        tell_expiring_methods.apply_async(kwargs={"workspace_id": workspace_id}, expires=HOUR)


@shared_task
def tell_expiring_methods(*, workspace_id: int) -> None:
    """Tell people of one workspace of saved methods that expire soon."""
    expiry.run(workspace_id=workspace_id, now=datetime.now(UTC))
