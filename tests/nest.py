"""Workers of Celery, hatched by a process that has loaded the console once for all of them."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NEST = """
import gc, os, signal, sys
import django
django.setup()
import celery.apps.worker, celery.bin.celery, celery.concurrency.prefork, kombu.transport.redis
from django.core.checks import run_checks
from billing_console.celery import app
app.loader.import_default_modules()
run_checks()  # as each worker does; it loads all pages
gc.freeze()  # workers collect garbage when they start
signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the workers here
for line in sys.stdin:
    worker = os.fork()
    if worker == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDWR), 0)
        os.dup2(0, 1)
        app.worker_main(line.split())
        sys.exit()
    print(worker, flush=True)
"""


@dataclass(frozen=True)
class Worker:
    """A worker, by its process, which leads a group with those that it starts."""

    pid: int

    def runs(self) -> bool:
        """Tell whether it has not ended."""
        return Path(f"/proc/{self.pid}").exists()

    def end(self, number: signal.Signals) -> None:
        """Send it a signal and wait until it has ended."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)
        give_up = time.monotonic() + 60
        while self.runs():
            assert time.monotonic() < give_up, "the worker does not end"
            time.sleep(0.02)


class Nest:
    """A process that hatches workers; it has loaded the console, but is connected to nothing.

    It ends with this process, if not before.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        """Start it."""
        self.process = subprocess.Popen(
            [sys.executable, "-c", NEST],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def hatch(self, *arguments: str) -> Worker:
        """Have a worker start, with the arguments of Celery's command."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        print(*arguments, file=self.process.stdin, flush=True)
        return Worker(int(self.process.stdout.readline()))

    def end(self) -> None:
        """End it; workers go on."""
        self.process.kill()
        self.process.communicate()
