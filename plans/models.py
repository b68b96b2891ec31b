"""The plan catalog, the plans of bots, the ledger, credit lots and what was charged.

The catalog is of the installation; all else is of a workspace. docs/plans.md says what the rows
mean. Signs in the ledger: debits are positive, credits negative.
"""

from datetime import date
from typing import ClassVar, Self

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Value
from django.db.models.functions import Cast, Concat, Now

from accounts.models import (
    Bot,
    Membership,
    Role,
    User,
    WorkspaceOwned,
    WorkspaceOwnedQuerySet,
)
from plans.alerted import UsageAlert, UsageAlertFiring  # noqa: F401 - models of their own module
from plans.money import DECIMALS, DIGITS
from usage.models import LargeTable, NextId


class Meter(models.TextChoices):
    """What a plan may price; docs/usage.md says how each is counted."""

    BILLING_SESSIONS = "billing_sessions", "billing session"
    CONVERSATIONS = "conversations", "conversation"
    ALERT_SESSIONS = "alert_sessions", "alert session"
    VOICE_SESSIONS = "voice_sessions", "voice session"
    AGENTS = "agents", "seat"
    AGENTS_PEAK = "agents_peak", "seat at the peak"


SEATS = frozenset({Meter.AGENTS, Meter.AGENTS_PEAK})  # priced by month, never from credits


class Currency(models.Model):
    """A currency of the catalog, with the amounts that hold in it.

    ``free_credits``: what a new workspace is given, for ``free_days``. ``low_balance``: the limit
    of a bot that has none of its own.
    """

    code = models.CharField(max_length=3, primary_key=True)
    decimals = models.PositiveSmallIntegerField(validators=[MaxValueValidator(DECIMALS)])
    free_credits = models.DecimalField(
        max_digits=DIGITS, decimal_places=DECIMALS, validators=[MinValueValidator(0)]
    )
    free_days = models.PositiveSmallIntegerField(default=90)
    top_up_from = models.DecimalField(max_digits=DIGITS, decimal_places=DECIMALS)
    top_up_to = models.DecimalField(max_digits=DIGITS, decimal_places=DECIMALS)
    low_balance = models.DecimalField(max_digits=DIGITS, decimal_places=DECIMALS)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(top_up_from__gt=0, top_up_to__gte=F("top_up_from")),
                name="currency_top_up_range",
            ),
        ]

    def __str__(self) -> str:
        return self.code


class Plan(models.Model):
    """A plan of the catalog; what it costs stands in its versions.

    ``place``: its place among the plans, the least first. ``by_contract``: a state of the whole
    workspace that the operator sets, without versions (Enterprise).
    """

    code = models.SlugField(max_length=40, unique=True)
    name = models.CharField(max_length=80)
    place = models.PositiveSmallIntegerField(unique=True)
    by_contract = models.BooleanField(default=False)

    def __str__(self) -> str:
        return self.name


class PlanVersionQuerySet(models.QuerySet["PlanVersion"]):
    """Versions of plans."""

    def on_offer(self) -> Self:
        """Keep those that can be chosen: of each plan at most one, the latest."""
        return self.filter(withdrawn_at=None)


class PlanVersion(models.Model):
    """What a plan offers at which prices; never changed, so that no running plan changes.

    ``uses_credits``: usage is taken from credits as it arises; otherwise the fee is paid in advance
    and further usage in arrears. ``most_sessions``: open to bots with at most so many billing
    sessions in each of the last three months; ``most_agents`` likewise. ``bought_credit_days``:
    after how many days bought credits lapse (None: never). A later version withdraws the one
    before.
    """

    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    uses_credits = models.BooleanField()
    most_sessions = models.PositiveIntegerField(null=True, blank=True)
    most_agents = models.PositiveIntegerField(null=True, blank=True)
    bought_credit_days = models.PositiveSmallIntegerField(null=True, blank=True)
    published_at = models.DateTimeField(db_default=Now())
    withdrawn_at = models.DateTimeField(null=True, blank=True)

    objects = PlanVersionQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("plan", "number", name="plan_version_unique"),
            models.UniqueConstraint(
                "plan", condition=Q(withdrawn_at=None), name="plan_version_on_offer"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.plan.name} (version {self.number})"


