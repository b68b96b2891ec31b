"""The Celery application; workers and beat start with ``-A billing_console``."""

import logging.config
import os
from datetime import UTC, datetime
from typing import Any

from celery import Celery, Task
from celery.signals import heartbeat_sent, setup_logging, task_failure, task_success
from django.conf import settings
from redis.exceptions import RedisError

from accounts import actors
from accounts.actors import ActorKind
from billing_console import workers

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "billing_console.settings")

FINDER = "usage.tasks.find_due_work"

logger = logging.getLogger(__name__)


class ConsoleTask(Task):  # type: ignore[type-arg]  # not generic when it runs
    """Background work: the audit log has what it does with the task's name."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # Any: whatever the task has
        """Run the task as the console itself."""
        with actors.acting_as(ActorKind.SYSTEM, name=self.name):
            return super().__call__(*args, **kwargs)


app: "Celery[Any]" = Celery("billing_console", task_cls=ConsoleTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@setup_logging.connect
def log_like_the_rest(*, loglevel: int, **values: Any) -> None:  # Any: what Celery sends
    """Write logs as all of the console does, from the level of the command line on."""
    logging.config.dictConfig(settings.LOGGING)
    logging.getLogger().setLevel(loglevel)


@heartbeat_sent.connect
def note_alive(sender: Any, **values: Any) -> None:
    """Note every two seconds that this worker lives, also while all of its processes are busy."""
    try:
        workers.note_alive(sender.eventer.hostname, at=datetime.now(UTC))
    except RedisError as error:
        logger.warning("That this worker lives is not noted: %s", error)


@task_success.connect
def note_finder(sender: Task[Any, Any], **values: Any) -> None:
    """Note that due work was looked for."""
    if sender.name == FINDER:
        try:
            workers.note_finder(at=datetime.now(UTC))
        except RedisError as error:
            logger.warning("That work was looked for is not noted: %s", error)


@task_failure.connect
def note_failure(sender: Task[Any, Any], **values: Any) -> None:
    """Count a task that failed; the log has said why."""
    try:
        workers.note_failure(sender.name)
    except RedisError as error:
        logger.warning("A failed task is not counted: %s", error)
