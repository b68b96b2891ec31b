"""Real Celery workers: they find the work themselves, and may be killed at any instant."""

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection

from accounts.models import Workspace
from accounts.tenancy import in_workspace
from billing_console.celery import app
from tests import make
from tests.conftest import WorkerStarter, process_environment
from usage import rebuild, tasks
from usage.models import DirtyStream, Event

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

KILLS = 50
WRITERS = 4


def wait_until_done(of: Workspace, *, seconds: float = 60) -> None:
    """Send what the beat sends until nothing is due any more."""
    give_up = time.monotonic() + seconds
    while True:
        tasks.find_due_work.delay()
        with in_workspace(of.pk):
            due = DirtyStream.objects.for_workspace(of).filter(due_at__lte=datetime.now(UTC))
            if not due.exists():
                return
        assert time.monotonic() < give_up, "the workers did not get done"
        time.sleep(0.2)


def test_workers_roll_up_what_is_due_also_where_redis_lost_it(start_worker: WorkerStarter) -> None:
    acme, globex = make.workspace("acme"), make.workspace("globex")
    make.take_in(acme, *make.talk(0, 10, 31))
    make.take_in(globex, *make.talk(0))
    tasks.find_due_work.delay()
    app.control.purge()
    start_worker()

    wait_until_done(acme)
    wait_until_done(globex)

    # 10 and 31 lie more than 15 minutes apart.
    assert len(make.blocks(acme)) == 2
    assert len(make.blocks(globex)) == 1


def test_old_events_are_removed_by_a_task(start_worker: WorkerStarter) -> None:
    acme = make.workspace()
    old = datetime.now(UTC) - timedelta(days=400)
    make.take_in(acme, *make.talk(0, start=old), now=datetime.now(UTC))
    make.roll_up(acme)
    with in_workspace(acme.pk):
        acme.retention_months = 12
        acme.save()
    start_worker()

    give_up = time.monotonic() + 60
    left = 1
    while left:
        tasks.remove_old_events.delay()
        time.sleep(0.3)
        with in_workspace(acme.pk):
            left = Event.objects.for_workspace(acme).count()
        assert time.monotonic() < give_up

    assert len(make.blocks(acme)) == 1
    assert list(rebuild.run(workspace_id=acme.pk, now=datetime.now(UTC))) == []


# A nest sets Django up once and hatches one worker after the other. Each tells its number itself:
# it does also where its nest was just killed.
NEST = """
import django, os, sys, time
django.setup()
from datetime import UTC, datetime
from usage import rollup
while True:
    worker = os.fork()
    if worker == 0:
        print(os.getpid(), flush=True)
        while True:
            rollup.run(workspace_id=int(sys.argv[1]), now=datetime.now(UTC))
            time.sleep(0.002)
    os.waitpid(worker, 0)
"""


def start_nest(of: Workspace) -> subprocess.Popen[str]:
    """Start a process whose workers do what the task does, again and again."""
    return subprocess.Popen(
        [sys.executable, "-c", NEST, str(of.pk)],
        env=process_environment(),
        stdout=subprocess.PIPE,
        text=True,
    )


def end(nest: subprocess.Popen[str]) -> None:
    """End a nest and the worker in it."""
    assert nest.stdout is not None
    nest.kill()
    nest.wait()
    for line in nest.stdout:
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(line), signal.SIGKILL)


@pytest.mark.slow
def test_workers_killed_at_random_points_lose_nothing() -> None:
    """Four writers import while workers are killed 50 times: the result equals a rebuild."""
    acme = make.workspace()
    rng = random.Random(1)  # when to kill; the processes make their own chance
    done = threading.Event()

    def write(number: int) -> None:
        own = random.Random(number)
        try:
            while not done.is_set():
                start = make.NOON + timedelta(minutes=own.randint(0, 5000))
                user = f"u{own.randint(1, 40)}"
                events = [
                    event
                    for minute in range(own.randint(1, 40))
                    for event in make.talk(
                        minute * own.choice([1, 7, 16]),
                        start=start,
                        user=user,
                        subject=f"bot{own.randint(1, 5)}",
                        direction=own.choice(["user", "bot", "agent"]),
                    )
                ]
                make.take_in(acme, *events)
                time.sleep(0.01)
        finally:
            connection.close()

    writers = [threading.Thread(target=write, args=[number]) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    nests = [start_nest(acme), start_nest(acme)]
    try:
        for kill in range(KILLS):
            hatched = nests[kill % len(nests)].stdout
            assert hatched is not None
            worker = int(hatched.readline())
            time.sleep(rng.uniform(0.05, 0.4))
            os.kill(worker, signal.SIGKILL)
    finally:
        done.set()
        for writer in writers:
            writer.join()
        for nest in nests:
            end(nest)

    make.roll_up(acme, datetime.now(UTC))

    with in_workspace(acme.pk):
        assert Event.objects.for_workspace(acme).count() > 1000
    assert list(rebuild.run(workspace_id=acme.pk, now=datetime.now(UTC))) == []
