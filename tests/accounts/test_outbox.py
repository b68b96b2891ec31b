"""The outbox: a mail is written with what it tells of, and goes out once, whatever fails."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, cast

import pytest
from django.core.cache import cache
from django.db import transaction
from pytest_django import Settings

from accounts import dispatch, mail, mail_choices, outbox, people, tasks
from accounts.mail_kinds import KINDS, Category, Kind
from accounts.models import Bot, Mail, MailState, Membership, Role, Workspace
from accounts.recipients import Recipient, Why, find_admins, find_operators, of_addresses
from accounts.tenancy import in_workspace
from tests import make
from tests.at_once import at_once
from tests.conftest import WorkerStarter
from tests.mail_server import MailServer, prepare, running

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

DAY = timedelta(days=1)
LOW: dict[str, Any] = {"left": "9.50 USD", "limit": "50.00 USD"}


@pytest.fixture
def acme() -> Workspace:
    return make.workspace("acme", name="Acme Ltd")


@pytest.fixture
def away(settings: Settings) -> MailServer:
    """Have the console send to a server that is not there."""
    return prepare(settings)


@pytest.fixture
def server(away: MailServer) -> Iterator[MailServer]:
    """Have the console send to a server."""
    with running(away):
        yield away


def owner_of(of: Workspace) -> list[Recipient]:
    user = make.member(of).user
    return [Recipient(user.email, Why.ADMIN, user)]


def queue(of: Workspace, number: int = 1, **values: Any) -> int:  # Any: as `outbox.queue`
    """Write a mail about money to the owner, or as ``values`` say."""
    given: dict[str, Any] = {
        "kind": "reload_off",
        "to": owner_of(of),
        "at": make.NOON,
        "wallet": "all bots",
    }
    return outbox.queue(workspace=of, of=number, **(given | values))


def run(of: Workspace, at: datetime = make.NOON) -> int:
    return dispatch.run(workspace_id=of.pk, now=at)


def list_mails(of: Workspace) -> list[Mail]:
    with in_workspace(of.pk):
        return list(Mail.objects.for_workspace(of).order_by("pk"))


def find_state(of: Workspace) -> tuple[str, str]:
    (found,) = list_mails(of)
    return found.state, found.reason


def test_mail_has_text_html_reason_and_the_way_to_switch_it_off(
    acme: Workspace, server: MailServer
) -> None:
    queue(acme)

    assert run(acme) == 1

    (sent,) = server.mails
    assert sent["To"] == "owner@acme.example"
    assert sent["Subject"] == "Auto-reload for all bots is off"
    assert sent["List-Unsubscribe"].strip().startswith("<http://127.0.0.1:8000/mail/switch-off/")
    assert sent["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    for kind in ("plain", "html"):
        body = sent.get_body(preferencelist=(kind,))
        assert body is not None
        text = " ".join(body.get_content().split())
        assert "Auto-reload for all bots was turned off." in text
        assert "You get this because you are an owner or admin of this workspace." in text
        assert "http://127.0.0.1:8000/w/acme/mails" in text
    assert find_state(acme) == (MailState.SENT, "")


def test_names_are_no_markup_and_no_headers(acme: Workspace, server: MailServer) -> None:
    queue(acme, wallet="<b>x</b>\n\nBcc: all@acme.example {{ 1 }}")

    run(acme)

    (sent,) = server.mails
    assert sent["Subject"] == "Auto-reload for <b>x</b> Bcc: all@acme.example {{ 1 }} is off"
    assert sent["Bcc"] is None
    body = sent.get_body(preferencelist=("html",))
    assert body is not None
    assert "&lt;b&gt;x&lt;/b&gt;" in body.get_content()
    assert "<b>x" not in body.get_content()


def test_mail_goes_out_once_by_workers_at_once(acme: Workspace, server: MailServer) -> None:
    for number in range(12):
        queue(acme, number)

    raised = at_once(*[partial(run, acme)] * 4)

    assert raised == [None] * 4
    assert len(server.mails) == len({sent["Message-ID"] for sent in server.mails}) == 12


def test_same_event_is_told_once(acme: Workspace, server: MailServer) -> None:
    assert queue(acme) == 1

    assert queue(acme) == 0
    assert at_once(*[partial(queue, acme, 2)] * 4) == [None] * 4

    run(acme)
    assert len(server.mails) == 2


def test_rollback_sends_nothing(acme: Workspace, server: MailServer) -> None:
    with transaction.atomic():
        queue(acme)
        transaction.set_rollback(True)

    assert run(acme) == 0
    assert list_mails(acme) == []


def test_mail_of_another_workspace_is_left_to_its_own_run(
    acme: Workspace, server: MailServer
) -> None:
    globex = make.workspace("globex")
    queue(acme)
    queue(globex)

    run(acme)

    assert server.find_recipients() == ["owner@acme.example"]
    assert outbox.find_due(now=make.NOON) == [globex.pk]


def test_worker_that_is_killed_before_it_notes_sends_a_copy_that_is_recognized(
    acme: Workspace, server: MailServer, settings: Settings, start_worker: WorkerStarter
) -> None:
    server.holds.set()
    queue(acme, at=datetime.now(UTC))
    worker = start_worker(
        concurrency=1, PUBLIC_ADDRESS=settings.PUBLIC_ADDRESS, **server.environment
    )
    wait_for(lambda: bool(server.mails))
    assert run(acme, datetime.now(UTC)) == 0  # it is being sent

    os.killpg(worker.pid, signal.SIGKILL)
    server.holds.clear()
    wait_for(lambda: run(acme, datetime.now(UTC)) == 1)

    first, second = server.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert find_state(acme) == (MailState.SENT, "")


def wait_for(done: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 30
    while not done():
        assert time.monotonic() < give_up
        time.sleep(0.1)


def test_worker_sends_what_is_committed(
    acme: Workspace, server: MailServer, start_worker: WorkerStarter
) -> None:
    start_worker(concurrency=1, **server.environment)

    queue(acme, at=datetime.now(UTC))

    wait_for(lambda: find_state(acme)[0] == MailState.SENT)
    assert len(server.mails) == 1


def test_server_that_is_away_for_three_days_loses_nothing(
    acme: Workspace, away: MailServer
) -> None:
    for number in range(3):
        queue(acme, number)
    at = make.NOON
    while at < make.NOON + 3 * DAY:
        with pytest.raises(mail.ServerAway):
            run(acme, at)
        at += timedelta(hours=1, minutes=1)

    with running(away):
        assert run(acme, at) == 3

    assert len({sent["Message-ID"] for sent in away.mails}) == 3
    assert all(found.attempts > 1 for found in list_mails(acme))


def test_beat_leaves_a_server_alone_that_was_just_away(acme: Workspace, away: MailServer) -> None:
    queue(acme, at=datetime.now(UTC))
    tasks.send_mail(workspace_id=acme.pk)
    queue(acme, 2, at=datetime.now(UTC))

    with running(away):
        tasks.send_mail(workspace_id=acme.pk)
        assert away.mails == []
        cache.delete(tasks.MAIL_SERVER_AWAY)
        tasks.send_mail(workspace_id=acme.pk)

    assert len(away.mails) == 1  # the other is tried again after a minute
    assert [found.attempts for found in list_mails(acme)] == [1, 1]


def test_pauses_grow_and_after_four_days_it_is_given_up(acme: Workspace, away: MailServer) -> None:
    queue(acme)
    at, pauses = make.NOON, []
    while find_state(acme)[0] == MailState.WAITING:
        with pytest.raises(mail.ServerAway):
            run(acme, at)
        pauses.append(list_mails(acme)[0].due_at - at)
        at += max(pauses[-1], timedelta(hours=1))

    assert pauses[:5] == [timedelta(minutes=minutes) for minutes in (1, 5, 20, 60, 60)]
    assert at > make.NOON + 4 * DAY
    assert find_state(acme) == (MailState.FAILED, "ConnectionRefusedError")


def test_address_that_bounces_is_noted_and_holds_up_no_other(
    acme: Workspace, server: MailServer
) -> None:
    server.refuses = {"gone@acme.example": "550 5.1.1 gone@acme.example is unknown here"}
    queue(acme, to=of_addresses(["gone@acme.example"]))
    queue(acme, 2)

    assert run(acme) == 1
    assert run(acme, make.NOON + DAY) == 0

    first, second = list_mails(acme)
    assert (first.state, first.reason, first.attempts) == (MailState.REFUSED, "SMTP 550", 1)
    assert second.state == MailState.SENT


def test_address_that_is_refused_for_now_is_tried_again(
    acme: Workspace, server: MailServer
) -> None:
    server.refuses = {"owner@acme.example": "450 4.2.0 Greylisted"}
    queue(acme)
    queue(acme, 2, to=of_addresses(["other@acme.example"]))
    assert run(acme) == 1  # the other
    assert list_mails(acme)[0].reason == "SMTP 450"
    server.refuses = {}

    assert run(acme, make.NOON + timedelta(seconds=59)) == 0
    assert run(acme, make.NOON + timedelta(minutes=1)) == 1


def test_operator_has_a_mail_sent_once_more(acme: Workspace, server: MailServer) -> None:
    server.refuses = {"owner@acme.example": "550 5.7.1 Not from you"}
    queue(acme)
    run(acme)
    server.refuses = {}

    assert outbox.try_again(found=list_mails(acme)[0], now=make.NOON + 9 * DAY)
    assert run(acme, make.NOON + 9 * DAY) == 1

    assert not outbox.try_again(found=list_mails(acme)[0], now=make.NOON + 9 * DAY)


def test_mail_that_cannot_be_made_holds_up_no_other(
    acme: Workspace, server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cast("dict[str, Kind]", KINDS), "unheard_of", KINDS["reload_off"])
    queue(acme, kind="unheard_of")
    queue(acme, 2)

    assert run(acme) == 1

    assert [found.state for found in list_mails(acme)] == [MailState.WAITING, MailState.SENT]
    assert list_mails(acme)[0].reason == "TemplateDoesNotExist"


def test_there_is_one_a_day_of_a_kind_and_bot_except_of_money(acme: Workspace) -> None:
    support, sales = make.bot(acme), make.bot(acme, "sales")
    low = partial(queue, of=acme, kind="low_balance", **LOW)

    assert low(number=1, bot=support) == 1
    assert low(number=2, bot=support, at=make.NOON + timedelta(hours=11)) == 0
    assert low(number=2, bot=sales) == 1
    assert low(number=2, bot=support, at=make.NOON + timedelta(hours=12)) == 1
    assert [queue(acme, number) for number in range(3)] == [1, 1, 1]


def test_day_is_that_of_the_workspaces_zone() -> None:
    tonga = make.workspace("tonga", timezone="Pacific/Tongatapu")  # 13 hours ahead
    low = partial(queue, of=tonga, kind="low_balance", bot=make.bot(tonga), **LOW)
    assert low(number=1, at=datetime(2026, 3, 2, 10, 59, tzinfo=UTC)) == 1

    assert low(number=2, at=datetime(2026, 3, 1, 11, tzinfo=UTC)) == 0
    assert low(number=3, at=datetime(2026, 3, 2, 11, tzinfo=UTC)) == 1


@pytest.fixture
def member(acme: Workspace) -> Membership:
    make.member(acme)
    return make.member(acme, Role.ADMIN)


Act = Callable[[Membership], object]


def remove(member: Membership) -> None:
    by = make.member(make.workspace("acme"))
    people.remove(member=member, by=by, reason="Left.", at=make.NOON)


def demote(member: Membership) -> None:
    by = make.member(make.workspace("acme"))
    people.change_role(member=member, role=Role.MEMBER, by=by, reason="-", at=make.NOON)


def deactivate(member: Membership) -> None:
    member.user.is_active = False
    member.user.save()


@pytest.mark.parametrize("act", [remove, demote, deactivate])
def test_who_left_or_lost_the_role_gets_nothing(
    acme: Workspace, member: Membership, server: MailServer, act: Act
) -> None:
    queue(acme, to=[Recipient(member.user.email, Why.ADMIN, member.user)])
    act(member)

    assert run(acme) == 0

    assert find_state(acme) == (MailState.DROPPED, "not a recipient any more")
    with in_workspace(acme.pk):
        assert [one.address for one in find_admins(acme)] == ["owner@acme.example"]


def test_owner_of_a_bot_gets_nothing_of_it_once_it_has_another(
    acme: Workspace, server: MailServer
) -> None:
    old, new = make.member(acme, Role.MEMBER), make.member(acme, Role.MEMBER, "new@acme.example")
    bot = make.bot(acme)
    for owner in (old, new):
        with in_workspace(acme.pk):
            Bot.objects.filter(pk=bot.pk).update(owner=owner.user)
        to = [Recipient(owner.user.email, Why.BOT_OWNER, owner.user)]
        queue(acme, kind="low_balance", bot=bot, to=to, **LOW)

    run(acme)

    assert server.find_recipients() == ["new@acme.example"]


def test_shared_account_user_gets_no_mail_about_money(acme: Workspace, server: MailServer) -> None:
    guest = make.member(acme, Role.SHARED)
    for number, why in enumerate(set(Why) - {Why.MEMBER}):
        queue(acme, number, to=[Recipient(guest.user.email, why, guest.user)])

    assert run(acme) == 0


def test_what_is_switched_off_is_not_sent(acme: Workspace, server: MailServer) -> None:
    owner = make.member(acme)
    mail_choices.choose(member=owner, wanted=[Category.CREDITS])
    queue(acme)
    queue(acme, kind="low_balance", bot=make.bot(acme), **LOW)
    queue(acme, kind="payment_failed", order="O-000001", gross="1", method="Card")
    queue(make.workspace("globex"))

    run(acme)

    assert [found.reason for found in list_mails(acme)] == ["switched off", "", ""]
    assert len(server.mails) == 2


def test_mail_goes_to_the_address_that_the_person_has_now(
    acme: Workspace, server: MailServer
) -> None:
    queue(acme)
    owner = make.member(acme).user
    owner.email = "new@acme.example"
    owner.save()

    run(acme)

    assert server.find_recipients() == ["new@acme.example"]


def test_operators_are_written_to_as_long_as_they_are(acme: Workspace, server: MailServer) -> None:
    stays = people.add_operator(email="op@console.example")[0]
    leaves = people.add_operator(email="gone@console.example")[0]
    queue(acme, to=find_operators())
    leaves.is_operator = False
    leaves.save()

    run(acme)

    assert server.find_recipients() == [stays.email]
    assert "List-Unsubscribe" not in server.mails[0]


def test_without_a_mail_server_it_is_said_that_nothing_was_sent(
    acme: Workspace, settings: Settings
) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    queue(acme)

    run(acme)

    assert find_state(acme) == (MailState.DROPPED, "no mail server")


def test_news_of_days_ago_are_not_sent_for_the_first_time(
    acme: Workspace, server: MailServer
) -> None:
    queue(acme)

    run(acme, make.NOON + 4 * DAY + timedelta(seconds=1))

    assert find_state(acme) == (MailState.DROPPED, "too old")
