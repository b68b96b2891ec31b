"""Proofs of documents: equal where nothing was touched, and each difference named where it was."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command
from psycopg.sql import SQL, Identifier

from accounts.models import AuditEntry, Bot, Workspace
from accounts.tenancy import in_workspace
from benchmarks.scratch import address
from invoices import documents as invoice_writing
from invoices import orders, plan_changes, proving, refunds, transfers
from invoices.issued import DocumentKind, IssuedDocument
from invoices.models import Method, Order, OrderLine, Outcome
from invoices.proving import Proof
from plans import catalog, subscriptions
from plans.catalog import FEE, Terms
from plans.models import Currency, Plan
from tests import make
from tests.invoices import buying, renewing
from tests.invoices.renewing import CLOSE, DAY, HOUR, MID_MARCH
from tests.rows import made_once
from usage import zones

pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "operator"])

MAY_CLOSE = datetime(2026, 5, 2, tzinfo=UTC)  # of April
JUNE_CLOSE = datetime(2026, 6, 2, tzinfo=UTC)


@pytest.fixture
@made_once
def acme() -> Workspace:
    globex = renewing.workspace("globex")
    renewing.use(renewing.has(make.bot(globex), "essential"), 500)
    renewing.run(globex)
    return renewing.workspace()


@pytest.fixture
@made_once
def bot(acme: Workspace) -> Bot:
    return renewing.has(make.bot(acme), "essential")


@pytest.fixture
@made_once
def invoice(acme: Workspace, bot: Bot) -> IssuedDocument:
    """The invoice of a close: a fee, 12 further sessions of 412, and two seats."""
    renewing.use(bot, 412)
    renewing.hold(bot, 2)
    renewing.run(acme)
    return documents(acme)[-1]


def documents(of: Workspace, kind: DocumentKind = DocumentKind.INVOICE) -> list[IssuedDocument]:
    with in_workspace(of.pk):
        found = IssuedDocument.objects.for_workspace(of).filter(kind=kind)
        return list(found.select_related("order").order_by("pk"))


def prove(document: IssuedDocument) -> Proof:
    return proving.prove(workspace_id=document.workspace_id, document_id=document.pk)


def tamper(table: str, change: str, where: str = "true", **values: Any) -> None:
    """Change rows as the owner of the database can, who first has triggers look away."""
    name = Identifier(table)
    with psycopg.connect(address("owner")) as owner:
        owner.execute(SQL("ALTER TABLE {} DISABLE TRIGGER USER").format(name))
        changed = owner.execute(
            SQL(f"UPDATE {{}} SET {change} WHERE {where}").format(name),
            values,
        )
        assert changed.rowcount >= 1
        owner.execute(SQL("ALTER TABLE {} ENABLE TRIGGER USER").format(name))


def rewrite(document: IssuedDocument, said: dict[str, str]) -> None:
    """Have a document say something else."""
    tamper("invoices_issueddocument", "content = content || %(said)s::jsonb", "id = %(document)s",
           document=document.pk, said=json.dumps(said))  # fmt: skip


def places(proof: Proof) -> list[str]:
    return [str(of) for of in proof.differences]


# Equal


def test_renewal_is_equal(invoice: IssuedDocument) -> None:
    proof = prove(invoice)

    assert (proof.equal, places(proof), proof.reason) == (True, [], "")
    assert proof.inputs == {
        "events": 414, "sessions": 412, "lines": 3, "earlier_lines": 0, "postings": 1, "prices": 5,
    }  # fmt: skip


@pytest.mark.usefixtures("own_catalog")
def test_renewal_with_conversations_calls_and_agents_is_equal(acme: Workspace) -> None:
    bot = priced(acme, included={"conversations": 1, "voice_sessions": 0, "agents_peak": 0})
    talks = [
        *make.talk(0, 10, 20, 31, user="u1", subject=bot.key, start=MID_MARCH),
        *make.talk(0, 14, 28, 31, user="u2", subject=bot.key, channel="voice", start=MID_MARCH),
        *make.talk(0, 40, user="u3", subject=bot.key, start=MID_MARCH, environment="test"),
        make.event("agent.signed_in", at=MID_MARCH, subject=bot.key, agent="a"),
        make.event("agent.signed_in", at=MID_MARCH + HOUR, subject=bot.key, agent="b"),
    ]
    take_in(bot, *talks)
    renewing.run(acme)

    proof = prove(documents(acme)[-1])

    assert (places(proof), proof.reason) == ([], "")
    assert [(of.meter, of.quantity) for of in lines(acme)] == [
        ("", 1), ("conversations", 1), ("voice_sessions", 3), ("agents_peak", 2),
    ]  # fmt: skip


def test_months_with_changes_of_plan_and_zone_are_equal() -> None:
    of = renewing.workspace("far", timezone="Asia/Kolkata")
    bot = renewing.has(make.bot(of), "essential", at=datetime(2026, 3, 11, 9, tzinfo=UTC))
    renewing.has(bot, "advanced", at=datetime(2026, 3, 21, 9, tzinfo=UTC))
    for day in (10, 15, 25):
        renewing.use(bot, 700, at=datetime(2026, 3, day, 18, 29, tzinfo=UTC))
    edge = datetime(2026, 3, 31, 18, 25, tzinfo=UTC)  # five minutes before the month's end
    take_in(bot, *make.talk(0, 14, 28, 40, user="u9", subject=bot.key, start=edge))
    zones.change(workspace=of, zone="America/New_York", at=MID_MARCH)

    renewing.run(of, CLOSE + 3 * DAY)
    renewing.run(of, MAY_CLOSE + 3 * DAY)

    proofs = [prove(one) for one in documents(of)]
    assert [(places(proof), proof.reason) for proof in proofs] == [([], "")] * 2


def test_plans_that_change_after_the_close_on_a_longer_first_day_are_equal() -> None:
    of = renewing.workspace("far", timezone="Asia/Tokyo")
    zones.change(workspace=of, zone="America/Los_Angeles", at=MID_MARCH)
    names = ("before", "after", "back", "new")
    early, late, back, new = (make.bot(of, name) for name in names)
    for bot, code in ((early, "essential"), (late, "essential"), (back, "advanced")):
        renewing.has(bot, code)
    essential = renewing.version("essential")
    subscriptions.schedule(bot=back, version=essential, day=renewing.APRIL, at=MID_MARCH)
    closes = datetime(2026, 4, 1, 15, tzinfo=UTC)  # 1 April began 24 hours before, and has 40

    orders.complete(order=upgrade(of, early, "advanced", at=closes - HOUR), at=closes - HOUR)
    renewing.run(of, closes)
    for bot, code in ((late, "advanced"), (back, "advanced"), (new, "essential")):
        placed = upgrade(of, bot, code, at=closes + HOUR, key=f"page:{bot.key}")
        orders.complete(order=placed, at=closes + HOUR)
    renewing.run(of, closes + 31 * DAY)

    found = documents(of)
    assert [one.net for one in found] == [340, 180, 340, 340, 60, 1260]
    assert [places(prove(one)) for one in found] == [[]] * 6


def test_late_usage_is_equal_and_what_comes_later_does_not_change_a_proof(
    acme: Workspace, bot: Bot, invoice: IssuedDocument
) -> None:
    before = prove(invoice)
    renewing.use(bot, 7, rolled=CLOSE + DAY)
    renewing.run(acme, MAY_CLOSE)
    renewing.use(bot, 9, rolled=MAY_CLOSE + DAY)

    proofs = [prove(one) for one in documents(acme)]

    assert [(places(proof), proof.reason) for proof in proofs] == [([], "")] * 2
    assert (proofs[0].sha256, proofs[0].inputs) == (before.sha256, before.inputs)
    assert proofs[1].inputs["earlier_lines"] == 2


def test_usage_that_came_while_the_close_waited_for_its_turn_is_equal(
    acme: Workspace, bot: Bot
) -> None:
    renewing.use(bot, 405)
    renewing.use(bot, 1, rolled=CLOSE + make.MINUTE)

    closed = [renewing.run(acme), renewing.run(acme, CLOSE + make.MINUTE)]

    proof = prove(documents(acme)[-1])
    assert (closed, places(proof), lines(acme)[1].used) == ([0, 1], [], 406)


@pytest.mark.parametrize("paid", [True, False])
def test_renewal_that_could_not_be_invoiced_at_once_is_equal(
    acme: Workspace, bot: Bot, monkeypatch: pytest.MonkeyPatch, *, paid: bool
) -> None:
    renewing.use(bot, 412)
    with monkeypatch.context() as unsold:
        unsold.setattr(invoice_writing, "issue_for", lambda **_: None)
        renewing.run(acme)
        if paid:
            orders.complete(order=renewing.orders(acme)[-1], at=CLOSE + HOUR)
    invoice_writing.issue_missing(at=CLOSE + DAY)

    (document,) = documents(acme)
    assert (document.content["due_on"], document.content["paid"] != "0") == (
        "2026-04-03" if paid else "2026-04-16", paid,
    )  # fmt: skip
    assert places(prove(document)) == []


def test_credit_note_of_a_correction_is_equal(acme: Workspace, bot: Bot) -> None:
    note = correct(acme, bot)

    proof = prove(note)

    assert (note.net, places(proof), proof.reason) == (Decimal("0.54"), [], "")
    assert all(prove(one).equal for one in documents(acme))


@pytest.mark.usefixtures("own_catalog")
def test_credits_and_their_refund_are_equal_with_tax(acme: Workspace) -> None:
    taxed(acme)
    order = buying.paid(acme, "100")
    refunds.refund(order=order, expected=order.gross, reason="Odd.", at=make.NOON)

    proofs = [prove(one) for kind in DocumentKind for one in documents(acme, kind)]

    assert [(places(proof), proof.reason) for proof in proofs] == [([], "")] * 2
    assert order.tax == 19


@pytest.mark.usefixtures("own_catalog")
def test_credits_for_money_that_came_by_wire_are_equal(acme: Workspace) -> None:
    taxed(acme)
    payment = buying.wire(acme, "200", buyer=make.member(acme).user)
    arrival = transfers.Arrival(amount=Decimal("100.01"), value_on=make.NOON.date())
    transfers.note(
        payment=payment, number=1, arrival=arrival, by=make.member(acme).user, at=make.NOON,
        seen=Outcome.CREDITS,
    )  # fmt: skip

    proof = prove(documents(acme)[-1])

    assert (places(proof), proof.reason) == ([], "")


@pytest.mark.usefixtures("own_catalog")
def test_documents_in_yen_are_equal() -> None:
    Currency.objects.using("operator").create(
        code="JPY", decimals=0, free_credits=0, top_up_from=1000, top_up_to=10**6, low_balance=500
    )
    for code, fee, included in (("standard", 0, 0), ("essential", 9000, 400)):
        terms = Terms(
            uses_credits=not fee,
            included={"billing_sessions": included},
            prices={
                (currency, meter): amount
                for currency in ("EUR", "JPY", "USD")
                for meter, amount in ((FEE, Decimal(fee)), ("billing_sessions", Decimal("20.5")))
            },
        )
        plan = Plan.objects.get(code=code)
        catalog.publish(plan=plan, terms=terms, replaces=1, at=renewing.OPENED)
    of = renewing.workspace("yen", currency="JPY")
    bot = renewing.has(make.bot(of), "essential")
    renewing.use(bot, 403)
    order = buying.paid(of, "10000", at=MID_MARCH)
    refunds.refund(order=order, expected=order.gross, reason="Odd.", at=MID_MARCH)
    renewing.run(of)

    proofs = [prove(one) for kind in DocumentKind for one in documents(of, kind)]

    assert [(places(proof), proof.reason) for proof in proofs] == [([], "")] * 3
    assert documents(of)[-1].net == 9000 + 62  # 3 x 20.5, rounded to whole yen


@pytest.mark.parametrize("days", [0, 2, 40])
def test_upgrade_is_equal_also_where_it_was_paid_later(
    acme: Workspace, bot: Bot, days: int
) -> None:
    order = upgrade(acme, bot, "advanced", at=MID_MARCH)

    orders.complete(order=order, at=MID_MARCH + days * DAY)

    proof = prove(documents(acme)[-1])
    assert (places(proof), proof.reason) == ([], "")


def test_second_upgrade_of_a_day_is_equal(acme: Workspace) -> None:
    bot = make.bot(acme, "twice")
    for code in ("essential", "advanced"):
        orders.complete(order=upgrade(acme, bot, code, at=MID_MARCH), at=MID_MARCH)

    proofs = [prove(one) for one in documents(acme)]

    assert [(places(proof), proof.reason) for proof in proofs] == [([], "")] * 2
    assert proofs[0].sha256 != proofs[1].sha256


@pytest.mark.parametrize("code", ["essential", "advanced"])
def test_upgrade_that_is_paid_after_another_of_its_day_is_equal(acme: Workspace, code: str) -> None:
    bot = make.bot(acme, "twice")
    first = upgrade(acme, bot, "essential", at=MID_MARCH)
    orders.fail(order=first)
    second = upgrade(acme, bot, code, at=MID_MARCH, key="again")
    orders.complete(order=second, at=MID_MARCH)
    orders.complete(order=first, at=MID_MARCH + HOUR)

    proofs = [prove(one) for one in documents(acme)]

    assert [(places(proof), proof.reason) for proof in proofs] == [([], "")] * 2
    assert first.lot is not None
    assert first.lot.amount == first.net  # it changes nothing any more


def test_upgrade_that_is_paid_after_a_lower_one_of_its_day_is_equal(acme: Workspace) -> None:
    bot = make.bot(acme, "twice")
    first = upgrade(acme, bot, "advanced", at=MID_MARCH)
    orders.cancel(order=first)
    orders.complete(order=upgrade(acme, bot, "essential", at=MID_MARCH), at=MID_MARCH)
    orders.complete(order=first, at=MID_MARCH + HOUR)

    proofs = [prove(one) for one in documents(acme)]

    assert [(places(proof), proof.reason) for proof in proofs] == [([], "")] * 2
    assert first.lot is not None
    assert 0 < first.lot.amount < first.net


# Differences


def test_event_that_was_stored_after_the_close_differs_and_the_note_says_why(
    acme: Workspace, bot: Bot
) -> None:
    renewing.use(bot, 405, rolled=MID_MARCH)
    renewing.use(bot, 1, at=CLOSE - HOUR)  # what is used since does not matter
    renewing.run(acme)
    renewing.use(bot, 1)  # an import that began before

    proof = prove(documents(acme)[-1])

    assert places(proof)[0].endswith("used: 405, should be 406")
    assert proof.note == (
        "Events of before the month began that came in the 24 hours before the clock: 1. An import"
        " or a request that was still running by then may have stored some after it."
    )


def test_event_that_was_changed_is_named_by_its_line(invoice: IssuedDocument) -> None:
    before = prove(invoice).sha256

    tamper(
        "usage_event", "at = at - interval '60 days'", "ctid = (SELECT min(ctid) FROM usage_event"
        " WHERE workspace_id = %(of)s AND type = 10)", of=invoice.workspace_id,
    )  # fmt: skip

    proof = prove(invoice)
    line = "line 2 of the order (usage of billing sessions of support, essential 1,"
    assert f"{line} 2026-03-01 to 2026-03-31), quantity: 12, should be 11" in places(proof)
    assert f"{line} 2026-03-01 to 2026-03-31), net: 2.16, should be 1.98" in places(proof)
    assert "gross of the document: 102.16, should be 101.98" in places(proof)
    assert proof.sha256 != before


@pytest.mark.usefixtures("own_catalog")
def test_price_that_was_changed_is_named_by_its_line(invoice: IssuedDocument) -> None:
    tamper(
        "plans_price", "amount = 0.2", "meter = 'billing_sessions' AND currency_id = 'USD'"
        " AND amount = 0.18",
    )  # fmt: skip

    proof = prove(invoice)

    assert (
        "line 2 of the order (usage of billing sessions of support, essential 1, 2026-03-01 to"
        " 2026-03-31), price: 0.18, should be 0.20"
    ) in places(proof)


def test_line_of_the_order_that_was_changed_is_named(invoice: IssuedDocument) -> None:
    tamper(
        "invoices_orderline", "quantity = 13", "kind = 'usage' AND workspace_id = %(of)s",
        of=invoice.workspace_id,
    )  # fmt: skip

    assert places(prove(invoice)) == [
        "line 2 of the order (usage of billing sessions of support, essential 1, 2026-03-01 to"
        " 2026-03-31), quantity: 13, should be 12"
    ]


def test_line_of_the_document_that_was_changed_is_named(invoice: IssuedDocument) -> None:
    tamper(
        "invoices_issueddocument",
        "content = jsonb_set(content, %(path)s::text[], %(net)s::jsonb)",
        "id = %(document)s",
        document=invoice.pk,
        path=["lines", "2", "net"],
        net='"41.00"',
    )

    assert places(prove(invoice)) == [
        "line 3 of the document (Essential, seats), net: 41.00, should be 40.00"
    ]


@pytest.mark.parametrize(
    ("said", "named"),
    [
        (
            {"paid": "102.16", "due": "0.00"},
            ["what is paid on the document: 102.16, should be 0"],
        ),
        ({"due_on": "2027-04-16"}, ["due day on the document: 2027-04-16, should be 2026-04-16"]),
        (
            {"issued_on": "2026-04-01"},
            ["day of issue on the document: 2026-04-01, should be 2026-04-02"],
        ),
        (
            {"preceding_number": "ACME-2026-000009"},
            ["corrected invoice on the document: ACME-2026-000009, should be nothing"],
        ),
    ],
)
def test_payment_and_days_that_were_changed_are_named(
    invoice: IssuedDocument, said: dict[str, str], named: list[str]
) -> None:
    rewrite(invoice, said)

    assert places(prove(invoice)) == named


def test_corrected_invoice_that_was_changed_is_named(acme: Workspace, bot: Bot) -> None:
    note = correct(acme, bot)
    rewrite(note, {"preceding_on": "2026-04-01", "paid": "0.54", "due": "0.00"})

    assert places(prove(note)) == [
        "what is paid on the document: 0.54, should be 0",
        "day of the corrected invoice: 2026-04-01, should be 2026-04-02",
    ]


def test_posting_that_was_changed_is_named(invoice: IssuedDocument) -> None:
    tamper(
        "plans_ledgerentry", "amount = amount - 1", "account = 'revenue_usage' AND workspace_id ="
        " %(of)s", of=invoice.workspace_id,
    )  # fmt: skip

    assert places(prove(invoice)) == [
        "posting renewal:1, revenue_usage: -3.16, should be -2.16",
        "posting renewal:1, debits less credits: -1.00, should be 0",
    ]


def test_posting_and_line_that_are_gone_are_named(invoice: IssuedDocument) -> None:
    tamper("plans_posting", "key = 'gone'", "key = 'renewal:1' AND workspace_id = %(of)s",
           of=invoice.workspace_id)  # fmt: skip
    tamper("invoices_orderline", "kind = 'late'", "kind = 'seats' AND workspace_id = %(of)s",
           of=invoice.workspace_id)  # fmt: skip

    found = places(prove(invoice))

    assert "line 3 of the order (late of support): 2 for 40.00, should be nothing" in found
    assert (
        "line of the order (seats of agents of support, essential 1, 2026-03-01 to 2026-03-31):"
        " missing, should be 2 for 40.00"
    ) in found
    assert any(of.startswith("posting renewal:1: missing, should be receivable") for of in found)


def test_refund_and_upgrade_that_were_changed_are_named(acme: Workspace, bot: Bot) -> None:
    order = buying.paid(acme, "100", at=MID_MARCH)
    refunds.refund(order=order, expected=order.gross, reason="Odd.", at=MID_MARCH)
    orders.complete(order=upgrade(acme, bot, "advanced", at=MID_MARCH), at=MID_MARCH)
    (note,) = documents(acme, DocumentKind.CREDIT_NOTE)
    tamper("plans_ledgerentry", "amount = amount * 2", "account = 'prepaid_credits' AND amount < 0"
           " AND workspace_id = %(of)s", of=acme.pk)  # fmt: skip
    tamper("invoices_order", "net = net + 1, gross = gross + 1", "type = 'plan_change' AND"
           " workspace_id = %(of)s", of=acme.pk)  # fmt: skip

    refunded, upgraded = prove(note), prove(documents(acme)[-1])

    assert "net of the document: 100.00, should be 200.00" in places(refunded)
    assert "net of the order: 176.48, should be 175.48" in places(upgraded)


# What cannot be proved


def test_events_that_are_removed_cannot_be_proved(invoice: IssuedDocument) -> None:
    tamper("accounts_workspace", "events_from = '2026-05-01Z', retention_months = 1",
           "id = %(of)s", of=invoice.workspace_id)  # fmt: skip

    proof = prove(invoice)

    assert (proof.equal, proof.sha256) == (False, "")
    assert proof.reason == (
        "It needs the events since 2026-03-01, and the workspace keeps those since 2026-04-28"
        " only: older ones are removed."
    )


def test_rule_that_is_not_known_cannot_be_proved(invoice: IssuedDocument) -> None:
    tamper("usage_billingsession", "rule = 2", "workspace_id = %(of)s", of=invoice.workspace_id)

    assert prove(invoice).reason == "Sessions were counted by rule 2; known is rule 1."


def test_credit_note_that_no_close_made_cannot_be_proved(acme: Workspace) -> None:
    note = buying.credit(buying.paid(acme, "200"), "50")

    assert prove(note).reason.startswith("It was not made by a close or a refund")


# The command


def test_command_says_equal_and_leaves_an_entry_in_the_audit_log(
    invoice: IssuedDocument, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("prove_invoice", invoice.number)

    said = json.loads(capsys.readouterr().out)
    assert (said["number"], said["kind"], said["equal"]) == (invoice.number, "invoice", True)
    assert said["inputs"]["events"] == 414
    assert len(said["inputs_sha256"]) == 64
    with in_workspace(invoice.workspace_id):
        entry = AuditEntry.objects.for_workspace(invoice.workspace_id).get(action="invoice.proved")
    assert entry.after is not None
    assert (entry.target, entry.after["equal"]) == (invoice.number, True)


def test_command_fails_where_something_differs_and_names_it(
    invoice: IssuedDocument, capsys: pytest.CaptureFixture[str]
) -> None:
    tamper("invoices_issueddocument", "net = net + 1, gross = gross + 1", "id = %(id)s",
           id=invoice.pk)  # fmt: skip

    with pytest.raises(CommandError, match=f"{invoice.number} differs in 2 places."):
        call_command("prove_invoice", invoice.number)

    assert json.loads(capsys.readouterr().out)["differences"] == [
        {"where": "net of the document's row", "found": "103.16", "should_be": "102.16"},
        {"where": "gross of the document's row", "found": "103.16", "should_be": "102.16"},
    ]


def test_command_knows_no_other_number() -> None:
    with pytest.raises(CommandError, match="There is no document ACME-2026-000099"):
        call_command("prove_invoice", "ACME-2026-000099")


# Data


def take_in(bot: Bot, *events: make.Event, now: datetime = CLOSE) -> None:
    make.take_in(bot.workspace, *events, now=now)
    make.roll_up(bot.workspace, now=now)


def lines(of: Workspace) -> list[OrderLine]:
    with in_workspace(of.pk):
        return list(OrderLine.objects.for_workspace(of).order_by("order", "number"))


def priced(of: Workspace, *, included: dict[str, int]) -> Bot:
    """Have a bot a plan that prices some meters in dollars; others are not in its catalog."""
    plan = Plan.objects.get(code="essential")
    prices = {("USD", meter): Decimal("0.3333") for meter in included}
    terms = Terms(
        uses_credits=False, included=included, prices={("USD", FEE): Decimal("9.99"), **prices}
    )
    catalog.publish(plan=plan, terms=terms, replaces=1, at=renewing.OPENED)
    return renewing.has(make.bot(of, "metered"), "essential")


def correct(of: Workspace, bot: Bot) -> IssuedDocument:
    """Have an agent take a conversation over, of which is heard after the close."""
    renewing.use(bot, 399)
    talk = make.talk(*range(0, 47, 5), 46, user="u1", subject=bot.key, start=MID_MARCH)
    take_in(bot, *talk)
    renewing.run(of)
    minute = timedelta(minutes=1)
    late = [
        make.event("agent.transfer_started", at=MID_MARCH + minute, subject=bot.key, agent="a"),
        make.event("agent.transfer_ended", at=MID_MARCH + 45 * minute, subject=bot.key, agent="a"),
    ]
    take_in(bot, *late, now=CLOSE + DAY)
    renewing.run(of, MAY_CLOSE)
    (note,) = documents(of, DocumentKind.CREDIT_NOTE)
    return note


def upgrade(of: Workspace, bot: Bot, code: str, *, at: datetime, key: str = "") -> Order:
    """Order an upgrade."""
    version = renewing.version(code)
    quoted = plan_changes.quote(bot=bot, version=version, at=at)
    placed = plan_changes.change(
        bot=bot, version=version, seen=quoted.seen, buyer=make.member(of).user, at=at,
        key=key or f"page:{code}", method=Method.SANDBOX,
    )  # fmt: skip
    assert placed is not None
    return placed


def taxed(of: Workspace) -> None:
    """Have a workspace pay tax of 19 %."""
    make.seller(tax_currency="USD")
    make.billing_details(of, country="DE", region="")
