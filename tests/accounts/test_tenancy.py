"""What the database shows and refuses, whatever the code above it forgets."""

import re
import uuid
from datetime import date
from decimal import Decimal

import pytest
from django.apps import apps
from django.db import DatabaseError, connection, transaction
from django.db.utils import ProgrammingError

from accounts.models import (
    Bot,
    BotShare,
    Membership,
    MutedMail,
    Role,
    User,
    Workspace,
    WorkspaceOwned,
)
from accounts.tenancy import USER, WORKSPACE, admit, admitted, in_workspace
from invoices.bundled import DocumentBundle
from invoices.issued import CreditedService
from invoices.models import (
    AutoReload,
    LineKind,
    Method,
    MethodSetup,
    Order,
    OrderLine,
    OrderType,
    Outcome,
    Payment,
    SavedMethod,
    Transfer,
)
from invoices.stated import MOVEMENTS, StatementBalance, StatementBot, StatementLine
from invoices.tax import Category
from invoices.tied import TieOutCheck
from plans.alerted import Per, UsageAlert, UsageAlertFiring, Watched
from plans.models import (
    Account,
    BotBilling,
    ChargedDay,
    CreditLot,
    Currency,
    Extension,
    LedgerEntry,
    LotKind,
    Meter,
    PlanVersion,
    Posting,
    PostingKind,
    WorkspaceBilling,
)
from tests import make
from tests.invoices import buying, stating
from tests.rows import made_once
from usage import zones
from usage.models import Event
from usage.queries import Counts

pytestmark = pytest.mark.django_db(transaction=True)

TABLES = [
    model
    for app in ("accounts", "usage", "plans", "invoices")
    for model in apps.get_app_config(app).get_models()
    if issubclass(model, WorkspaceOwned)
]


def fill(of: Workspace) -> None:
    """Give a workspace a row in every table."""
    make.api_key(of)
    make.invitation(of)
    shared = make.member(of, Role.SHARED)
    make.take_in(
        of,
        *make.talk(0, 10, 20),
        make.event("alert.delivered"),
        make.event("agent.seat_assigned", agent="a1"),
        make.event() | {"time": "never"},
    )
    make.roll_up(of)
    make.take_in(of, *make.talk(30))
    with in_workspace(of.pk):
        bot = Bot.objects.for_workspace(of).get()
        BotShare.objects.create(workspace=of, bot=bot, user=shared.user)
        fill_plans(bot, requested_by=shared.user)
        fill_orders(of, by=shared.user)
    zones.change(workspace=of, zone="Asia/Kolkata", at=make.LONG_AFTER)


def fill_plans(bot: Bot, *, requested_by: User) -> None:
    """Give a bot's workspace a row in every table of plans."""
    of = bot.workspace
    dollars = Currency.objects.get(code="USD")
    standard = PlanVersion.objects.get(plan__code="standard")
    WorkspaceBilling.objects.create(
        workspace=of, default_plan=standard.plan, open_month=date(2026, 3, 1)
    )
    BotBilling.objects.create(workspace=of, bot=bot)
    lot = CreditLot.objects.create(
        workspace=of,
        kind=LotKind.FREE,
        currency=dollars,
        amount=Decimal(500),
        granted_at=make.NOON,
    )
    posting = Posting.objects.create(
        workspace=of,
        key="grant",
        kind=PostingKind.GRANT,
        posted_at=make.NOON,
        booking_month=date(2026, 3, 1),
    )
    for number, (account, amount, of_lot) in enumerate(
        ((Account.PROMOTION, 500, None), (Account.FREE_CREDITS, -500, lot))
    ):
        LedgerEntry.objects.create(
            workspace=of,
            posting_id=posting.id,
            number=number,
            account=account,
            lot=of_lot,
            amount=amount,
            currency="USD",
        )
    ChargedDay.objects.create(
        workspace=of,
        bot=bot,
        day=date(2026, 3, 2),
        meter=Meter.BILLING_SESSIONS,
        version=standard,
        quantity=0,
        amount=0,
        postings=0,
    )
    alert = UsageAlert.objects.create(
        workspace=of,
        bot=bot,
        watched=Watched.SESSIONS,
        per=Per.DAY,
        threshold=5,
        since_on=date(2026, 3, 2),
        created_at=make.NOON,
    )
    UsageAlertFiring.objects.create(
        workspace=of,
        alert=alert,
        starts_on=date(2026, 3, 2),
        number=5,
        threshold=5,
        fired_at=make.NOON,
    )
    Extension.objects.create(
        workspace=of,
        bot=bot,
        days=30,
        reason="A late launch",
        requested_by=requested_by,
        requested_at=make.NOON,
    )


