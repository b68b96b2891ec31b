"""Saved payment methods: seen, added with consent, chosen for renewals, removed."""

from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

import pytest
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import reverse
from pytest_django.fixtures import Settings

from accounts.models import AuditEntry, Bot, Membership, Role, Workspace
from accounts.tenancy import in_workspace
from invoices import auto_reload, collecting, keepers, payments, reloads, sandbox, saved_methods
from invoices.models import AutoReload, Method, MethodSetup, Payment, SavedMethod
from invoices.providers import SetupAnswer
from invoices.sandbox import SavedAnswer
from tests import make
from tests.at_once import at_once
from tests.invoices import buying
from tests.pages import GARBAGE, count_reads, sign_in, words
from tests.rows import made_once

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

PAGE = "/w/acme/settings/payment-methods"
NEW = f"{PAGE}/new"


@pytest.fixture
@made_once
def owner() -> Membership:
    return make.member(make.workspace("acme"))


@pytest.fixture
def acme(owner: Membership) -> Workspace:
    return owner.workspace


@pytest.fixture
def client(owner: Membership) -> Client:
    return sign_in(owner)


@pytest.fixture
@made_once
def saved(acme: Workspace, owner: Membership) -> SavedMethod:
    return buying.kept_method(acme, by=owner.user, as_default=True)


def reload_by(saved: SavedMethod, owner: Membership, *, bot: Bot | None = None) -> AutoReload:
    return auto_reload.turn_on(
        workspace=owner.workspace,
        bot=bot,
        amount=Decimal(100),
        limit=Decimal(50),
        saved_method=saved,
        by=owner.user,
        at=make.NOON,
    )


def stored(saved: SavedMethod) -> SavedMethod:
    with in_workspace(saved.workspace_id):
        return SavedMethod.objects.select_related("workspace").get(pk=saved.pk)


def find_default(of: Workspace) -> SavedMethod | None:
    with in_workspace(of.pk):
        return collecting.find_saved(of)


def audited(of: Workspace, *actions: str) -> list[str]:
    with in_workspace(of.pk):
        entries = AuditEntry.objects.for_workspace(of).filter(action__in=actions).order_by("pk")
        return list(entries.values_list("action", flat=True))


# The list


def test_page_says_what_each_method_is_for_and_what_was_agreed_to(
    acme: Workspace, owner: Membership, saved: SavedMethod, client: Client
) -> None:
    bot = make.bot(acme, "support")
    reload_by(saved, owner)
    reload_by(saved, owner, bot=bot)
    globex = make.workspace("globex")
    buying.kept_method(globex, by=make.member(globex).user, answers=SavedAnswer.REVIEW)

    said = words(client.get(PAGE))

    assert f"Renewals are paid by {saved} ." in said
    assert f"Sandbox No money moves. Saved by {owner.user.known_as}, 2 Mar 2026, 12:00" in said
    assert "Renewals Auto-reload of the credits that all bots share" in said
    assert f"Auto-reload of {bot.name}" in said
    assert payments.CONSENT in said
    assert "review" not in said


def test_page_without_methods_leads_to_the_first_one(client: Client, settings: Settings) -> None:
    page = client.get(PAGE)
    assert "No saved payment method" in words(page)
    assert NEW in page.content.decode()

    settings.SANDBOX_PAYMENTS = False

    assert NEW not in client.get(PAGE).content.decode()
    assert "offers none" in words(client.get(NEW))


def test_page_of_many_methods_asks_no_more_than_that_of_one(
    acme: Workspace, owner: Membership, saved: SavedMethod, client: Client
) -> None:
    client.get(PAGE)
    of_one = count_reads(lambda: client.get(PAGE))
    for answers in (SavedAnswer.REVIEW, SavedAnswer.DECLINE, SavedAnswer.LATE):
        reload_by(buying.kept_method(acme, by=owner.user, answers=answers), owner)

    assert count_reads(lambda: client.get(PAGE)) == of_one


@pytest.mark.parametrize(
    ("role", "page_status"),
    [(Role.ADMIN, 200), (Role.FINANCE, 403), (Role.MEMBER, 403), (Role.SHARED, 404)],
)
def test_page_is_for_owner_and_admins(acme: Workspace, role: Role, page_status: int) -> None:
    client = sign_in(make.member(acme, role))

    assert client.get(PAGE).status_code == page_status
    assert client.get(NEW).status_code == page_status


# One more


def add(client: Client, **values: str) -> str:
    """Agree to save a method; return the provider's page."""
    sent = {"method": "sandbox", "agreed": "on", "as_default": "on"} | values
    answer = client.post(NEW, sent)
    assert answer.status_code == 302, words(answer)
    return buying.lead_on(client, answer.headers["Location"])


