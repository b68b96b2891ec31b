import django.core.validators
import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import usage.models


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0013_month_zone"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL("CREATE SEQUENCE plans_posting_id", "DROP SEQUENCE plans_posting_id"),
        migrations.CreateModel(
            name="Plan",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.SlugField(max_length=40, unique=True)),
                ("name", models.CharField(max_length=80)),
                ("place", models.PositiveSmallIntegerField(unique=True)),
                ("by_contract", models.BooleanField(default=False)),
            ],
        ),
        migrations.CreateModel(
            name="Currency",
            fields=[
                ("code", models.CharField(max_length=3, primary_key=True, serialize=False)),
                (
                    "decimals",
                    models.PositiveSmallIntegerField(
                        validators=[django.core.validators.MaxValueValidator(4)]
                    ),
                ),
                (
                    "free_credits",
                    models.DecimalField(
                        decimal_places=4,
                        max_digits=20,
                        validators=[django.core.validators.MinValueValidator(0)],
                    ),
                ),
                ("free_days", models.PositiveSmallIntegerField(default=90)),
                ("top_up_from", models.DecimalField(decimal_places=4, max_digits=20)),
                ("top_up_to", models.DecimalField(decimal_places=4, max_digits=20)),
                ("low_balance", models.DecimalField(decimal_places=4, max_digits=20)),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            ("top_up_from__gt", 0), ("top_up_to__gte", models.F("top_up_from"))
                        ),
                        name="currency_top_up_range",
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="CreditLot",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[("free", "Free"), ("bought", "Bought")], max_length=6
                    ),
                ),
                ("amount", models.DecimalField(decimal_places=4, max_digits=20)),
                ("balance", models.DecimalField(decimal_places=4, default=0, max_digits=20)),
                ("granted_at", models.DateTimeField()),
                ("last_day", models.DateField(blank=True, null=True)),
                ("lapsed_at", models.DateTimeField(blank=True, null=True)),
                ("reason", models.CharField(blank=True, max_length=500)),
                (
                    "bot",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="accounts.bot",
                    ),
                ),
                (
                    "extends",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="plans.creditlot",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, to="accounts.workspace"
                    ),
                ),
                (
                    "currency",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="plans.currency"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Extension",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "days",
                    models.PositiveSmallIntegerField(
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(90),
                        ]
                    ),
                ),
                ("reason", models.CharField(max_length=500)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("requested", "Requested"),
                            ("approved", "Approved"),
                            ("declined", "Declined"),
                        ],
                        default="requested",
                        max_length=9,
                    ),
                ),
                ("requested_at", models.DateTimeField()),
                ("decided_by", models.CharField(blank=True, max_length=254)),
                ("decided_at", models.DateTimeField(blank=True, null=True)),
                ("decision_note", models.CharField(blank=True, max_length=500)),
                (
                    "bot",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, to="accounts.bot"
                    ),
                ),
                (
                    "requested_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE, to="accounts.workspace"
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="LedgerEntry",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "workspace_id",
                        "posting_id",
                        "number",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("posting_id", models.BigIntegerField()),
                ("number", models.SmallIntegerField()),
                (
                    "account",
                    models.CharField(
                        choices=[
                            ("payments", "Payments"),
                            ("receivable", "Receivable"),
                            ("tax_payable", "Tax payable"),
                            ("prepaid_credits", "Prepaid credits"),
                            ("free_credits", "Free credits"),
                            ("promotion", "Promotion"),
                            ("overdraft", "Overdraft"),
                            ("revenue_usage", "Revenue: usage"),
                            ("revenue_subscriptions", "Revenue: subscriptions"),
                            ("revenue_lapsed", "Revenue: lapsed credits"),
                        ],
                        max_length=24,
                    ),
                ),
                ("amount", models.DecimalField(decimal_places=4, max_digits=20)),
                ("currency", models.CharField(max_length=3)),
                (
                    "bot",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="accounts.bot",
                    ),
                ),
                (
                    "lot",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="plans.creditlot",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="accounts.workspace",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PlanVersion",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField()),
                ("uses_credits", models.BooleanField()),
                ("most_sessions", models.PositiveIntegerField(blank=True, null=True)),
                ("most_agents", models.PositiveIntegerField(blank=True, null=True)),
                ("bought_credit_days", models.PositiveSmallIntegerField(blank=True, null=True)),
                (
                    "published_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                ("withdrawn_at", models.DateTimeField(blank=True, null=True)),
                (
                    "plan",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="versions",
                        to="plans.plan",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="PlanMeter",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "meter",
                    models.CharField(
                        choices=[
                            ("billing_sessions", "billing session"),
                            ("conversations", "conversation"),
                            ("alert_sessions", "alert session"),
                            ("voice_sessions", "voice session"),
                            ("agents", "seat"),
                            ("agents_peak", "seat at the peak"),
                        ],
                        max_length=20,
                    ),
                ),
                ("included", models.PositiveIntegerField(default=0)),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="meters",
                        to="plans.planversion",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="ChargedDay",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "workspace_id",
                        "bot_id",
                        "day",
                        "meter",
                        "version_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("day", models.DateField()),
                (
                    "meter",
                    models.CharField(
                        choices=[
                            ("billing_sessions", "billing session"),
                            ("conversations", "conversation"),
                            ("alert_sessions", "alert session"),
                            ("voice_sessions", "voice session"),
                            ("agents", "seat"),
                            ("agents_peak", "seat at the peak"),
                        ],
                        max_length=20,
                    ),
                ),
                ("quantity", models.IntegerField()),
                ("amount", models.DecimalField(decimal_places=4, max_digits=20)),
                ("postings", models.IntegerField()),
                (
                    "bot",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="accounts.bot",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="accounts.workspace",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="plans.planversion",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="BotPlan",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "workspace_id",
                        "bot_id",
                        "starts_on",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("starts_on", models.DateField()),
                (
                    "created_at",
                    models.DateTimeField(db_default=django.db.models.functions.datetime.Now()),
                ),
                (
                    "bot",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="accounts.bot",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="accounts.workspace",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="plans.planversion",
                    ),
                ),
            ],
            options={
                "abstract": False,
            },
        ),
        migrations.CreateModel(
            name="Posting",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "workspace_id",
                        "id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("id", models.BigIntegerField(db_default=usage.models.NextId("plans_posting_id"))),
                ("key", models.CharField(db_collation="C", max_length=200)),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("grant", "Free credits"),
                            ("purchase", "Credits bought"),
                            ("charge", "Usage"),
                            ("settlement", "Overdraft paid"),
                            ("lapse", "Credits lapsed"),
                            ("refund", "Refund"),
                            ("subscription", "Plan"),
                        ],
                        max_length=12,
                    ),
                ),
                ("posted_at", models.DateTimeField()),
                ("booking_month", models.DateField()),
                ("service_day", models.DateField(null=True)),
                (
                    "meter",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("billing_sessions", "billing session"),
                            ("conversations", "conversation"),
                            ("alert_sessions", "alert session"),
                            ("voice_sessions", "voice session"),
                            ("agents", "seat"),
                            ("agents_peak", "seat at the peak"),
                        ],
                        max_length=20,
                    ),
                ),
                ("quantity", models.IntegerField(null=True)),
                ("note", models.CharField(blank=True, max_length=500)),
                (
                    "bot",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="accounts.bot",
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="plans.planversion",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="accounts.workspace",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Price",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "meter",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("billing_sessions", "billing session"),
                            ("conversations", "conversation"),
                            ("alert_sessions", "alert session"),
                            ("voice_sessions", "voice session"),
                            ("agents", "seat"),
                            ("agents_peak", "seat at the peak"),
                        ],
                        max_length=20,
                    ),
                ),
                ("amount", models.DecimalField(decimal_places=4, max_digits=20)),
                (
                    "currency",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, to="plans.currency"
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="prices",
                        to="plans.planversion",
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="WorkspaceBilling",
            fields=[
                (
                    "workspace",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        serialize=False,
                        to="accounts.workspace",
                    ),
                ),
                ("open_month", models.DateField()),
                ("enterprise_from", models.DateField(blank=True, null=True)),
                ("charged_at", models.DateTimeField(null=True)),
                (
                    "default_plan",
                    models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, to="plans.plan"),
                ),
            ],
        ),
        migrations.CreateModel(
            name="BotBilling",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "workspace_id",
                        "bot_id",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                (
                    "overdraft",
                    models.DecimalField(db_default=0, decimal_places=4, default=0, max_digits=20),
                ),
                (
                    "low_balance",
                    models.DecimalField(blank=True, decimal_places=4, max_digits=20, null=True),
                ),
                ("past_due_on", models.DateField(blank=True, null=True)),
                ("expires_on", models.DateField(blank=True, null=True)),
                (
                    "bot",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="accounts.bot",
                    ),
                ),
                (
                    "workspace",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        to="accounts.workspace",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("overdraft__gte", 0)), name="overdraft_not_negative"
                    )
                ],
            },
        ),
        migrations.AddConstraint(
            model_name="creditlot",
            constraint=models.UniqueConstraint(
                models.F("workspace"), models.F("id"), name="lot_id_in_workspace"
            ),
        ),
        migrations.AddConstraint(
            model_name="creditlot",
            constraint=models.CheckConstraint(
                condition=models.Q(("kind__in", ["free", "bought"])), name="lot_kind_known"
            ),
        ),
        migrations.AddConstraint(
            model_name="creditlot",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gt", 0)), name="lot_amount_positive"
            ),
        ),
        migrations.AddConstraint(
            model_name="creditlot",
            constraint=models.CheckConstraint(
                condition=models.Q(("balance__gte", 0), ("balance__lte", models.F("amount"))),
                name="lot_balance_in_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="extension",
            constraint=models.UniqueConstraint(
                models.F("workspace"),
                models.F("bot"),
                condition=models.Q(("status", "requested")),
                name="extension_requested_once",
            ),
        ),
        migrations.AddConstraint(
            model_name="extension",
            constraint=models.CheckConstraint(
                condition=models.Q(("days__gte", 1), ("days__lte", 90)),
                name="extension_days_in_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="extension",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("decided_at", None), ("status", "requested")),
                    models.Q(
                        models.Q(("status", "requested"), _negated=True),
                        ("decided_at__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="extension_decided_at",
            ),
        ),
        migrations.AddIndex(
            model_name="ledgerentry",
            index=models.Index(
                models.F("workspace"),
                models.F("lot"),
                condition=models.Q(("lot__isnull", False)),
                name="entry_of_lot",
            ),
        ),
        migrations.AddIndex(
            model_name="ledgerentry",
            index=models.Index(
                models.F("workspace"),
                models.F("bot"),
                condition=models.Q(("bot__isnull", False)),
                name="entry_of_bot",
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgerentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "account__in",
                        [
                            "payments",
                            "receivable",
                            "tax_payable",
                            "prepaid_credits",
                            "free_credits",
                            "promotion",
                            "overdraft",
                            "revenue_usage",
                            "revenue_subscriptions",
                            "revenue_lapsed",
                        ],
                    )
                ),
                name="entry_account_known",
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgerentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(
                        ("account__in", ["prepaid_credits", "free_credits"]), ("lot__isnull", False)
                    ),
                    models.Q(
                        models.Q(
                            ("account__in", ["prepaid_credits", "free_credits"]), _negated=True
                        ),
                        ("lot__isnull", True),
                    ),
                    _connector="OR",
                ),
                name="entry_of_credits_has_lot",
            ),
        ),
        migrations.AddConstraint(
            model_name="ledgerentry",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("account", "overdraft"), ("bot__isnull", False)),
                    models.Q(
                        models.Q(("account", "overdraft"), _negated=True), ("bot__isnull", True)
                    ),
                    _connector="OR",
                ),
                name="entry_of_overdraft_has_bot",
            ),
        ),
        migrations.AddConstraint(
            model_name="planversion",
            constraint=models.UniqueConstraint(
                models.F("plan"), models.F("number"), name="plan_version_unique"
            ),
        ),
        migrations.AddConstraint(
            model_name="planversion",
            constraint=models.UniqueConstraint(
                models.F("plan"),
                condition=models.Q(("withdrawn_at", None)),
                name="plan_version_on_offer",
            ),
        ),
        migrations.AddConstraint(
            model_name="planmeter",
            constraint=models.UniqueConstraint(
                models.F("version"), models.F("meter"), name="plan_meter_unique"
            ),
        ),
        migrations.AddConstraint(
            model_name="planmeter",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "meter__in",
                        [
                            "billing_sessions",
                            "conversations",
                            "alert_sessions",
                            "voice_sessions",
                            "agents",
                            "agents_peak",
                        ],
                    )
                ),
                name="plan_meter_is_known",
            ),
        ),
        migrations.AddIndex(
            model_name="posting",
            index=models.Index(
                models.F("workspace"),
                models.F("bot"),
                models.F("service_day"),
                name="posting_of_bot",
            ),
        ),
        migrations.AddIndex(
            model_name="posting",
            index=models.Index(
                models.F("workspace"), models.F("booking_month"), name="posting_of_month"
            ),
        ),
        migrations.AddConstraint(
            model_name="posting",
            constraint=models.UniqueConstraint(
                models.F("workspace"), models.F("key"), name="posting_key_unique"
            ),
        ),
        migrations.AddConstraint(
            model_name="posting",
            constraint=models.CheckConstraint(
                condition=models.Q(("booking_month__day", 1)), name="booking_month_first_day"
            ),
        ),
        migrations.AddConstraint(
            model_name="price",
            constraint=models.UniqueConstraint(
                models.F("version"), models.F("currency"), models.F("meter"), name="price_unique"
            ),
        ),
        migrations.AddConstraint(
            model_name="price",
            constraint=models.CheckConstraint(
                condition=models.Q(("amount__gte", 0)), name="price_not_negative"
            ),
        ),
        migrations.AddConstraint(
            model_name="workspacebilling",
            constraint=models.CheckConstraint(
                condition=models.Q(("open_month__day", 1)), name="open_month_first_day"
            ),
        ),
    ]
