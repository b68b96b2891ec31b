"""A workspace goes to another time zone, whatever happens meanwhile."""

import threading
from datetime import UTC, date, datetime

import pytest
from django.db import connection
from django.db.models import Sum

from accounts import workspaces
from accounts.models import Bot, Workspace
from accounts.tenancy import in_workspace
from tests import make
from usage import queries, rebuild, rollup, totals, zones
from usage.claims import open_claim
from usage.models import RolledBot, UsageDay, UsageDayInAll, UsageMonth
from usage.tasks import find_old_zones, recount_days

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

EVENING = datetime(2026, 3, 31, 20, tzinfo=UTC)  # April in Kolkata
MARCH, APRIL = date(2026, 3, 1), date(2026, 4, 1)
KOLKATA = "Asia/Kolkata"


@pytest.fixture
def acme() -> Workspace:
    acme = make.workspace("acme")
    for key in ("alpha", "beta", "gamma"):
        make.take_in(acme, *make.talk(0, 20, start=EVENING, subject=key))
    make.take_in(make.workspace("globex"), *make.talk(0, start=EVENING))
    make.roll_up(acme)
    make.roll_up(make.workspace("globex"))
    return acme


def find(slug: str) -> Workspace:
    return workspaces.find(slug)


def days(of: Workspace) -> dict[tuple[str, date], int]:
    with in_workspace(of.pk):
        by_channel, in_all = (
            {
                (key, day): count
                for key, day, count in table.objects.for_workspace(of)
                .values_list("bot__key", "day")
                .annotate(n=Sum("usage_sessions"))
            }
            for table in (UsageDay, UsageDayInAll)
        )
    assert in_all == by_channel
    return by_channel


def months(of: Workspace) -> set[date]:
    with in_workspace(of.pk):
        return set(UsageMonth.objects.for_workspace(of).values_list("month", flat=True))


def zones_of_bots(of: Workspace) -> list[str]:
    with in_workspace(of.pk):
        rows = RolledBot.objects.for_workspace(of).order_by("bot__key")
        return list(rows.values_list("zone", flat=True))


def in_kolkata() -> dict[tuple[str, date], int]:
    return {(key, APRIL): 2 for key in ("alpha", "beta", "gamma")}


def test_roll_up_notes_the_zone(acme: Workspace) -> None:
    assert zones_of_bots(acme) == ["UTC"] * 3
    assert months(acme) == {MARCH}


def test_days_and_months_follow(acme: Workspace) -> None:
    zones.change(workspace=acme, zone=KOLKATA, at=make.LONG_AFTER)

    assert zones.recount(workspace_id=acme.pk) == 3

    assert find("acme").timezone == KOLKATA
    assert days(acme) == in_kolkata()
    assert months(acme) == {APRIL}
    assert zones_of_bots(acme) == [KOLKATA] * 3
    assert months(find("globex")) == {MARCH}


def test_recounting_twice_changes_nothing(acme: Workspace) -> None:
    zones.change(workspace=acme, zone=KOLKATA, at=make.LONG_AFTER)
    zones.recount(workspace_id=acme.pk)

    assert zones.recount(workspace_id=acme.pk) == 0
    assert days(acme) == in_kolkata()


def test_way_there_and_back_leads_to_the_same(acme: Workspace) -> None:
    before = days(acme)

    for zone in (KOLKATA, "UTC"):
        zones.change(workspace=acme, zone=zone, at=make.LONG_AFTER)
        zones.recount(workspace_id=acme.pk)

    assert days(acme) == before


@pytest.mark.parametrize("zone", ["", "Mars/Base", "europe/berlin", "../etc/passwd", "UTC\x00"])
def test_zone_that_there_is_not_is_refused(acme: Workspace, zone: str) -> None:
    with pytest.raises(zones.NoSuchZone, match="no time zone"):
        zones.change(workspace=acme, zone=zone, at=make.LONG_AFTER)

    assert find("acme").timezone == "UTC"


