"""What several tests of invoices have."""

from collections.abc import Iterator

import pytest
from pytest_django.fixtures import Settings

from tests.invoices import stripe_server
from tests.invoices.stripe_server import Account


@pytest.fixture
def stripe(settings: Settings) -> Iterator[Account]:
    """Serve an account of Stripe, and have the console use it."""
    with stripe_server.run() as account:
        settings.STRIPE_SECRET_KEY = stripe_server.KEY
        settings.STRIPE_WEBHOOK_SECRETS = [stripe_server.SECRET]
        settings.STRIPE_API_ADDRESS = account.address
        yield account
