"""Usage alerts fire once for each period that reaches their threshold, and people are told."""

import random
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from zoneinfo import ZoneInfo

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from accounts import bots, outbox
from accounts.models import Bot, Role, Workspace
from accounts.months import read_calendar
from accounts.tenancy import in_workspace
from plans import alerting, grants, tasks, usage_alerts
from plans.alert_numbers import Watch
from plans.alerted import UsageAlert, UsageAlertFiring
from plans.rehearsal import Rehearsal, rehearse
from plans.thresholds import Reached, find_reached, list_starts
from tests import letters, make
from tests.at_once import at_once
from tests.plans import books, watching
from tests.plans.watching import DAY, MONEY, MONTH, SESSIONS, alert, charge, fired, look, use
from tests.rows import made_once
from usage import zones

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

ONE_DAY = timedelta(days=1)
NOON = make.NOON
BERLIN = ZoneInfo("Europe/Berlin")


@made_once
def fill() -> None:
    globex = books.open_without_credits(make.workspace("globex"))
    make.member(globex)
    alert(globex, 1000)
    use(globex, 5)
    made = books.open_without_credits(make.workspace("acme", name="Acme Ltd"))
    for role in Role:
        make.member(made, role)


@pytest.fixture
def acme() -> Workspace:
    """A workspace with one person of each role, and another one beside it with usage."""
    fill()
    return make.workspace("acme")


@pytest.fixture
def bot(acme: Workspace) -> Bot:
    """A bot that the member owns."""
    return own(make.bot(acme), Role.MEMBER)


def own(bot: Bot, role: Role) -> Bot:
    bots.change(bot=bot, owner=make.member(bot.workspace, role).user)
    return bot


@pytest.mark.parametrize(("threshold", "count"), [("2", 2), ("2.5", 1), ("3", 1), ("3.01", 0)])
def test_threshold_is_reached_by_a_number_that_equals_it(threshold: str, count: int) -> None:
    first, second = date(2026, 3, 1), date(2026, 3, 2)
    numbers = {second: Decimal(2), first: Decimal(3)}

    reached = find_reached(numbers, threshold=Decimal(threshold))

    assert reached == [Reached(first, Decimal(3)), Reached(second, Decimal(2))][:count]


def test_periods_are_listed_from_the_one_of_the_first_day() -> None:
    first, last = date(2025, 12, 30), date(2026, 2, 1)

    assert list(list_starts(first, last, MONTH)) == [
        date(2025, 12, 1), date(2026, 1, 1), last,
    ]  # fmt: skip
    assert len(list(list_starts(first, last, DAY))) == 34


def test_alert_fires_once_a_day(acme: Workspace, bot: Bot) -> None:
    alert(acme, 3, bot=bot)

    use(acme, 2)
    assert fired(acme) == []
    use(acme, 1)
    use(acme, 4, at=NOON + make.HOUR)
    use(acme, 3, at=NOON + ONE_DAY)

    assert fired(acme) == [("2026-03-02", "3"), ("2026-03-03", "3")]
    assert letters.subjects(acme, "usage_alert") == [
        "Usage alert: support reached 3 billing sessions on 2 Mar 2026",
        "Usage alert: support reached 3 billing sessions on 3 Mar 2026",
    ]
    assert "support has 3 billing sessions on 2 Mar 2026." in letters.texts(acme, "usage_alert")


def test_other_workspace_fires_nothing(acme: Workspace, bot: Bot) -> None:
    alert(acme, 1, bot=bot)

    use(acme, 1)

    globex = make.workspace("globex")
    assert (fired(globex), letters.find(globex, "usage_alert")) == ([], [])


def test_run_twice_fires_nothing_more(acme: Workspace, bot: Bot) -> None:
    use(acme, 3)
    alert(acme, 3, bot=bot)

    assert (look(acme), look(acme)) == (1, 0)

    assert len(letters.find(acme, "usage_alert")) == 1


def test_runs_at_once_fire_once(acme: Workspace, bot: Bot) -> None:
    use(acme, 3)
    for threshold in (1, 2, 3):
        alert(acme, threshold, bot=bot)
    alert(acme, 3)

    raised = at_once(*[partial(look, acme)] * 4)

    assert raised == [None] * 4
    assert fired(acme) == [("2026-03-02", "3")] * 4
    assert letters.addressed(acme, "usage_alert") == ["admin", "member", "owner"]


