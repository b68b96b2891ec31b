"""API keys are made, and found again by what a program presents."""

import hashlib
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q

from accounts import audit
from accounts.models import ApiKey, Workspace
from accounts.prepared import Parameter, Prepared, execute_all
from accounts.tenancy import API_KEY, WORKSPACE, admitted, in_workspace

PREFIX = "bck_"  # lets scanners of repositories recognize a key that was left there
USE_NOTED_EVERY = timedelta(minutes=1)
SHOWN = 12  # letters of a key by which people tell it from others

COLUMNS = (
    "id", "workspace_id", "name", "start", "hash", "scopes", "created_at", "expires_at",
    "revoked_at", "last_used_at",
)  # fmt: skip
# By the unique key of the hash.
OF_HASH = """
FROM accounts_apikey
WHERE hash = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)
"""
FIND = Prepared(
    "api_key_of_hash",
    types=["text", "timestamptz"],
    text=f"SELECT {', '.join(COLUMNS)} {OF_HASH}",
)
# What comes after it in the transaction sees the key's workspace.
FIND_AND_ADMIT = Prepared(
    "api_key_of_hash_and_workspace",
    types=["text", "timestamptz"],
    text=f"SELECT {', '.join(COLUMNS)},"
    f" set_config('{WORKSPACE}', workspace_id::text, true) {OF_HASH}",
)


def create(
    *,
    workspace: Workspace,
    name: str,
    scopes: Collection[str],
    expires_at: datetime | None = None,
) -> tuple[ApiKey, str | None]:
    """Return the API key of a name and, if it is new, the secret, which is kept nowhere.

    An existing key is left as it is.

    Raises:
        ValidationError: a value is not acceptable.
    """
    secret = PREFIX + secrets.token_urlsafe(32)
    values = {
        "start": secret[:SHOWN],
        "hash": digest(secret),
        "scopes": sorted(set(scopes)),
        "expires_at": expires_at,
    }
    with in_workspace(workspace.pk):
        keys = ApiKey.objects.for_workspace(workspace)
        found = keys.filter(name=name).first()
        if found is not None:
            return found, None
        # Whether the name is taken, the database says below: somebody may take it meanwhile.
        ApiKey(workspace=workspace, name=name, **values).clean_fields({"workspace"})
        key, created = keys.get_or_create(workspace=workspace, name=name, defaults=values)
        if created:
            after = {"scopes": key.scopes, "expires_at": key.expires_at}
            audit.record("api_key.created", workspace=workspace, target=name, after=after)
    return key, secret if created else None


def find(secret: str, *, at: datetime) -> ApiKey | None:
    """Return the key that a program presented, if it is valid at ``at``."""
    hash = digest(secret)
    row = FIND.fetch_one([hash, at], admitting=(API_KEY, hash))
    return None if row is None else read(row)


def find_and_ask(
    secret: str, *, at: datetime, statement: Prepared, parameters: Sequence[Parameter]
) -> tuple[ApiKey | None, tuple[Any, ...] | None]:
    """Return a key as `find` does, and the first row that a statement finds in its workspace.

    In one trip to the database, so never within a transaction.
    """
    hash = digest(secret)
    row, found = execute_all(
        [(FIND_AND_ADMIT, [hash, at]), (statement, parameters)], admitting=(API_KEY, hash)
    )
    return (None, None) if row is None else (read(row), found)


def read(row: tuple[Any, ...]) -> ApiKey:
    """Return the key of a row."""
    return ApiKey.from_db("default", COLUMNS, row[: len(COLUMNS)])


def record_refused(secret: str) -> None:
    """Note in the audit log that a key was refused: of its workspace, where there is one."""
    with admitted(API_KEY, digest(secret)):
        known = ApiKey.objects.filter(hash=digest(secret)).first()
    if known is None:
        audit.record_refused("api_key.refused", workspace_id=None, reason="unknown")
        return
    audit.record_refused(
        "api_key.refused",
        workspace_id=known.workspace_id,
        target=known.name,
        reason="revoked" if known.revoked_at else "expired",
    )


def note_use(key: ApiKey, *, at: datetime) -> None:
    """Note that a key was used; within a minute of the last note it costs nothing."""
    if key.last_used_at and at - key.last_used_at < USE_NOTED_EVERY:
        return
    with in_workspace(key.workspace_id):
        earlier = Q(last_used_at__isnull=True) | Q(last_used_at__lt=at)
        ApiKey.objects.for_workspace(key.workspace_id).filter(earlier, pk=key.pk).update(
            last_used_at=at
        )


def revoke(*, key: ApiKey, at: datetime) -> bool:
    """Refuse a key from ``at`` on, for ever; tell whether it was not revoked before."""
    with in_workspace(key.workspace_id):
        keys = ApiKey.objects.for_workspace(key.workspace_id)
        revoked = bool(keys.filter(pk=key.pk, revoked_at__isnull=True).update(revoked_at=at))
        if revoked:
            before = {"scopes": key.scopes, "expires_at": key.expires_at}
            audit.record("api_key.revoked", workspace=key.workspace, target=key.name, before=before)
        return revoked


def digest(secret: str) -> str:
    """Return what is stored of a key: being random and long, it needs no slow hash."""
    return hashlib.sha256(secret.encode()).hexdigest()