class PlanMeter(models.Model):
    """A meter that a version prices, and how many of it a month's fee includes."""

    version = models.ForeignKey(PlanVersion, on_delete=models.PROTECT, related_name="meters")
    meter = models.CharField(max_length=20, choices=Meter.choices)
    included = models.PositiveIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("version", "meter", name="plan_meter_unique"),
            models.CheckConstraint(condition=Q(meter__in=Meter.values), name="plan_meter_is_known"),
        ]

    def __str__(self) -> str:
        return self.meter


class Price(models.Model):
    """What a version costs in a currency: a month's fee, or one more of a meter (then named)."""

    version = models.ForeignKey(PlanVersion, on_delete=models.PROTECT, related_name="prices")
    currency = models.ForeignKey(Currency, on_delete=models.PROTECT)
    meter = models.CharField(max_length=20, choices=Meter.choices, blank=True)
    amount = models.DecimalField(max_digits=DIGITS, decimal_places=DECIMALS)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("version", "currency", "meter", name="price_unique"),
            models.CheckConstraint(condition=Q(amount__gte=0), name="price_not_negative"),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency_id}"


class WorkspaceBillingQuerySet(WorkspaceOwnedQuerySet["WorkspaceBilling"]):
    """How workspaces are billed."""

    def under_contract_on(self, day: date) -> Self:
        """Keep those whose contract (Enterprise) holds on a local day."""
        return self.filter(enterprise_from__lte=day)


class WorkspaceBilling(WorkspaceOwned):
    """How a workspace is billed; whoever charges it or changes its lots holds this row's lock.

    ``default_plan``: what new bots begin with. ``open_month``: the first day of the oldest month
    that is not closed; nothing is booked before. ``enterprise_from``: from this local day on the
    contract holds, without balances and charges. ``charged_at``: the clock of the latest charging
    that left nothing to do.
    """

    workspace = models.OneToOneField(
        "accounts.Workspace", on_delete=models.CASCADE, primary_key=True
    )
    default_plan = models.ForeignKey(Plan, on_delete=models.PROTECT)
    open_month = models.DateField()
    enterprise_from = models.DateField(null=True, blank=True)
    charged_at = models.DateTimeField(null=True)

    objects = WorkspaceBillingQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(open_month__day=1), name="open_month_first_day"),
        ]

    def __str__(self) -> str:
        return f"billing of {self.workspace_id}"

    def is_under_contract_on(self, day: date) -> bool:
        """Tell whether the contract holds on a local day."""
        return self.enterprise_from is not None and self.enterprise_from <= day

    def book(self, day: date) -> date:
        """Return the month to book in what is of a day: its own, or the oldest that is open."""
        return max(day.replace(day=1), self.open_month)


class BotPlanQuerySet(WorkspaceOwnedQuerySet["BotPlan"]):
    """Which plan bots have from which day on."""

    def in_force_on(self, day: date) -> Self:
        """Keep of each bot the row that holds on a local day."""
        return self.filter(starts_on__lte=day).order_by("bot", "-starts_on").distinct("bot")


class BotPlan(LargeTable):
    """From which local day on a bot has a plan version: until its next row, so each day has one.

    The first row, which the database adds with the bot, begins with `accounts.months.BEGINNING`. A
    row in the future is a scheduled change, which removing it undoes.
    """

    pk = models.CompositePrimaryKey("workspace_id", "bot_id", "starts_on")
    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, db_index=False, db_constraint=False)
    starts_on = models.DateField()
    version = models.ForeignKey(PlanVersion, on_delete=models.PROTECT, db_index=False)
    created_at = models.DateTimeField(db_default=Now())

    objects = BotPlanQuerySet.as_manager()

    def __str__(self) -> str:
        return f"bot {self.bot_id} from {self.starts_on}"