def test_run_that_is_rolled_back_has_told_nobody(acme: Workspace, bot: Bot) -> None:
    use(acme, 3)
    alert(acme, 3, bot=bot)

    with transaction.atomic():
        look(acme)
        transaction.set_rollback(True)
    assert (fired(acme), letters.find(acme, "usage_alert")) == ([], [])

    assert look(acme) == 1


def test_crash_before_the_mail_is_written_loses_no_firing(
    acme: Workspace, bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(acme, 3)
    alert(acme, 3, bot=bot)

    with monkeypatch.context() as broken:
        broken.setattr(outbox, "queue", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            look(acme)

    assert look(acme) == 1
    assert len(letters.find(acme, "usage_alert")) == 1


def test_month_is_added_up(acme: Workspace, bot: Bot) -> None:
    alert(acme, 5, bot=bot, per=MONTH)

    use(acme, 3)
    use(acme, 3, at=NOON + 20 * ONE_DAY)
    use(acme, 9, at=NOON + 22 * ONE_DAY)
    use(acme, 4, at=NOON + 30 * ONE_DAY)

    assert fired(acme) == [("2026-03-01", "6")]
    assert letters.subjects(acme, "usage_alert") == [
        "Usage alert: support reached 5 billing sessions in March 2026"
    ]


def test_money_is_what_is_charged(acme: Workspace, bot: Bot) -> None:
    alert(acme, "0.60", bot=bot, watched=MONEY)

    use(acme, 2)
    assert fired(acme) == []
    use(acme, 1, at=NOON + make.MINUTE)

    assert fired(acme) == [("2026-03-02", "0.6")]
    assert letters.subjects(acme, "usage_alert") == [
        "Usage alert: support reached 0.60 USD on 2 Mar 2026"
    ]


def test_workspace_adds_up_its_bots_and_no_others(acme: Workspace, bot: Bot) -> None:
    alert(acme, 5)
    alert(acme, 1, watched=MONEY)

    use(acme, 2, bot="sales")
    assert fired(acme) == []
    use(acme, 3)

    assert fired(acme) == [("2026-03-02", "5"), ("2026-03-02", "1")]
    assert letters.subjects(acme, "usage_alert") == ["2 usage alerts in Acme Ltd"]
    assert "Whole workspace, 2 Mar 2026" in letters.texts(acme, "usage_alert")


@pytest.mark.parametrize(
    ("owner", "who"),
    [(Role.MEMBER, ["member"]), (Role.ADMIN, ["admin"]), (None, ["admin", "owner"])],
)
def test_bots_owner_is_told(acme: Workspace, owner: Role | None, who: list[str]) -> None:
    bot = make.bot(acme)
    if owner:
        own(bot, owner)
    alert(acme, 1, bot=bot)

    use(acme)

    assert letters.addressed(acme, "usage_alert") == who


def test_owners_and_admins_are_told_of_the_workspace(acme: Workspace, bot: Bot) -> None:
    alert(acme, 1)

    use(acme)

    assert letters.addressed(acme, "usage_alert") == ["admin", "owner"]


def test_what_fires_together_is_one_mail_to_each(acme: Workspace, bot: Bot) -> None:
    for number in range(30):
        alert(acme, 1, bot=own(make.bot(acme, f"bot{number}"), Role.MEMBER))
        make.take_in(acme, *watching.list_alerts(1, at=NOON, bot=f"bot{number}"))

    charge(acme, NOON + make.HOUR)

    assert letters.subjects(acme, "usage_alert") == ["30 usage alerts in Acme Ltd"]
    assert letters.addressed(acme, "usage_alert") == ["member"]
    assert "and 5 more" in letters.texts(acme, "usage_alert")


def test_second_threshold_of_a_day_is_told_too(acme: Workspace, bot: Bot) -> None:
    alert(acme, 2, bot=bot)
    alert(acme, 4, bot=bot)

    use(acme, 2)
    use(acme, 2, at=NOON + make.HOUR)

    assert letters.subjects(acme, "usage_alert") == [
        "Usage alert: support reached 2 billing sessions on 2 Mar 2026",
        "Usage alert: support reached 4 billing sessions on 2 Mar 2026",
    ]


def test_correction_after_it_fired_changes_nothing(acme: Workspace, bot: Bot) -> None:
    alert(acme, 3, bot=bot)
    make.take_in(acme, *make.talk(0, 10, 20, 31))
    charge(acme, NOON + 2 * make.HOUR)
    assert fired(acme) == [("2026-03-02", "3")]

    agent = {"agent": "a1"}
    make.take_in(
        acme,
        make.event("agent.transfer_started", at=NOON + make.MINUTE, **agent),
        make.event("agent.transfer_ended", at=NOON + 30 * make.MINUTE, **agent),
    )
    charge(acme, NOON + 3 * make.HOUR)
    assert len(make.sessions(acme)) == 1
    use(acme, 5, at=NOON + 4 * make.HOUR)

    assert fired(acme) == [("2026-03-02", "3")]
    assert len(letters.find(acme, "usage_alert")) == 1


def test_late_usage_counts_for_its_own_day(acme: Workspace, bot: Bot) -> None:
    alert(acme, 2, bot=bot)
    use(acme, 1)

    make.take_in(acme, *watching.list_alerts(1, at=NOON + make.HOUR))
    charge(acme, NOON + 20 * ONE_DAY)

    assert fired(acme) == [("2026-03-02", "2")]


def test_days_before_the_alert_and_long_ago_are_not_told_of(acme: Workspace, bot: Bot) -> None:
    alert(acme, 1, bot=bot)
    make.take_in(acme, *watching.list_alerts(1, at=NOON - ONE_DAY))
    charge(acme, NOON)
    make.take_in(acme, *watching.list_alerts(1, at=NOON))

    charge(acme, NOON + 36 * ONE_DAY)

    assert fired(acme) == []


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (datetime(2026, 3, 28, 22, 59, tzinfo=UTC), "2026-03-28"),
        (datetime(2026, 3, 28, 23, 0, tzinfo=UTC), "2026-03-29"),
        (datetime(2026, 3, 29, 21, 59, tzinfo=UTC), "2026-03-29"),  # a day of 23 hours
        (datetime(2026, 3, 29, 22, 0, tzinfo=UTC), "2026-03-30"),
        (datetime(2026, 10, 25, 22, 59, tzinfo=UTC), "2026-10-25"),  # of 25
        (datetime(2026, 10, 25, 23, 0, tzinfo=UTC), "2026-10-26"),
    ],
)
def test_days_and_months_are_local(at: datetime, day: str) -> None:
    of = make.workspace("berlin", timezone="Europe/Berlin")
    begins = at - 3 * ONE_DAY
    for watched, threshold in ((SESSIONS, "1"), (MONEY, "0.20")):
        alert(of, threshold, watched=watched, at=begins)

    use(of, 1, at=at)

    assert [starts_on for starts_on, _ in fired(of)] == [day, day]


