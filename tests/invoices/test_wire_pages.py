"""Pages of wires: where a buyer is to send the money, and where operators note that it came."""

import re
from datetime import UTC, datetime

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from accounts import people
from accounts.models import AuditEntry, Membership, Role, Workspace
from accounts.tenancy import in_workspace
from invoices import orders, payments, wire
from invoices.models import Method, Order, OrderStatus, OrderType, Payment, Transfer
from invoices.templatetags.documents import fours
from tests import make
from tests.invoices import buying
from tests.pages import GARBAGE, sign_in, words
from tests.rows import made_once

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

LIST = "/operator/wires/"
KEY = "0b0f1c1e-6a55-4b0e-9b8e-3f0d3a3f0d3a"
CAME = {"number": "1", "amount": "100", "value_on": "", "bank_reference": "NTRF 7", "comment": ""}


@pytest.fixture
@made_once
def owner() -> Membership:
    make.billing_details(make.workspace("globex", name="Globex Corp"))
    acme = make.workspace("acme", name="Acme Ltd")
    make.billing_details(acme)
    return make.member(acme)


@pytest.fixture
def acme(owner: Membership) -> Workspace:
    return owner.workspace


@pytest.fixture
def client(owner: Membership) -> Client:
    return sign_in(owner)


@pytest.fixture
def operator() -> Client:
    client = Client()
    client.force_login(people.add_operator(email="op@console.example")[0])
    return client


def order(of: Workspace, number: int = 1) -> Order:
    with in_workspace(of.pk):
        return Order.objects.for_workspace(of).select_related("workspace").get(number=number)


def page_of(payment: Payment) -> str:
    return f"{LIST}{payment.pk}/"


def today() -> dict[str, str]:
    """Return a value date that is now, as whoever notes something has it."""
    return {"value_on": f"{datetime.now(UTC):%Y-%m-%d}"}


def look(operator: Client, payment: Payment, **values: str) -> str:
    """Return what the page says that noting a transfer does."""
    return words(operator.post(page_of(payment), {**CAME, **today(), **values}))


def confirm(operator: Client, payment: Payment, **values: str) -> str:
    """Note a transfer as the page that said what it does would; return what is shown then."""
    shown = operator.post(page_of(payment), {**CAME, **today(), **values}).content.decode()
    sent = dict(re.findall(r'type="hidden"\s+name="(\w+)"\s+value="([^"]*)"', shown))
    sent.pop("csrfmiddlewaretoken", None)
    return words(operator.post(page_of(payment), sent, follow=True))


# The buyer


def test_checkout_by_wire_leads_to_what_the_bank_needs(acme: Workspace, client: Client) -> None:
    sent = {"amount": "1234.50", "key": KEY, "method": "wire", "keep_method": "on"}

    shown = client.post("/w/acme/plan/funds", sent, follow=True)

    assert shown.redirect_chain[-1] == ("/w/acme/orders/1/wire", 302)
    with in_workspace(acme.pk):
        payment = Payment.objects.for_workspace(acme).get()
    reference = fours(wire.write_reference(payment))
    assert payment.consent == ""
    for page in (shown, client.get("/w/acme/orders/1/")):
        said = words(page)
        for part in (
            "1,234.50 USD", reference, "Sandbox Seller GmbH", "DE89 3704 0044 0532 0130 00",
            "DEUTDEFF", "Sandbank", "you may pay by another method instead",
        ):  # fmt: skip
            assert part in said, part
    assert "is awaited" not in words(client.get("/w/acme/orders/1/"))


def test_pending_wire_may_be_paid_by_the_sandbox(acme: Workspace, client: Client) -> None:
    buying.wire(acme, buyer=make.member(acme).user)
    assert "Pay by sandbox" in words(client.get("/w/acme/orders/1/"))

    page = client.post("/w/acme/orders/1/pay", {"method": "sandbox"}).headers["Location"]

    assert client.get(page).headers["Location"].startswith("/sandbox/pay/")
    with in_workspace(acme.pk):
        other = Payment.objects.for_workspace(acme).get(method=Method.SANDBOX)
    buying.answer(other, "accepted")
    assert "Payment method Sandbox" in words(client.get("/w/acme/orders/1/"))
    assert client.get("/w/acme/orders/1/wire").headers["Location"] == "/w/acme/orders/1/"


def test_order_of_another_method_may_be_paid_by_wire(acme: Workspace, client: Client) -> None:
    buying.order(acme, buyer=make.member(acme).user)

    shown = client.post("/w/acme/orders/1/pay", {"method": "wire"}, follow=True)

    assert shown.redirect_chain[-1] == ("/w/acme/orders/1/wire", 302)
    assert shown.status_code == 200


