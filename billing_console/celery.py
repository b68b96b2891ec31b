"""The Celery application; workers and beat start with ``-A billing_console``."""

import os
from typing import Any

from celery import Celery, Task

from accounts import actors
from accounts.actors import ActorKind

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "billing_console.settings")


class ConsoleTask(Task):  # type: ignore[type-arg]  # not generic when it runs
    """Background work: the audit log has what it does with the task's name."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:  # Any: whatever the task has
        """Run the task as the console itself."""
        with actors.acting_as(ActorKind.SYSTEM, name=self.name):
            return super().__call__(*args, **kwargs)


app: "Celery[Any]" = Celery("billing_console", task_cls=ConsoleTask)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