@pytest.mark.parametrize(
    ("at", "month"),
    [
        (datetime(2026, 3, 31, 21, 59, tzinfo=UTC), "2026-03-01"),
        (datetime(2026, 3, 31, 22, 0, tzinfo=UTC), "2026-04-01"),
    ],
)
def test_month_ends_by_the_local_clock(at: datetime, month: str) -> None:
    of = make.workspace("berlin", timezone="Europe/Berlin")
    alert(of, 1, per=MONTH)

    use(of, 1, at=at)

    assert fired(of) == [(month, "1")]


def test_change_of_zone_holds_from_the_next_month(acme: Workspace, bot: Bot) -> None:
    """Of both numbers alike: 20:00 UTC is the next day in Kolkata."""
    for watched, threshold in ((SESSIONS, "1"), (MONEY, "0.20")):
        alert(acme, threshold, bot=bot, watched=watched)
    evening = NOON + 8 * make.HOUR
    use(acme, 1, at=evening)
    zones.change(workspace=acme, zone="Asia/Kolkata", at=NOON + ONE_DAY)
    zones.recount(workspace_id=acme.pk)

    for later in (1, 29, 30):
        use(acme, 1, at=evening + later * ONE_DAY)
    use(acme, 1, at=NOON + 31 * ONE_DAY)

    days = [starts_on for starts_on, _ in fired(acme)]
    assert sorted(set(days)) == ["2026-03-02", "2026-03-03", "2026-03-31", "2026-04-02"]
    assert len(days) == 2 * len(set(days))


