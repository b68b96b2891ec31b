"""``/metrics``: numbers for a monitoring system that speaks Prometheus.

Each web process counts its requests in files that all of them can read; whichever is asked sums
them. What is of the whole installation is looked up when it is asked for.
"""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hmac import compare_digest

from django.conf import settings
from django.db import DatabaseError
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import (
    CONTENT_TYPE_LATEST,
    REGISTRY,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from billing_console import health, workers
from plans.backlog import count_waiting
from usage.backlog import find_backlog

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

# Views are named, never addresses: those hold slugs, ids and whatever people type.
REQUESTS = Counter("console_requests", "Requests answered.", ["view", "method", "status"])
SECONDS = Histogram(
    "console_request_seconds",
    "How long an answer took to its first byte.",
    ["view"],
    buckets=(0.01, 0.03, 0.1, 0.3, 1, 3, 10),
)


class CountRequests:
    """Counts requests by view, method and status, and how long they took."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        """Keep what answers requests."""
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Answer a request and count it."""
        began = time.perf_counter()
        response = self.get_response(request)
        view = request.resolver_match.view_name if request.resolver_match else "none"
        method = request.method if request.method in METHODS else "other"
        REQUESTS.labels(view, method, response.status_code).inc()
        SECONDS.labels(view).observe(time.perf_counter() - began)
        return response


@never_cache
@require_safe
def show_metrics(request: HttpRequest) -> HttpResponse:
    """Return all numbers to whoever presents the token; for others there is no such page.

    An address is no proof: behind a reverse proxy on the same machine all requests come from it.
    """
    presented = request.headers.get("Authorization", "").encode()
    expected = f"Bearer {settings.METRICS_TOKEN}".encode()
    if not settings.METRICS_TOKEN or not compare_digest(presented, expected):
        raise Http404
    processes = REGISTRY
    if settings.PROMETHEUS_MULTIPROC_DIR:
        processes = CollectorRegistry()
        MultiProcessCollector(processes)  # type: ignore[no-untyped-call]  # it has no types
    installation = CollectorRegistry(auto_describe=False)
    installation.register(Installation(now=datetime.now(UTC)))
    return HttpResponse(
        generate_latest(processes) + generate_latest(installation),
        content_type=CONTENT_TYPE_LATEST,
    )


class Installation(Collector):
    """What is of the whole installation at one instant; what cannot be asked is left out."""

    def __init__(self, *, now: datetime) -> None:
        self.now = now

    def collect(self) -> Iterator[Metric]:
        """Yield the numbers, and which servers answer."""
        up = GaugeMetricFamily("console_up", "1: the server answers.", labels=["server"])
        for server, find in (("database", self.ask_database), ("redis", self.ask_redis)):
            try:
                yield from list(find())
                up.add_metric([server], 1)
            except (DatabaseError, RedisError):
                up.add_metric([server], 0)
        yield up

    def ask_database(self) -> Iterator[Metric]:
        """Yield what waits to be rolled up."""
        backlog = find_backlog(now=self.now)
        yield GaugeMetricFamily(
            "console_dirty_streams", "Streams that wait to be rolled up.", backlog.streams
        )
        yield GaugeMetricFamily(
            "console_rollup_lag_seconds",
            "How long the first of them has waited.",
            backlog.lag(now=self.now).total_seconds(),
        )
        yield GaugeMetricFamily(
            "console_bots_to_charge", "Bots whose usage waits to be charged.", count_waiting()
        )
        migrated = health.all_migrated()
        yield GaugeMetricFamily("console_migrated", "1: no migration is missing.", int(migrated))

    def ask_redis(self) -> Iterator[Metric]:
        """Yield what workers do."""
        alive = workers.count_alive(at=self.now)
        yield GaugeMetricFamily("console_workers", "Workers seen in the last minute.", alive)
        waiting = workers.count_waiting()
        yield GaugeMetricFamily("console_tasks_waiting", "Calls that wait for a worker.", waiting)
        failures = CounterMetricFamily(
            "console_task_failures", "Tasks that failed.", labels=["task"]
        )
        for task, count in workers.count_failures().items():
            failures.add_metric([task], count)
        yield failures
