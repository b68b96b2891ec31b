"""Charging, and the question that bot platforms ask before each conversation."""

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from statistics import median, quantiles

from django.db import connection

from accounts import bots, workspaces
from accounts.models import Bot, Scope, Workspace
from accounts.tenancy import in_workspace
from benchmarks import pages, scratch
from benchmarks.measures import TIMES, Result, celery_worker, make_key, seconds, web_server
from plans import billing, charging
from plans.models import ChargedDay
from plans.tasks import charge_workspace
from usage import totals
from usage.models import ChangedBot

# As many connections as a reverse proxy keeps. The kernel deals them to the web processes by
# chance: of four, all can fall to one of the two.
CLIENTS = 16
ASKED_BOTS = 50
CHARGED_IN = 60  # seconds, for a million sessions
AGAIN_IN = 2
A_SECOND = 1000  # questions

# What charging is compared with: a price for each session of each local day.
PLAIN = """
SELECT bot_id, day, sum(usage_sessions + alert_sessions) * %(price)s
FROM usage_usagedayinall WHERE workspace_id = %(workspace)s
GROUP BY bot_id, day HAVING sum(usage_sessions + alert_sessions) > 0
"""

Days = dict[tuple[int, date], Decimal]


def measure_charging(*, full: bool) -> Iterator[Result]:
    """Charge all sessions of a workspace once, then find nothing; the baseline is one statement."""
    bots_count, sessions = (1000, 1_000_000) if full else (100, 100_000)
    now = datetime.now(UTC)
    scratch.empty()
    owner = pages.make_workspace(
        f"charged-{time.time_ns()}", bots_count=bots_count, sessions=sessions, now=now
    )
    workspace = owner.workspace
    billing.open_billing(workspace=workspace, at=now)
    scratch.settle()
    plain = median(seconds(lambda: count_plainly(workspace)) for _ in range(TIMES))
    mark_all(workspace)
    first = seconds(lambda: charging.run(workspace_id=workspace.pk, now=now))
    assert read_charged(workspace) == count_plainly(workspace)
    second = seconds(lambda: charging.run(workspace_id=workspace.pk, now=now))
    again = []
    for _ in range(TIMES):
        mark_all(workspace)
        again.append(seconds(lambda: charging.run(workspace_id=workspace.pk, now=now)))
    most = CHARGED_IN * sessions / 1_000_000
    yield Result(
        f"charging of {sessions:,} sessions of {bots_count:,} bots, for the first time",
        f"bar {most:.0f} s; plain sums {plain:.2f} s",
        f"{first:.1f} s",
        first / most,
        1,
    )
    yield Result(
        f"a second run of {bots_count:,} bots, none of which is marked",
        f"bar {AGAIN_IN} s",
        f"{second:.2f} s",
        second / AGAIN_IN,
        1,
    )
    yield Result(
        f"charging of {bots_count:,} bots once more, all marked, of which nothing changed",
        f"bar {AGAIN_IN} s",
        f"{median(again):.2f} s",
        median(again) / AGAIN_IN,
        1,
    )


def mark_all(workspace: Workspace) -> None:
    """Have all bots looked at."""
    with in_workspace(workspace.pk):
        found = list(Bot.objects.for_workspace(workspace).values_list("pk", flat=True))
        totals.note_changed(workspace_id=workspace.pk, bots=found)


def count_plainly(workspace: Workspace) -> Days:
    """Return what each bot's days cost at the price of the plan that all have."""
    with in_workspace(workspace.pk), connection.cursor() as cursor:
        cursor.execute(PLAIN, {"workspace": workspace.pk, "price": Decimal("0.2")})
        return {(bot, day): amount for bot, day, amount in cursor.fetchall()}


def read_charged(workspace: Workspace) -> Days:
    """Return what each bot's days were charged."""
    with in_workspace(workspace.pk):
        days = ChargedDay.objects.for_workspace(workspace)
        return {(bot, day): cost for bot, day, cost in days.values_list("bot_id", "day", "amount")}


def measure_entitlement(*, full: bool) -> Iterator[Result]:
    """Ask by clients that keep their connections, while charging runs; then by one alone."""
    count = 20_000 if full else 500
    scratch.empty()
    workspace = workspaces.create(slug=f"asked-{time.time_ns()}")[0]
    for number in range(ASKED_BOTS):
        bots.create(workspace=workspace, key=f"bot-{number}")
    billing.open_billing(workspace=workspace, at=datetime.now(UTC))
    key = make_key(workspace, Scope.READ_ENTITLEMENT)
    with web_server() as address, charging_all_the_time(workspace):
        ask_all(address, key, CLIENTS * 20)
        runs = [ask_all(address, key, count)[0] for _ in range(TIMES)]
        answers = ask_all(address, key, count // TIMES, clients=1)[1]
    rate = count / median(runs)
    slow = quantiles(answers, n=20)[-1]
    yield Result(
        f"entitlement, {CLIENTS} clients on the same machine, while charging runs",
        f"bar {A_SECOND:,}/s",
        f"{rate:,.0f}/s; one client alone: half answered in {median(answers) * 1000:.1f} ms,"
        f" 95 % in {slow * 1000:.1f} ms",
        rate / A_SECOND,
        1,
        most=False,
    )


@contextmanager
def charging_all_the_time(workspace: Workspace) -> Iterator[None]:
    """Have a worker charge all bots of a workspace again and again during the block."""
    over = threading.Event()

    def charge() -> None:
        mark_all(workspace)
        charge_workspace.delay(workspace_id=workspace.pk, now=datetime.now(UTC).isoformat())
        while has_marks(workspace):
            time.sleep(0.1)

    def charge_again() -> None:
        while not over.wait(0.5):
            charge()
        connection.close()

    thread = threading.Thread(target=charge_again)
    with celery_worker(1):
        charge()  # by then it has begun
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def has_marks(workspace: Workspace) -> bool:
    """Tell whether a bot is still to be looked at."""
    with in_workspace(workspace.pk):
        return ChangedBot.objects.for_workspace(workspace).exists()


def ask_all(
    address: str, key: str, count: int, *, clients: int = CLIENTS
) -> tuple[float, list[float]]:
    """Ask for bots in turn; return the seconds of all together and of each answer."""
    answers: list[float] = []

    def client(place: int) -> None:
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as server:
            for number in range(place, count, clients):
                start = time.perf_counter()
                path = f"/api/v1/bots/bot-{number % ASKED_BOTS}/entitlement"
                server.sendall(
                    f"GET {path} HTTP/1.1\r\nHost: {host}\r\n"
                    f"Authorization: Bearer {key}\r\n\r\n".encode()
                )
                answer = receive(server)
                answers.append(time.perf_counter() - start)
                assert b'"allowed": true' in answer, answer

    threads = [threading.Thread(target=client, args=[place]) for place in range(clients)]
    start = time.perf_counter()
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    taken = time.perf_counter() - start
    assert len(answers) == count
    return taken, answers


def receive(server: socket.socket) -> bytes:
    """Return the next answer; by hand, since clients take time of the same cores."""
    answer = b""
    while b"\r\n\r\n" not in answer or not answer.endswith(b"}"):
        answer += server.recv(4096)
    return answer
