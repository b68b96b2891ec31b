"""Every address answers odd input with a page or a refusal, never with an error of the program."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import cycle, product
from uuid import uuid4

import pytest
from django.test import Client

from accounts.models import ApiKey, Bot, Mail, Role, Workspace
from accounts.tenancy import in_workspace
from invoices import bundles
from invoices.bundled import DocumentBundle
from invoices.models import Order
from plans import billing, extensions
from plans.alerted import UsageAlert
from plans.models import CreditLot, Extension
from tests import make
from tests.invoices import buying, stating
from tests.pages import sign_in
from tests.plans import watching
from tests.test_architecture import patterns
from usage.models import Stream
from usage.session_queries import name_conversation

pytestmark = pytest.mark.django_db(transaction=True)

SLUG = "<slug:slug>"
BELOW = f"w/{SLUG}/"
NUMBERS = ("0", "-1", "1" + 20 * "0")
ODD = ("\0", "\ud800", "<b>", "x" * 2000)
PAGING = ("page", "per_page", "sort")
FILTERS = (
    "bot", "channel", "timezone", "range", "first", "last", "by", "view", "rows", "kind", "state",
    "from", "to", "user", "conversation", "q", "owner", "status", "show", "type", "id", "source",
    "result", "code", "action", "who", "target", "role", "plan", "plan_status", "balance",
    "amount", "number", "least", "most", "tab", "watched", "per", "threshold", "months", "is_on",
    "top_up", "seats", "minutes", "lot",
)  # fmt: skip
PARTS = ("%00", "a%0ab", "%ff", "a%2F..%2Fb", "a%22b", "0", "-1", "9" * 30, "x" * 2000)
METHODS = ("HEAD", "PUT", "TRACE")


@pytest.fixture
def acme() -> Workspace:
    acme = make.workspace("acme")
    make.take_in(acme, *make.talk(0, 10, 20), make.event("alert.delivered"))
    make.roll_up(acme)
    return acme


@pytest.fixture
def client(acme: Workspace) -> Client:
    client = sign_in(make.member(acme))
    client.raise_request_exception = False
    return client


def find_parts(acme: Workspace) -> dict[str, str]:
    """Return what stands in addresses for their parameters."""
    make.api_key(acme, name="odd")
    now = datetime.now(UTC)
    billing.open_billing(workspace=acme, at=now)
    paid = buying.paid(acme, key="odd paid")
    statement = stating.make_one(acme)
    with in_workspace(acme.pk):
        bot = Bot.objects.for_workspace(acme).get()
        asked = Extension.objects.for_workspace(acme).filter(bot=bot).first() or extensions.request(
            bot=bot, days=3, reason="Odd.", by=make.member(acme).user, at=now
        )
        bundle = DocumentBundle.objects.for_workspace(acme).first() or bundles.ask(
            membership=make.member(acme),
            orders=Order.objects.for_workspace(acme).filter(pk=paid.pk),
            about=[],
            key=uuid4(),
            at=now,
        )
        stream = Stream.objects.for_workspace(acme).get(user="u1", channel="web", agent="")
        return {
            SLUG: "acme",
            "<int:bot_id>": str(bot.pk),
            "<int:key_id>": str(ApiKey.objects.for_workspace(acme).get(name="odd").pk),
            "<int:invitation_id>": str(make.invitation(acme).pk),
            "<int:lot_id>": str(CreditLot.objects.for_workspace(acme).get(kind="free").pk),
            "<int:extension_id>": str(asked.pk),
            "<int:member_id>": str(make.member(acme, Role.MEMBER).pk),
            "<int:number>": str(stream.id),
            "<int:order_number>": str(buying.order(acme, key="odd").number),
            "<int:method_id>": str(buying.kept_method(acme, by=make.member(acme).user).pk),
            "<int:setup_id>": str(buying.setup(acme, by=make.member(acme).user).pk),
            "<int:payment_id>": str(buying.wire(acme, key="odd wire").pk),
            "<number>": "ACME-2026-000001",
            "<int:payback_id>": str(buying.payback(acme, key="paid back").pk),
            "<slug:document_number>": buying.invoice(paid).number,
            "<int:bundle_id>": str(bundle.pk),
            "<slug:month>": str(statement),
            "<int:pack_id>": "1",
            "<int:alert_id>": str(
                (
                    UsageAlert.objects.for_workspace(acme).first()
                    or watching.alert(acme, 7, bot=bot)
                ).pk
            ),
            "<slug:plan_code>": "essential",
            "<slug:currency_code>": "USD",
            "<str:token>": "of-nobody",
            "<slug:kind>": "low_balance",
            "<int:mail_id>": str(Mail.objects.for_workspace(acme).earliest("pk").pk),
            "<str:provider_id>": "oidc",
            "<person:uidb36>": "1",
            "<key:key>": "set-password",
            "<int:pk>": "1",
            "<str:name>": name_conversation(stream.key, make.NOON),
        }


def complete(address: str, parts: dict[str, str]) -> str:
    for name, part in parts.items():
        address = address.replace(name, part)
    assert "<" not in address
    return f"/{address}"


def list_addresses() -> Iterator[str]:
    return (address for address, _ in patterns() if address.startswith(BELOW))


def test_odd_parameters(acme: Workspace, client: Client) -> None:
    parts = find_parts(acme)
    failed = []
    for address in list_addresses():
        path = complete(address, parts)
        answer = client.get(path)
        # Django parses parameters when somebody looks at them: to others it is all the same.
        if answer.status_code == 405 or "GET" not in vars(answer.wsgi_request):
            continue
        for value, names in product((*NUMBERS, *ODD), (PAGING, FILTERS)):
            sent = value.encode("utf-8", "surrogatepass")
            if client.get(path, dict.fromkeys(names, sent)).status_code >= 500:
                failed.append((path, names, value[:20]))

    assert failed == []


def test_odd_addresses_and_methods(acme: Workspace, client: Client) -> None:
    parts = find_parts(acme)
    failed = []
    for address, odd_slug in zip(list_addresses(), cycle(PARTS), strict=False):
        for method in METHODS:
            if client.generic(method, complete(address, parts)).status_code >= 500:
                failed.append((address, method))
        for name in (name for name in parts if name in address):
            # What comes of a slug is the same code everywhere: each address has one odd one.
            for part in [odd_slug] if name == SLUG else PARTS:
                if client.get(complete(address, parts | {name: part})).status_code >= 500:
                    failed.append((address, part[:20]))

    assert failed == []
