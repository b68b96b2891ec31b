"""Whether this process can do its work, for whoever watches it."""

from http import HTTPStatus

from django.core.cache import caches
from django.db import DatabaseError, connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from redis.exceptions import RedisError


@never_cache
@require_safe
def health(request: HttpRequest) -> JsonResponse:
    """Answer 200 while the database answers; without Redis only fresh numbers come later."""
    works = {"database": database_answers(), "redis": redis_answers()}
    status = HTTPStatus.OK if works["database"] else HTTPStatus.SERVICE_UNAVAILABLE
    return JsonResponse(works, status=status)


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
        caches["redis"].get("health")
    except RedisError:
        return False
    return True
