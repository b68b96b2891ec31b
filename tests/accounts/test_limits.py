"""How much an API key may ask, and until when."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.http import HttpResponse
from django.test import Client
from pytest_django.fixtures import Settings
from redis import Redis
from redis.exceptions import RedisError

from accounts import audit, keys, limits
from accounts.models import AuditEntry, Scope
from accounts.tenancy import in_workspace
from billing_console import workers
from tests import make

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

NOW = datetime(2026, 3, 2, 12, 0, 40, tzinfo=UTC)


@pytest.fixture
def secret(settings: Settings) -> str:
    settings.API_REQUESTS_PER_MINUTE = 3
    return make.api_key(make.workspace("acme"), Scope.READ_USAGE, name=f"k{next(make.numbers)}")


def ask(secret: str, path: str = "bots", *, at: datetime = NOW) -> HttpResponse:
    with time_machine.travel(at, tick=False):
        answer: Any = Client().get(f"/api/v1/{path}", headers={"Authorization": f"Bearer {secret}"})
    assert isinstance(answer, HttpResponse)
    return answer


def remaining(answer: HttpResponse) -> str:
    return answer.headers["X-RateLimit-Remaining"]


def test_every_answer_says_what_is_left(secret: str) -> None:
    first, refused, wrong = ask(secret), ask(secret, "usage"), ask(secret, "conversations/x")

    assert first.status_code == 200
    assert refused.status_code >= 400
    assert wrong.status_code == 404
    assert [remaining(answer) for answer in (first, refused, wrong)] == ["2", "1", "0"]
    assert {answer.headers["X-RateLimit-Limit"] for answer in (first, refused, wrong)} == {"3"}
    reset = datetime.fromtimestamp(int(first.headers["X-RateLimit-Reset"]), UTC)
    assert reset == NOW.replace(minute=1, second=0)
    assert "Retry-After" not in first.headers


def test_one_too_many_is_refused_until_the_next_minute(secret: str) -> None:
    answers = [ask(secret) for _ in range(4)]
    soon, later = ask(secret, at=NOW + timedelta(seconds=19)), ask(secret, at=NOW + make.MINUTE)

    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert answers[-1].headers["Retry-After"] == "20"
    assert [remaining(answer) for answer in answers] == ["2", "1", "0", "0"]
    assert b"too_many_requests" in answers[-1].content
    assert (soon.status_code, soon.headers["Retry-After"]) == (429, "1")
    assert (later.status_code, remaining(later)) == (200, "2")


def test_keys_are_counted_apart(secret: str) -> None:
    other = make.api_key(make.workspace("globex"), Scope.READ_USAGE, name=f"{secret[:8]}")
    for _ in range(4):
        ask(secret)

    assert remaining(ask(other)) == "2"


def test_missing_scope_is_counted_too(secret: str) -> None:
    scopeless = make.api_key(make.workspace("acme"), Scope.READ_INVOICES, name=f"{secret[:9]}")

    answer = ask(scopeless)

    assert (answer.status_code, remaining(answer)) == (403, "2")


def test_stranger_learns_no_limits(secret: str) -> None:
    answer = ask("bck_wrong")

    assert answer.status_code == 401
    assert not [name for name in answer.headers if "RateLimit" in name]


def test_events_get_through_while_nothing_can_be_counted(
    secret: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*args: object, **kwargs: object) -> None:
        raise RedisError

    monkeypatch.setattr(Redis, "incrby", fail)

    answers = [ask(secret) for _ in range(5)]

    assert {answer.status_code for answer in answers} == {200}
    assert "X-RateLimit-Limit" not in answers[0].headers


def test_key_expires_at_the_instant_and_not_before() -> None:
    acme = make.workspace("acme")
    _, secret = keys.create(
        workspace=acme, name="k", scopes=[Scope.READ_USAGE], expires_at=make.NOON
    )
    assert secret is not None

    assert ask(secret, at=make.NOON - timedelta(microseconds=1)).status_code == 200
    assert ask(secret, at=make.NOON).status_code == 401


def test_key_is_revoked_for_what_comes_after() -> None:
    acme = make.workspace("acme")
    key, secret = keys.create(workspace=acme, name="k", scopes=[Scope.READ_USAGE])
    assert secret is not None
    assert ask(secret).status_code == 200

    keys.revoke(key=key, at=NOW)

    assert ask(secret).status_code == 401
    assert ask(secret, at=NOW - make.HOUR).status_code == 401  # also by a clock that is slow


def test_refused_keys_are_in_the_audit_log(secret: str) -> None:
    acme = make.workspace("acme")
    later = NOW + timedelta(days=1)
    expired, revoked = (
        keys.create(workspace=acme, name=name, scopes=[Scope.READ_USAGE], expires_at=ends)[0:2]
        for name, ends in (("short", later), ("old", None))
    )
    keys.revoke(key=revoked[0], at=NOW)

    for presented in (expired[1], revoked[1], "bck_forged", "bck_forged\0"):
        assert ask(str(presented), at=later).status_code == 401

    with in_workspace(acme.pk):
        own = AuditEntry.objects.for_workspace(acme).filter(action="api_key.refused")
        noted = list(own.order_by("pk").values_list("target", "after__reason"))
    assert noted == [("short", "expired"), ("old", "revoked")]
    everything = AuditEntry.objects.using("operator").filter(action="api_key.refused")
    of_nobody = everything.filter(workspace=None)
    assert list(of_nobody.values_list("target", "after__reason")) == [("", "unknown")] * 2
    # Whoever tries many is noted a few times only.
    for _ in range(20):
        ask("bck_forged", at=later)
    assert everything.count() == audit.REFUSALS_NOTED


def test_processes_together_let_no_more_through(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.API_REQUESTS_PER_MINUTE = 350  # each takes three at a time
    key_id = next(make.numbers)
    processes: list[dict[int, tuple[int, Iterator[int]]]] = [{}, {}]
    let_through = 0

    for number in range(700):
        monkeypatch.setattr(limits, "taken", processes[number % 5 == 0])
        budget = limits.count_request(key_id, at=NOW)
        assert budget is not None
        let_through += not budget.spent

    assert 348 <= let_through <= 350


def test_counts_are_forgotten_when_their_minute_is_long_over() -> None:
    assert [limits.count("spoken", seconds=30) for _ in range(3)] == [1, 2, 3]

    name = next(iter(workers.connect().scan_iter("*spoken")))
    assert 0 < workers.connect().ttl(name) <= 60
