"""Pages of funds, checkout, one order, auto-reload and the sandbox."""

import re
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given
from hypothesis import settings as with_settings
from hypothesis import strategies as st
from pytest_django.fixtures import Settings

from accounts import bots
from accounts.models import Membership, Role
from accounts.tenancy import in_workspace
from invoices import auto_reload, orders, payments, tasks
from invoices.models import AutoReload, Order, OrderStatus, OrderType, Payment
from invoices.sandbox import SIGNATURE, SavedAnswer, sign
from plans import billing
from tests import make
from tests.at_once import at_once
from tests.invoices import buying
from tests.pages import GARBAGE, sign_in, words
from tests.rows import made_once

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

FUNDS, RELOAD = "/w/acme/plan/funds", "/w/acme/plan/reload"
KEY = "0b0f1c1e-6a55-4b0e-9b8e-3f0d3a3f0d3a"


class Sent:
    """What the sandbox has sent off: tasks that a worker would run; other tasks go their way."""

    def __init__(self) -> None:
        self.calls: list[tuple[dict[str, str], int]] = []

    def __call__(self, name: str, *, kwargs: Any, countdown: int = 0, retry: bool) -> None:
        if name == tasks.deliver_sandbox_answer.name:
            self.calls.append((kwargs, countdown))

    def deliver(self) -> list[int]:
        """Hand all of it in; return the statuses."""
        statuses = []
        for call, _ in self.calls:
            answer = Client().post(
                reverse("sandbox:answers"),
                call["body"],
                content_type="application/json",
                headers={SIGNATURE: sign(call["body"])},
            )
            statuses.append(answer.status_code)
        return statuses


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    caught = Sent()
    monkeypatch.setattr("invoices.sandbox.current_app.send_task", caught)
    return caught


@pytest.fixture
@made_once
def owner() -> Membership:
    acme = make.workspace("acme")
    make.billing_details(acme)
    return make.member(acme)


@pytest.fixture
def client(owner: Membership) -> Client:
    return sign_in(owner)


def checkout(client: Client, *, address: str = FUNDS, key: str = KEY, **values: str) -> str:
    """Order credits; return where that leads, to the page of the sandbox in the end."""
    sent = {"amount": "250", "key": key, "method": "sandbox"} | values
    answer = client.post(address, sent)
    assert answer.status_code == 302, words(answer)
    address = str(answer.headers["Location"])
    return buying.lead_on(client, address) if "/payment?" in address else address


def placed(owner: Membership) -> list[Order]:
    with in_workspace(owner.workspace_id):
        found = Order.objects.for_workspace(owner.workspace)
        return list(found.select_related("workspace").order_by("number"))


def test_amount_then_checkout_then_payment(owner: Membership, sent: Sent, client: Client) -> None:
    asked = client.get(FUNDS)
    assert "from 100.00 USD to 20,000.00 USD" in words(asked)
    shown = client.get(FUNDS, {"amount": "1234.50"})
    said = words(shown)
    assert "Net 1,234.50 USD Tax, 0 % Export outside the EU. 0.00 USD Gross 1,234.50 USD" in said
    assert payments.CONSENT in said
    (key,) = re.findall(r'name="key" value="([0-9a-f-]{36})"', shown.content.decode())

    page = checkout(client, key=key, amount="1234.50", comments="Cost center 7")

    assert page.startswith("/sandbox/pay/")
    stranger = Client()
    hosted = stranger.get(page)
    assert "no money moves" in words(hosted)
    assert "O-000001" in words(hosted)
    assert "1,234.50 USD" in words(hosted)
    back = stranger.post(page, {"choice": "accept"})
    assert (back.status_code, back.headers["Location"]) == (302, "/w/acme/orders/1/")
    assert "is awaited" in words(client.get("/w/acme/orders/1/"))
    assert sent.deliver() == [200]
    result = words(client.get("/w/acme/orders/1/"))
    assert "Completed" in result
    assert "Credits of 1,234.50 USD are loaded for all bots" in result
    assert "Cost center 7" in result
    assert buying.bought(owner.workspace) == [Decimal("1234.5")]