def test_threshold_that_is_reached_when_the_alert_is_made_fires_once(
    acme: Workspace, bot: Bot
) -> None:
    use(acme, 3, at=NOON - ONE_DAY)
    use(acme, 3)
    alert(acme, 2, bot=bot, at=NOON + make.HOUR)

    look(acme, NOON + make.HOUR)
    use(acme, 3, at=NOON + 2 * make.HOUR)

    assert fired(acme) == [("2026-03-02", "3")]


def test_lower_threshold_fires_if_it_did_not_yet(acme: Workspace, bot: Bot) -> None:
    made = alert(acme, 5, bot=bot)
    use(acme, 3)

    for threshold in (2, 1, 3):
        usage_alerts.change(alert=made, threshold=Decimal(threshold), is_on=True, at=NOON)
        look(acme)

    assert fired(acme) == [("2026-03-02", "3")]


def test_higher_threshold_fires_in_the_next_period(acme: Workspace, bot: Bot) -> None:
    made = alert(acme, 2, bot=bot)
    use(acme, 2)

    usage_alerts.change(alert=made, threshold=Decimal(4), is_on=True, at=NOON + make.HOUR)
    use(acme, 4, at=NOON + make.HOUR)
    use(acme, 4, at=NOON + ONE_DAY)

    assert fired(acme) == [("2026-03-02", "2"), ("2026-03-03", "4")]


def test_alert_that_is_off_makes_up_for_nothing(acme: Workspace, bot: Bot) -> None:
    made = alert(acme, 1, bot=bot)
    usage_alerts.change(alert=made, threshold=Decimal(1), is_on=False, at=NOON)

    use(acme, 1)
    usage_alerts.change(alert=made, threshold=Decimal(1), is_on=True, at=NOON + ONE_DAY)
    look(acme, NOON + ONE_DAY)

    assert fired(acme) == []


def test_alert_of_an_archived_bot_rests(acme: Workspace, bot: Bot) -> None:
    alert(acme, 1, bot=bot)
    bots.archive(bot=bot, reason="Unused.", at=NOON)

    use(acme, 1)

    assert fired(acme) == []


def test_alerts_fire_under_a_contract(acme: Workspace, bot: Bot) -> None:
    tomorrow = NOON + ONE_DAY
    grants.begin_contract(workspace=acme, day=tomorrow.date(), reason="Signed.", at=NOON)
    alert(acme, 1, bot=bot)
    alert(acme, "0.01", bot=bot, watched=MONEY)

    use(acme, 1, at=tomorrow)

    assert fired(acme) == [("2026-03-03", "1")]


def test_same_alert_is_made_once(acme: Workspace, bot: Bot) -> None:
    calls: list[Callable[[], object]] = [partial(alert, acme, 5, bot=bot), partial(alert, acme, 6)]

    raised = at_once(*calls * 2)

    assert sorted(str(error) for error in raised if error) == [usage_alerts.TWICE] * 2
    with in_workspace(acme.pk):
        assert UsageAlert.objects.for_workspace(acme).count() == 2


def test_threshold_of_another_alert_is_refused(acme: Workspace, bot: Bot) -> None:
    alert(acme, 5, bot=bot)
    made = alert(acme, 6, bot=bot)

    with pytest.raises(usage_alerts.NotPossible, match="just this"):
        usage_alerts.change(alert=made, threshold=Decimal(5), is_on=True, at=NOON)


def test_archived_bot_gets_no_alert(acme: Workspace, bot: Bot) -> None:
    bots.archive(bot=bot, reason="Unused.", at=NOON)

    with pytest.raises(usage_alerts.NotPossible, match="archived"):
        alert(acme, 5, bot=bot)


def test_removed_alert_goes_with_its_history(acme: Workspace, bot: Bot) -> None:
    made = alert(acme, 1, bot=bot)
    use(acme, 1)

    assert usage_alerts.remove(alert=made)
    assert not usage_alerts.remove(alert=made)
    use(acme, 1, at=NOON + ONE_DAY)

    assert fired(acme) == []
    assert len(letters.find(acme, "usage_alert")) == 1


