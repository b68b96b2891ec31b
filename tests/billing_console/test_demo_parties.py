"""Who sells and buys in the demo is as the pages would have stored it."""

import pytest

from billing_console.demo import parties, plan
from invoices import party_forms

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("slug", [planned.slug for planned in plan.WORKSPACES])
def test_buyer_passes_the_form(slug: str) -> None:
    buyer = parties.BUYERS[slug]

    form = party_forms.BillingDetails({**buyer, "recipients": "\n".join(buyer["recipients"])})

    assert form.is_valid(), form.errors
    assert form.cleaned_data == buyer


def test_seller_passes_the_form() -> None:
    form = party_forms.SellerProfile(parties.SELLER)

    assert form.is_valid(), form.errors
    assert form.cleaned_data == {**parties.SELLER, "logo": None, "remove_logo": False}