class BotBilling(LargeTable):
    """How a bot is billed, beside its plan; no row: as the fields' defaults say.

    ``overdraft`` (at least 0) is what the ledger's account of this bot says, kept for speed.
    ``low_balance``: the bot's own limit. ``past_due_on``, ``expires_on``: set while a fee is
    unpaid; local days.
    """

    pk = models.CompositePrimaryKey("workspace_id", "bot_id")
    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, db_index=False, db_constraint=False)
    overdraft = models.DecimalField(
        max_digits=DIGITS, decimal_places=DECIMALS, default=0, db_default=0
    )
    low_balance = models.DecimalField(
        max_digits=DIGITS, decimal_places=DECIMALS, null=True, blank=True
    )
    past_due_on = models.DateField(null=True, blank=True)
    expires_on = models.DateField(null=True, blank=True)

    objects = WorkspaceOwnedQuerySet["BotBilling"].as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(overdraft__gte=0), name="overdraft_not_negative"),
        ]

    def __str__(self) -> str:
        return f"billing of bot {self.bot_id}"


class LotKind(models.TextChoices):
    """Whether credits were granted or bought."""

    FREE = "free", "Free"
    BOUGHT = "bought", "Bought"


class CreditLotQuerySet(WorkspaceOwnedQuerySet["CreditLot"]):
    """Credit lots of a workspace."""

    def usable_on(self, day: date) -> Self:
        """Keep those with something left for usage of a local day, today or later."""
        return self.filter(Q(last_day=None) | Q(last_day__gte=day), lapsed_at=None, balance__gt=0)

    def in_order_of_use(self) -> Self:
        """Order lots as they are used: free first, own first, earliest last day, oldest, id."""
        return self.order_by(
            models.Case(models.When(kind=LotKind.FREE, then=0), default=1),
            F("bot").asc(nulls_last=True),
            F("last_day").asc(nulls_last=True),
            "granted_at",
            "pk",
        )

    def visible_to(self, membership: Membership) -> Self:
        """Keep the lots that bots may use whose plan a person sees: theirs and the shared ones."""
        if membership.role != Role.MEMBER:
            return self
        bots = Bot.objects.for_workspace(membership.workspace_id).with_plan_for(membership)
        return self.filter(Q(bot=None) | Q(bot__in=bots))

    def with_lapsed(self) -> Self:
        """Say of each lot, as ``has_lapsed``, whether some of it lapsed."""
        return self.annotate(has_lapsed=has_lapsed())

    def lapsed_in_part(self) -> Self:
        """Keep those of which something lapsed."""
        return self.filter(has_lapsed())


class CreditLot(WorkspaceOwned):
    """Credits granted or bought together, for one bot or (None) for all bots of the workspace.

    ``balance`` is what the ledger says, kept for speed. ``last_day``: the last local day whose
    usage may take from it (None: it does not lapse). ``extends``: the lot whose lapsed or lapsing
    credits it gives once more.
    """

    bot = models.ForeignKey(Bot, on_delete=models.PROTECT, null=True, blank=True)
    kind = models.CharField(max_length=6, choices=LotKind.choices)
    currency = models.ForeignKey(Currency, on_delete=models.PROTECT)
    amount = models.DecimalField(max_digits=DIGITS, decimal_places=DECIMALS)
    balance = models.DecimalField(max_digits=DIGITS, decimal_places=DECIMALS, default=0)
    granted_at = models.DateTimeField()
    last_day = models.DateField(null=True, blank=True)
    lapsed_at = models.DateTimeField(null=True, blank=True)
    extends = models.ForeignKey("self", on_delete=models.PROTECT, null=True, blank=True)
    reason = models.CharField(max_length=500, blank=True)

    objects = CreditLotQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("workspace", "id", name="lot_id_in_workspace"),
            models.CheckConstraint(condition=Q(kind__in=LotKind.values), name="lot_kind_known"),
            models.CheckConstraint(condition=Q(amount__gt=0), name="lot_amount_positive"),
            models.CheckConstraint(
                condition=Q(balance__gte=0, balance__lte=F("amount")), name="lot_balance_in_range"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} credits of {self.amount} {self.currency_id}"


