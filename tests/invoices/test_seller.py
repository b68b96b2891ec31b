"""The seller profile: its page, and that without one nothing is sold."""

import io
import re
from decimal import Decimal

import psycopg
import pytest
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import DatabaseError, connections
from django.test import Client
from PIL import Image

from accounts import people
from accounts.models import AuditEntry
from benchmarks import scratch
from invoices import logos, orders, seller
from invoices.parties import SellerProfile
from tests import make
from tests.at_once import at_once
from tests.invoices import buying
from tests.pages import sign_in, words

pytestmark = [
    pytest.mark.django_db(transaction=True, databases=["default", "operator"]),
    pytest.mark.usefixtures("own_catalog"),
]

PAGE, LOGO = "/operator/seller/", "/operator/seller/logo"
SENT = {name: str(value) for name, value in make.SELLER.items()}


@pytest.fixture
def client() -> Client:
    client = Client()
    client.force_login(people.add_operator(email="op@console.example")[0])
    return client


def forget() -> None:
    """Have an installation in which nobody has said who sells."""
    with psycopg.connect(scratch.address("owner")) as connection:
        connection.execute("DELETE FROM invoices_sellerprofile")


def found() -> SellerProfile:
    profile = seller.find()
    assert profile is not None
    return profile


def picture(color: str = "red") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (40, 20), color).save(file, "PNG")
    return file.getvalue()


def test_nothing_is_sold_without_it() -> None:
    forget()
    acme = make.workspace("acme")

    with pytest.raises(orders.NotOrdered, match="has to complete the seller profile first"):
        buying.order(acme)

    page = words(sign_in(make.member(acme)).get("/w/acme/plan/funds"))
    assert "Nothing is sold here yet: whoever runs this console" in page
    assert "Complete billing details" not in page


def test_first_profile_is_stored_and_shown_again(client: Client) -> None:
    forget()
    assert "Nothing can be bought before that." in words(client.get(PAGE))

    assert client.post(PAGE, SENT | {"tax_rate": "7.70"}).status_code == 302

    profile = found()
    assert (profile.legal_name, profile.tax_rate) == ("Sandbox Seller GmbH", Decimal("7.7"))
    assert (profile.tax_currency_id, profile.logo) == ("EUR", "")
    page = client.get(PAGE).content.decode()
    for shown in ('value="7.7"', r'<option value="EUR"\s+selected>', "Sandbox Seller GmbH"):
        assert re.search(shown, page)


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"vat_id": ""}, "A seller that charges VAT has a VAT id. Write it."),
        ({"vat_id": "DE123456789"}, "This is no VAT id of Germany."),
        ({"tax_rate": ""}, "Write the standard rate of VAT in percent."),
        ({"tax_rate": "nineteen"}, "Write a rate in percent, such as 19 or 7.7."),
        ({"tax_rate": "101"}, "Write a rate in percent, such as 19 or 7.7."),
        ({"tax_rate": "NaN"}, "Write a rate in percent, such as 19 or 7.7."),
        ({"standing": ""}, "Choose how the seller is taxed."),
        ({"standing": "exempt"}, "Say why no tax is charged; invoices have to."),
        (
            {"standing": "exempt", "tax_reason": "Small business.", "vat_id": ""},
            "Without a VAT id invoices need the tax number.",
        ),
        (
            {"standing": "unregistered", "tax_reason": "Not subject to VAT."},
            "A seller with a VAT id is registered.",
        ),
        ({"tax_currency": "XXX"}, "The catalog has no such currency."),
        ({"timezone": "Berlin"}, "There is no time zone 'Berlin'"),
        ({"email": "nobody"}, "This is no mail address."),
        ({"bank_account": "DE89370400440532013001"}, "This is no IBAN."),
        ({"bic": "X"}, "A BIC has 8 or 11 letters and digits"),
        ({"payment_terms": ""}, "Write the terms of payment."),
    ],
)
def test_what_is_wrong_is_one_sentence(
    client: Client, wrong: dict[str, str], sentence: str
) -> None:
    answer = client.post(PAGE, SENT | {"city": "Kiel"} | wrong)

    assert answer.status_code == 200
    assert words(answer).count(sentence) == 1
    assert answer.content.count(b'class="field-error"') == 1
    assert found().city == "Hamburg"


