"""Background work of accounts: each task makes one call and may run twice."""

from datetime import UTC, datetime

from celery import shared_task

from accounts import seals


@shared_task
def seal_audit_log() -> None:
    """Seal what is new in the audit log; sent by the beat every minute."""
    seals.seal(at=datetime.now(UTC))
