"""Billing details: their page, and that without them nothing is ordered or paid."""

import re
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError
from django.test import Client

from accounts.models import AuditEntry, Membership, Role, Workspace
from accounts.tenancy import in_workspace
from benchmarks import scratch
from invoices import auto_reload, billing_details, orders, payments, reloads
from invoices.billing_details import NotChanged
from invoices.models import AutoReload, Method, Order, OrderType
from invoices.parties import BillingDetails
from plans.models import PlanVersion
from tests import make
from tests.at_once import at_once
from tests.invoices import buying
from tests.pages import sign_in, words

pytestmark = pytest.mark.django_db(transaction=True)

PAGE = "/w/acme/settings/billing-details"
FUNDS = "/w/acme/plan/funds"
SENT = {
    "legal_name": "Acme Ltd",
    "street": "1 Main Street\r\nSecond floor",
    "postal_code": "10115",
    "city": "Berlin",
    "region": "",
    "country": "DE",
    "vat_id": "136 695 976",
    "purchase_order": "PO 7",
    "recipients": "a@acme.example, b@acme.example\r\nA@acme.example",
}


@pytest.fixture
def acme() -> Workspace:
    return make.workspace("acme", currency="EUR")


@pytest.fixture
def owner(acme: Workspace) -> Membership:
    return make.member(acme)


@pytest.fixture
def client(owner: Membership) -> Client:
    return sign_in(owner)


def stored(of: Workspace) -> dict[str, Any]:
    details = billing_details.find(of)
    return billing_details.describe(details) if details else {}


def place(of: Workspace, net: str = "100") -> Order:
    return orders.place(
        workspace=of,
        type=OrderType.CREDIT_PURCHASE,
        buyer=None,
        net=Decimal(net),
        at=make.NOON,
        key=f"key:{next(buying.keys)}",
        method=Method.SANDBOX,
    )


def test_details_are_stored_and_shown_again(acme: Workspace, client: Client) -> None:
    globex = make.workspace("globex")
    make.billing_details(globex, legal_name="Globex Corp")
    assert "Nothing can be bought before that." in words(client.get(PAGE))

    assert client.post(PAGE, SENT).status_code == 302

    assert stored(acme) == {
        **SENT,
        "street": "1 Main Street\nSecond floor",
        "vat_id": "DE136695976",
        "recipients": ["a@acme.example", "b@acme.example"],
    }
    assert stored(globex)["legal_name"] == "Globex Corp"
    page = client.get(PAGE).content.decode()
    assert re.search(r'<option value="DE"\s+selected>Germany</option>', page)
    assert "Second floor</textarea>" in page
    assert "a@acme.example\nb@acme.example</textarea>" in page
    assert "Globex" not in page


def test_arabic_is_fine(acme: Workspace, client: Client) -> None:
    arabic = {
        "legal_name": "شركة الأمل للتجارة",
        "street": "شارع الملك فهد ١٢\nالطابق الثالث",
        "city": "الرياض",
        "country": "SA",
        "vat_id": "300000000000003",
    }

    assert client.post(PAGE, SENT | arabic).status_code == 302

    assert {name: stored(acme)[name] for name in arabic} == arabic
    assert "شركة الأمل للتجارة" in client.get(PAGE).content.decode()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"legal_name": " "}, "Write the legal name."),
        ({"legal_name": "A\x07"}, "This text has characters that cannot be printed."),
        ({"street": "x" * 2000}, "Write at most 300 characters; these are 2000."),
        ({"street": "ش" * 2000}, "Write at most 300 characters; these are 2000."),
        ({"street": "a\nb\nc\nd"}, "Write at most 3 lines."),
        ({"street": "\n \n"}, "Write street and number, or a post box."),
        ({"city": ""}, "Write the city."),
        ({"country": ""}, "Choose a country."),
        ({"country": "XX"}, "There is no such country."),
        ({"vat_id": "DE136695977"}, "This is no VAT id of Germany."),
        ({"vat_id": "FR83404833048"}, "The VAT id is not of Germany, where the address is."),
        ({"recipients": ""}, "Write the mail address that gets invoices."),
        ({"recipients": ",;"}, "Write the mail address that gets invoices."),
        ({"recipients": "a@acme.example nobody"}, "nobody is no mail address."),
        ({"recipients": " ".join(f"p{n}@a.example" for n in range(11))}, "Write at most 10 mail"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    acme: Workspace, client: Client, wrong: dict[str, str], sentence: str
) -> None:
    answer = client.post(PAGE, SENT | wrong)

    assert answer.status_code == 200
    assert words(answer).count(sentence) == 1
    assert answer.content.count(b'class="field-error"') == 1
    assert stored(acme) == {}