def fill_orders(of: Workspace, *, by: User) -> None:
    """Give a workspace a row in every table of invoices."""
    MutedMail.objects.create(workspace=of, user=by, category="credits")
    make.billing_details(of)
    dollars = Currency.objects.get(code="USD")
    order = Order.objects.create(
        workspace=of,
        number=1,
        key="order",
        type=OrderType.CREDIT_PURCHASE,
        net=100,
        tax=0,
        gross=100,
        tax_category=Category.OUTSIDE,
        tax_rate=0,
        tax_reason="Nobody is registered.",
        currency=dollars,
        method=Method.SANDBOX,
        created_at=make.NOON,
    )
    OrderLine.objects.create(
        workspace=of,
        order=order,
        number=1,
        bot=make.bot(of),
        kind=LineKind.FEE,
        version=PlanVersion.objects.earliest("pk"),
        first_day=date(2026, 3, 1),
        last_day=date(2026, 3, 31),
        used=0,
        included=0,
        quantity=1,
        price=60,
        net=60,
    )
    Payment.objects.create(
        workspace=of,
        order=order,
        method=Method.SANDBOX,
        reference="payment",
        started_at=make.NOON,
    )
    saved = SavedMethod.objects.create(
        workspace=of,
        method=Method.SANDBOX,
        reference="accept",
        label="Sandbox",
        consent="I agree.",
        consented_at=make.NOON,
        saved_by=by,
    )
    MethodSetup.objects.create(
        workspace=of,
        method=Method.SANDBOX,
        reference="setup",
        consent="I agree.",
        as_default=False,
        started_by=by,
        started_at=make.NOON,
    )
    fill_documents(of, by=by)
    AutoReload.objects.create(
        workspace=of,
        is_on=False,
        amount=100,
        limit=0,
        saved_method=saved,
        turned_on_at=make.NOON,
        turned_on_by=by,
    )


def fill_documents(of: Workspace, *, by: User) -> None:
    """Give a workspace a row in every table of documents, and of what came by wire."""
    statement = stating.make_one(of)
    StatementLine.objects.create(
        workspace=of,
        statement=statement,
        bot=make.bot(of),
        service_day=date(2026, 3, 1),
        meter=Meter.BILLING_SESSIONS,
        quantity=1,
    )
    nothing = dict.fromkeys(("opening", *MOVEMENTS, "closing"), 0)
    StatementBalance.objects.get_or_create(
        workspace=of, statement=statement, bot=None, kind="free", defaults=nothing
    )
    counts = dict.fromkeys((*Counts._fields, "agents", "agents_peak"), 0)
    StatementBot.objects.get_or_create(
        workspace=of,
        statement=statement,
        bot=make.bot(of),
        defaults={"key": "support", "name": "Support", "content": [], **counts},
    )
    document = buying.payback(of).document
    assert document is not None
    CreditedService.objects.create(
        workspace=of,
        document=document,
        bot=make.bot(of),
        version=PlanVersion.objects.earliest("pk"),
        meter=Meter.BILLING_SESSIONS,
        first_day=date(2026, 3, 1),
        last_day=date(2026, 3, 31),
        quantity=1,
        net=1,
    )
    DocumentBundle.objects.create(
        workspace=of,
        key=uuid.uuid4(),
        asked_by=by,
        asked_at=make.NOON,
        about="All",
        documents=[],
        expires_at=make.NOON,
    )
    TieOutCheck.objects.create(
        workspace=of,
        checked_at=make.NOON,
        first_day=make.NOON.date(),
        last_day=make.NOON.date(),
        differences=0,
    )
    Transfer.objects.create(
        workspace=of,
        payment=buying.wire(of),
        number=1,
        amount=1,
        surplus=1,
        outcome=Outcome.SURPLUS,
        value_on=make.NOON.date(),
        noted_at=make.NOON,
        noted_by=by,
    )


@made_once
def fill_both() -> None:
    for slug in ("acme", "globex"):
        fill(make.workspace(slug))


@pytest.fixture
def acme() -> Workspace:
    fill_both()
    return make.workspace("acme")