class PostingKind(models.TextChoices):
    """Why something was posted."""

    GRANT = "grant", "Free credits"
    PURCHASE = "purchase", "Credits bought"
    CHARGE = "charge", "Usage"
    SETTLEMENT = "settlement", "Overdraft paid"
    LAPSE = "lapse", "Credits lapsed"
    REFUND = "refund", "Refund"
    SUBSCRIPTION = "subscription", "Plan"
    PAYMENT = "payment", "Payment"
    CORRECTION = "correction", "Correction"


class Posting(LargeTable):
    """A transaction of the ledger; its entries sum to zero. Rows are never changed.

    ``key`` makes it happen once. ``booking_month``: the first day of the month in whose statements
    it stands. A charge names its bot, service day, meter, plan version and how many more (or fewer)
    of the meter it is for.
    """

    pk = models.CompositePrimaryKey("workspace_id", "id")
    id = models.BigIntegerField(db_default=NextId("plans_posting_id"))
    key = models.CharField(max_length=200, db_collation="C")
    kind = models.CharField(max_length=12, choices=PostingKind.choices)
    posted_at = models.DateTimeField()
    booking_month = models.DateField()
    bot = models.ForeignKey(
        Bot, on_delete=models.PROTECT, null=True, db_index=False, db_constraint=False
    )
    service_day = models.DateField(null=True)
    meter = models.CharField(max_length=20, choices=Meter.choices, blank=True)
    version = models.ForeignKey(
        PlanVersion, on_delete=models.PROTECT, null=True, db_index=False, db_constraint=False
    )
    quantity = models.IntegerField(null=True)
    note = models.CharField(max_length=500, blank=True)

    objects = WorkspaceOwnedQuerySet["Posting"].as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint("workspace", "key", name="posting_key_unique"),
            models.CheckConstraint(
                condition=Q(booking_month__day=1), name="booking_month_first_day"
            ),
        ]
        indexes: ClassVar = [
            models.Index("workspace", "bot", "service_day", name="posting_of_bot"),
            models.Index("workspace", "booking_month", name="posting_of_month"),
        ]

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.key}"


def has_lapsed() -> Exists:
    """Return the condition that something of a lot lapsed; not so if it was used up.

    By the keys of postings (`lots.lapse`), which are unique in a workspace.
    """
    text = models.TextField()
    key = Concat(Value("lapse:"), Cast(OuterRef("pk"), text), output_field=text)
    first, last = (Concat(key, Value(end), output_field=text) for end in ":;")
    of_lot = Q(key=key) | Q(key__gte=first, key__lt=last)
    return Exists(Posting.objects.filter(of_lot, workspace=OuterRef("workspace")))


class Account(models.TextChoices):
    """The accounts of each workspace's ledger."""

    PAYMENTS = "payments", "Payments"
    RECEIVABLE = "receivable", "Receivable"
    TAX_PAYABLE = "tax_payable", "Tax payable"
    PREPAID_CREDITS = "prepaid_credits", "Prepaid credits"
    FREE_CREDITS = "free_credits", "Free credits"
    PROMOTION = "promotion", "Promotion"
    OVERDRAFT = "overdraft", "Overdraft"
    REVENUE_USAGE = "revenue_usage", "Revenue: usage"
    REVENUE_SUBSCRIPTIONS = "revenue_subscriptions", "Revenue: subscriptions"
    REVENUE_LAPSED = "revenue_lapsed", "Revenue: lapsed credits"


OF_SALES = frozenset({Account.PAYMENTS, Account.RECEIVABLE, Account.TAX_PAYABLE})
OF_LOTS = {LotKind.BOUGHT: Account.PREPAID_CREDITS, LotKind.FREE: Account.FREE_CREDITS}