def test_change_is_in_the_audit_log_with_what_it_was(acme: Workspace, client: Client) -> None:
    client.post(PAGE, SENT)
    client.post(PAGE, SENT | {"city": "Potsdam", "purchase_order": ""})
    client.post(PAGE, SENT | {"city": "Potsdam", "purchase_order": ""})

    with in_workspace(acme.pk):
        found = AuditEntry.objects.for_workspace(acme).filter(action="billing_details.changed")
        first, second = found.order_by("pk")
    assert (first.actor_name, first.before) == ("owner@acme.example", {})
    assert first.after is not None
    assert first.after["vat_id"] == "DE136695976"
    assert second.before == {"city": "Berlin", "purchase_order": "PO 7"}
    assert second.after == {"city": "Potsdam", "purchase_order": ""}


def test_two_at_once_leave_one_row(acme: Workspace) -> None:
    raised = at_once(*[lambda: make.billing_details(acme)] * 6)

    assert raised == [None] * 6
    with in_workspace(acme.pk):
        assert BillingDetails.objects.for_workspace(acme).count() == 1


@pytest.mark.parametrize(
    "change", ["city = ''", "legal_name = ''", "street = ''", "country = ''", "recipients = '{}'"]
)
def test_database_holds_them_complete(acme: Workspace, change: str) -> None:
    make.billing_details(acme)

    with psycopg.connect(scratch.address("owner")) as connection, pytest.raises(psycopg.Error):
        connection.execute(f"UPDATE invoices_billingdetails SET {change}".encode())


def test_nothing_is_ordered_without_them(acme: Workspace) -> None:
    with pytest.raises(orders.DetailsMissing, match="billing details of this workspace are miss"):
        place(acme)

    make.billing_details(acme)
    assert str(place(acme)) == "O-000001"


@pytest.mark.parametrize("address", [FUNDS, f"{FUNDS}?amount=100", "/w/acme/plan/reload"])
def test_owner_is_led_to_their_page(client: Client, address: str) -> None:
    page = client.get(address)

    assert "The billing details of this workspace are missing" in words(page)
    assert f'href="{PAGE}">Complete billing details' in page.content.decode()


def test_member_is_told_whom_to_ask(acme: Workspace) -> None:
    bot = make.bot(acme)
    member = make.member(acme, Role.MEMBER)
    with in_workspace(acme.pk):
        bot.owner = member.user
        bot.save(update_fields=["owner"])

    page = sign_in(member).get(f"/w/acme/plan/bots/{bot.pk}/funds")

    assert "Ask an owner, admin or finance to complete them." in words(page)
    assert PAGE not in page.content.decode()


def test_order_that_is_sent_without_them_is_refused(acme: Workspace, client: Client) -> None:
    sent = {"amount": "100", "method": "sandbox", "key": "6f1f4f0c-3c1b-4d0c-9a53-3f0f5d6b1a52"}

    page = client.post(FUNDS, sent)

    assert "Credits cannot be bought" in words(page)
    with in_workspace(acme.pk):
        assert not Order.objects.for_workspace(acme).exists()


def test_upgrade_is_not_ordered_without_them(acme: Workspace, client: Client) -> None:
    bot = make.bot(acme)
    version = PlanVersion.objects.on_offer().get(plan__code="essential")
    address = f"/w/acme/plan/bots/{bot.pk}/change"
    standard = PlanVersion.objects.on_offer().get(plan__code="standard")
    page = client.get(address, {"version": version.pk})
    said = page.content.decode()
    net = said.split('name="net" value="')[1].split('"')[0]
    sent = {
        "version": version.pk,
        "current": standard.pk,
        "scheduled": "",
        "net": net,
        "key": "6f1f4f0c-3c1b-4d0c-9a53-3f0f5d6b1a52",
        "method": "sandbox",
    }

    answer = client.post(address, sent)

    assert f'href="{PAGE}">Complete billing details' in said
    assert "The billing details of this workspace are missing" in words(answer)
    with in_workspace(acme.pk):
        assert not Order.objects.for_workspace(acme).exists()
    make.billing_details(acme, country="DE")
    shown = words(client.get(address, {"version": version.pk}))
    assert "Tax, 19 %" in shown
    assert client.post(address, sent).status_code == 302


def forget(of: Workspace) -> None:
    """Have a workspace as it was before there were billing details."""
    with psycopg.connect(scratch.address("owner")) as connection:
        connection.execute("DELETE FROM invoices_billingdetails WHERE workspace_id = %s", [of.pk])