def test_each_workspace_sees_its_own_rows_alone(acme: Workspace) -> None:
    for model in TABLES:
        with transaction.atomic():
            assert not model._default_manager.exists(), model
        with in_workspace(acme.pk):
            owners = set(model._default_manager.values_list("workspace_id", flat=True))
        assert owners == {acme.pk}, model


def test_block_inside_another_puts_back_what_was_admitted(acme: Workspace) -> None:
    globex = make.workspace("globex")

    with in_workspace(acme.pk):
        with in_workspace(globex.pk):
            within = set(Bot.objects.values_list("workspace_id", flat=True))
        after = set(Bot.objects.values_list("workspace_id", flat=True))

    assert (within, after) == ({globex.pk}, {acme.pk})


def test_page_forgets_the_person_before_it_looks_at_the_workspace(acme: Workspace) -> None:
    person = make.member(acme, Role.OWNER).user
    make.member(make.workspace("globex"), Role.OWNER, email=person.email)

    with admitted(USER, person.pk):
        admit({USER: "", WORKSPACE: acme.pk})
        seen = set(Membership.objects.values_list("workspace_id", flat=True))

    assert seen == {acme.pk}


def test_nothing_is_seen_after_the_transaction(acme: Workspace) -> None:
    with in_workspace(acme.pk):
        assert Event.objects.exists()

    assert not Event.objects.exists()
    assert not Workspace.objects.exists()


def test_row_of_another_workspace_cannot_be_written(acme: Workspace) -> None:
    globex = make.workspace("globex")

    with pytest.raises(ProgrammingError, match="row-level security"), in_workspace(acme.pk):
        Bot.objects.create(workspace=globex, key="foreign", name="foreign")
    with pytest.raises(ProgrammingError, match="row-level security"), in_workspace(acme.pk):
        Bot.objects.update(workspace=globex)


def test_row_cannot_name_a_row_of_another_workspace(acme: Workspace) -> None:
    globex = make.workspace("globex")
    stranger = make.member(globex, email="only@globex.example").user
    with in_workspace(globex.pk):
        theirs = Bot.objects.get()

    with pytest.raises(DatabaseError, match=r"tied|owned by"), in_workspace(acme.pk):
        Bot.objects.update(owner=stranger)
    with pytest.raises(DatabaseError, match="tied"), in_workspace(acme.pk):
        BotShare.objects.update(bot_id=theirs.pk)


FORBIDDEN = [
    "TRUNCATE usage_event",
    "ALTER TABLE usage_event DISABLE ROW LEVEL SECURITY",
    "DROP POLICY of_workspace ON usage_event",
    "SET ROLE console_owner",
    "CREATE TABLE mine (id integer)",
    "UPDATE usage_event SET at = now()",
    "ALTER ROLE console_app BYPASSRLS",
    "SET session_replication_role = replica",
    "SET ROLE console_operator",
    "SET SESSION AUTHORIZATION console_owner",
    "GRANT console_owner TO console_app",
    "ALTER TABLE usage_event NO FORCE ROW LEVEL SECURITY",
    "ALTER TABLE usage_event ADD COLUMN mine integer",
    "ALTER TABLE accounts_auditentry DISABLE TRIGGER ALL",
    "DROP TRIGGER append_only ON accounts_auditentry",
    "CREATE TRIGGER mine BEFORE INSERT ON usage_event EXECUTE FUNCTION refuse_change()",
    "CREATE POLICY mine ON usage_event USING (true)",
    "ALTER POLICY of_workspace ON usage_event USING (true)",
    "CREATE FUNCTION mine() RETURNS integer LANGUAGE sql AS 'SELECT 1'",
    "CREATE SCHEMA mine",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "SELECT pg_read_file('postgresql.conf')",
]
DENIED = re.compile("permission denied|must be owner|must be superuser|must have admin option")


def test_application_may_not(acme: Workspace) -> None:
    refused = {}
    for statement in FORBIDDEN:
        with (
            pytest.raises(ProgrammingError) as raised,
            in_workspace(acme.pk),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)
        refused[statement] = str(raised.value)

    assert {statement for statement, said in refused.items() if not DENIED.search(said)} == set()


def test_workspace_is_set_for_a_transaction_only() -> None:
    with pytest.raises(RuntimeError, match="there is none"):
        admit({WORKSPACE: 1})


def test_person_finds_own_memberships_only(acme: Workspace) -> None:
    person = make.member(acme, Role.OWNER).user

    with admitted(USER, person.pk):
        slugs = set(Workspace.objects.values_list("slug", flat=True))

    assert slugs == {"acme"}
