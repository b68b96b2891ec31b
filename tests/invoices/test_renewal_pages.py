"""What pages say of renewals: the order, the Plan page's icon, and who may pay."""

import pytest
from django.test import Client

from accounts.models import Bot, Membership, Role, Workspace
from accounts.tenancy import in_workspace
from invoices import payments
from invoices.models import OrderStatus, Payment
from plans.views.pending import tell_pending
from tests import make
from tests.invoices import buying, renewing
from tests.invoices.renewing import CLOSE, DAY
from tests.pages import sign_in, words
from tests.rows import made_once

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

ORDER = "/w/acme/orders/1/"


@pytest.fixture
@made_once
def acme() -> Workspace:
    acme = renewing.workspace()
    support = renewing.has(make.bot(acme, "support"), "essential")
    renewing.has(make.bot(acme, "sales"), "advanced")
    make.bot(acme, "idle")
    renewing.use(support, 405)
    renewing.hold(support, 2)
    renewing.run(acme)
    return acme


def page(of: Workspace, role: Role = Role.OWNER) -> Client:
    return sign_in(make.member(of, role))


def test_order_shows_its_lines_by_bot_with_their_arithmetic_and_the_due_day(
    acme: Workspace,
) -> None:
    said = words(page(acme).get(ORDER))

    assert "sales Advanced, April 2026 400.00 USD" in said
    assert "support Essential, April 2026 60.00 USD" in said
    assert (
        "5 further billing sessions at 0.18 USD, 1 Mar to 31 Mar 2026"
        " (Essential: 405 used, 400 included) 0.90 USD"
    ) in said
    assert "2 seats at 20.00 USD, 1 Mar to 31 Mar 2026" in said
    assert "Together 100.90 USD" in said
    assert "Gross 500.90 USD" in said
    assert "Due 16 Apr 2026" in said
    assert "For 2 bots" in said
    assert "acme, by itself" in said


def test_late_usage_is_said_to_be_late(acme: Workspace) -> None:
    with in_workspace(acme.pk):
        support = Bot.objects.select_related("workspace").get(key="support")
    renewing.use(support, 3, rolled=CLOSE + DAY)
    renewing.run(acme, CLOSE + 30 * DAY)

    said = words(page(acme).get("/w/acme/orders/2/"))

    assert "Late usage: 3 further billing sessions at 0.18 USD, 1 Mar to 31 Mar 2026" in said


@pytest.mark.parametrize("role", [Role.OWNER, Role.ADMIN])
def test_owner_and_admins_may_pay_a_renewal_also_after_it_failed(
    acme: Workspace, role: Role
) -> None:
    (order,) = renewing.orders(acme)
    client = page(acme, role)
    assert "Go to the payment page" in words(client.get(ORDER))
    client.post(f"{ORDER}pay")
    with in_workspace(acme.pk):
        payment = Payment.objects.for_workspace(acme).get()
    buying.answer(payment, "declined", at=CLOSE)
    said = words(client.get(ORDER))
    assert "The payment was declined." in said
    assert "Go to the payment page" in said

    leads_to = client.post(f"{ORDER}pay")["Location"]

    assert buying.lead_on(client, leads_to).startswith("/sandbox/pay/")
    assert buying.status(order) == OrderStatus.PENDING


def test_renewal_has_no_button_to_cancel_and_is_not_canceled(acme: Workspace) -> None:
    (order,) = renewing.orders(acme)
    client = page(acme)
    assert "Cancel order" not in words(client.get(ORDER))

    answer = client.post(f"{ORDER}cancel", follow=True)

    assert "It is owed and cannot be canceled." in words(answer)
    assert buying.status(order) == OrderStatus.PENDING


def test_finance_reads_a_renewal_and_does_not_pay_it(acme: Workspace) -> None:
    client = page(acme, Role.FINANCE)

    assert "Go to the payment page" not in words(client.get(ORDER))
    assert client.post(f"{ORDER}pay").status_code == 403


def test_member_does_not_see_it_even_as_owner_of_a_bot_on_it(acme: Workspace) -> None:
    member = make.member(acme, Role.MEMBER)
    with in_workspace(acme.pk):
        Bot.objects.for_workspace(acme).filter(key="support").update(owner=member.user)
    client = sign_in(member)

    assert client.get(ORDER).status_code == 404
    assert "unpaid" not in words(client.get("/w/acme/plan/"))


def told(membership: Membership) -> dict[str, list[str]]:
    with in_workspace(membership.workspace_id):
        keys = {bot.pk: bot.key for bot in Bot.objects.for_workspace(membership.workspace_id)}
        return {
            keys.get(bot or 0, ""): [notice.text for notice in notices]
            for bot, notices in tell_pending(membership).items()
        }


def test_icon_of_each_bot_on_it_tells_of_an_unpaid_renewal(acme: Workspace) -> None:
    owner = make.member(acme)
    (order,) = renewing.orders(acme)
    expected = "The renewal O-000001 of 500.90\N{NO-BREAK SPACE}USD is unpaid; due on 16 Apr 2026."

    assert told(owner) == {"": [expected], "support": [expected], "sales": [expected]}
    buying.answer(payments.start(order=order, at=CLOSE), "declined", at=CLOSE)
    assert told(owner)["support"] == [expected]
    buying.answer(payments.start(order=order, at=CLOSE), "accepted", at=CLOSE)

    assert told(owner) == {}