@pytest.mark.parametrize(
    ("choice", "delays", "status"),
    [
        ("accept", [0], "completed"),
        ("decline", [0], "failed"),
        ("review", [0], "in_review"),
        ("late", [10], "completed"),
        ("twice", [0, 0], "completed"),
        ("early", [0], "completed"),
        ("cancel", [0], "canceled"),
    ],
)
def test_answers_of_the_sandbox(
    owner: Membership, sent: Sent, choice: str, delays: list[int], status: str, client: Client
) -> None:
    page = checkout(client)

    answer = client.post(page, {"choice": choice})

    assert answer.status_code == (200 if choice == "early" else 302)
    assert [delay for _, delay in sent.calls] == delays
    sent.deliver()
    assert [order.status for order in placed(owner)] == [status]
    assert len(buying.bought(owner.workspace)) == (status == "completed")
    assert client.get("/w/acme/orders/1/").status_code == 200


def test_review_is_ended_from_the_order(owner: Membership, sent: Sent, client: Client) -> None:
    client.post(checkout(client), {"choice": "review"})
    sent.deliver()
    assert "End the review" in words(client.get("/w/acme/orders/1/"))
    page = buying.lead_on(client, client.post("/w/acme/orders/1/pay").headers["Location"])
    sent.calls.clear()

    client.post(page, {"choice": "accept"})
    sent.deliver()

    assert [order.status for order in placed(owner)] == [OrderStatus.COMPLETED]


def test_double_click_is_one_order_with_one_payment(owner: Membership, client: Client) -> None:
    raised = at_once(*[lambda: checkout(sign_in(owner))] * 4)

    assert raised == [None] * 4
    assert len(placed(owner)) == 1
    with in_workspace(owner.workspace_id):
        assert Payment.objects.for_workspace(owner.workspace).count() == 1


def test_page_that_is_gone_back_to_orders_what_it_shows(owner: Membership, client: Client) -> None:
    checkout(client)
    checkout(client, amount="300")

    assert [order.net for order in placed(owner)] == [250, 300]


def test_paid_order_is_not_paid_again(owner: Membership, client: Client) -> None:
    checkout(client)
    orders.complete(order=placed(owner)[0], at=make.NOON)

    assert checkout(client) == "/w/acme/orders/1/"
    assert client.post("/w/acme/orders/1/pay").headers["Location"] == "/w/acme/orders/1/"
    assert client.get("/w/acme/orders/1/payment").headers["Location"] == "/w/acme/orders/1/"
    client.post("/w/acme/orders/1/cancel")
    assert placed(owner)[0].status == OrderStatus.COMPLETED


SENTENCES = {
    "99.99": "Credits are sold from 100.00 USD to 20,000.00 USD at a time.",
    "20000.01": "Credits are sold from 100.00 USD to 20,000.00 USD at a time.",
    "-100": "Write an amount of 0 or more.",
    "0": "Credits are sold from 100.00 USD to 20,000.00 USD at a time.",
    "100.001": "at most 2 decimals",
    "20,000": "Write an amount such as 1234.56.",
    "NaN": "Write an amount such as 1234.56.",
    "1e400": "Write an amount such as 1234.56.",
    "-Infinity": "Write an amount such as 1234.56.",
    "100 EUR": "Write an amount such as 1234.56.",
    "": "Write an amount.",
}


def test_bad_amount_is_one_sentence_and_no_order(owner: Membership, client: Client) -> None:
    for amount, sentence in SENTENCES.items():
        for answer in (
            client.get(FUNDS, {"amount": amount}),
            client.post(FUNDS, {"amount": amount, "key": KEY, "method": "sandbox"}),
        ):
            assert answer.status_code == 200, amount
            assert words(answer).count(sentence) == 1, amount
    assert placed(owner) == []


@pytest.mark.parametrize(
    "wrong",
    [{"method": "stripe"}, {"method": ""}, {"key": "x"}, {"key": ""}, {"comments": "x" * 501}],
)
def test_bad_checkout_places_no_order(
    owner: Membership, wrong: dict[str, str], client: Client
) -> None:
    sent = {"amount": "250", "key": KEY, "method": "sandbox"} | wrong

    answer = client.post(FUNDS, sent)

    assert answer.status_code == 200
    assert "field-error" in answer.content.decode()
    assert placed(owner) == []


@with_settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(amount=st.one_of(st.text(max_size=50), st.sampled_from(GARBAGE), st.decimals().map(str)))
def test_any_amount_is_answered(client: Client, amount: str) -> None:
    sent = [amount.encode("utf-8", "surrogatepass")]

    assert client.get(FUNDS, {"amount": sent}).status_code == 200
    assert client.post(RELOAD, {"amount": sent, "limit": sent}).status_code == 200


