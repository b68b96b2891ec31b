import http.client
import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts import actors
from accounts.actors import ActorKind
from billing_console.demo import plan, supervise
from billing_console.demo.fill import fill
from billing_console.demo.sign_ins import SignIns
from usage.checker import CheckerEnded


class Command(BaseCommand):
    help = "Fill this installation with a demo, and run web server, worker and beat until Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--port", type=int, default=8000, help="of the console, on 127.0.0.1")

    def handle(self, *, port: int, **options: Any) -> None:
        if not supervise.port_is_free(port):
            raise CommandError(f"Port {port} is in use; --port (make: PORT=) takes another one.")
        os.environ.setdefault("PUBLIC_ADDRESS", f"http://127.0.0.1:{port}")  # of its processes
        var = Path(settings.VAR_DIR)
        sign_ins = SignIns(var / "demo-sign-ins.json")
        with supervise.stop_on_signals():
            try:
                self.fill(sign_ins)
                supervise.run(
                    list_commands(port=port, schedule=var / "celerybeat-schedule"),
                    is_up=lambda: answers(port),
                    ready=lambda: self.show(port, sign_ins),
                )
            except supervise.Stopped:
                self.stderr.write("Stopped.")
            except (supervise.ChildDied, supervise.NotUp, CheckerEnded) as error:
                raise CommandError(f"{error} Everything was stopped.") from None

    def fill(self, sign_ins: SignIns) -> None:
        self.say("Migrating the database")
        call_command("migrate", interactive=False, verbosity=0, stdout=self.stderr)
        self.say("Filling the console; the first time this takes a minute or two")
        with actors.acting_as(ActorKind.COMMAND, name="demo"):
            fill(now=datetime.now(UTC), sign_ins=sign_ins, say=self.say)
        self.say("Starting web server, worker and beat")

    def say(self, text: str) -> None:
        self.stderr.write(text, self.style.NOTICE)
        self.stderr.flush()

    def show(self, port: int, sign_ins: SignIns) -> None:
        rows = [
            (person.email, person.role, planned.name)
            for planned in plan.WORKSPACES
            for person in planned.people
        ]
        rows.append((plan.OPERATOR, "operator", "the installation"))
        lines = [
            f"  {email:<32} {sign_ins.passwords[email]:<40} {role} of {where}"
            for email, role, where in rows
        ]
        self.stdout.write(
            "\n".join([f"\nhttp://127.0.0.1:{port}/\n", *lines, "\nCtrl-C stops it."])
        )
        self.stdout.flush()


def list_commands(*, port: int, schedule: Path) -> dict[str, list[str]]:
    """Return the command lines of the console's processes, run by this Python."""
    run_module = [sys.executable, "-m"]
    celery = [sys.executable]
    # Run by root, as in a container, the worker warns. Its messages are JSON, so that nobody who
    # can write to the broker gets code to run; and only the same user reaches the demo's sockets.
    celery += ["-W", "ignore:You're running the worker with superuser privileges"]
    celery += ["-m", "celery", "--quiet", "-A", "billing_console"]
    web = [*run_module, "billing_console.web", "--bind", f"127.0.0.1:{port}"]
    return {
        "The web server": [*web, "--log-level", "warning"],
        "The worker": [*celery, "worker", "--concurrency", "2", "--loglevel", "warning"],
        "The beat": [
            *celery, "beat", "--schedule", str(schedule), "--pidfile=", "--loglevel", "warning",
        ],
    }  # fmt: skip


def answers(port: int) -> bool:
    """Tell whether the web server answers that it can work."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/healthz", headers={"Host": f"127.0.0.1:{port}"})
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