def test_method_that_is_not_offered_pays_nothing(acme: Workspace, client: Client) -> None:
    buying.order(acme)

    for method in ("stripe", "x", *GARBAGE):
        answer = client.post("/w/acme/orders/1/pay", {"method": method}, follow=True)
        assert "This payment method is not offered." in words(answer), method

    with in_workspace(acme.pk):
        assert not Payment.objects.for_workspace(acme).exists()


def test_wire_alone_is_enough_to_buy(acme: Workspace, client: Client, settings: Settings) -> None:
    settings.SANDBOX_PAYMENTS = False

    page = words(client.get("/w/acme/plan/funds", {"amount": "250"}))

    assert "Wire transfer" in page
    assert "Sandbox" not in page
    buying.wire(acme)
    assert "Pay by" not in words(client.get("/w/acme/orders/1/"))


def test_page_is_for_those_who_see_the_order(acme: Workspace) -> None:
    buying.wire(acme, buyer=make.member(acme).user)
    address = "/w/acme/orders/1/wire"

    answers = {role: sign_in(make.member(acme, role)).get(address).status_code for role in Role}

    assert answers == {
        Role.OWNER: 200, Role.ADMIN: 200, Role.FINANCE: 200, Role.MEMBER: 404, Role.SHARED: 404,
    }  # fmt: skip
    assert sign_in(make.member(make.workspace("globex"))).get(address).status_code == 404


def test_buyer_is_told_what_became_of_another_sum(
    acme: Workspace, client: Client, operator: Client
) -> None:
    payment = buying.wire(acme, buyer=make.member(acme).user)

    confirm(operator, payment, amount="60")

    said = words(client.get("/w/acme/orders/1/"))
    assert "60.00 USD came on" in said
    assert "and became credits: order O-000002" in said
    assert "canceled" in said
    said = words(client.get("/w/acme/orders/2/"))
    assert "Credits of 60.00 USD are loaded" in said
    assert "By wire transfer 60.00 USD came for O-000001, and not 100.00 USD." in said


# The operator


def test_list_without_wires_says_so(operator: Client) -> None:
    assert "No wire is pending" in words(operator.get(LIST))
    assert "No wire matches" in words(operator.get(LIST, {"q": "acme"}))
    assert "No wire here" in words(operator.get(LIST, {"show": "surplus"}))


def test_list_finds_pending_wires_of_all_workspaces(acme: Workspace, operator: Client) -> None:
    first, other = buying.wire(acme), buying.wire(make.workspace("globex"), "300")

    said = words(operator.get(LIST))

    assert "Acme Ltd O-000001 Credit purchase 100.00 USD – Pending" in said
    assert "Globex Corp O-000001 Credit purchase 300.00 USD – Pending" in said
    found = words(operator.get(LIST, {"q": fours(wire.write_reference(first))}))
    assert "Acme Ltd" in found
    assert "Globex" not in found
    mistyped = wire.write_reference(other)[:-1] + "0"
    assert "The check digits of this reference do not fit" in words(
        operator.get(LIST, {"q": mistyped})
    )


def test_full_amount_is_noted_after_its_effect_was_shown(acme: Workspace, operator: Client) -> None:
    payment = buying.wire(acme)

    assert "The full amount is there: O-000001 is completed" in look(operator, payment)
    assert order(acme).status == OrderStatus.PENDING
    said = confirm(operator, payment)

    assert "100.00 USD are noted. O-000001 is completed." in said
    assert "NTRF 7" in said
    assert order(acme).status == OrderStatus.COMPLETED
    with in_workspace(acme.pk):
        entries = AuditEntry.objects.for_workspace(acme).filter(actor_name="op@console.example")
        actions = set(entries.values_list("action", flat=True))
    assert {"transfer.noted", "payment.answered", "order.completed"} <= actions
    assert "No wire is pending" in words(operator.get(LIST))
    assert "Paid" in words(operator.get(LIST, {"show": "came"}))


def test_confirmation_that_is_sent_twice_notes_one(acme: Workspace, operator: Client) -> None:
    payment = buying.wire(acme)
    sent = {**CAME, **today(), "seen": "paid"}

    for _ in range(2):
        assert operator.post(page_of(payment), sent).status_code == 302

    with in_workspace(acme.pk):
        assert Transfer.objects.for_workspace(acme).count() == 1
    assert buying.bought(acme) == [100]


def test_another_sum_is_shown_with_what_becomes_of_it(acme: Workspace, operator: Client) -> None:
    payment = buying.wire(acme)

    said = look(operator, payment, amount="60")

    assert "O-000001 is canceled." in said
    assert "completed at once: 60.00 USD net and 0.00 USD tax, for all bots of Acme Ltd." in said
    assert "became credits: order O-000002 is completed" in confirm(operator, payment, amount="60")
    assert buying.bought(acme) == [60]


