"""The beat finds workspaces with something to charge, to lapse or to open."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from accounts.models import Workspace
from accounts.tenancy import in_workspace
from plans import backlog, charging, lots, tasks
from plans.models import CreditLot
from tests import make
from tests.plans import books

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])


@pytest.fixture
def acme() -> Workspace:
    return books.open_without_credits(make.workspace("acme"))


def due(now: datetime = make.NOON) -> list[int]:
    return backlog.find_workspaces_due(now=now)


def test_a_workspace_without_billing_is_due(acme: Workspace) -> None:
    globex = make.workspace("globex")

    assert due() == [globex.pk]


def test_a_workspace_is_due_while_a_bot_is_marked(acme: Workspace) -> None:
    make.take_in(acme, make.event("alert.delivered"))
    make.roll_up(acme)
    assert (due(), backlog.count_waiting()) == ([acme.pk], 1)

    charging.run(workspace_id=acme.pk, now=make.NOON)

    assert (due(), backlog.count_waiting()) == ([], 0)


@pytest.mark.parametrize("zone", ["Pacific/Kiritimati", "UTC", "Pacific/Pago_Pago"])
def test_a_workspace_is_due_when_credits_are_to_lapse_and_not_after(zone: str) -> None:
    of = books.open_without_credits(make.workspace("far", timezone=zone))
    lots.grant_free(
        workspace=of, amount=Decimal(1), at=make.NOON, last_day=date(2026, 3, 2), key="free:1"
    )
    day_after = datetime(2026, 3, 2, 0, tzinfo=UTC)
    found = []

    for hours in range(96):
        now = day_after + timedelta(hours=hours)
        if of.pk in due(now):
            charging.run(workspace_id=of.pk, now=now)
        if not books.balances(of)[0]:
            found.append(now)
            break

    local = datetime(2026, 3, 4, tzinfo=books.zone(of))
    assert found == [local]
    assert due(now=make.LONG_AFTER) == []


def test_the_task_charges_one_workspace(acme: Workspace) -> None:
    globex = make.workspace("globex")

    tasks.charge_workspace(workspace_id=globex.pk, now=make.NOON.isoformat())

    with in_workspace(globex.pk):
        assert CreditLot.objects.get().granted_at == make.NOON
    with in_workspace(acme.pk):
        assert not CreditLot.objects.exists()


def test_the_beat_has_what_is_due_charged(acme: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    globex = make.workspace("globex")
    sent: list[dict[str, Any]] = []  # Any: what a task is called with
    monkeypatch.setattr(
        tasks.charge_workspace, "apply_async", lambda **options: sent.append(options)
    )

    tasks.find_due_charges()

    assert [call["kwargs"]["workspace_id"] for call in sent] == [globex.pk]
    tasks.charge_workspace(**sent[0]["kwargs"])
    assert due(datetime.now(UTC)) == []
