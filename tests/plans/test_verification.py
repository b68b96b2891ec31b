"""`verify_ledger` finds what differs from the ledger, and prints it."""

import json
from datetime import date
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from accounts.models import Workspace
from accounts.tenancy import in_workspace
from plans import billing, charging
from plans.models import BotBilling, ChargedDay, CreditLot
from tests import make

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])


@pytest.fixture
def acme() -> Workspace:
    acme = make.workspace("acme")
    billing.open_billing(workspace=acme, at=make.NOON)
    make.take_in(acme, make.event("alert.delivered"))
    make.roll_up(acme)
    charging.run(workspace_id=acme.pk, now=make.NOON)
    return acme


def test_a_ledger_that_agrees_prints_nothing(acme: Workspace) -> None:
    printed = StringIO()

    call_command("verify_ledger", stdout=printed, stderr=StringIO())

    assert printed.getvalue() == ""


def test_each_difference_is_a_line_and_the_command_fails(acme: Workspace) -> None:
    bot = make.bot(acme)
    with in_workspace(acme.pk):
        lot = CreditLot.objects.get()
        CreditLot.objects.update(balance=499)
        BotBilling.objects.create(workspace=acme, bot=bot, overdraft=5)
        ChargedDay.objects.update(amount=1)
    printed = StringIO()

    with pytest.raises(CommandError, match="differs in 3 places"):
        call_command("verify_ledger", "--workspace", "acme", stdout=printed, stderr=StringIO())

    assert [json.loads(line) for line in printed.getvalue().splitlines()] == [
        {
            "workspace": "acme",
            "what": f"lot {lot.pk}",
            "kept": "499.0000",
            "ledger": "499.8000",
        },
        {
            "workspace": "acme",
            "what": f"overdraft of bot {bot.pk}",
            "kept": "5.0000",
            "ledger": "0",
        },
        {
            "workspace": "acme",
            "what": f"charges of bot {bot.pk} on {date(2026, 3, 2)} billing_sessions version 1",
            "kept": "1.0000 for 1 in 1",
            "ledger": "0.2000 for 1 in 1",
        },
    ]


def test_differences_of_another_workspace_are_not_printed(acme: Workspace) -> None:
    globex = make.workspace("globex")
    billing.open_billing(workspace=globex, at=make.NOON)
    with in_workspace(globex.pk):
        CreditLot.objects.update(balance=1)
    printed = StringIO()

    call_command("verify_ledger", "--workspace", "acme", stdout=printed, stderr=StringIO())

    assert printed.getvalue() == ""


def test_an_unknown_workspace_is_said() -> None:
    with pytest.raises(CommandError, match="no workspace 'nowhere'"):
        call_command("verify_ledger", "--workspace", "nowhere")