def test_order_of_old_is_not_paid_without_them(acme: Workspace, client: Client) -> None:
    make.billing_details(acme)
    order = place(acme)
    forget(acme)

    with pytest.raises(orders.DetailsMissing):
        payments.start(order=order, at=make.NOON)

    answer = client.post(f"/w/acme/orders/{order.number}/pay", follow=True)
    assert "The billing details of this workspace are missing" in words(answer)
    with in_workspace(acme.pk):
        assert not order.payments.exists()


def test_wallet_is_not_reloaded_without_them_and_says_so(owner: Membership) -> None:
    acme = owner.workspace
    saved = buying.saved_method(acme)
    reload = auto_reload.turn_on(
        workspace=acme, bot=None, amount=Decimal(100), limit=Decimal(50), saved_method=saved,
        by=owner.user, at=make.NOON,
    )  # fmt: skip
    forget(acme)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reloads, "is_due", lambda reload, *, now: True)
        assert reloads.run(workspace_id=acme.pk, now=make.NOON + make.HOUR) == 0

    with in_workspace(acme.pk):
        left = AutoReload.objects.for_workspace(acme).get(pk=reload.pk)
        assert (left.is_on, left.off_because) == (False, orders.NO_DETAILS)
        assert not Order.objects.for_workspace(acme).filter(type=OrderType.AUTO_RELOAD).exists()
    make.billing_details(acme)
    assert "Auto-reload was switched off: The billing details" in words(
        sign_in(owner).get("/w/acme/plan/reload")
    )


def test_order_says_what_it_was_taxed_by(acme: Workspace, client: Client) -> None:
    make.billing_details(acme, country="DE")

    order = place(acme, "100.01")

    assert (order.tax_category, order.tax_rate, order.tax_code, order.tax_reason) == (
        "S", Decimal(19), "", "",
    )  # fmt: skip
    assert (order.net, order.tax, order.gross) == (
        Decimal("100.01"), Decimal("19.00"), Decimal("119.01"),
    )  # fmt: skip
    page = words(client.get("/w/acme/orders/1/"))
    assert "Net 100.01 EUR Tax, 19 % 19.00 EUR Gross 119.01 EUR" in page
    assert "Tax, 19 % 38.00 EUR Gross 238.00 EUR" in words(client.get(f"{FUNDS}?amount=200"))


def test_reverse_charge_is_said_at_the_checkout(acme: Workspace, client: Client) -> None:
    make.billing_details(acme, country="FR", vat_id="FR83404833048")

    page = words(client.get(f"{FUNDS}?amount=200"))

    assert "Tax, 0 % Reverse charge: the buyer owes the tax. 0.00 EUR Gross 200.00 EUR" in page
    assert place(acme).tax_code == "VATEX-EU-AE"


def test_tax_in_another_currency_is_refused_in_words() -> None:
    dollars = make.workspace("dollars")
    make.billing_details(dollars, country="DE")

    page = words(sign_in(make.member(dollars)).get("/w/dollars/plan/funds"))

    assert "Tax of 19 % would be due, and the seller charges tax in EUR only, not in USD." in page
    with pytest.raises(orders.NotOrdered, match="in EUR only"):
        place(dollars)


@pytest.mark.parametrize(
    "change",
    ["tax_rate = 7", "tax_category = 'Z', tax_rate = 0", "tax_code = 'X'", "tax_reason = 'X'"],
)
def test_what_an_order_is_taxed_by_never_changes(acme: Workspace, change: str) -> None:
    make.billing_details(acme, country="DE")
    place(acme)

    with (
        psycopg.connect(scratch.address("owner")) as connection,
        pytest.raises(psycopg.errors.RestrictViolation, match="is taxed by"),
    ):
        connection.execute(f"UPDATE invoices_order SET {change}".encode())


def test_rate_without_its_category_is_refused(acme: Workspace) -> None:
    make.billing_details(acme)
    order = place(acme)

    order.pk, order.number, order.key, order.tax_rate = None, 2, "x", Decimal(19)

    with in_workspace(acme.pk), pytest.raises(DatabaseError, match="order_taxed"):
        order.save(force_insert=True)


def test_country_and_vat_id_stay_while_an_order_waits(acme: Workspace, client: Client) -> None:
    make.billing_details(acme, country="DE")
    order = place(acme)

    with pytest.raises(NotChanged, match="O-000001 waits for its payment"):
        make.billing_details(acme, country="FR")
    page = client.post(PAGE, SENT | {"country": "FR", "vat_id": ""})
    assert "Pay or cancel it first, then change them." in words(page)
    assert stored(acme)["country"] == "DE"
    make.billing_details(acme, country="DE", city="Potsdam")
    payments.cancel(order=order, at=make.NOON)
    make.billing_details(acme, country="FR")
    buying.order(acme, "60", type=OrderType.RENEWAL)
    make.billing_details(acme, country="DE")

    assert stored(acme)["country"] == "DE"