@pytest.fixture
def bodies(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Catch what the sandbox has a worker send off."""
    caught: list[str] = []

    def take(name: str, *, kwargs: dict[str, str], **more: object) -> None:
        caught.append(kwargs["body"])

    monkeypatch.setattr("invoices.sandbox.current_app.send_task", take)
    return caught


def deliver(body: str) -> int:
    headers = {sandbox.SIGNATURE: sandbox.sign(body)}
    address, kind = reverse("sandbox:answers"), "application/json"
    return Client().post(address, body, content_type=kind, headers=headers).status_code


def test_method_is_added_with_the_words_that_were_agreed_to(
    acme: Workspace, owner: Membership, bodies: list[str], client: Client
) -> None:
    assert payments.CONSENT in words(client.get(NEW))
    page = add(client)
    assert page.startswith("/sandbox/save/")
    assert "Nothing is charged now" in words(Client().get(page))

    back = Client().post(page, {"choice": "save", "saved": "decline"}).headers["Location"]

    assert "is awaited" in words(client.get(back))
    polls = client.get(back, headers={"HX-Request": "true"})
    assert polls.status_code == 204
    assert [deliver(bodies[0]) for _ in range(3)] == [200] * 3
    assert "Sandbox, declines is saved." in words(client.get(back))
    assert "Sandbox, declines is saved." in words(client.get(back, headers={"HX-Request": "true"}))
    with in_workspace(acme.pk):
        kept = SavedMethod.objects.get()
    assert (kept.consent, kept.saved_by_id) == (payments.CONSENT, owner.user_id)
    assert kept.is_default
    actions = ("payment_method.started", "payment_method.saved", "payment_method.chosen")
    assert audited(acme, *actions) == list(actions)


@pytest.mark.parametrize("values", [{"agreed": ""}, {"method": ""}, {"method": "wire"}])
def test_nothing_begins_without_consent_and_a_method(
    acme: Workspace, client: Client, values: dict[str, str]
) -> None:
    answer = client.post(NEW, {"method": "sandbox", "agreed": "on"} | values)

    assert answer.status_code == 200
    with in_workspace(acme.pk):
        assert not MethodSetup.objects.exists()


def test_setup_that_is_given_up_keeps_nothing(
    acme: Workspace, bodies: list[str], client: Client
) -> None:
    page = add(client)
    assert "no such answer" in words(Client().post(page, {"choice": "steal"}))

    back = Client().post(page, {"choice": "cancel", "saved": "accept"}).headers["Location"]
    deliver(bodies[0])

    assert "No payment method was saved." in words(client.get(back))
    with in_workspace(acme.pk):
        assert not SavedMethod.objects.exists()
    again = client.get(f"{PAGE}/setups/1")
    assert again.headers["Location"] == back


def test_setup_page_is_not_to_be_forged(client: Client) -> None:
    page = add(client)

    assert Client().get(page[:-1] + "~").status_code == 404
    assert Client().get(page.replace("/save/", "/pay/")).status_code == 404


def test_answer_to_an_unknown_setup_is_refused(acme: Workspace) -> None:
    answer = SetupAnswer("unknown", "accept", "Sandbox")

    assert deliver(sandbox.write_callback(answer, workspace_id=acme.pk)) == 404


def test_setup_is_of_its_workspace(acme: Workspace, owner: Membership) -> None:
    reference = buying.setup(acme, by=owner.user).reference
    globex = make.workspace("globex")

    with pytest.raises(keepers.UnknownSetup):
        keepers.take_answer(
            workspace_id=globex.pk, answer=SetupAnswer(reference, "accept", "x"), at=make.NOON
        )


def test_setup_is_gone_on_with_by_whoever_agreed(acme: Workspace, owner: Membership) -> None:
    setup = buying.setup(acme, by=owner.user, at=datetime.now(UTC))
    admin = sign_in(make.member(acme, Role.ADMIN))

    page = admin.get(f"{PAGE}/setups/{setup.pk}", follow=True)

    assert "Somebody else agreed" in words(page)
    assert "is awaited" not in words(admin.get(f"{PAGE}?setup={setup.pk}"))


@pytest.mark.parametrize("setup", GARBAGE)
def test_odd_setups_are_none(client: Client, setup: str) -> None:
    assert client.get(PAGE, {"setup": setup}).status_code == 200


def test_answers_at_once_keep_one_method(acme: Workspace, owner: Membership) -> None:
    setup = buying.setup(acme, by=owner.user)
    answer = SetupAnswer(setup.reference, "accept", "Sandbox")

    raised = at_once(
        *[lambda: keepers.take_answer(workspace_id=acme.pk, answer=answer, at=make.NOON)] * 10
    )

    assert raised == [None] * 10
    with in_workspace(acme.pk):
        assert SavedMethod.objects.count() == 1
    assert audited(acme, "payment_method.saved") == ["payment_method.saved"]


# The default


def test_first_method_of_a_purchase_pays_renewals_and_a_later_one_does_not(
    acme: Workspace,
) -> None:
    first = buying.saved_method(acme)

    buying.saved_method(acme, SavedAnswer.DECLINE)

    assert find_default(acme) == first


def test_method_that_is_added_pays_renewals_where_that_is_asked_for(
    acme: Workspace, owner: Membership
) -> None:
    add = partial(buying.kept_method, acme, by=owner.user)
    add()
    assert find_default(acme) is None

    first = add(answers=SavedAnswer.DECLINE, as_default=True)
    assert find_default(acme) == first
    second = add(answers=SavedAnswer.REVIEW, as_default=True)

    assert find_default(acme) == second
    assert not stored(first).is_default


def test_another_method_is_chosen_for_renewals(
    acme: Workspace, owner: Membership, saved: SavedMethod, client: Client
) -> None:
    other = buying.kept_method(acme, by=owner.user, answers=SavedAnswer.REVIEW)

    for _ in range(2):
        answer = client.post(f"{PAGE}/{other.pk}/default", follow=True)

    assert f"Renewals are paid by {other}" in words(answer)
    assert find_default(acme) == other
    assert audited(acme, "payment_method.chosen") == ["payment_method.chosen"] * 2  # first, other


def test_choices_at_once_leave_one_default(
    acme: Workspace, owner: Membership, saved: SavedMethod
) -> None:
    others = [
        buying.kept_method(acme, by=owner.user, answers=answers)
        for answers in (SavedAnswer.REVIEW, SavedAnswer.DECLINE, SavedAnswer.LATE)
    ]

    raised = at_once(*[partial(saved_methods.choose, saved=one) for one in others * 3])

    assert raised == [None] * 9
    with in_workspace(acme.pk):
        assert SavedMethod.objects.filter(is_default=True).count() == 1


def test_method_of_a_member_or_with_other_words_is_not_chosen(
    acme: Workspace, client: Client
) -> None:
    member = make.member(acme, Role.MEMBER)
    theirs = buying.kept_method(acme, by=member.user, as_default=True)
    with in_workspace(acme.pk):
        old = SavedMethod.objects.create(
            workspace=acme, method=Method.SANDBOX, reference="old", label="Old card",
            consent="Reloads only.", consented_at=make.NOON, saved_by=make.member(acme).user,
        )  # fmt: skip

    page = client.get(PAGE)
    refused = [
        words(client.post(f"{PAGE}/{method.pk}/default", follow=True)) for method in (theirs, old)
    ]

    assert "Use for renewals" not in words(page)
    assert "is not an owner or admin here." in refused[0]
    assert "do not speak of renewals." in refused[1]
    assert find_default(acme) is None


def test_default_of_somebody_who_is_no_admin_any_more_pays_nothing(
    acme: Workspace, client: Client
) -> None:
    admin = make.member(acme, Role.ADMIN)
    buying.kept_method(acme, by=admin.user, as_default=True)
    assert find_default(acme)
    with in_workspace(acme.pk):
        Membership.objects.filter(pk=admin.pk).update(role=Role.MEMBER)

    assert find_default(acme) is None
    assert "Renewals are paid by hand" in words(client.get(PAGE))


# Removal


def test_removal_shows_what_it_comes_to(
    acme: Workspace, owner: Membership, saved: SavedMethod, client: Client
) -> None:
    unused = buying.kept_method(acme, by=owner.user, answers=SavedAnswer.REVIEW)
    reload_by(saved, owner)
    reload_by(saved, owner, bot=make.bot(acme, "support"))

    said, other = (words(client.get(f"{PAGE}/{one.pk}/remove")) for one in (saved, unused))

    assert "Renewals are paid by hand from now on" in said
    assert "Auto-reload of the credits that all bots share is switched off." in said
    assert "Auto-reload of support is switched off." in said
    assert "Nothing else: neither renewals nor an auto-reload use it." in other
    assert stored(saved).removed_at is None


def test_removed_method_is_charged_for_nothing_and_nothing_of_it_is_lost(
    acme: Workspace, owner: Membership, client: Client
) -> None:
    saved = buying.saved_method(acme)
    reload = reload_by(saved, owner)

    said = words(client.post(f"{PAGE}/{saved.pk}/remove", follow=True))

    assert f"{saved} is removed and is not charged any more." in said
    assert f"Removed Payment method Saved by Agreed Removed by Removed {saved}" in said
    kept = stored(saved)
    assert (kept.consent, kept.removed_by_id) == (payments.CONSENT, owner.user_id)
    assert find_default(acme) is None
    with in_workspace(acme.pk):
        reload.refresh_from_db()
        assert Payment.objects.get(kept_method=saved).order.number == 1
    assert (reload.is_on, reload.off_because) == (False, "Its payment method was removed.")
    assert "Its payment method was removed." in words(client.get("/w/acme/plan/reload"))
    assert "No saved payment method" in words(client.get("/w/acme/plan/reload"))


def test_method_is_removed_once(acme: Workspace, saved: SavedMethod, client: Client) -> None:
    for _ in range(2):
        answer = client.post(f"{PAGE}/{saved.pk}/remove", follow=True)

    assert "was removed before." in words(answer)
    assert "is removed already" in words(client.get(f"{PAGE}/{saved.pk}/remove"))
    assert audited(acme, "payment_method.removed") == ["payment_method.removed"]
    refused = client.post(f"{PAGE}/{saved.pk}/default", follow=True)
    assert "It was removed." in words(refused)


def test_same_method_can_be_saved_anew_after_its_removal(
    acme: Workspace, owner: Membership, saved: SavedMethod
) -> None:
    buying.remove(acme, by=owner.user)

    anew = buying.kept_method(acme, by=owner.user, as_default=True)

    assert anew.pk != saved.pk
    assert find_default(acme) == anew


def test_removal_leaves_other_methods_and_workspaces_alone(
    acme: Workspace, owner: Membership, saved: SavedMethod, client: Client
) -> None:
    other = buying.kept_method(acme, by=owner.user, answers=SavedAnswer.REVIEW)
    kept_on = reload_by(other, owner)
    globex = make.workspace("globex")
    theirs = buying.kept_method(globex, by=make.member(globex).user, as_default=True)

    client.post(f"{PAGE}/{saved.pk}/remove")
    assert client.post(f"{PAGE}/{theirs.pk}/remove").status_code == 404

    assert stored(other).removed_at is None
    assert stored(theirs).removed_at is None
    assert find_default(globex) == theirs
    with in_workspace(acme.pk):
        kept_on.refresh_from_db()
    assert kept_on.is_on


def test_reload_turned_on_while_its_method_is_removed_does_not_stay_on(
    acme: Workspace, owner: Membership
) -> None:
    for answers in (SavedAnswer.ACCEPT, SavedAnswer.REVIEW, SavedAnswer.LATE):
        saved = buying.kept_method(acme, by=owner.user, answers=answers)

        raised = at_once(
            partial(reload_by, stored(saved), owner),
            partial(saved_methods.remove, saved=stored(saved), by=owner.user, at=make.NOON),
        )

        assert raised[1] is None
        assert raised[0] is None or isinstance(raised[0], auto_reload.MethodRemoved)
        with in_workspace(acme.pk):
            assert not AutoReload.objects.filter(is_on=True).exists()


def test_removed_method_is_not_taken_for_a_reload(
    acme: Workspace, owner: Membership, saved: SavedMethod, client: Client
) -> None:
    buying.remove(acme, by=owner.user)

    with pytest.raises(auto_reload.MethodRemoved):
        reload_by(saved, owner)
    answer = client.post(
        "/w/acme/plan/reload", {"amount": "100", "limit": "0", "saved_method": saved.pk}
    )

    assert answer.status_code == 200
    with in_workspace(acme.pk):
        assert not AutoReload.objects.exists()


def test_reload_whose_method_is_gone_says_why(
    acme: Workspace, owner: Membership, saved: SavedMethod
) -> None:
    reload = reload_by(saved, owner)
    with in_workspace(acme.pk):  # as if somebody had done so by hand
        SavedMethod.objects.update(removed_at=make.NOON, removed_by=owner.user, is_default=False)
        reload.saved_method.refresh_from_db()

        assert reloads.find_refusal(reload) == "Its payment method was removed."


@pytest.mark.parametrize("field", ["consent", "consented_at", "saved_by_id", "reference", "label"])
def test_database_keeps_what_was_agreed_to(saved: SavedMethod, field: str) -> None:
    with (
        in_workspace(saved.workspace_id),
        transaction.atomic(),
        pytest.raises(DatabaseError, match="permission denied"),
    ):
        SavedMethod.objects.filter(pk=saved.pk).update(**{field: getattr(saved, field)})
