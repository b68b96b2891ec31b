"""Whether this process lives, and whether the installation can do its work."""

from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError

from billing_console import workers


@never_cache
@require_safe
def live(request: HttpRequest) -> JsonResponse:
    """Answer 200 while this process answers: no other server is asked, none is mended by a restart.

    `ready` says what is away.
    """
    return JsonResponse({"alive": True})


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Answer 200 while everything works that the console needs, 503 otherwise, and what does not.

    Pages and intake also go on without Redis and without a worker; only fresh numbers come later.
    """
    now = datetime.now(UTC)
    database = database_answers()
    works = {
        "database": database,
        "migrations": database and all_migrated(),
        "redis": redis_answers(),
        "worker": worker_lives(at=now),
        "beat": finder_works(at=now),
    }
    good = all(works.values())
    return JsonResponse(works, status=HTTPStatus.OK if good else HTTPStatus.SERVICE_UNAVAILABLE)


def database_answers() -> bool:
    """Tell whether the database runs a statement."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def redis_answers() -> bool:
    """Tell whether Redis answers."""
    try:
        return bool(workers.connect().ping())
    except RedisError:
        return False


def worker_lives(*, at: datetime) -> bool:
    """Tell whether a worker was seen lately."""
    try:
        return workers.count_alive(at=at) > 0
    except RedisError:
        return False


def finder_works(*, at: datetime) -> bool:
    """Tell whether a worker looked for due work lately, which beat asks for every few seconds."""
    try:
        return workers.finder_works(at=at)
    except RedisError:
        return False


def all_migrated() -> bool:
    """Tell whether the database has all migrations that this process knows."""
    try:
        return find_all_migrated()
    except (NotMigrated, DatabaseError):
        return False


class NotMigrated(Exception):
    """Migrations are missing in the database."""


@cache
def find_all_migrated() -> bool:
    """Return True, kept for ever: what is applied stays so, and it costs dozens of milliseconds.

    Raises:
        NotMigrated: some are missing; the next call looks again.
    """
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise NotMigrated
    return True