def test_alert_removed_during_a_run_fires_nothing(
    acme: Workspace, bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if somebody removed it between the look at the numbers and the lock."""
    use(acme, 1)
    made = alert(acme, 1, bot=bot)
    decide = alerting.decide

    def decide_late(*args: object, **values: object) -> list[UsageAlertFiring]:
        found = decide(*args, **values)  # type: ignore[arg-type]
        usage_alerts.remove(alert=made)
        return found

    monkeypatch.setattr(alerting, "decide", decide_late)

    assert look(acme) == 0


def test_change_calls_for_a_look_and_the_beat_finds_what_was_lost(
    acme: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    off = alert(make.workspace("other"), 1)
    usage_alerts.change(alert=off, threshold=Decimal(1), is_on=False, at=NOON)
    alert(acme, 1)
    called: list[int] = []
    monkeypatch.setattr(
        tasks.fire_usage_alerts,
        "apply_async",
        lambda kwargs, **_: called.append(kwargs["workspace_id"]),
    )

    tasks.find_due_usage_alerts()

    assert called == sorted([acme.pk, make.workspace("globex").pk])


def test_statements_are_as_many_for_many_alerts(acme: Workspace) -> None:
    counts = []
    for number in range(12):
        bot = make.bot(acme, f"bot{number}")
        for watched in (SESSIONS, MONEY):
            for per in (DAY, MONTH):
                alert(acme, 1000, bot=bot, watched=watched, per=per)
        with CaptureQueriesContext(
            connection,
        ) as captured:
            look(acme)
        counts.append(len(captured))

    assert counts == counts[:1] * 12


def read_rehearsal(of: Workspace, watch: Watch, *, at: datetime, threshold: str) -> Rehearsal:
    with in_workspace(of.pk):
        calendar = read_calendar(of)
        return rehearse(
            workspace=of,
            watch=watch,
            threshold=Decimal(threshold),
            months=3,
            calendar=calendar,
            today=calendar.day_of(at),
        )


THRESHOLDS = {
    (SESSIONS, DAY): ["4", "7"],
    (SESSIONS, MONTH): ["60", "95"],
    (MONEY, DAY): ["0.80", "1.50"],
    (MONEY, MONTH): ["12", "19.20"],
}


def test_rehearsal_is_what_fires_when_history_is_replayed() -> None:
    """Over three months with a change of the clocks, some usage late or at an edge of a day."""
    of = make.workspace("berlin", timezone="Europe/Berlin")
    bot = make.bot(of)
    begins = datetime(2026, 2, 1, 0, 30, tzinfo=BERLIN)
    made = {
        alert(of, threshold, bot=bot, watched=watched, per=per, at=begins).pk: (watch, threshold)
        for (watched, per), thresholds in THRESHOLDS.items()
        for watch in [Watch(bot.pk, watched, per)]
        for threshold in thresholds
    }
    replay(of, from_day=begins, days=80, chance=random.Random(7))

    rows = set(fired_by_alert(of))
    for pk, (watch, threshold) in made.items():
        rehearsed = read_rehearsal(of, watch, at=begins + 81 * ONE_DAY, threshold=threshold)
        expected = [period.starts_on for period in rehearsed.reached]
        assert sorted(day for alert_id, day in rows if alert_id == pk) == sorted(expected)
        assert 1 <= len(expected) < len(rehearsed.periods), (watch, threshold)


def replay(of: Workspace, *, from_day: datetime, days: int, chance: random.Random) -> None:
    """Have a bot be used over some days, two at a time, and charge these mostly late."""
    end = from_day + (days + 1) * ONE_DAY
    for day in (from_day + number * ONE_DAY for number in range(0, days, 2)):
        times = [chance.randrange(48 * 60) * make.MINUTE for _ in range(chance.randrange(17))]
        events = [event for at in times for event in watching.list_alerts(1, at=day + at)]
        make.take_in(of, *events, now=end)
        charge(of, day + chance.choice([20, 44, 50]) * make.HOUR)
    charge(of, end)


def fired_by_alert(of: Workspace) -> list[tuple[int, date]]:
    with in_workspace(of.pk):
        rows = UsageAlertFiring.objects.for_workspace(of)
        return list(rows.values_list("alert_id", "starts_on"))
