"""What is measured: each function yields results, baseline first."""

import io
import json
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

import brotli
import duckdb
import psycopg
from django.conf import settings
from django.core.files.storage import default_storage
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts import bots, keys, workspaces
from accounts.models import Membership, Scope, Workspace
from accounts.tenancy import in_workspace
from benchmarks import duckdb_baseline, events, pages, scratch
from usage import importing, rebuild, rollup
from usage.models import BillingSession, UsageBucket

ROOT = Path(__file__).resolve().parent.parent
TIMES = 5
NOW = datetime(2027, 6, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Result:
    """One row of the report. ``most``: the ratio is to be at most the bar, else at least."""

    what: str
    baseline: str
    console: str
    ratio: float
    bar: float
    most: bool = True
    valid: bool = True

    def row(self) -> str:
        """Return the row as it is printed."""
        met = self.ratio <= self.bar if self.most else self.ratio >= self.bar
        said = ("met" if met else "MISSED") if self.valid else "baseline too slow: invalid"
        sign = "at most" if self.most else "at least"
        return (
            f"| {self.what} | {self.baseline} | {self.console} | {self.ratio:.2f}"
            f" | {sign} {self.bar} | {said} |"
        )


def seconds(run: Callable[[], object]) -> float:
    """Return how long a call takes."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def make_events(count: int, *, ordered: bool, seed: int = 1, recent: bool = False) -> Path:
    """Write synthetic events to a file of this run and return it."""
    path = make_path()
    with connect() as connection:
        days = {"first_day": date.today() - timedelta(days=30), "days": 29} if recent else {}  # noqa: DTZ011
        events.make(connection, events=count, seed=seed, ordered_ids=ordered, **days)  # type: ignore[arg-type]
        events.write_ndjson(connection, path)
    return path


def make_path() -> Path:
    """Return the path of a new file, which `__main__` removes with its folder."""
    handle, name = tempfile.mkstemp(suffix=".ndjson")
    os.close(handle)
    return Path(name)


def connect() -> duckdb.DuckDBPyConnection:
    """Return a DuckDB in memory with as many threads as there are cores."""
    return duckdb.connect(config={"threads": os.cpu_count() or 1})


def load(path: Path, slug: str) -> Workspace:
    """Import a file of events into a workspace."""
    workspace = workspaces.create(slug=slug)[0]
    with path.open("rb") as file:
        importing.import_events(file, workspace=workspace, create_bots=True, now=NOW)
    return workspace


def measure_import(*, full: bool) -> Iterator[Result]:
    """Import events; the baseline is plain SQL with the same rows, sorted, and the same keys."""
    count = 1_000_000 if full else 100_000
    path = make_events(count, ordered=False)
    plain, console = [], []
    for _ in range(TIMES):
        scratch.empty()
        console.append(seconds(lambda: load(path, "bench")))
        plain.append(copy_plainly(count))
    rate = count / median(plain)
    yield Result(
        f"bulk import of {count:,} events",
        f"{rate:,.0f} rows/s",
        f"{count / median(console):,.0f} events/s",
        median(console) / median(plain),
        2,
        valid=rate >= 40_000 or not full,
    )


# The rows that were just imported, without what only the console writes beside them.
PREPARE_PLAIN = """
DROP TABLE IF EXISTS plain_event, plain_input;
CREATE TABLE plain_event (LIKE usage_event INCLUDING ALL)
"""


def copy_plainly(count: int) -> float:
    """Store the imported events again by COPY and INSERT ... ON CONFLICT; return the seconds."""
    with psycopg.connect(scratch.address("owner"), autocommit=True) as connection:
        for statement in PREPARE_PLAIN.split(";"):
            connection.execute(statement.encode())
        data = io.BytesIO()
        export = (
            b"COPY (SELECT * FROM usage_event ORDER BY workspace_id, source_id, event_id) TO STDOUT"
        )
        with connection.cursor().copy(export) as copy:
            for part in copy:
                data.write(part)
        start = time.perf_counter()
        with connection.transaction():
            connection.execute("CREATE TEMP TABLE plain_input (LIKE usage_event) ON COMMIT DROP")
            with connection.cursor().copy("COPY plain_input FROM STDIN") as copy:
                copy.write(data.getbuffer())
            stored = connection.execute(
                "INSERT INTO plain_event SELECT * FROM plain_input ON CONFLICT DO NOTHING"
            )
        taken = time.perf_counter() - start
        assert stored.rowcount == count
        connection.execute("DROP TABLE plain_event")
    return taken


def measure_post(*, full: bool) -> Iterator[Result]:
    """Send batches of 1,000 by two clients; the baseline is the bulk import of the same events."""
    count = 200_000 if full else 40_000
    path = make_events(count, ordered=False, recent=True)
    lines = path.read_bytes().splitlines()
    batches = [b"\n".join(lines[start : start + 1000]) for start in range(0, count, 1000)]
    bulk, posted = [], []
    for _ in range(TIMES):
        scratch.empty()
        bulk.append(seconds(lambda: load(path, "bench")))
        scratch.empty()
        workspace = workspaces.create(slug="bench")[0]
        for number in range(events.BOTS):
            bots.create(workspace=workspace, key=f"bot-{number:03d}")
        with web_server() as address:
            posted.append(post_all(address, make_key(workspace), batches))
    yield Result(
        f"POST of {count:,} events, batches of 1,000, two clients",
        f"{count / median(bulk):,.0f} events/s",
        f"{count / median(posted):,.0f} events/s",
        median(bulk) / median(posted),
        0.5,
        most=False,
    )


def make_key(workspace: Workspace, scope: Scope = Scope.WRITE_EVENTS) -> str:
    """Return the secret of a new API key."""
    name = f"bench-{time.time_ns()}"
    secret = keys.create(workspace=workspace, name=name, scopes=[scope])[1]
    assert secret is not None
    return secret


def process_environment() -> dict[str, str]:
    """Return the environment by which another process uses the scratch database."""
    return {
        **os.environ,
        "DATABASE_URL": scratch.address("default"),
        "DATABASE_OPERATOR_URL": scratch.address("operator"),
        "REDIS_URL": settings.REDIS_ADDRESS,
        "SECRET_KEY": settings.SECRET_KEY,
        "FILES_DIR": str(default_storage.path("")),
        "API_REQUESTS_PER_MINUTE": "1000000",
        "HTTPS": "0",
        "LOG_LEVEL": "ERROR",
    }


@contextmanager
def celery_worker(processes: int) -> Iterator[int]:
    """Run a Celery worker of so many processes on the scratch database; yield its process id."""
    command = [sys.executable, "-m", "celery", "-A", "billing_console", "worker", "-l", "error"]
    worker = subprocess.Popen([*command, "-c", str(processes)], cwd=ROOT, env=process_environment())
    try:
        yield worker.pid
    finally:
        worker.terminate()
        worker.wait()


@contextmanager
def web_server() -> Iterator[str]:
    """Run the web server on the scratch database; yield its address."""
    server = subprocess.Popen(
        [sys.executable, "-m", "billing_console.web", "--bind", "127.0.0.1:8765"],
        cwd=ROOT,
        env=process_environment(),
    )
    address = "http://127.0.0.1:8765"
    try:
        wait_for(f"{address}/healthz")
        yield address
    finally:
        server.terminate()
        server.wait()


def wait_for(address: str) -> None:
    """Wait until a page answers, for half a minute at most."""
    give_up = time.monotonic() + 30
    while True:
        try:
            with urllib.request.urlopen(address):
                return
        except OSError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.1)


def post_all(address: str, key: str, batches: list[bytes]) -> float:
    """Send all batches by two clients that take turns; return the seconds."""
    waiting = iter(batches)
    lock = threading.Lock()
    accepted = []

    def client() -> None:
        while True:
            with lock:
                batch = next(waiting, None)
            if batch is None:
                return
            headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/x-ndjson"}
            request = urllib.request.Request(
                f"{address}/api/v1/events", data=batch, headers=headers
            )
            with urllib.request.urlopen(request) as response:
                accepted.append(json.load(response)["accepted"])

    clients = [threading.Thread(target=client) for _ in range(2)]
    start = time.perf_counter()
    for each in clients:
        each.start()
    for each in clients:
        each.join()
    taken = time.perf_counter() - start
    assert sum(accepted) == sum(batch.count(b"\n") + 1 for batch in batches)
    return taken


DERIVED = (
    "TRUNCATE usage_billingsession, usage_conversation, usage_usagebucket, usage_usageday,"
    " usage_usagesixhours, usage_usagedayinall,"
    " usage_usagemonth, usage_agent, usage_dirtystream, usage_changedbot"
)
# The marks of the import: what is due is no difference to report.
KEEP_MARKS = "CREATE TABLE marks AS SELECT * FROM usage_dirtystream"
RESTORE_MARKS = "INSERT INTO usage_dirtystream SELECT * FROM marks"
DROP_MARKS = "DROP TABLE marks"


def measure_rebuild(*, full: bool) -> Iterator[Result]:
    """Rebuild all sessions and totals from nothing; the baseline is one DuckDB statement each."""
    count = 5_000_000 if full else 200_000
    scratch.empty()
    with connect() as connection:
        events.make(connection, events=count, seed=1, ordered_ids=False)
        path = make_path()
        events.write_ndjson(connection, path)
        workspace = load(path, "bench")
        scratch.execute_as_owner(KEEP_MARKS)
        scratch.settle()
        duck, console = [], []
        for _ in range(TIMES):
            duck.append(duckdb_baseline.count(connection, NOW))
            scratch.execute_as_owner(DERIVED, RESTORE_MARKS)
            console.append(seconds(lambda: list(rebuild.run(workspace_id=workspace.pk, now=NOW))))
        scratch.execute_as_owner(DROP_MARKS)
        assert count_console(workspace) == count_duckdb(connection)
    yield Result(
        f"rebuild from {count:,} events",
        f"{median(duck):.1f} s",
        f"{median(console):.1f} s",
        median(console) / median(duck),
        2,
        valid=median(duck) <= 12 or not full,
    )


def count_console(workspace: Workspace) -> list[int]:
    """Return how many sessions of each kind and how many buckets are stored."""
    with in_workspace(workspace.pk):
        sessions = BillingSession.objects.for_workspace(workspace)
        kinds = [sessions.filter(kind=kind, completed=True).count() for kind in (1, 2, 3, 4)]
        return [*kinds, UsageBucket.objects.for_workspace(workspace).count()]


def count_duckdb(connection: duckdb.DuckDBPyConnection) -> list[int]:
    """Return the same of the baseline."""
    found = []
    for kind in (1, 2, 3, 4):
        row = connection.execute(
            f"SELECT count(*) FROM session WHERE kind = {kind} AND completed"
        ).fetchone()
        found.append(row[0] if row else 0)
    row = connection.execute("SELECT count(*) FROM bucket").fetchone()
    return [*found, row[0] if row else 0]


def measure_growth(*, full: bool) -> Iterator[Result]:
    """Store and roll up 10,000 events with a long history and with none."""
    history = 10_000_000 if full else 400_000
    for ordered, bar in ((True, 1.5), (False, 3.0)):
        base = make_events(history, ordered=ordered)
        # Later than the history, so that ordered ids go on where it ends; another seed each.
        news = [make_news(seed, ordered=ordered) for seed in range(2, 2 + TIMES)]
        empty, grown = [], []
        for path in news:
            scratch.empty()
            empty.append(add_news(path))
        scratch.empty()
        workspace = load(base, "bench")
        list(rebuild.run(workspace_id=workspace.pk, now=NOW))
        scratch.settle()
        grown = [add_news(path) for path in news]
        yield Result(
            f"10,000 events and their roll-up into {history:,},"
            f" {'ordered' if ordered else 'random'} ids",
            f"{median(empty):.2f} s into none",
            f"{median(grown):.2f} s",
            median(grown) / median(empty),
            bar,
        )


def make_news(seed: int, *, ordered: bool) -> Path:
    """Write 10,000 events of one day after the history."""
    path = make_path()
    with connect() as connection:
        day = events.FIRST_DAY + timedelta(days=events.DAYS + seed)
        events.make(
            connection, events=10_000, seed=seed, ordered_ids=ordered, first_day=day, days=1
        )
        events.write_ndjson(connection, path)
    return path


def add_news(path: Path) -> float:
    """Import a file and roll it up; return the seconds."""

    def run() -> None:
        workspace = load(path, "bench")
        rollup.run(workspace_id=workspace.pk, now=NOW, wait=True)

    return seconds(run)


PAGES = (
    # What is shown, its address, and how many milliseconds of server time it may take.
    ("30 days by day", "", 100),
    ("30 days by day in another zone", "?timezone=Asia/Kolkata", 300),
    ("366 days by month", "?by=month&first={first}&last={last}", 200),
    ("30 days as table by bot", "?view=table&rows=bot", 100),
)
MOST_QUERIES = 12


def measure_page(*, full: bool) -> Iterator[Result]:
    """Show the Usage page of 1,000 bots; the baseline is the bar, and the page of 10 bots."""
    now = datetime.now(UTC)
    scratch.empty()
    few = pages.make_workspace("few", bots_count=10, sessions=10_000, now=now)
    bots_count, sessions = (1000, 10_000_000) if full else (200, 200_000)
    many = pages.make_workspace("many", bots_count=bots_count, sessions=sessions, now=now)
    scratch.settle()
    today = now.astimezone(ZoneInfo(pages.ZONE)).date()
    first = today - timedelta(days=365)
    for what, query, most in PAGES:
        query = query.format(first=first, last=today)
        few_taken, few_queries = show(few, query)
        taken, queries = show(many, query)
        yield Result(
            f"Usage page, {bots_count:,} bots, {sessions:,} sessions, {what}",
            f"bar {most} ms; 10 bots {few_taken * 1000:.0f} ms, {few_queries} queries",
            f"{taken * 1000:.0f} ms, {queries} queries",
            taken * 1000 / most,
            1,
            valid=few_queries == queries <= MOST_QUERIES,
        )


def show(member: Membership, query: str) -> tuple[float, int]:
    """Return the seconds that the server needs for the page, and how many queries."""
    client = Client(headers={"host": "localhost"})
    client.force_login(member.user)
    address = f"/w/{member.workspace.slug}/usage/{query}"

    def get() -> None:
        response = client.get(address, secure=settings.SECURE_SSL_REDIRECT)
        assert response.status_code == 200, response.content

    get()
    with CaptureQueriesContext(connections["default"]) as captured:
        get()
    # What begins and ends transactions is not counted.
    queries = [one for one in captured if one["sql"].lstrip().startswith(("SELECT", "WITH"))]
    return median(seconds(get) for _ in range(TIMES)), len(queries)


def measure_csv(*, full: bool) -> Iterator[Result]:
    """Download sessions as CSV; the baseline is the memory that a hundredth of them takes."""
    count = 1_000_000 if full else 100_000
    now = datetime.now(UTC)
    scratch.empty()
    few = pages.make_workspace("csv-few", bots_count=10, sessions=count // 100, now=now)
    many = pages.make_workspace("csv-many", bots_count=10, sessions=count, now=now)
    scratch.settle()
    few_memory, few_rows, _ = download(few)
    memory, rows, taken = download(many)
    assert (few_rows, rows) == (count // 100, count)
    yield Result(
        f"CSV of {count:,} sessions, {count / taken:,.0f} rows/s",
        f"{few_memory:.1f} MiB for {few_rows:,} sessions",
        f"{memory:.1f} MiB",
        memory - few_memory,
        64,
    )


def download(member: Membership) -> tuple[float, int, float]:
    """Return the most MiB of memory that a download takes, its rows, and its seconds."""
    client = Client(headers={"host": "localhost"})
    client.force_login(member.user)
    since = datetime.now(UTC).date() - timedelta(days=pages.DAYS + 1)
    address = f"/w/{member.workspace.slug}/usage/sessions.csv?from={since}"
    response = client.get(address, secure=settings.SECURE_SSL_REDIRECT)
    assert response.status_code == 200, response.content
    start, before = time.perf_counter(), read_memory()
    most, lines = before, 0
    for part in response:
        lines += part.count(b"\n")
        most = max(most, read_memory())
    return (most - before) / 2**20, lines - 1, time.perf_counter() - start


def read_memory() -> int:
    """Return how many bytes of memory this process has (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


HEAVIEST = 150  # KB of a page with all its files, as a browser gets them
WEIGHED = (
    "",
    "usage/?view=table",
    "usage/",
    "usage/sessions/",
    "bots/",
    "developers/",
    "settings/",
)
LINKED = re.compile(r'(?:href|src)="(/static/[^"]+)"')


def measure_weight(*, full: bool) -> Iterator[Result]:
    """Weigh pages with their files, compressed by brotli; plotly, which the graph adds, not."""
    now = datetime.now(UTC)
    scratch.empty()
    owner = pages.make_workspace("weight", bots_count=300, sessions=30_000, now=now)
    client = Client(headers={"host": "localhost"})
    client.force_login(owner.user)
    for place in WEIGHED:
        address = f"/w/{owner.workspace.slug}/{place}"
        page = client.get(address, secure=settings.SECURE_SSL_REDIRECT).content
        files = sorted({file for file in LINKED.findall(page.decode()) if "plotly" not in file})
        weight = len(brotli.compress(page)) + sum(map(weigh, files))
        yield Result(
            f"weight of /w/…/{place} with 300 bots",
            f"bar {HEAVIEST} KB",
            f"{weight / 1000:.0f} KB in {len(files) + 1} files",
            weight / 1000 / HEAVIEST,
            1,
        )


def weigh(address: str) -> int:
    """Return the bytes of a static file as it is sent: compressed when it was collected."""
    file = Path(settings.STATIC_ROOT) / address.removeprefix(settings.STATIC_URL)
    packed = file.with_name(f"{file.name}.br")
    return (packed if packed.exists() else file).stat().st_size


MEASURES: dict[str, Callable[..., Iterator[Result]]] = {
    "import": measure_import,
    "post": measure_post,
    "rebuild": measure_rebuild,
    "growth": measure_growth,
    "page": measure_page,
    "csv": measure_csv,
    "weight": measure_weight,
}