def test_killed_half_way_the_rest_is_found_again(
    acme: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    zones.change(workspace=acme, zone=KOLKATA, at=make.LONG_AFTER)
    real = totals.replace

    def die_at_the_months_of_the_second(*args: object, **values: object) -> object:
        if args[0] == totals.REPLACE_MONTHS and values["bots"] == [second]:
            raise SystemExit
        return real(*args, **values)  # type: ignore[arg-type]  # handed on as they are

    with in_workspace(acme.pk):
        second = Bot.objects.for_workspace(acme).get(key="beta").pk
    with monkeypatch.context() as patch:
        patch.setattr(totals, "replace", die_at_the_months_of_the_second)
        with pytest.raises(SystemExit):
            zones.recount(workspace_id=acme.pk)

    # What is left stands in the table, and no bot has days of two zones.
    assert zones_of_bots(acme) == [KOLKATA, "UTC", "UTC"]
    assert set(days(acme)) == {
        ("alpha", APRIL),
        ("beta", date(2026, 3, 31)),
        ("gamma", date(2026, 3, 31)),
    }
    assert queries.find_workspaces_in_old_zone() == [acme.pk]

    recount_days(workspace_id=acme.pk)

    assert days(acme) == in_kolkata()
    assert queries.find_workspaces_in_old_zone() == []


def test_beat_sends_what_was_lost(acme: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    zones.change(workspace=acme, zone=KOLKATA, at=make.LONG_AFTER)
    sent: list[dict[str, int]] = []
    monkeypatch.setattr(recount_days, "apply_async", lambda kwargs, expires: sent.append(kwargs))

    find_old_zones()

    assert sent == [{"workspace_id": acme.pk}]


def test_numbers_are_right_before_the_days_are(acme: Workspace) -> None:
    zones.change(workspace=acme, zone=KOLKATA, at=make.LONG_AFTER)
    with in_workspace(acme.pk):
        bots = list(Bot.objects.for_workspace(acme).values_list("pk", flat=True))

        april = queries.count_month(workspace=acme, bots=bots, month=APRIL)
        march = queries.count_month(workspace=acme, bots=bots, month=MARCH)

    assert april == dict.fromkeys(bots, 2)
    assert march == {}


def test_event_before_the_recount_leaves_no_days_of_two_zones(acme: Workspace) -> None:
    zones.change(workspace=acme, zone=KOLKATA, at=make.LONG_AFTER)
    make.take_in(acme, *make.talk(60, start=EVENING, subject="alpha"))

    make.roll_up(acme)

    assert zones_of_bots(acme) == [KOLKATA, "UTC", "UTC"]
    assert days(acme)["alpha", APRIL] == 3
    assert ("alpha", date(2026, 3, 31)) not in days(acme)


def test_change_while_a_bot_is_rolled_up(acme: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    """The roll-up has read the old zone and holds the bot; the recount waits for it."""
    make.take_in(acme, *make.talk(60, start=EVENING, subject="alpha"))
    changed = threading.Event()

    def change_and_recount() -> None:
        zones.change(workspace=find("acme"), zone=KOLKATA, at=make.LONG_AFTER)
        changed.set()
        zones.recount(workspace_id=acme.pk)
        connection.close()

    other = threading.Thread(target=change_and_recount)

    def change_meanwhile(**values: object) -> object:
        other.start()
        assert changed.wait(30)
        return open_claim(**values)  # type: ignore[arg-type]  # handed on as they are

    with monkeypatch.context() as patch:
        patch.setattr(rollup, "open_claim", change_meanwhile)
        rollup.roll_up_next(workspace_id=acme.pk, now=make.LONG_AFTER)
    other.join(30)

    assert not other.is_alive()
    assert days(acme) == {**in_kolkata(), ("alpha", APRIL): 3}
    assert zones_of_bots(acme) == [KOLKATA] * 3


def test_two_recounts_at_once(acme: Workspace) -> None:
    zones.change(workspace=acme, zone=KOLKATA, at=make.LONG_AFTER)
    counted: list[int] = []

    def recount() -> None:
        counted.append(zones.recount(workspace_id=acme.pk))
        connection.close()

    threads = [threading.Thread(target=recount) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sum(counted) == 3
    assert days(acme) == in_kolkata()


def test_rebuild_finds_nothing_wrong_and_takes_the_new_zone(acme: Workspace) -> None:
    zones.change(workspace=acme, zone=KOLKATA, at=make.LONG_AFTER)

    differences = list(rebuild.run(workspace_id=acme.pk, now=make.LONG_AFTER))

    assert differences == []
    assert days(acme) == in_kolkata()
    assert zones_of_bots(acme) == [KOLKATA] * 3


def test_bot_before_its_first_roll_up_has_no_days_of_another_zone(acme: Workspace) -> None:
    make.take_in(acme, *make.talk(0, start=EVENING, subject="new"))

    with in_workspace(acme.pk):
        assert queries.find_bots_in_old_zone(acme) == []
    assert queries.find_workspaces_in_old_zone() == []
    assert "" in zones_of_bots(acme)