def test_credits_are_bought_for_one_bot(owner: Membership, client: Client) -> None:
    bot = make.bot(owner.workspace)

    checkout(client, address=f"/w/acme/plan/bots/{bot.pk}/funds")

    assert [order.bot_id for order in placed(owner)] == [bot.pk]
    for page in ("orders/1/", f"plan/bots/{bot.pk}/reload"):
        assert client.get(f"/w/acme/{page}").status_code == 200


def test_no_credits_are_bought_for_an_archived_bot(owner: Membership, client: Client) -> None:
    bot = make.bot(owner.workspace)
    bots.archive(bot=bot, reason="Unused.", at=make.NOON)

    for answer in (
        client.get(f"/w/acme/plan/bots/{bot.pk}/funds"),
        client.post(
            f"/w/acme/plan/bots/{bot.pk}/funds", {"amount": "250", "key": KEY, "method": "sandbox"}
        ),
    ):
        assert "is archived. Restore it to buy credits for it." in words(answer)
    assert placed(owner) == []


def test_member_buys_for_their_own_bots_and_sees_their_own_orders(owner: Membership) -> None:
    member = make.member(owner.workspace, Role.MEMBER)
    theirs = make.bot(owner.workspace, "theirs")
    own = make.bot(owner.workspace, "own")
    bots.change(bot=own, owner=member.user)
    buying.order(owner.workspace, buyer=owner.user)
    client = sign_in(member)

    assert client.get(FUNDS).status_code == 403
    assert client.get(f"/w/acme/plan/bots/{theirs.pk}/funds").status_code == 404
    assert checkout(client, address=f"/w/acme/plan/bots/{own.pk}/funds")
    assert client.get("/w/acme/orders/1/").status_code == 404
    assert client.post("/w/acme/orders/1/cancel").status_code == 404
    assert client.get("/w/acme/orders/2/").status_code == 200


def test_finance_sees_orders_and_does_not_buy(owner: Membership) -> None:
    buying.order(owner.workspace, buyer=owner.user)
    client = sign_in(make.member(owner.workspace, Role.FINANCE))

    page = client.get("/w/acme/orders/1/")
    assert page.status_code == 200
    assert "Cancel order" not in words(page)
    for address in ("orders/1/cancel", "orders/1/pay", "plan/funds", "plan/reload"):
        assert client.post(f"/w/acme/{address}").status_code == 403


