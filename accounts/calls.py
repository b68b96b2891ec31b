"""Tasks that are called for by their names: the modules of tasks import those that call them."""

from celery import current_app
from django.db import transaction


def after_commit(task: str, **values: object) -> None:
    """Have a worker run a task once the caller's transaction is committed.

    Should the message be lost, the beat finds what is to be done by its row.
    """

    def send() -> None:
        current_app.send_task(task, kwargs=values, retry=False)

    transaction.on_commit(send, robust=True)