def test_exempt_seller_charges_nothing_and_says_why(client: Client) -> None:
    reason = "No VAT: small business, § 19 UStG."
    sent = SENT | {"standing": "exempt", "tax_reason": reason}

    assert client.post(PAGE, sent).status_code == 302

    assert (found().tax_rate, found().tax_reason) == (Decimal(0), reason)
    order = buying.order(make.workspace("acme"))
    assert (order.tax_category, order.tax_reason, order.tax) == ("E", reason, Decimal(0))


def test_change_is_in_the_audit_log_of_the_installation(client: Client) -> None:
    client.post(PAGE, SENT | {"city": "Kiel"})
    client.post(PAGE, SENT | {"city": "Kiel"})

    entry = AuditEntry.objects.using("operator").get(action="seller.changed")
    assert (entry.workspace_id, entry.actor_name) == (None, "op@console.example")
    assert (entry.before, entry.after) == ({"city": "Hamburg"}, {"city": "Kiel"})


def test_first_two_at_once_leave_one() -> None:
    forget()

    def save() -> None:
        make.seller()
        connections["operator"].close()

    raised = at_once(*[save] * 4)

    assert raised == [None] * 4
    assert found().legal_name == "Sandbox Seller GmbH"


def send_logo(client: Client, content: bytes, name: str = "logo.png") -> str:
    file = SimpleUploadedFile(name, content, "image/png")
    return words(client.post(PAGE, {**SENT, "logo": file}, follow=True))


def test_logo_is_stored_under_the_name_of_its_content(client: Client) -> None:
    assert client.get(LOGO).status_code == 404

    assert "The seller profile is saved." in send_logo(client, picture())

    first = found().logo
    assert default_storage.open(first).read() == picture()
    shown = client.get(LOGO)
    assert (shown.headers["Content-Type"], b"".join(shown)) == ("image/png", picture())
    client.post(PAGE, SENT)
    assert found().logo == first  # nothing sent: it stays
    send_logo(client, picture("blue"), name="../../logo.png")
    assert found().logo not in (first, "")
    assert default_storage.open(first).read() == picture()  # documents have it


def test_logo_can_be_removed(client: Client) -> None:
    assert "Remove the logo" not in words(client.get(PAGE))
    send_logo(client, picture())
    first = found().logo
    assert "Remove the logo" in words(client.get(PAGE))

    assert "The seller profile is saved." in words(
        client.post(PAGE, {**SENT, "remove_logo": "on"}, follow=True)
    )

    assert found().logo == ""
    assert client.get(LOGO).status_code == 404
    assert default_storage.open(first).read() == picture()  # documents have it
    entry = AuditEntry.objects.using("operator").filter(action="seller.changed").latest("pk")
    assert (entry.before, entry.after) == ({"logo": first}, {"logo": ""})


def test_logo_is_not_removed_and_replaced_at_once(client: Client) -> None:
    send_logo(client, picture())
    first = found().logo

    file = SimpleUploadedFile("logo.png", picture("blue"), "image/png")
    page = client.post(PAGE, {**SENT, "logo": file, "remove_logo": "on"})

    assert "Choose another logo or remove the one there is, not both." in words(page)
    assert found().logo == first


def test_what_is_no_logo_is_refused(client: Client) -> None:
    assert "This file is no PNG or JPEG picture." in send_logo(client, b"<svg/>")
    assert "The submitted file is empty." in send_logo(client, b"")
    assert "This is too much at once" in send_logo(client, b"x" * (logos.BYTES + 1))

    assert found().logo == ""


def test_application_does_not_write_it() -> None:
    with pytest.raises(DatabaseError, match="permission denied"):
        SellerProfile.objects.update(city="Kiel")


@pytest.mark.parametrize(
    "change",
    ["id = 2", "city = ''", "bic = ''", "vat_id = ''", "tax_rate = -1", "standing = 'exempt'"],
)
def test_database_holds_one_that_is_complete(change: str) -> None:
    statement = f"UPDATE invoices_sellerprofile SET {change}".encode()

    with (
        psycopg.connect(scratch.address("owner")) as connection,
        pytest.raises(psycopg.errors.CheckViolation),
    ):
        connection.execute(statement)
