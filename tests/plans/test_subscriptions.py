"""Plans of bots: one version each local day, changed from today or a later day on."""

from datetime import UTC, date, datetime, timedelta

import pytest

from accounts.models import AuditEntry, Bot, Workspace
from accounts.tenancy import in_workspace
from plans import catalog, subscriptions
from plans.models import BotBilling, BotPlan, Plan, PlanVersion, WorkspaceBilling
from plans.subscriptions import BotStatus, NotChangeable, PlanStatus
from tests import make
from tests.at_once import at_once
from usage.models import ChangedBot

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

TODAY = date(2026, 3, 2)
APRIL = date(2026, 4, 1)


def version(code: str) -> PlanVersion:
    return PlanVersion.objects.on_offer().select_related("plan").get(plan__code=code)


def code_on(bot: Bot, day: date) -> str:
    return subscriptions.find_version(bot=bot, day=day).plan.code


def rows(of: Workspace) -> list[tuple[date, str]]:
    with in_workspace(of.pk):
        found = BotPlan.objects.for_workspace(of).order_by("bot", "starts_on")
        return list(found.values_list("starts_on", "version__plan__code"))


def actions(of: Workspace) -> list[str]:
    with in_workspace(of.pk):
        entries = AuditEntry.objects.for_workspace(of).filter(action__startswith="plan")
        return list(entries.order_by("pk").values_list("action", flat=True))


@pytest.fixture
def acme() -> Workspace:
    other = make.bot(make.workspace("globex"))
    subscriptions.change_today(bot=other, version=version("advanced"), at=make.NOON)
    return make.workspace("acme")


def test_bot_begins_with_the_first_plan(acme: Workspace) -> None:
    bot = make.bot(acme)

    assert code_on(bot, date(2020, 1, 1)) == "standard"
    assert subscriptions.find_versions(workspace=acme, bots=[bot], day=TODAY).keys() == {bot.pk}


def test_change_holds_from_midnight_of_today(acme: Workspace) -> None:
    bot = make.bot(acme)

    subscriptions.change_today(bot=bot, version=version("essential"), at=make.NOON)

    yesterday = TODAY - timedelta(days=1)
    assert [code_on(bot, day) for day in (yesterday, TODAY, APRIL)] == [
        "standard", "essential", "essential",
    ]  # fmt: skip
    assert actions(acme) == ["plan.changed"]


def test_change_marks_the_bot_to_be_charged(acme: Workspace) -> None:
    bot = make.bot(acme)

    subscriptions.change_today(bot=bot, version=version("essential"), at=make.NOON)

    with in_workspace(acme.pk):
        assert ChangedBot.objects.for_workspace(acme).filter(bot=bot).count() == 1


def test_today_is_the_day_of_the_workspace() -> None:
    india = make.workspace("india", timezone="Asia/Kolkata")
    bot = make.bot(india)

    late = datetime(2026, 3, 2, 18, 30, tzinfo=UTC)  # 00:00 of the next day there
    subscriptions.change_today(bot=bot, version=version("essential"), at=late)

    assert rows(india)[1:] == [(date(2026, 3, 3), "essential")]


def test_second_change_of_a_day_replaces_the_first(acme: Workspace) -> None:
    bot = make.bot(acme)

    subscriptions.change_today(bot=bot, version=version("essential"), at=make.NOON)
    subscriptions.change_today(bot=bot, version=version("advanced"), at=make.NOON)

    assert rows(acme)[1:] == [(TODAY, "advanced")]


def test_scheduled_change_leaves_today_alone(acme: Workspace) -> None:
    bot = make.bot(acme)
    subscriptions.change_today(bot=bot, version=version("advanced"), at=make.NOON)

    for _ in range(2):
        subscriptions.schedule(bot=bot, version=version("essential"), day=APRIL, at=make.NOON)

    last = APRIL - timedelta(days=1)
    assert [code_on(bot, day) for day in (last, APRIL)] == ["advanced", "essential"]
    assert actions(acme) == ["plan.changed", "plan_change.scheduled"]
    found = subscriptions.find_scheduled(workspace=acme, bots=[bot], today=TODAY)
    assert found[bot.pk].version.plan.code == "essential"


def test_later_choice_replaces_what_was_scheduled(acme: Workspace) -> None:
    bot = make.bot(acme)
    subscriptions.change_today(bot=bot, version=version("advanced"), at=make.NOON)

    for code in ("essential", "standard"):
        subscriptions.schedule(bot=bot, version=version(code), day=APRIL, at=make.NOON)

    assert rows(acme)[1:] == [(TODAY, "advanced"), (APRIL, "standard")]


def test_change_today_drops_what_was_scheduled(acme: Workspace) -> None:
    bot = make.bot(acme)
    subscriptions.schedule(bot=bot, version=version("essential"), day=APRIL, at=make.NOON)

    subscriptions.change_today(bot=bot, version=version("advanced"), at=make.NOON)

    assert rows(acme)[1:] == [(TODAY, "advanced")]