def test_what_changed_meanwhile_is_shown_before_it_is_done(
    acme: Workspace, operator: Client
) -> None:
    payment = buying.wire(acme)
    look(operator, payment)
    orders.complete(order=payment.order, at=make.NOON)

    answer = operator.post(page_of(payment), {**CAME, **today(), "seen": "paid"}, follow=True)

    assert "Look at it again" in words(answer)
    assert "are a surplus, which waits under Paybacks" in look(operator, payment)
    assert "noted as a surplus of O-000001" in confirm(operator, payment)
    assert "Surplus" in words(operator.get(LIST, {"show": "surplus"}))


def test_part_of_a_renewal_is_refused_until_the_operator_chooses(
    acme: Workspace, operator: Client
) -> None:
    payment = buying.wire(acme, "60", type=OrderType.RENEWAL)

    said = look(operator, payment, amount="45")

    assert "a part of a plan cannot be bought" in said
    assert "Have what came become credits" in said
    assert "The renewal stays owed in full." in look(
        operator, payment, amount="45", as_credits="on"
    )
    confirm(operator, payment, amount="45", as_credits="on")
    assert buying.bought(acme) == [45]
    assert order(acme).status == OrderStatus.PENDING


def test_second_transfer_is_noted_on_purpose(acme: Workspace, operator: Client) -> None:
    payment = buying.wire(acme)
    confirm(operator, payment)
    page = operator.get(page_of(payment))
    assert "What came" not in re.sub("What became of it", "", words(page))

    assert "What came" in words(operator.get(page_of(payment), {"another": "1"}))
    assert "surplus" in confirm(operator, payment, number="2", amount="5")


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"amount": ""}, "Write an amount."),
        ({"amount": "0"}, "it is more than 0."),
        ({"amount": "-5"}, "Write an amount of 0 or more."),
        ({"amount": "1.001"}, "at most 2 decimals"),
        ({"amount": "1,000"}, "Write an amount such as 1234.56."),
        ({"value_on": ""}, "Choose the value date."),
        ({"value_on": "31.12.2026"}, "There is no such day. Write it as 2026-12-31."),
        ({"value_on": "0001-01-01"}, "This is no value date."),
        ({"number": "x"}, "Open the page again."),
        ({"seen": "x"}, "Open the page again."),
        ({"seen": "paid", "value_on": "2020-01-01"}, "The value date is more than a year ago."),
        ({"seen": "paid", "number": "3"}, "An earlier transfer with this reference"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    acme: Workspace, operator: Client, wrong: dict[str, str], sentence: str
) -> None:
    payment = buying.wire(acme)

    said = look(operator, payment, **wrong)

    assert said.count(sentence) == 1
    assert order(acme).status == OrderStatus.PENDING


def test_wire_that_never_comes_is_waited_for_no_more(acme: Workspace, operator: Client) -> None:
    payment = buying.wire(acme)
    address = f"{page_of(payment)}cancel"
    assert "O-000001 is canceled, unless" in words(operator.get(address))
    assert "Say why." in words(operator.post(address, {"reason": " "}))

    for _ in range(2):
        assert operator.post(address, {"reason": "Never came."}).status_code == 302

    assert order(acme).status == OrderStatus.CANCELED
    assert "Canceled" in words(operator.get(LIST, {"show": "all"}))


def test_odd_values_are_answered(acme: Workspace, operator: Client) -> None:
    payment = buying.wire(acme)

    for value in GARBAGE:
        for name in ("q", "show", "page", "sort"):
            assert operator.get(LIST, {name: value}).status_code == 200, (name, value)
        sent = dict.fromkeys((*CAME, "as_credits", "seen"), value)
        assert operator.post(page_of(payment), sent).status_code == 200, value
    assert operator.get(f"{LIST}{'9' * 30}/").status_code == 404
    assert order(acme).status == OrderStatus.PENDING


def test_pages_of_operators_are_for_nobody_else(acme: Workspace, client: Client) -> None:
    payment = buying.wire(acme)

    for address in (LIST, page_of(payment), f"{page_of(payment)}cancel"):
        assert client.get(address).status_code == 404
        assert client.post(address, {**CAME, **today(), "seen": "paid"}).status_code == 404
    assert order(acme).status == OrderStatus.PENDING


def test_payment_that_is_no_wire_is_no_page(acme: Workspace, operator: Client) -> None:
    other = payments.start(order=buying.order(acme), at=make.NOON)

    assert operator.get(page_of(other)).status_code == 404