def test_order_is_shown_in_part_to_a_page_that_asks(owner: Membership, client: Client) -> None:
    checkout(client)

    part = client.get("/w/acme/orders/1/", headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert "every 2s" in part
    orders.complete(order=placed(owner)[0], at=make.NOON)
    part = client.get("/w/acme/orders/1/", headers={"HX-Request": "true"}).content.decode()
    assert "every 2s" not in part


def test_order_that_nobody_pays_is_canceled(owner: Membership, client: Client) -> None:
    checkout(client)

    client.post("/w/acme/orders/1/cancel")
    client.post("/w/acme/orders/1/cancel")

    assert placed(owner)[0].status == OrderStatus.CANCELED
    assert client.get("/w/acme/orders/99999999999999/").status_code == 404


def test_sandbox_page_needs_no_sign_in_and_loads_from_nowhere(client: Client) -> None:
    page = Client().get(checkout(client))

    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    assert "sessionid" not in page.cookies
    assert page.headers["Cache-Control"].startswith("max-age=0")


@pytest.mark.parametrize("token", ["x", "a:b:c", "%00", "x" * 3000])
def test_forged_page_of_the_sandbox_is_refused(token: str) -> None:
    for answer in (
        Client().get(f"/sandbox/pay/{token}"),
        Client().post(f"/sandbox/pay/{token}", {"choice": "accept"}),
    ):
        assert answer.status_code == 404
        assert b"Nothing to pay here" in answer.content


def test_sandbox_has_no_other_answers(sent: Sent, client: Client) -> None:
    page = checkout(client)

    for choice in ("", "steal", *GARBAGE):
        assert Client().post(page, {"choice": choice}).status_code == 200, choice
    assert Client().post(page, {"choice": "accept", "saved": "steal"}).status_code == 200

    assert sent.calls == []


def test_sandbox_that_is_switched_off(client: Client, settings: Settings) -> None:
    page = checkout(client)
    settings.SANDBOX_PAYMENTS = False

    assert Client().get(page).status_code == 404
    assert "Sandbox" not in words(client.get(FUNDS, {"amount": "250"}))
    assert client.post("/w/acme/orders/1/pay", follow=True).status_code == 200


def test_no_credits_are_sold_under_a_contract(owner: Membership, client: Client) -> None:
    with in_workspace(owner.workspace_id):
        row = billing.open_billing(workspace=owner.workspace, at=make.NOON)
        row.enterprise_from = make.NOON.date().replace(year=2020)
        row.save()

    for page in (FUNDS, RELOAD):
        assert "A contract holds" in words(client.get(page))
        client.post(page, {"amount": "250", "key": KEY, "method": "sandbox"})
    assert placed(owner) == []


def test_reload_needs_a_saved_method(owner: Membership, client: Client) -> None:
    member = make.member(owner.workspace, Role.MEMBER)
    bot = make.bot(owner.workspace)
    with in_workspace(owner.workspace_id):
        bot.owner = member.user
        bot.save()

    for_admins = client.get(RELOAD)
    for_members = sign_in(member).get(f"/w/acme/plan/bots/{bot.pk}/reload")

    assert "No saved payment method" in words(for_admins)
    assert "/w/acme/settings/payment-methods/new" in for_admins.content.decode()
    assert "No saved payment method" in words(for_members)
    assert f"/w/acme/plan/bots/{bot.pk}/funds" in for_members.content.decode()


def test_reload_is_turned_on_changed_and_off(owner: Membership, client: Client) -> None:
    saved = buying.saved_method(owner.workspace)
    values = {"amount": "100", "limit": "0", "saved_method": str(saved.pk)}

    client.post(RELOAD, values)
    client.post(RELOAD, values | {"limit": "75.50"})

    said = words(client.get(RELOAD))
    assert "100.00 USD once a charge leaves less than 75.50 USD" in said
    with in_workspace(owner.workspace_id):
        reload = AutoReload.objects.for_workspace(owner.workspace).get()
        assert (reload.is_on, reload.amount, reload.limit) == (True, Decimal(100), Decimal("75.5"))
    client.post(f"{RELOAD}/stop")
    assert "Off" in words(client.get(RELOAD))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"amount": "99.99"}, "Credits are sold from 100.00"),
        ({"limit": "-0.01"}, "Write an amount of 0 or more."),
        ({"limit": "NaN"}, "Write an amount such as"),
        ({"saved_method": "999"}, "Choose a saved payment method."),
        ({"saved_method": ""}, "Choose a saved payment method."),
    ],
)
def test_bad_reload_is_one_sentence(
    owner: Membership, wrong: dict[str, str], sentence: str, client: Client
) -> None:
    saved = buying.saved_method(owner.workspace)
    values = {"amount": "100", "limit": "0", "saved_method": str(saved.pk)}

    answer = client.post(RELOAD, values | wrong)

    assert words(answer).count(sentence) == 1
    with in_workspace(owner.workspace_id):
        assert not AutoReload.objects.for_workspace(owner.workspace).exists()


def test_failure_is_said_on_the_page(owner: Membership, client: Client) -> None:
    saved = buying.saved_method(owner.workspace, SavedAnswer.DECLINE)
    auto_reload.turn_on(
        workspace=owner.workspace,
        bot=None,
        amount=Decimal(100),
        limit=Decimal(0),
        saved_method=saved,
        by=owner.user,
        at=make.NOON,
    )
    failed = buying.order(owner.workspace, type=OrderType.AUTO_RELOAD)
    orders.fail(order=failed)

    assert "switched off: A payment failed." in words(client.get(RELOAD))


def test_method_of_another_is_not_charged_by_a_member(owner: Membership) -> None:
    saved = buying.saved_method(owner.workspace)
    member = make.member(owner.workspace, Role.MEMBER)
    bot = make.bot(owner.workspace)
    bots.change(bot=bot, owner=member.user)
    values = {"amount": "100", "limit": "0", "saved_method": str(saved.pk)}

    answer = sign_in(member).post(f"/w/acme/plan/bots/{bot.pk}/reload", values)

    assert "No saved payment method" in words(answer)


def test_method_of_another_workspace_is_of_nobody(client: Client) -> None:
    globex = make.workspace("globex")
    theirs = buying.saved_method(globex)
    buying.saved_method(make.workspace("acme"))
    values = {"amount": "100", "limit": "0", "saved_method": str(theirs.pk)}

    assert "Choose a saved payment method." in words(client.post(RELOAD, values))