class LedgerEntry(LargeTable):
    """One posted signed amount: debits are positive. Rows are never changed.

    Entries of prepaid and free credits name their lot, those of the overdraft their bot.
    """

    pk = models.CompositePrimaryKey("workspace_id", "posting_id", "number")
    posting_id = models.BigIntegerField()
    number = models.SmallIntegerField()
    account = models.CharField(max_length=24, choices=Account.choices)
    lot = models.ForeignKey(
        CreditLot, on_delete=models.PROTECT, null=True, db_index=False, db_constraint=False
    )
    bot = models.ForeignKey(
        Bot, on_delete=models.PROTECT, null=True, db_index=False, db_constraint=False
    )
    amount = models.DecimalField(max_digits=DIGITS, decimal_places=DECIMALS)
    currency = models.CharField(max_length=3)

    objects = WorkspaceOwnedQuerySet["LedgerEntry"].as_manager()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(account__in=Account.values), name="entry_account_known"
            ),
            models.CheckConstraint(
                condition=Q(account__in=list(OF_LOTS.values()), lot__isnull=False)
                | (~Q(account__in=list(OF_LOTS.values())) & Q(lot__isnull=True)),
                name="entry_of_credits_has_lot",
            ),
            models.CheckConstraint(
                condition=Q(account=Account.OVERDRAFT, bot__isnull=False)
                | (~Q(account=Account.OVERDRAFT) & Q(bot__isnull=True)),
                name="entry_of_overdraft_has_bot",
            ),
        ]
        indexes: ClassVar = [
            models.Index("workspace", "lot", condition=Q(lot__isnull=False), name="entry_of_lot"),
            models.Index("workspace", "bot", condition=Q(bot__isnull=False), name="entry_of_bot"),
            # Few beside those of usage: what was sold, owed and paid.
            models.Index(
                "workspace",
                "account",
                "posting_id",
                condition=Q(account__in=sorted(OF_SALES)),
                name="entry_of_sales",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.amount} {self.currency} {self.account}"


class ChargedDay(LargeTable):
    """What was posted so far for a bot's local day, meter and plan version, kept for speed.

    Postings of these four are numbered by ``postings``, so that a repeated run posts nothing twice.
    """

    pk = models.CompositePrimaryKey("workspace_id", "bot_id", "day", "meter", "version_id")
    bot = models.ForeignKey(Bot, on_delete=models.CASCADE, db_index=False, db_constraint=False)
    day = models.DateField()
    meter = models.CharField(max_length=20, choices=Meter.choices)
    version = models.ForeignKey(
        PlanVersion, on_delete=models.PROTECT, db_index=False, db_constraint=False
    )
    quantity = models.IntegerField()
    amount = models.DecimalField(max_digits=DIGITS, decimal_places=DECIMALS)
    postings = models.IntegerField()

    objects = WorkspaceOwnedQuerySet["ChargedDay"].as_manager()

    class Meta:
        indexes: ClassVar = [
            # What all bots cost in some weeks or a month (`forecast`, `glance`).
            models.Index("workspace", "day", name="charged_day_of_workspace"),
        ]

    def __str__(self) -> str:
        return f"bot {self.bot_id} on {self.day}: {self.amount}"


class ExtensionStatus(models.TextChoices):
    """What became of a request for an extension."""

    REQUESTED = "requested", "Requested"
    APPROVED = "approved", "Approved"
    DECLINED = "declined", "Declined"


class Extension(WorkspaceOwned):
    """A bot's users ask for more days; the operator approves or declines."""

    bot = models.ForeignKey(Bot, on_delete=models.CASCADE)
    days = models.PositiveSmallIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(90)]
    )
    reason = models.CharField(max_length=500)
    status = models.CharField(
        max_length=9, choices=ExtensionStatus.choices, default=ExtensionStatus.REQUESTED
    )
    requested_by = models.ForeignKey(User, on_delete=models.PROTECT)
    requested_at = models.DateTimeField()
    decided_by = models.CharField(max_length=254, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decision_note = models.CharField(max_length=500, blank=True)

    objects = WorkspaceOwnedQuerySet["Extension"].as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                "workspace",
                "bot",
                condition=Q(status=ExtensionStatus.REQUESTED),
                name="extension_requested_once",
            ),
            models.CheckConstraint(
                condition=Q(days__gte=1, days__lte=90), name="extension_days_in_range"
            ),
            models.CheckConstraint(
                condition=Q(status=ExtensionStatus.REQUESTED, decided_at=None)
                | (~Q(status=ExtensionStatus.REQUESTED) & Q(decided_at__isnull=False)),
                name="extension_decided_at",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.days} days for bot {self.bot_id}"