def test_scheduled_change_is_undone_once_and_until_its_day(acme: Workspace) -> None:
    bot = make.bot(acme)
    subscriptions.schedule(bot=bot, version=version("essential"), day=APRIL, at=make.NOON)

    day = timedelta(days=1)
    assert not subscriptions.undo(bot=bot, at=make.NOON + 30 * day)  # 1 April, noon
    assert subscriptions.undo(bot=bot, at=make.NOON + 29 * day)
    assert not subscriptions.undo(bot=bot, at=make.NOON + 29 * day)

    assert len(rows(acme)) == 1
    assert actions(acme) == ["plan_change.scheduled", "plan_change.undone"]


def test_day_that_has_begun_cannot_be_scheduled(acme: Workspace) -> None:
    with pytest.raises(ValueError, match="not after"):
        subscriptions.schedule(
            bot=make.bot(acme), version=version("essential"), day=TODAY, at=make.NOON
        )


@pytest.mark.usefixtures("own_catalog")
def test_withdrawn_version_is_not_scheduled(acme: Workspace) -> None:
    bot, essential = make.bot(acme), version("essential")
    catalog.withdraw(plan=Plan.objects.get(code="essential"), seen=1, reason="Over.", at=make.NOON)

    with pytest.raises(NotChangeable, match="not offered"):
        subscriptions.schedule(bot=bot, version=essential, day=APRIL, at=make.NOON)

    assert len(rows(acme)) == 1


def test_workspace_with_a_contract_changes_nothing(acme: Workspace) -> None:
    bot = make.bot(acme)
    subscriptions.schedule(bot=bot, version=version("essential"), day=APRIL, at=make.NOON)
    with in_workspace(acme.pk):
        WorkspaceBilling.objects.for_workspace(acme).update(enterprise_from=TODAY)

    for change in (
        lambda: subscriptions.undo(bot=bot, at=make.NOON),
        lambda: subscriptions.change_today(bot=bot, version=version("essential"), at=make.NOON),
        lambda: subscriptions.schedule(
            bot=bot, version=version("advanced"), day=APRIL, at=make.NOON
        ),
    ):
        with pytest.raises(NotChangeable, match="contract"):
            change()


def test_changes_at_once_leave_one_plan_a_day(acme: Workspace) -> None:
    bot = make.bot(acme)

    raised = at_once(
        *(
            lambda code=code: subscriptions.change_today(
                bot=bot, version=version(code), at=make.NOON
            )
            for code in ("essential", "advanced", "essential", "advanced")
        )
    )

    assert raised == [None] * 4
    assert len(rows(acme)) == 2


def test_plans_from_a_day_on_begin_with_the_one_in_force(acme: Workspace) -> None:
    bot = make.bot(acme)
    subscriptions.change_today(bot=bot, version=version("essential"), at=make.NOON)
    subscriptions.schedule(bot=bot, version=version("standard"), day=APRIL, at=make.NOON)

    def starts(day: date) -> list[date]:
        found = subscriptions.find_plans(workspace=acme, bots=[bot], since=day)
        return [row.starts_on for row in found[bot.pk]]

    assert starts(TODAY) == [TODAY, APRIL]
    assert starts(APRIL) == [APRIL]
    assert starts(TODAY - timedelta(days=1))[1:] == [TODAY, APRIL]


def test_status_says_what_is_unpaid_before_what_ends(acme: Workspace) -> None:
    bots = {key: make.bot(acme, key) for key in ("active", "ends", "due", "expired", "later")}
    for key in ("ends", "due"):
        subscriptions.schedule(bot=bots[key], version=version("essential"), day=APRIL, at=make.NOON)
    day = timedelta(days=1)
    unpaid = {
        "due": (TODAY, TODAY + day),
        "expired": (TODAY - 14 * day, TODAY),
        "later": (TODAY + day, TODAY + 15 * day),
    }
    with in_workspace(acme.pk):
        for key, (due, expires) in unpaid.items():
            BotBilling.objects.create(
                workspace=acme, bot=bots[key], past_due_on=due, expires_on=expires
            )

    found = subscriptions.read_statuses(
        workspace=acme, bots=[bot.pk for bot in bots.values()], today=TODAY
    )

    assert {key: found[bot.pk] for key, bot in bots.items()} == {
        "active": BotStatus(PlanStatus.ACTIVE),
        "ends": BotStatus(PlanStatus.ENDS_ON, date(2026, 3, 31)),
        "due": BotStatus(PlanStatus.PAST_DUE, TODAY),
        "expired": BotStatus(PlanStatus.EXPIRED, TODAY),
        "later": BotStatus(PlanStatus.ACTIVE),
    }
